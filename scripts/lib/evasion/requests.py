"""Strategies on what a request looks like: HTTP spelled oddly, a ClientHello in odd records.

GoodbyeDPI: -r, -s, -m, -a. zapret: hostcase, hostspell, hostnospace, domcase, hostdot, methodeol,
unixeol, tlsrec. The octets change on their way, and with them the sequence numbers after them.
"""

from .packets import ACK
from .segments import host_middle, split
from .strategy import DNS, HTTP, SPLIT_SERVER, TLS, Strategy

SEGMENT_MAX = 1300
RECORD_HEADER = 5


def rewritten(change, then=None):
    """The first data becomes change(octets, flow), and is then cut as `then` says."""
    def act(packet, flow):
        new = change(packet.payload, flow)
        added = len(new) - len(packet.payload)
        if added:
            same = (place for place, (a, b) in enumerate(zip(packet.payload, new)) if a != b)
            flow.edit = (next(same, min(len(packet.payload), len(new))), added)
        packet = packet.but(payload=new)
        if then:
            return then(packet, flow)
        return packet.cut(*range(SEGMENT_MAX, len(new), SEGMENT_MAX))
    return act


# ---------------------------------------------------------------------------- HTTP

def host_line(make):
    """Another line in the place of `Host: name`; make(name, decoy) returns it."""
    def change(octets, flow):
        return octets.replace(b"Host: " + flow.name, make(flow.name, flow.decoy))
    return rewritten(change)


def request_line(make):
    def change(octets, flow):
        return octets.replace(b"GET / HTTP/1.1\r\n", make(flow.name, flow.decoy))
    return rewritten(change)


def absolute(octets, flow):
    """The name in the request line; the Host field shows another."""
    octets = octets.replace(b"Host: " + flow.name, b"Host: " + flow.decoy)
    return octets.replace(b"GET /", b"GET http://" + flow.name + b"/", 1)


def two_hosts(first, second):
    return host_line(lambda name, decoy: b"Host: " + (name if first else decoy) + b"\r\nHost: "
                     + (name if second else decoy))


def pipelined(octets, flow):
    """A request for an allowed name, and at once the one for the name."""
    return (b"GET / HTTP/1.1\r\nHost: " + flow.decoy + b"\r\n\r\n") + octets


def line_feeds(octets, flow):
    return octets.replace(b"\r\n", b"\n")


def long_header_first(octets, flow):
    """The Host field after four kilobytes of another."""
    return octets.replace(b"Host:", b"X-Padding: " + b"x" * 4000 + b"\r\nHost:")


def mixed_case(name):
    return bytes(c ^ 0x20 if chr(c).isalpha() and n % 2 else c for n, c in enumerate(name))


HTTP_FORMS = (
    ("host: in lower case", host_line(lambda name, _: b"host: " + name)),
    ("hoSt: (hostcase)", host_line(lambda name, _: b"hoSt: " + name)),
    ("HOST: in upper case", host_line(lambda name, _: b"HOST: " + name)),
    ("Host:name without a space", host_line(lambda name, _: b"Host:" + name)),
    ("Host: with three spaces", host_line(lambda name, _: b"Host:   " + name)),
    ("Host: with a tab", host_line(lambda name, _: b"Host:\t" + name)),
    ("Host: name followed by spaces", host_line(lambda name, _: b"Host: " + name + b"   ")),
    ("Host : with a space before the colon", host_line(lambda name, _: b"Host : " + name)),
    ("Host on a folded line", host_line(lambda name, _: b"Host:\r\n " + name)),
    ("name in mixed case (domcase)", host_line(lambda name, _: b"Host: " + mixed_case(name))),
    ("name with a trailing dot (hostdot)", host_line(lambda name, _: b"Host: " + name + b".")),
    ("name with a port", host_line(lambda name, _: b"Host: " + name + b":80")),
    ("absolute URI, another Host", rewritten(absolute)),
    ("two Host fields, the second counts", two_hosts(False, True)),
    ("two Host fields, the first counts", two_hosts(True, False)),
    ("two spaces after the method", request_line(lambda *_: b"GET  / HTTP/1.1\r\n")),
    ("tab after the method", request_line(lambda *_: b"GET\t/ HTTP/1.1\r\n")),
    ("two spaces before the version", request_line(lambda *_: b"GET /  HTTP/1.1\r\n")),
    ("empty line before the method (methodeol)",
     request_line(lambda *_: b"\r\nGET / HTTP/1.1\r\n")),
    ("line feeds only (unixeol)", rewritten(line_feeds)),
    ("HTTP/1.0", request_line(lambda *_: b"GET / HTTP/1.0\r\n")),
    ("method of no meaning", request_line(lambda *_: b"GEET / HTTP/1.1\r\n")),
    ("pipelined after an allowed request", rewritten(pipelined)),
    ("Host after four kilobytes", rewritten(long_header_first)),
)

# The second request of a connection that an allowed one has opened, by curl itself.
SECOND_REQUEST = ("--resolve", "{allowed}:80:{server}", "http://{allowed}/", "--next", "--silent",
                  "--show-error", "--max-time", "{seconds}", "--interface", "{client}",
                  "--write-out", "\n%{{http_code}}", "--header", "Host: {name}")

# ---------------------------------------------------------------------------- TLS


def records(*cuts):
    """The ClientHello in several records (RFC 8446 §5.1), cut at these places of its message."""
    def change(octets, flow):
        message = octets[RECORD_HEADER:]
        found = sorted({cut(message, flow) if callable(cut) else cut for cut in cuts})
        edges = [0, *found, len(message)]
        return b"".join(octets[:3] + (end - begin).to_bytes(2, "big") + message[begin:end]
                        for begin, end in zip(edges, edges[1:]))
    return change


def name_middle(message, flow):
    return message.find(flow.name) + len(flow.name) // 2


def name_ends(octets, flow):
    begin = octets[RECORD_HEADER:].find(flow.name)
    return records(begin, begin + len(flow.name))(octets, flow)


def small_records(octets, flow):
    return records(*range(16, len(octets) - RECORD_HEADER, 16))(octets, flow)


def cut_at_records(packet, flow):
    """Each record in a segment of its own."""
    cuts, place = [], 0
    while place < len(packet.payload):
        place += RECORD_HEADER + int.from_bytes(packet.payload[place + 3:place + 5], "big")
        cuts.append(place)
    return packet.cut(*cuts[:-1])


def cut_in_record_headers(packet, flow):
    """Each segment ends in the middle of a record's header."""
    cuts, place = [], 0
    while place < len(packet.payload):
        cuts.append(place + 3)
        place += RECORD_HEADER + int.from_bytes(packet.payload[place + 3:place + 5], "big")
    return packet.cut(*cuts)


def rewritten_prefix(packet, flow):
    """Of a long hello only the first segment is at hand: its record ends inside the name, and the
    next one takes the rest of what the client's record was to hold."""
    octets = packet.payload
    left = int.from_bytes(octets[3:5], "big")
    cut = name_middle(octets[RECORD_HEADER:], flow)
    message = octets[RECORD_HEADER:]
    new = b"".join((octets[:3], cut.to_bytes(2, "big"), message[:cut], octets[:3],
                    (left - cut).to_bytes(2, "big"), message[cut:]))
    flow.edit = (RECORD_HEADER + cut, RECORD_HEADER)
    return packet.but(payload=new).cut(SEGMENT_MAX)


def hold(packet, flow):
    """The first segment waits for the second."""
    flow.notes["held"] = packet
    return [] if flow.sent == 1 else [packet]


def release(packet, flow):
    held = flow.notes.pop("held", None) if packet.payload else None
    return [packet, held] if held else [packet]


def backwards(act):
    return lambda packet, flow: act(packet, flow)[::-1]


def out_of_band(packet, flow):
    """byedpi oob: an urgent octet in the middle of the name, which the application never reads."""
    place = host_middle(packet, flow)
    octets = packet.payload[:place] + b"!" + packet.payload[place:]
    flow.edit = (place, 1)
    first, second = packet.but(payload=octets).cut(place + 1)
    return [first.but(flags=first.flags | 0x20 | ACK, urgent=place + 1), second]


TLS_FORMS = (
    ("records cut inside the name (tlsrec), one segment", rewritten(records(name_middle))),
    ("records cut at the name's ends, one segment", rewritten(name_ends)),
    ("first record of one octet", rewritten(records(1))),
    ("records of 16 octets, one segment", rewritten(small_records)),
    ("records cut inside the name, a segment each",
     rewritten(records(name_middle), cut_at_records)),
    ("records cut inside the name, a segment each, backwards",
     rewritten(records(name_middle), backwards(cut_at_records))),
    ("records of 16 octets, segments end in their headers",
     rewritten(small_records, cut_in_record_headers)),
    ("records cut inside the name, segments after 1 and in the name",
     rewritten(records(name_middle), split(1, host_middle))),
)

ALL = [
    *(Strategy(name, (HTTP,), "HTTP", data=act) for name, act in HTTP_FORMS),
    Strategy("fast open: the request in the SYN", (HTTP, TLS), "handshake", prime=True,
             client=("--tcp-fastopen",)),
    Strategy("split handshake", (HTTP, TLS), "handshake", server=SPLIT_SERVER),
    Strategy("split handshake, split inside the host name", (HTTP, TLS), "handshake",
             server=SPLIT_SERVER, data=split(host_middle)),
    Strategy("second request of a connection", (HTTP,), "HTTP", client=SECOND_REQUEST,
             url="http://{allowed}/"),
    *(Strategy(name, (TLS,), "TLS", data=act) for name, act in TLS_FORMS),
    Strategy("segments end in the record header", (TLS,), "TLS", data=split(3)),
    Strategy("segments end after the record header", (TLS,), "TLS", data=split(5, 9)),
    Strategy("hello of six kilobytes", (TLS,), "TLS", program="long hello"),
    Strategy("hello of six kilobytes, first segment last", (TLS,), "TLS", program="long hello",
             data=hold, other=release),
    Strategy("hello of six kilobytes, records cut inside the name", (TLS,), "TLS",
             program="long hello", data=rewritten_prefix),
    Strategy("name in upper case", (TLS, DNS), "TLS", spelling=str.upper),
    Strategy("an urgent octet inside the name (oob)", (HTTP, TLS), "segments", data=out_of_band,
             conflicting=True),
]

"""One trial: a real client asks for one name under one strategy; what the application saw."""

import dataclasses
import functools
import sys
from typing import Callable

from weirlab.clients import SCRIPTS

from . import judge, recorder, site
from .strategy import DNS, HTTP, QUIC, TLS, Strategy

BLOCKED, ALLOWED = "games.lab.example", "video.lab.example"  # as long as each other
PORT = {HTTP: 80, TLS: 443, QUIC: 443, DNS: 53}
JUDGE = {HTTP: judge.in_http, TLS: judge.in_tls, DNS: judge.in_dns}
BLOCKED_SECONDS = 2.5  # a TCP client sends a lost request four times in it
SERVED_SECONDS = 8  # an answer that is not blocked comes in milliseconds, on an idle machine
PLAIN = Strategy("none", (HTTP, TLS, QUIC, DNS))


@dataclasses.dataclass
class Outcome:
    answered: bool  # the client got what it asked for
    said: str  # the client's last line
    applied: int  # packets the strategy has changed
    client: str  # its address and ports, to find it in a capture
    reached: Callable[[], judge.Seen]  # what the application has seen by now
    seen: judge.Seen = None  # and at the moment it was judged


def run(where, lane_number, row, name, mixed):
    """One trial of (strategy, protocol) on that lane; takes at most the client's few seconds.

    `mixed`: no answer is expected, and the client's kernel also sends the request once as it is,
    after the strategy did.
    """
    strategy, protocol = row
    seconds = BLOCKED_SECONDS if mixed else SERVED_SECONDS
    lane = dataclasses.replace(
        site.addresses(lane_number, strategy.family, strategy.server), seconds=seconds)
    log = where.quic_log(lane)
    client = PROGRAMS.get(strategy.program) or CLIENTS[protocol]
    if strategy.prime:
        where.mangler.set(lane.packed, PLAIN, ALLOWED, ALLOWED)
        client(where, lane, strategy, ALLOWED)
    since, log_since = len(where.recorder.connections), recorder.size_of(log)
    mangled = where.mangler.set(lane.packed, strategy, name, ALLOWED, mixed=mixed)
    answered, said = client(where, lane, strategy, strategy.spelling(name))
    if where.mangler.failure:
        raise where.mangler.failure
    if protocol == QUIC:
        seen = judge.in_quic(recorder.new_octets(log, log_since), name.encode())
        reached = functools.partial(judge.Seen, seen)
    else:
        connections = where.recorder.of(lane.server, PORT[protocol], since)
        reached = functools.partial(most_seen, connections, JUDGE[protocol], name.encode())
    ends = f"{lane.client} {','.join(map(str, mangled.ports()))}"
    return Outcome(answered, said, mangled.applied, ends, reached)


def most_seen(connections, judged, name):
    return max((judged(connection.data, name) for connection in connections),
               default=judge.Seen.NOTHING)


# ---------------------------------------------------------------------------- clients

def in_client(where, *command):
    done = where.run_client(*command, timeout=SERVED_SECONDS + 3)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return done, lines[-1] if lines else f"exit {done.returncode}"


def filled(where, lane, name, words, scheme=""):
    return [word.format(name=name, allowed=ALLOWED, server=bracketed(lane.server), scheme=scheme,
                        client=lane.client, seconds=lane.seconds,
                        file=where.lab.state / f"lane-{lane.number}") for word in words]


def bracketed(address):
    return f"[{address}]" if ":" in address else address


def curl(where, lane, strategy, name, scheme, port):
    done, said = in_client(
        where, "curl", "--silent", "--show-error", "--max-time", lane.seconds,
        "--interface", lane.client, "--resolve", f"{name}:{port}:{bracketed(lane.server)}",
        "--cacert", where.lab.names["LAB_CA"], "--write-out", "\n%{http_code}",
        *filled(where, lane, name, (*strategy.client, strategy.url), scheme))
    status = done.stdout.rpartition("\n")[2]
    return done.returncode == 0 and status == "200", said


def http(where, lane, strategy, name):
    return curl(where, lane, strategy, name, "http", PORT[HTTP])


def tls(where, lane, strategy, name):
    return curl(where, lane, strategy, name, "https", PORT[TLS])


def long_hello(where, lane, strategy, name):
    """A client with so many protocols to offer that its ClientHello takes five segments."""
    done, said = in_client(where, sys.executable, "-B", SCRIPTS / "long_hello.py", lane.client,
                           lane.server, name, where.lab.names["LAB_CA"], lane.seconds)
    return done.returncode == 0, said


def quic(where, lane, strategy, name):
    """gtlsclient sends a name only where it has resolved one, so it is given a hosts file, in the
    mount namespace that `ip netns exec` makes for the command."""
    hosts = where.lab.state / f"hosts-{lane.number}"
    hosts.write_text(f"{lane.server} {name}\n", encoding="ascii")
    limit = f"{lane.seconds * 1000:.0f}ms"
    done, said = in_client(
        where, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts,
        "gtlsclient", "--no-quic-dump", "--exit-on-all-streams-close",
        f"--handshake-timeout={limit}", f"--timeout={limit}",
        *filled(where, lane, name, strategy.client), name, PORT[QUIC], f"https://{name}/")
    return done.returncode == 0 and ":status: 200" in done.stdout + done.stderr, said


def dns(where, lane, strategy, name):
    done, said = in_client(where, "dig", "-b", lane.client, f"@{lane.server}", name, "A", "+tcp",
                           "+short", f"+time={lane.seconds:.0f}", "+tries=1", *strategy.client)
    return done.returncode == 0 and bool(done.stdout.strip()), said


PROGRAMS = {"long hello": long_hello}
CLIENTS = {HTTP: http, TLS: tls, QUIC: quic, DNS: dns}

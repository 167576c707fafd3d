"""RADIUS accounting: log-ins and log-outs a second that weir-control stores and answers, over UDP on the loopback, with a
thousand requests outstanding; and whether each address was then bound to whom it was said to be."""
import hashlib
import json
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import tempfile
import time

TARGETS = ["weir-control", "weirctl"]
SECRET = b"secret-of-the-bench"
LOGINS = 50_000
OUTSTANDING = 1_000
LOOKED_AT = 300
PER_SECOND_MIN = 5_000
START, STOP = 1, 2
ADDRESS_ZERO = 10 << 24
CONFIG = """sensor = "bench"
[ports]
inside = "net_null0"
outside = "net_null1"
[journal]
dir = "{home}/journal"
[control]
listen = "127.0.0.1:0"
socket = "{home}/control.sock"
data_dir = "{home}/data"
dataplane_socket = "{home}/dataplane.sock"
[accounts]
radius_clients = "{home}/clients.csv"
radius_listen = "127.0.0.1:0"
"""


def attribute(kind, value):
    return struct.pack("!BB", kind, len(value) + 2) + value


def request(identifier, number, status, when):
    """An Accounting-Request (RFC 2866) of log-in `number`."""
    attributes = b"".join([
        attribute(40, struct.pack("!I", status)), attribute(44, b"s%08d" % number), attribute(1, b"u%07d" % number),
        attribute(8, struct.pack("!I", ADDRESS_ZERO + number)), attribute(55, struct.pack("!I", when)),
        attribute(46, struct.pack("!I", 60 if status == STOP else 0)), attribute(31, b"02-00-00-%02x-%02x-%02x" % (
            number >> 16 & 255, number >> 8 & 255, number & 255))])
    header = struct.pack("!BBH", 4, identifier, 20 + len(attributes))
    return header + hashlib.md5(header + bytes(16) + attributes + SECRET).digest() + attributes


def answered_per_second(port, status, when):
    """All log-ins once. The identifier is a byte: a socket for each 256 outstanding, as NASes have it."""
    sockets = []
    for _ in range((OUTSTANDING + 255) // 256):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.connect(("127.0.0.1", port))
        sock.setblocking(False)
        sockets.append(sock)
    free = [(sock, identifier) for identifier in range(256) for sock in sockets][:OUTSTANDING]
    waiting, sent, answered, repeated = {}, 0, 0, 0
    begin = last = time.monotonic()
    while answered < LOGINS:
        while free and sent < LOGINS:
            sock, identifier = free.pop()
            packet = request(identifier, sent, status, when)
            waiting[sock, identifier] = packet
            sock.send(packet)
            sent += 1
        readable, _, _ = select.select(sockets, [], [], 1)
        for sock in readable:
            while True:
                try:
                    answer = sock.recv(4096)
                except BlockingIOError:
                    break
                if waiting.pop((sock, answer[1]), None) is not None:
                    answered += 1
                    free.append((sock, answer[1]))
                    last = time.monotonic()
        if not readable:
            if time.monotonic() - last > 30:
                raise RuntimeError(f"{len(waiting)} requests stay without an answer")
            for (sock, _), packet in waiting.items():  # as a NAS does: the very same again
                sock.send(packet)
                repeated += 1
    seconds = time.monotonic() - begin
    for sock in sockets:
        sock.close()
    return LOGINS / seconds, repeated


class Control:
    def __init__(self, binaries, home):
        self.binaries, self.home = binaries, home
        clients = home / "clients.csv"
        clients.write_text(f"nas,secret,name\n127.0.0.1,{SECRET.decode()},bench\n")
        clients.chmod(0o600)
        (home / "weir.toml").write_text(CONFIG.format(home=home))
        with (home / "log").open("w") as log:
            self.process = subprocess.Popen([binaries / "control/app/weir-control", "--config", home / "weir.toml"],
                                            stdout=log, stderr=log)

    def ask(self, *words):
        ran = subprocess.run([self.binaries / "control/cli/weirctl", "--socket", self.home / "control.sock", "-j", *words],
                             capture_output=True, text=True, timeout=60)
        return json.loads(ran.stdout) if ran.returncode == 0 and ran.stdout else None

    def port(self):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            status = self.ask("status")
            if status:
                return status["accounts"]["radius"]["port"]
            time.sleep(0.1)
        raise RuntimeError("weir-control does not start: " + (self.home / "log").read_text()[-300:])

    def wrong(self, at, expect_account):
        """Of a sample, the addresses that are not whose they should be."""
        wrong = 0
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        for number in random.Random(17).sample(range(LOGINS), LOOKED_AT):
            address = socket.inet_ntoa(struct.pack("!I", ADDRESS_ZERO + number))
            found = self.ask("accounts", "lookup", address, "--at", when)
            account = found["bindings"][0]["account"] if found else None
            wrong += account != (f"u{number:07d}" if expect_account else None)
        return wrong


def measure(binaries, arguments):
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        control = Control(binaries, pathlib.Path(folder))
        try:
            port = control.port()
            now = int(time.time()) - 100
            starts, again = answered_per_second(port, START, now)
            logged_in = control.ask("status")["accounts"]["radius"]["logged_in"]
            stops, again_stops = answered_per_second(port, STOP, now + 60)
            left = control.ask("status")["accounts"]["radius"]["logged_in"]
            wrong = control.wrong(now + 30, True) + control.wrong(now + 90, False)
        finally:
            control.process.terminate()
            control.process.wait()
    if logged_in != LOGINS or left != 0 or wrong:
        raise RuntimeError(f"{logged_in} of {LOGINS} logged in, {left} left after the log-outs, {wrong} bindings wrong")
    return {"logins": LOGINS, "outstanding": OUTSTANDING, "starts_per_second": starts, "stops_per_second": stops,
            "sent_again": again + again_stops, "looked_at": 2 * LOOKED_AT, "wrong": wrong,
            "cores": os.cpu_count()}


def show(results):
    for key, label in (("starts_per_second", "log-ins"), ("stops_per_second", "log-outs")):
        rate = results[key]
        print(f"   {label:<10} {rate:10,.0f} a second, stored and answered    ≥ {PER_SECOND_MIN:,}"
              f"{'' if rate >= PER_SECOND_MIN else '  MISSED'}")
    print(f"   {results['logins']:,} of each, {results['outstanding']:,} outstanding, {results['sent_again']} sent again;"
          f" {results['wrong']} of {results['looked_at']} bindings wrong")

"""The lab of the evasion trials: beside the lab's own servers and clients a third namespace, whose
clients reach the wire through the mangler, and servers that record what reaches them.

    client (namespace)                              the lab
    curl, gtlsclient, dig -> tun -> mangler -> eth0 of campus -> [Weir] -> eth0 of internet
                                                    one hop: TTL below 4 ends here (nftables)
                                                    recorder :80 :443 :53 -> nginx, dnsmasq
                                                    gtlsserver :443, one a lane

A lane is one client address and one server address, so that lanes do not disturb each other.
"""

import dataclasses
import ipaddress
import json
import subprocess

from weirlab import Lab, wait_for

from .mangler import Mangler
from .recorder import Recorder
from .strategy import PLAIN_SERVER, RETRY_SERVER, SPLIT_SERVER
from .wire import Frames, Tun

LANES = 8
FIRST = 100  # the last part of the first lane's client address
# The last part of the first lane's server address, by what the server does differently.
SERVERS = {PLAIN_SERVER: 100, RETRY_SERVER: 120, SPLIT_SERVER: 160}
SPLIT_SERVERS = "198.51.100.160/27"
TUN = "tun0"
TUN_MTU = 1400  # room for what a strategy adds to a packet
MANGLER_MAC = "02:77:00:00:00:03"
HOP_TTL = 4  # a TTL below ends at the simulated router behind the appliance

BITS = {4: 32, 6: 128}
NO_DAD = {4: (), 6: ("nodad",)}  # an address can be used at once

HOP = f"""
table inet hop {{
  counter expired {{}}
  chain after {{
    # A split handshake (RFC 9293 §3.5, simultaneous open): the SYN comes without the ACK.
    type filter hook postrouting priority 500;
    ip saddr {SPLIT_SERVERS} tcp flags & (syn | ack) == syn | ack tcp flags set syn
  }}
  chain before {{
    type filter hook prerouting priority -500;
    ip ttl < {HOP_TTL} ip daddr 198.51.100.0/24 counter name expired drop
    ip6 hoplimit < {HOP_TTL} ip6 daddr 2001:db8:51::/64 counter name expired drop
  }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Lane:
    """One lane in one family, to one kind of server."""

    number: int
    family: int
    kind: str
    client: str
    server: str
    seconds: float = 0  # how long a client waits on it

    @property
    def packed(self):
        """The client's address as it stands in a packet."""
        return ipaddress.ip_address(self.client).packed


def addresses(number, family, kind=PLAIN_SERVER):
    client, server = FIRST + number, SERVERS[kind] + number
    if family == 4:
        return Lane(number, 4, kind, f"10.20.0.{client}", f"198.51.100.{server}")
    return Lane(number, 6, kind, f"2001:db8:20::{client}", f"2001:db8:51::{server}")


def all_lanes():
    """The servers that do something differently have IPv4 only."""
    return [addresses(number, family, kind) for number in range(LANES)
            for kind in SERVERS for family in ((4, 6) if kind == PLAIN_SERVER else (4,))]


class Site:
    """Use as a context: everything is up inside it, and gone after it."""

    def __init__(self, prefix):
        self.lab = Lab(prefix)
        self.client = f"{prefix}-client"
        self.internet = self.lab.names["LAB_INTERNET"]
        self.mangler = self.recorder = None
        self.closers = []

    def __enter__(self):
        try:
            self.closers.append(self.lab.down)
            self.lab.up()
            self.make_client()
            self.make_servers()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        while self.closers:
            self.closers.pop()()

    # ------------------------------------------------------------------ the client's side

    def make_client(self):
        ip("netns", "add", self.client)
        self.closers.append(lambda: ip("netns", "del", self.client))
        tun = Tun(self.client, TUN)
        frames = Frames(self.lab.names["LAB_CAMPUS"], "eth0", MANGLER_MAC, self.server_mac())
        self.closers += [tun.close, frames.close]
        here = ("-n", self.client)
        ip(*here, "link", "set", "lo", "up")
        ip(*here, "link", "set", TUN, "mtu", TUN_MTU, "up")
        for number in range(LANES):
            for family in (4, 6):
                ip(*here, "address", "add", f"{addresses(number, family).client}/{BITS[family]}",
                   "dev", TUN, *NO_DAD[family])
        for lane in all_lanes():
            # The source by the destination, for clients that cannot choose one themselves.
            ip(*here, "route", "add", lane.server, "dev", TUN, "src", lane.client)
        self.set(self.client, "net.ipv4.tcp_fastopen", 1)
        self.mangler = Mangler(tun, frames)
        self.mangler.start()
        self.closers.append(self.mangler.stop)

    def server_mac(self):
        shown = ip("-n", self.internet, "-json", "link", "show", "dev", "eth0")
        return json.loads(shown)[0]["address"]

    # ------------------------------------------------------------------ the server's side

    def make_servers(self):
        here = ("-n", self.internet)
        routes = {}
        for lane in all_lanes():
            ip(*here, "address", "add", f"{lane.server}/{BITS[lane.family]}", "dev", "eth0",
               *NO_DAD[lane.family])
            ip(*here, "neighbour", "replace", lane.client, "lladdr", MANGLER_MAC, "dev", "eth0",
               "nud", "permanent")
            for port in (80, 443):
                routes[lane.server, port] = (self.lab.names["LAB_WEB4"], port)
            routes[lane.server, 53] = (self.lab.names["LAB_DNS4"], 53)
        self.set(self.internet, "net.ipv4.tcp_fastopen", 2)
        subprocess.run(self.lab.command("internet", "nft", "-f", "-"), input=HOP, text=True,
                       check=True, timeout=10)
        self.recorder = Recorder(self.internet, routes)
        self.recorder.start()
        self.closers.append(self.recorder.stop)
        for lane in all_lanes():
            self.start_quic(lane)
        if not wait_for(5, self.quic_listens):
            raise RuntimeError("the QUIC servers do not listen within 5 s")

    def start_quic(self, lane):
        state = self.lab.state
        with self.quic_log(lane).open("wb") as log:
            process = subprocess.Popen(
                self.lab.command("internet", "gtlsserver", f"--htdocs={state}/htdocs",
                                 *(["--validate-addr"] if lane.kind == RETRY_SERVER else []),
                                 lane.server, 443, state / "tls" / "server.key",
                                 state / "tls" / "server.crt"),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.lab.own(f"quic-{lane.server}", process)
        self.closers.append(lambda: end(process))

    def quic_listens(self):
        shown = self.lab.run("internet", "ss", "-Hlun", "sport", "=", "443").stdout
        return all(f"{lane.server}:443" in shown.replace("]", "") for lane in all_lanes())

    def quic_log(self, lane):
        return self.lab.state / "log" / f"quic-{lane.server}.log"

    def run_client(self, *command, timeout):
        """Runs in the clients' namespace to the end; one that hangs counts as one that failed."""
        command = ["ip", "netns", "exec", self.client, *map(str, command)]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                                  check=False, stdin=subprocess.DEVNULL, errors="replace")
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"no end within {timeout} s")

    def set(self, namespace, key, value):
        subprocess.run(["ip", "netns", "exec", namespace, "sysctl", "-qw", f"{key}={value}"],
                       check=True, timeout=10)

    def expired(self):
        """Packets that the simulated router has ended."""
        shown = self.lab.run("internet", "nft", "-j", "list", "counter", "inet", "hop", "expired")
        return json.loads(shown.stdout)["nftables"][1]["counter"]["packets"]


def end(process):
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(3)


def ip(*arguments):
    done = subprocess.run(["ip", *map(str, arguments)], capture_output=True, text=True,
                          timeout=10, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout

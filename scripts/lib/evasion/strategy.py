"""What a strategy is. Each names what it does to a client's packets; see docs/evasion.md."""

import dataclasses
from typing import Callable

HTTP, TLS, QUIC, DNS = "HTTP", "TLS", "QUIC", "DNS"
PROTOCOLS = (HTTP, TLS, QUIC, DNS)
PLAIN_SERVER, SPLIT_SERVER, RETRY_SERVER = "plain", "split handshake", "retry"


@dataclasses.dataclass(frozen=True)
class Strategy:
    """The functions get (packet, flow) and return what goes on the wire in its place.

    A function may return packets.Ip, Tcp or Udp values and mangler.Pause between them.
    """

    name: str
    protocols: tuple
    group: str = "control"
    data: Callable | None = None  # the first segment with data, and each retransmission of it
    syn: Callable | None = None
    other: Callable | None = None  # all other segments
    datagram: Callable | None = None  # every UDP datagram
    reply: Callable | None = None  # what comes back, on its way to the client
    family: int = 4
    # More arguments for the client program, and curl's URL; {name}, {allowed}, {server}, {client},
    # {scheme}, {seconds} and {file} (one of the lane's own) are filled in.
    client: tuple = ()
    url: str = "{scheme}://{name}/"
    program: str = ""  # another client program: a key of trial.PROGRAMS
    server: str = PLAIN_SERVER  # another kind of server: a key of site.SERVERS
    spelling: Callable = str  # how the client writes the host name
    prime: bool = False  # the client first comes with an allowed name: for a cookie, a ticket
    # Sends different bytes for one place of the stream, where only the server knows which count:
    # with an allowed name the appliance may let it stall.
    conflicting: bool = False

    @property
    def acts(self):
        return any((self.data, self.syn, self.other, self.datagram, self.reply))

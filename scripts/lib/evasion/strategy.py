"""What a strategy is. Each names what it does to a client's packets; see docs/evasion.md."""

import dataclasses
from typing import Callable

HTTP, TLS, QUIC, DNS = "HTTP", "TLS", "QUIC", "DNS"
PROTOCOLS = (HTTP, TLS, QUIC, DNS)


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
    # More arguments for the client program, and its URL; {name}, {allowed}, {server}, {client} and
    # {scheme} are filled in.
    client: tuple = ()
    url: str = "{scheme}://{name}/"
    spelling: Callable = str  # how the client writes the host name
    fast_open: bool = False  # the client first fetches a cookie, with an allowed name
    # Sends different bytes for one place of the stream, where only the server knows which count:
    # with an allowed name the appliance may let it stall.
    conflicting: bool = False

    @property
    def acts(self):
        return any((self.data, self.syn, self.other, self.datagram, self.reply))

"""The mangler: a thread between the clients' TUN device and the wire that applies strategies.

Each client address may have one strategy at a time. What its kernel sends is handed to the
strategy, whose packets go on the wire in order; what comes back is handed to the TUN device. Only
this thread touches flows; `set` and `clear` may be called from any thread.
"""

import dataclasses
import heapq
import itertools
import select
import threading
import time

from . import packets

POLL_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Pause:
    """In a strategy's packets: the next ones go this much later."""

    seconds: float


@dataclasses.dataclass
class Flow:
    """What a strategy knows about one connection of its client."""

    name: bytes  # the host name asked for
    decoy: bytes  # one that is allowed, for fakes
    first: int = None  # TCP: sequence number of the first octet of data
    sent: int = 0  # how often the first data went out, this time included
    server_seq: int = 0  # TCP: next number expected from the server
    server_ttl: int = 64
    edit: tuple = None  # (place, octets added there) where a strategy changed the data's length
    notes: dict = dataclasses.field(default_factory=dict)


class Lane:
    """One client address: its strategy, its flows, how often the strategy did something.

    With `mixed`, every second retransmission of the first data goes out as the kernel wrote it.
    """

    def __init__(self, strategy, name, decoy, mixed):
        self.strategy, self.name, self.decoy, self.mixed = strategy, name, decoy, mixed
        self.flows = {}
        self.applied = 0

    def flow(self, packet):
        key = packet.sport
        if key not in self.flows:
            self.flows[key] = Flow(self.name, self.decoy)
        return self.flows[key]

    def ports(self):
        """The client's ports, without those of connections that were there before."""
        return [port for port, flow in list(self.flows.items())
                if flow.first is not None or self.strategy.datagram]

    def outward(self, packet):
        """What goes on the wire for a packet of the client."""
        flow = self.flow(packet)
        if isinstance(packet, packets.Udp):
            flow.sent += 1
            return self.apply(self.strategy.datagram, packet, flow)
        if packet.flags & packets.SYN:
            flow.first = packet.seq + 1
            return self.apply(self.strategy.syn, packet, flow)
        if flow.first is None:
            return [packet]  # of a connection that another trial has left behind
        if packet.payload and packet.seq == flow.first:
            flow.sent += 1
            if self.mixed and flow.sent % 2 == 0 and not flow.edit:
                return [packet]
            return self.apply(self.strategy.data, packet, flow)
        return self.apply(self.strategy.other, shifted_outward(packet, flow), flow)

    def apply(self, function, packet, flow):
        if function is None:
            return [packet]
        try:
            out = function(packet, flow)
        except ValueError:
            return [packet]  # not what the strategy is about
        self.applied += out != [packet]
        return out

    def homeward(self, packet):
        """What the client's kernel is given for a packet from the wire."""
        key = packet.dport
        if key not in self.flows:
            return [packet]
        flow = self.flows[key]
        if isinstance(packet, packets.Tcp):
            flow.server_seq = packet.seq + len(packet.payload) + bool(packet.flags & packets.SYN)
            flow.server_ttl = packet.ip.ttl
            packet = shifted_homeward(packet, flow)
        return self.apply(self.strategy.reply, packet, flow)


def shifted_outward(packet, flow):
    if flow.edit is None:
        return packet
    place, added = flow.edit
    offset = (packet.seq - flow.first) % 2**32
    return packet.but(seq=packet.seq + added) if place < offset < 2**31 else packet


def shifted_homeward(packet, flow):
    if flow.edit is None or not packet.flags & packets.ACK:
        return packet
    place, added = flow.edit
    offset = (packet.ack - flow.first) % 2**32
    if not place < offset < 2**31:
        return packet
    return packet.but(ack=flow.first + max(place, offset - added))


class Mangler:
    """Runs from start() to stop(). `tap`, if given, is called with each datagram on the wire."""

    def __init__(self, tun, frames):
        self.tun, self.frames = tun, frames
        self.lanes = {}
        self.tap = None
        self.later = []
        self.order = itertools.count()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, name="mangler", daemon=True)
        self.failure = None

    def start(self):
        self.thread.start()

    def stop(self):
        self.ending.set()
        self.thread.join(5)

    def set(self, address, strategy, *names, mixed=False):
        """From now on the client with that packed address uses that strategy; `names` are the one
        it asks for and the one its fakes show. Returns the lane, for its counter."""
        self.lanes[address] = Lane(strategy, *(name.encode() for name in names), mixed)
        return self.lanes[address]

    def run(self):
        try:
            while not self.ending.is_set():
                self.turn()
        except Exception as problem:  # the trials see it and end
            self.failure = problem
            raise

    def turn(self):
        now = time.monotonic()
        while self.later and self.later[0][0] <= now:
            self.send(heapq.heappop(self.later)[2])
        wait = min(POLL_SECONDS, self.later[0][0] - now) if self.later else POLL_SECONDS
        for ready in select.select([self.tun, self.frames], [], [], max(0, wait))[0]:
            if ready is self.tun:
                self.from_client(self.tun.read())
            else:
                self.from_wire(self.frames.receive())

    def from_client(self, raw):
        packet = packets.parse(raw)
        if isinstance(packet, packets.Ip):
            return  # neighbour discovery and the like: a TUN device has no neighbours
        lane = self.lanes.get(packet.ip.src)
        due = time.monotonic()
        for item in lane.outward(packet) if lane else [packet]:
            if isinstance(item, Pause):
                due += item.seconds
            else:
                heapq.heappush(self.later, (due, next(self.order), item.raw()))

    def from_wire(self, raw):
        if raw is None:
            return
        if self.tap:
            self.tap(raw)
        packet = packets.parse(raw)
        lane = None if isinstance(packet, packets.Ip) else self.lanes.get(packet.ip.dst)
        # Untouched octets where nothing is to be changed: also what cannot be parsed whole.
        answers = lane.homeward(packet) if lane else [packet]
        for answer in answers:
            self.tun.write(raw if answer is packet else answer.raw())

    def send(self, raw):
        if self.tap:
            self.tap(raw)
        self.frames.send(raw)

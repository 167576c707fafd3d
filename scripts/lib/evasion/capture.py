"""Captures for the evidence: what the mangler sent and got, and what crossed the server's port."""

import select
import socket
import struct
import threading
import time

from . import wire

ETHERNET, RAW_IP = 1, 101  # LINKTYPE_ of the pcap format
POLL_SECONDS = 0.1


class Pcap:
    def __init__(self, path, link_type):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, link_type))

    def write(self, octets):
        now = time.time_ns()
        self.file.write(struct.pack("<IIII", now // 10**9, now % 10**9, len(octets), len(octets)))
        self.file.write(octets)

    def close(self):
        self.file.close()


class Captures:
    """`mangler.pcap` and `server.pcap` in a folder, from the call until close()."""

    def __init__(self, folder, where):
        folder.mkdir(parents=True, exist_ok=True)
        self.sent = Pcap(folder / "mangler.pcap", RAW_IP)
        self.arrived = Pcap(folder / "server.pcap", ETHERNET)
        with wire.inside(where.internet):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                        socket.htons(wire.ETH_P_ALL))
            self.socket.bind(("eth0", wire.ETH_P_ALL))
        self.mangler = where.mangler
        self.mangler.tap = self.sent.write
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, name="capture", daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            if select.select([self.socket], [], [], POLL_SECONDS)[0]:
                self.arrived.write(self.socket.recv(65536))

    def close(self):
        """Packets that are sent after this are kept no more."""
        self.mangler.tap = None
        self.ending.set()
        self.thread.join(5)
        self.socket.close()
        time.sleep(POLL_SECONDS)  # the mangler may be in the middle of a packet
        self.sent.close()
        self.arrived.close()

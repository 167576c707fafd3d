"""What touches the kernel: other network namespaces, a TUN device, frames on an interface."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
CLONE_NEWNET = 0x40000000
ETH_P_ALL, PACKET_OUTGOING = 3, 4
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1

libc = ctypes.CDLL(None, use_errno=True)


def enter(descriptor):
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def inside(namespace):
    """This thread in a named network namespace; sockets opened meanwhile stay there."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        enter(there)
        yield
    finally:
        enter(home)
        os.close(there)
        os.close(home)


class Tun:
    """A TUN device of that name in a namespace: reads and writes whole IP datagrams."""

    def __init__(self, namespace, name):
        with inside(namespace):
            self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.descriptor, TUNSETIFF,
                        struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))

    def fileno(self):
        return self.descriptor

    def read(self):
        return os.read(self.descriptor, 65536)

    def write(self, datagram):
        # A full or closed device loses a datagram, as a wire does.
        with contextlib.suppress(OSError):
            os.write(self.descriptor, datagram)

    def close(self):
        os.close(self.descriptor)


class Frames:
    """Raw Ethernet frames on one interface of a namespace, as a station with its own address."""

    def __init__(self, namespace, interface, own_mac, peer_mac):
        self.own, self.peer = (bytes.fromhex(mac.replace(":", "")) for mac in (own_mac, peer_mac))
        with inside(namespace):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.socket.bind((interface, ETH_P_ALL))
            index = socket.if_nametoindex(interface)
        self.socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                               struct.pack("iHH8x", index, PACKET_MR_PROMISC, 0))
        self.socket.setblocking(False)

    def fileno(self):
        return self.socket.fileno()

    def receive(self):
        """The next IP datagram for this station; None for a frame that is not one."""
        frame, address = self.socket.recvfrom(65536)
        if address[2] == PACKET_OUTGOING or frame[:6] != self.own:
            return None
        return frame[14:] if frame[12:14] in (b"\x08\x00", b"\x86\xdd") else None

    def send(self, datagram):
        kind = b"\x08\x00" if datagram[0] >> 4 == 4 else b"\x86\xdd"
        # A full queue loses a frame, as a wire does.
        with contextlib.suppress(OSError):
            self.socket.send(self.peer + self.own + kind + datagram)

    def close(self):
        self.socket.close()

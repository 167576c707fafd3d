"""DHCP leases that weir-replay tells of, against tshark's fields: of generated messages, and of other projects' captures
where they lie beside the source tree.

Exit codes: 0 passed, 1 failed, 77 skipped (for ctest).
"""

import argparse
import ipaddress
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
# Those of the corpus that have a server's answer by which somebody has an address.
CAPTURES = ("ndpi-4.2/pcap/1kxun.pcap", "ndpi-4.2/pcap/iphone.pcap",
            "suricata-verify/bug-2158__public-ex1_section8_Sofacy.pcap")
SKIPPED = 77
SEED = 20261130
SERVER4, SERVER6 = "10.0.0.5", "fe80::5"
ALL_SERVERS = ("10.0.0.0/8", "192.168.0.0/16", "fe80::/10")
ACK, RELEASE = "5", "7"
REPLY6 = 7
FIELDS = ("dhcp.option.dhcp", "dhcp.ip.your", "dhcp.ip.client", "dhcp.hw.mac_addr", "dhcp.option.ip_address_lease_time",
          "dhcp.option.agent_information_option.agent_circuit_id", "dhcpv6.msgtype", "dhcpv6.iaaddr.ip",
          "dhcpv6.iaaddr.valid_lifetime", "dhcpv6.iaprefix.pref_addr", "dhcpv6.iaprefix.pref_len",
          "dhcpv6.iaprefix.valid_lifetime", "dhcpv6.interface_id")

replay = ROOT / "build" / "release" / "dataplane" / "app" / "weir-replay"


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(src, dst, sport, dport, payload):
    """A whole Ethernet frame of a UDP datagram, IPv4 or IPv6 by its addresses."""
    source, target = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
    length = 8 + len(payload)
    udp = struct.pack(">4H", sport, dport, length, 0) + payload
    pseudo = source + target + struct.pack(">II", length, 17)
    udp = udp[:6] + struct.pack(">H", checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    if len(source) == 4:
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0) + source + target
        header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
        kind = b"\x08\x00"
    else:
        header = struct.pack(">IHBB", 6 << 28, length, 17, 64) + source + target
        kind = b"\x86\xdd"
    return bytes.fromhex("020000000001020000000005") + kind + header + udp


def option4(code, value):
    return bytes([code, len(value)]) + value


def message4(rng, kind, mac):
    """A server's or client's message with whatever options a real one has, in any order."""
    reply = kind != 7
    address = bytes([10, 20, rng.randrange(256), rng.randrange(1, 255)])
    options = [option4(54, bytes([10, 0, 0, 5])), option4(12, b"host"), b"\0" * rng.randrange(3)]
    if reply:
        options += [option4(51, struct.pack(">I", rng.choice((60, 3600, 0xFFFFFFFF)))), option4(1, b"\xff\xff\xff\0")]
        if rng.random() < 0.5:
            circuit = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 30)))
            options.append(option4(82, option4(1, circuit) + option4(2, b"sw")))
    rng.shuffle(options)
    body = struct.pack(">BBBBIHH", 2 if reply else 1, 1, 6, 0, rng.getrandbits(32), 0, 0)
    body += (bytes(4) + address if reply else address + bytes(4)) + bytes(8) + mac + bytes(10 + 192)
    return address, body + b"\x63\x82\x53\x63" + option4(53, bytes([kind])) + b"".join(options) + b"\xff"


def option6(code, value):
    return struct.pack(">HH", code, len(value)) + value


def message6(rng, mac):
    def address(bits=128):
        octets = ipaddress.ip_address("2001:db8::").packed[:4] + rng.randbytes(12)
        return ipaddress.ip_network((octets, bits), strict=False).network_address.packed

    def lifetimes():
        return struct.pack(">II", 30, rng.choice((60, 3600, 0xFFFFFFFF)))

    parts = [option6(2, b"\0\3\0\1" + mac), option6(23, address()),
             option6(3, rng.randbytes(12) + b"".join(option6(5, address() + lifetimes()) for _ in range(rng.randrange(3))))]
    if rng.random() < 0.5:
        parts.append(option6(25, rng.randbytes(12) + option6(26, lifetimes() + bytes([56]) + address(56))))
    rng.shuffle(parts)
    body = bytes([REPLY6]) + rng.randbytes(3) + option6(1, b"\0\3\0\1" + mac) + b"".join(parts)
    for _ in range(rng.randrange(3)):
        body = bytes([13, 0]) + bytes(32) + option6(18, rng.randbytes(5)) + option6(9, body)
    return body


def generate(rng, count):
    frames = []
    for _ in range(count):
        mac = b"\x02" + rng.randbytes(5)
        which = rng.randrange(4)
        if which == 0:
            frames.append(datagram(SERVER6, "2001:db8::1", 547, 547, message6(rng, mac)))
        elif which == 1:
            address, body = message4(rng, 7, mac)
            frames.append(datagram(str(ipaddress.ip_address(address)), SERVER4, 68, 67, body))
        else:
            frames.append(datagram(SERVER4, "255.255.255.255", 67, 68, message4(rng, rng.choice((2, 5, 5, 6)), mac)[1]))
    return frames


def write_pcap(file, frames):
    records = (struct.pack("<IIII", 1_790_000_000 + i, 0, len(f), len(f)) + f for i, f in enumerate(frames))
    file.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))


def told_by_weir(capture):
    command = [replay, "--events", "-"]
    for server in ALL_SERVERS:
        command += ["--dhcp-server", server]
    out = subprocess.run([*command, capture], check=True, capture_output=True, text=True).stdout
    leases = []
    for event in map(json.loads, out.splitlines()):
        if event["type"] == "lease":
            leases.append((event["class"], event["ip"], event["mac"], event["lease_s"], event["circuit"] or ""))
    return sorted(leases, key=str)


def place(octets):
    """As Weir shows it: printable ASCII as it is."""
    text = bytes.fromhex(octets)
    return text.decode() if all(32 <= octet < 127 for octet in text) else "0x" + octets


def seconds(text):
    return None if int(text) == 0xFFFFFFFF else int(text)


def leases_of_row(row):
    """Of one frame as tshark shows it."""
    several = {name: value.split(",") if value else [] for name, value in row.items()}
    kind = row["dhcp.option.dhcp"]
    # A client identifier may hold another one.
    mac = several["dhcp.hw.mac_addr"][0] if several["dhcp.hw.mac_addr"] else None
    if kind == ACK and row["dhcp.option.ip_address_lease_time"]:
        circuit = row["dhcp.option.agent_information_option.agent_circuit_id"]
        yield "bound", row["dhcp.ip.your"], mac, seconds(row["dhcp.option.ip_address_lease_time"]), place(circuit)
    elif kind == RELEASE:
        yield "released", row["dhcp.ip.client"], mac, None, ""
    elif str(REPLY6) in several["dhcpv6.msgtype"]:
        # The relay nearest to the client is the innermost, the last one shown.
        circuit = place(several["dhcpv6.interface_id"][-1]) if several["dhcpv6.interface_id"] else ""
        for ip, valid in zip(several["dhcpv6.iaaddr.ip"], several["dhcpv6.iaaddr.valid_lifetime"]):
            yield "bound", ip, None, seconds(valid), circuit
        for ip, bits, valid in zip(several["dhcpv6.iaprefix.pref_addr"], several["dhcpv6.iaprefix.pref_len"],
                                   several["dhcpv6.iaprefix.valid_lifetime"]):
            yield "bound", f"{ip}/{bits}", None, seconds(valid), circuit


def told_by_tshark(capture):
    command = ["tshark", "-r", capture, "-Y", "dhcp or dhcpv6", "-T", "fields", "-E", "separator=/t"]
    for field in FIELDS:
        command += ["-e", field]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    leases = []
    for line in out.splitlines():
        leases += leases_of_row(dict(zip(FIELDS, line.split("\t"))))
    return sorted(leases, key=str)


def without_mac_of_duids(leases):
    """tshark shows a DUID's address as text of its own; in DHCPv6 Weir's is compared by the unit tests."""
    return sorted(((c, ip, None if ":" in ip else mac, s, p) for c, ip, mac, s, p in leases), key=str)


class Leases(unittest.TestCase):
    maxDiff = 4000

    def compare(self, capture):
        expected = told_by_tshark(capture)
        self.assertEqual(without_mac_of_duids(told_by_weir(capture)), expected)
        return len(expected)

    def test_generated(self):
        with tempfile.TemporaryDirectory(prefix="weir-leases-") as folder:
            capture = pathlib.Path(folder) / "generated.pcap"
            write_pcap(capture, generate(random.Random(SEED), 600))
            self.assertGreater(self.compare(capture), 400)

    def test_captures_of_others(self):
        if not CORPUS.is_dir():
            self.skipTest(f"no corpus at {CORPUS}")
        for name in CAPTURES:
            with self.subTest(name):
                self.assertGreater(self.compare(CORPUS / name), 0)


def main():
    global replay
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replay", type=pathlib.Path, default=replay)
    replay = parser.parse_args().replay
    if shutil.which("tshark") is None:
        print("skipped: tshark is not installed")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromTestCase(Leases))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

"""Evasion strategies with real clients and servers: a selection of what scripts/evasion runs."""

import fnmatch
import unittest

import harness
from evasion import campaign, catalog, judge, names, packets, quic_crypto, table
from evasion.site import Site
from evasion.strategy import HTTP, PROTOCOLS, TLS

PREFIX = "weirtestev"
NAMES = {HTTP: names.COUNT, TLS: 500}
# One or more of each kind; the whole catalog takes longer than a test may.
SELECTION = (
    "none", "split handshake*", "split inside*", "multisplit*", "multidisorder 1*",
    "each piece twice", "pieces that overlap*", "seqovl*", "overlap*", "retransmission*",
    "window of 4*", "fake, ttl 2", "fake, bads*", "fake, badack", "fake, md5sig", "fake, ts",
    "fake, datanoack", "fake, syn flag", "fake, out of*", "fake and disorder*", "fakedsplit*",
    "fakeddisorder, ttl*", "hostfakesplit*", "fast open*", "IPv6: fake*",
    "SYN with another*", "IPv? fragments at 24", "IPv? fragments, last first",
    "IPv? fragments in*", "IPv? fragments, hidden*", "IPv6 hop-by-hop options",
    "IPv6 destination options", "absolute URI*", "pipelined*", "second request*", "Host:name*",
    "line feeds*", "records cut*", "name in*", "hello of*",
    "noise first: s*", "*fake Initial*", "CRYPTO*", "udplen*", "Retry", "0-RTT*",
    "every datagram twice", "version*",
)


class Evasion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        chosen = [strategy for strategy in catalog.ALL
                  if any(fnmatch.fnmatch(strategy.name, one) for one in SELECTION)]
        cls.rows = campaign.rows_of(chosen, PROTOCOLS)
        with Site(PREFIX) as where:
            appliance = harness.Appliance(where.lab, harness.build, rules=campaign.RULES)
            try:
                campaign.run(where, cls.rows, appliance, lambda *_: None)
                cls.expired = where.expired()
                cls.name_faults, _ = names.measure(where.lab, appliance, print, NAMES)
            finally:
                appliance.stop_all()

    def test_every_strategy_works_without_the_appliance(self):
        for row in self.rows:
            with self.subTest(strategy=row.strategy.name, protocol=row.protocol):
                self.assertTrue(row.works, table.explanation(row))

    def test_no_request_for_a_blocked_name_reaches_the_application(self):
        for row in self.rows:
            with self.subTest(strategy=row.strategy.name, protocol=row.protocol):
                self.assertFalse(row.leaked, table.explanation(row))

    def test_hidden_fakes_end_before_the_server(self):
        hidden = [row for row in self.rows if "ttl" in row.strategy.name]
        self.assertGreaterEqual(self.expired, 2 * len(hidden), "two trials each, or more")

    def test_an_allowed_name_passes(self):
        for row in self.rows:
            with self.subTest(strategy=row.strategy.name, protocol=row.protocol):
                self.assertTrue(row.good, table.explanation(row))

    def test_no_allowed_name_is_blocked_beside_ten_thousand_blocked_ones(self):
        self.assertEqual(self.name_faults, [])

    def test_every_kind_of_strategy_is_there(self):
        self.assertEqual({row.strategy.group for row in self.rows},
                         {strategy.group for strategy in catalog.ALL})


class Judge(unittest.TestCase):
    """What the verdicts above rest on: it must see a request, however it is cut."""

    NAME = b"games.lab.example"

    def test_a_host_line_counts_from_the_octet_after_the_name(self):
        line = b"GET / HTTP/1.1\r\nHost: " + self.NAME
        self.assertEqual(judge.in_http(line[:-1], self.NAME), judge.Seen.NOTHING)
        self.assertEqual(judge.in_http(line, self.NAME), judge.Seen.NAME)
        self.assertEqual(judge.in_http(line + b"\r", self.NAME), judge.Seen.REQUEST)

    def test_a_hello_counts_when_it_is_whole_in_any_records(self):
        message = b"\1\0\0\x20" + b"?" * 10 + self.NAME + b"?" * 5
        for size in (1, 7, len(message)):
            data = b"".join(b"\x16\3\1" + len(part).to_bytes(2, "big") + part for part in (
                message[begin:begin + size] for begin in range(0, len(message), size)))
            self.assertEqual(judge.in_tls(data, self.NAME), judge.Seen.REQUEST)
            self.assertEqual(judge.in_tls(data[:-1], self.NAME), judge.Seen.NAME)

    def test_crypto_data_is_read_from_the_servers_log(self):
        dump = (b"Ordered CRYPTO data in Initial crypto level\n"
                b"00000000  01 00 00 11 67 61 6d 65  73 2e 6c 61 62 2e 65 78  |....games.lab.ex|\n"
                b"00000010  61 6d 70 6c 65                                    |ample|\n00000015\n")
        self.assertEqual(judge.in_quic(b"x\n" + dump, self.NAME), judge.Seen.REQUEST)
        self.assertEqual(judge.in_quic(dump.replace(b"00 11", b"00 12"), self.NAME),
                         judge.Seen.NAME)


class QuicCrypto(unittest.TestCase):
    def test_keys_are_those_of_rfc_9001_appendix_a(self):
        keys = quic_crypto.Keys(bytes.fromhex("8394c8f03e515708"), b"client")
        self.assertEqual(keys.key.hex(), "1f369613dd76d5467730efcbe3b1a22d")
        self.assertEqual(keys.iv.hex(), "fa044b2f42a3fd3b46fb255c")
        self.assertEqual(keys.mask_key.hex(), "9f50449e04a0e810283a1e9933adedd2")

    def test_what_is_sealed_opens_and_nothing_else(self):
        frames = quic_crypto.crypto_frame(0, b"hello") + bytes(50)
        initial = quic_crypto.Initial(b"12345678", b"abc", b"", 7, frames)
        sealed = initial.sealed(quic_crypto.Keys(b"12345678", b"client"))
        self.assertEqual(quic_crypto.opened(sealed + b"rest"), (initial, b"rest"))
        with self.assertRaises(ValueError):
            quic_crypto.opened(sealed[:-1] + bytes([sealed[-1] ^ 1]))


class Packets(unittest.TestCase):
    IP = packets.Ip(4, bytes(4), b"\1\2\3\4", 64, packets.TCP, b"")
    SEGMENT = packets.Tcp(IP, 4000, 80, 1000, 7, packets.ACK | packets.PSH, 500, 0, b"\1\1\1\1",
                          b"0123456789abcdef")

    def test_a_segment_is_read_as_it_was_written(self):
        again = packets.parse(self.SEGMENT.raw())
        self.assertEqual(again.but(ip=self.IP), self.SEGMENT)
        octets = again.ip.payload
        summed = self.IP.pseudo_header(packets.TCP, len(octets)) + octets
        self.assertEqual(packets.checksum(summed), 0)

    def test_cut_pieces_follow_each_other(self):
        first, second = self.SEGMENT.cut(5)
        self.assertEqual((first.seq, first.payload, first.flags), (1000, b"01234", packets.ACK))
        self.assertEqual((second.seq, second.payload), (1005, b"56789abcdef"))

    def test_fragments_hold_the_datagram(self):
        for version, size in ((4, 4), (6, 16)):
            address = bytes(size)
            whole = packets.Ip(version, address, address, 64, packets.UDP, bytes(range(50)))
            pieces = packets.fragments(whole, [8, 24], 77)
            self.assertEqual(b"".join(piece.payload for piece in pieces), whole.payload)


if __name__ == "__main__":
    harness.PROGRAMS += ("nft", "ss", "sysctl")
    harness.main()

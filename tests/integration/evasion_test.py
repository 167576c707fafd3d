"""Evasion strategies with real clients and servers: a selection of what scripts/evasion runs."""

import fnmatch
import unittest

import harness
from evasion import campaign, catalog, judge, table
from evasion.site import Site
from evasion.strategy import PROTOCOLS

PREFIX = "weirtestev"
# One or more of each kind; the whole catalog takes longer than a test may.
SELECTION = (
    "none", "split inside*", "multisplit*", "multidisorder*", "each piece twice",
    "pieces that overlap*", "seqovl: *", "retransmission*", "window of 4*", "fake, badseq",
    "fakedsplit, badseq", "rst, *", "fin, *", "syn*before*", "fast open*",
    "IPv6 hop-by-hop options", "IPv6 destination options", "absolute URI*", "pipelined*",
    "second request*", "Host:name*", "line feeds*", "records*", "name in*", "noise first*",
    "CRYPTO*", "udplen*", "every datagram twice", "version*",
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

    def test_an_allowed_name_passes(self):
        for row in self.rows:
            with self.subTest(strategy=row.strategy.name, protocol=row.protocol):
                self.assertTrue(row.good, table.explanation(row))

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


if __name__ == "__main__":
    harness.PROGRAMS += ("nft",)
    harness.main()

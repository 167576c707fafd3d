"""Generated traffic through weir-replay and through tshark: the same flows, packets and bytes, save for named reasons.

Exit codes: 0 passed, 1 failed, 77 skipped (for ctest).
"""

import argparse
import copy
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))
from conversations import comparison, records, traffic  # noqa: E402
from conversations.expectation import Reason  # noqa: E402

SKIPPED = 77
SEEDS = (20261130, 1)
CONVERSATIONS = 500
ETHERNET_BYTES, TAG_BYTES = 14, 4
# What the kinds of traffic bring with them, and nothing else.
REASONS = {Reason.VLAN, Reason.ICMP_KIND, Reason.QUOTED, Reason.TUNNEL, Reason.FRAGMENT, Reason.FRAGMENT_INCOMPLETE,
           Reason.STREAM_SILENCE}

replay = ROOT / "build" / "release" / "dataplane" / "app" / "weir-replay"


def ip_bytes(sent):
    """Of what the generator knows that it has made: all behind the Ethernet header and its tags."""
    octets, at = sent.octets, ETHERNET_BYTES
    while octets[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
        at += TAG_BYTES
    return len(octets) - at


class Conversations(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="weir-conversations-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def compare(self, sent, snapshot=262144):
        capture = self.folder / "generated.pcap"
        traffic.write_pcap(capture, sent, snapshot)
        expected = comparison.expect_all(capture)
        told, complaint = records.replay(replay, capture)
        self.assertEqual(complaint, "")
        return expected, told, comparison.compare(expected, told)

    def assert_sums(self, sent, told):
        """Without tshark: every frame that was made is in exactly one session, with all of its bytes."""
        for way, from_inside in (("dst", True), ("src", False)):
            mine = [ip_bytes(one) for one in sent if one.from_inside == from_inside]
            seen = [0, 0]
            for record in told:
                begun_inside = record["src_ip"].startswith(("10.20.", "2001:db8:20:"))
                side = way if begun_inside else {"dst": "src", "src": "dst"}[way]
                seen[0] += record[f"packets_to_{side}"]
                seen[1] += record[f"bytes_to_{side}"]
            self.assertEqual(seen, [len(mine), sum(mine)], f"from {'inside' if from_inside else 'outside'}")

    def test_a_mix_of_everything(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                sent = traffic.mix(seed, CONVERSATIONS)
                expected, told, result = self.compare(sent)
                self.assertEqual(result.unexplained, [])
                self.assertEqual(result.frames, len(sent))
                self.assertEqual(set(result.frames_by_reason), REASONS)
                self.assert_sums(sent, told)
                self.assert_equal_without_reasons(expected, told)

    def assert_equal_without_reasons(self, expected, told):
        """What has no reason must be equal in what tshark shows, whatever the rules in `expectation` say."""
        touched = set().union(*({one.shown.flow, one.session.flow} for one in expected
                                if one.reasons - {Reason.STREAM_SILENCE}))
        shown = comparison.expectation.totals(one.shown for one in expected if one.shown.flow not in touched)
        sessions = {flow: counts for flow, counts in records.totals(told).items() if flow not in touched}
        self.assertGreater(len(sessions), CONVERSATIONS // 2)
        self.assertEqual(dict(shown), sessions)

    def test_a_capture_that_keeps_only_headers(self):
        _, told, result = self.compare(traffic.mix(SEEDS[0], CONVERSATIONS), snapshot=96)
        self.assertEqual(result.unexplained, [])
        self.assertEqual(set(result.frames_by_reason) - REASONS, {Reason.FRAGMENT_CUT, Reason.TORN})
        self.assert_sums(traffic.mix(SEEDS[0], CONVERSATIONS), told)

    def test_streams_and_sessions_are_one_to_one_where_nothing_is_silent(self):
        sent = traffic.mix(SEEDS[0], 300, without=(traffic.goes_on_after_the_end, traffic.tagged, traffic.gre,
                                                   traffic.vxlan))
        _, _, result = self.compare(sent)
        self.assertEqual(result.unexplained, [])
        self.assertGreater(result.tcp_sessions, 100)
        self.assertEqual((result.tcp_streams, result.tcp_alike), (result.tcp_sessions, result.tcp_sessions))

    def test_whatever_is_wrong_in_a_record_is_seen(self):
        expected, told, result = self.compare(traffic.mix(SEEDS[0], 100))
        self.assertEqual(result.unexplained, [])

        def swap(record):
            to_dst, to_src = record["packets_to_dst"], record["packets_to_src"]
            record["packets_to_dst"], record["packets_to_src"] = to_src, to_dst

        place = next(at for at, record in enumerate(told)
                     if record["proto"] == "tcp" and not record["vlan"]
                     and record["packets_to_dst"] != record["packets_to_src"])
        faults = {
            "a packet": lambda record: record.update(packets_to_dst=record["packets_to_dst"] + 1),
            "a byte": lambda record: record.update(bytes_to_src=record["bytes_to_src"] - 1),
            "directions": swap,
            "a port": lambda record: record.update(src_port=record["src_port"] ^ 1),
            "an address": lambda record: record.update(dst_ip="192.0.2.99"),
            "the protocol": lambda record: record.update(proto_number=17),
            "a tag": lambda record: record.update(vlan=[7]),
            "the start": lambda record: record.update(start=record["start"].replace("2026", "2025")),
            "the end": lambda record: record.update(end=record["end"].replace("2026", "2027")),
        }
        for name, spoil in faults.items():
            wrong = copy.deepcopy(told)
            spoil(wrong[place])
            self.assertNotEqual(comparison.compare(copy.deepcopy(expected), wrong).unexplained, [], name)
        for name, wrong in (("one less", told[:place] + told[place + 1:]), ("one twice", [*told, told[place]])):
            self.assertNotEqual(comparison.compare(copy.deepcopy(expected), wrong).unexplained, [], name)

    def test_the_program_fails_when_a_session_is_lost(self):
        capture, lossy = self.folder / "generated.pcap", self.folder / "lossy"
        traffic.write_pcap(capture, traffic.mix(SEEDS[0], 100))
        lossy.write_text(f'#!/bin/sh\n"{replay}" "$@" && sed -i 5d "$2"\n', encoding="utf-8")
        lossy.chmod(0o755)
        for program, code, words in ((replay, 0, "not explained: 0"), (lossy, 1, "not explained: 1")):
            done = subprocess.run([sys.executable, "-B", ROOT / "scripts" / "compare_conversations", "--replay", program,
                                   capture], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(words, done.stdout)


def main():
    global replay
    parser = argparse.ArgumentParser()
    parser.add_argument("--replay", type=pathlib.Path, default=replay)
    options, rest = parser.parse_known_args()
    replay = options.replay
    if not shutil.which("tshark"):
        print("skipped: needs tshark")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()

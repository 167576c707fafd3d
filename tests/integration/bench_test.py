"""scripts/bench with settings as small as they go: it measures, says so, and fails when it cannot."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import harness
from bench import pairs

BENCH = harness.ROOT / "scripts" / "bench"
TINY = ("--pairs", "1", "--seconds", "1", "--flows", "1000", "--packets", "20000", "--new-flows", "500", "--sessions", "20000")


def run(*arguments):
    return subprocess.run([sys.executable, "-B", BENCH, *map(str, arguments), *TINY], check=False,
                          capture_output=True, text=True, timeout=120)


class Bench(unittest.TestCase):
    def test_parts_are_measured_and_written_as_json(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "results.json")
            done = run("pipeline", "memory", "lab", "--built", harness.build, "--json", out)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            results = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual(results["pipeline"]["established"][0]["flows"], 1000)
        self.assertGreater(results["pipeline"]["established"][0]["cycles_per_packet"], 0)
        self.assertEqual({row["what"].split()[0] for row in results["pipeline"]["new_flows"]},
                         {"SYN", "TCP,", "TLS", "QUIC"})
        self.assertLess(results["memory"]["memory"][0]["table_bytes_per_flow"], 136)
        self.assertEqual(len(results["machine"]["noises"]), 4)
        self.check_lab(results["lab"], done.stdout)

    def check_lab(self, lab, said):
        if "skipped" in lab:  # iperf3 is not among what scripts/setup installs by itself
            self.assertIn(f"not measured: {lab['skipped']}", said)
            return
        there = {"bridge", "nftables", "weir, poll", "weir, sleep"}
        if lab["missing"] is None:  # dpdk-testpmd comes with the same
            there.add("testpmd io")
        self.assertEqual(set(lab["rounds"][0]), there)
        for name, found in lab["rounds"][0].items():
            self.assertGreater(found["tcp1"]["bits_per_second"], 1e6, name)
            if name.startswith("weir"):
                self.assertEqual(found["rx_packets"], found["forwarded_packets"] + found["dropped_packets"])

    def test_what_cannot_be_measured_is_told_and_fails(self):
        done = run("memory", "--built", "/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("NOT MEASURED", done.stdout)

    def test_an_unknown_part_is_refused(self):
        done = run("wires")
        self.assertEqual(done.returncode, 2)
        self.assertIn("wires: one of names, ", done.stderr)


class Pairs(unittest.TestCase):
    def test_everyone_begins_in_turn(self):
        order = []
        runs = {name: lambda name=name: order.append(name) or name for name in "abc"}
        rounds = pairs.alternate("test", runs, 3)
        self.assertEqual("".join(order), "abcbcacab")
        self.assertEqual(rounds[2], {"a": "a", "b": "b", "c": "c"})

    def test_a_ratio_is_taken_within_its_round(self):
        rounds = [{"a": 2, "b": 1}, {"a": 30, "b": 10}, {"a": 1, "b": 1}]
        found = pairs.ratio(rounds, lambda one: one["a"], lambda one: one["b"])
        self.assertEqual(found, {"median": 2, "least": 1, "most": 3})

    def test_a_budget_is_met_at_its_limit(self):
        self.assertEqual(pairs.judged(0.75, 0.75), "budget ≥ 0.75: met")
        self.assertEqual(pairs.judged(20.1, 20, at_most=True), "budget ≤ 20: MISSED")


if __name__ == "__main__":
    harness.main()

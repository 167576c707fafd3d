"""What the tests of scripts share: a folder, a run, and the rules' own parser."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
NO_PACKETS = bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 01000000")  # a pcap of none

replay = ROOT / "build" / "release" / "dataplane" / "app" / "weir-replay"


class ScriptTest(unittest.TestCase):
    script = ""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_script(self, *arguments, code=0, **options):
        done = subprocess.run([sys.executable, "-B", ROOT / "scripts" / self.script, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60, check=False, **options)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def assert_rules(self, text):
        """The parser and compiler take it without a warning."""
        rules, capture = self.folder / "taken.rules", self.folder / "none.pcap"
        rules.write_text(text, encoding="utf-8")
        capture.write_bytes(NO_PACKETS)
        done = subprocess.run([replay, "--rules", rules, capture],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))


def main():
    global replay
    parser = argparse.ArgumentParser()
    parser.add_argument("--replay", type=pathlib.Path, default=replay)
    options, rest = parser.parse_known_args()
    replay = options.replay
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])

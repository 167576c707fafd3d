"""What the integration tests share: the lab and the appliance of a test class, and the skip.

A test file ends with `harness.main()`. Exit codes: 0 passed, 1 failed, 77 skipped (for ctest).
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))

from weirlab import Appliance, Clients, Lab  # noqa: E402  (found through the line above)

PREFIX = os.environ.get("WEIR_LAB_PREFIX", "weirtest")
PROGRAMS = ("ip", "ethtool", "openssl", "nginx", "dnsmasq", "gtlsserver", "gtlsclient", "curl",
            "dig", "ping")
SKIPPED = 77

build = ROOT / "build" / "release"


class LabTest(unittest.TestCase):
    """A lab for the class, taken down after it whatever happened."""

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab(PREFIX)
        cls.addClassCleanup(cls.lab.down)
        cls.lab.up()
        cls.clients = Clients(cls.lab)


class ApplianceTest(LabTest):
    """The lab with both programs running; a class may change `mode` or `rules`."""

    options = {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.appliance = Appliance(cls.lab, build, **cls.options)
        cls.addClassCleanup(cls.appliance.stop_all)
        cls.appliance.start_dataplane()
        cls.appliance.start_control()

    def begin_conversation(self, source):
        """A conversation of that address with the echo server that has begun."""
        talk = self.clients.start("talk.py", source, self.clients.web,
                                  self.lab.names["LAB_ECHO_PORT"], 20)
        self.addCleanup(talk.stdout.close)
        self.addCleanup(talk.wait, 30)
        self.addCleanup(talk.kill)
        for _ in range(10):
            self.assertTrue(talk.stdout.readline(), "the conversation never began")
        return talk

    def tearDown(self):
        # The programs' own words, where a failure is looked for first.
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.failures + outcome.errors):
            for name in ("weir-dataplane", "weir-control"):
                if self.appliance.log_path(name).exists():
                    print(f"--- {name}\n{self.appliance.log_tail(name, 30)}", file=sys.stderr)


def missing():
    """What this machine lacks for the tests, in words; empty when nothing."""
    lacks = [] if os.geteuid() == 0 else ["root"]
    lacks += [name for name in PROGRAMS if not shutil.which(name)]
    return ", ".join(lacks)


def main():
    global build
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=build)
    options, rest = parser.parse_known_args()
    build = options.build
    lacks = missing()
    if lacks:
        print(f"skipped: needs {lacks}")
        sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
    # ctest ends a test that takes too long with SIGTERM: the clean-up still runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    unittest.main(module="__main__", argv=[sys.argv[0], *rest])

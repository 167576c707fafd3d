"""Rules that go back by themselves, with real clients: apply --confirm, confirm, undo, the canary,
and what `rules diff` says beforehand."""

import json
import time
import urllib.request

import harness
from weirlab import wait_for
from weirlab.clients import lost_pings

PROTECT = "protect ip {dns}\n"
SITE = "http://www.lab.example/"


class Confirm(harness.ApplianceTest):
    options = {"rules": PROTECT}

    def setUp(self):
        self.write("")
        self.apply()

    def write(self, text):
        self.appliance.rules.write_text(PROTECT.format(dns=self.lab.names["LAB_DNS4"]) + text, encoding="utf-8")

    def apply(self, *options, code=0):
        applied = self.appliance.weirctl("rules", "apply", *options)
        self.assertEqual(applied.returncode, code, applied.stderr + applied.stdout)
        return applied.stdout + applied.stderr

    def block_by_rule(self, *options):
        self.write(f"drop ip {self.lab.clients[0]} id cut-off\n")
        said = self.apply(*options)
        self.assertFalse(self.passes())
        return said

    def passes(self):
        return self.clients.curl(self.lab.clients[0], SITE, seconds=2)[0]

    def policy(self):
        return self.appliance.weirctl_json("status")["policy"]

    def in_force(self, rule):
        return rule in [known["id"] for known in self.appliance.ask({"cmd": "rules"})["rules"]]

    def operations(self):
        """The operations log, newest first: who, what, and how it ended."""
        token = (self.appliance.home / "data" / "token").read_text(encoding="ascii").strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.appliance.port}/api/v1/operations?limit=20",
            headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return [(entry["actor"], entry["action"], entry["outcome"])
                    for entry in json.load(answer)["operations"]]

    def test_what_nobody_confirms_goes_back_by_itself(self):
        began = time.monotonic()
        said = self.block_by_rule("--confirm", 8)
        self.assertIn("weirctl rules confirm", said)
        self.assertIn("NOT CONFIRMED", self.appliance.weirctl("status").stdout)
        self.assertGreater(self.policy()["waiting"]["seconds_left"], 0)
        text = self.appliance.rules.read_text(encoding="utf-8")
        self.write("# edited meanwhile\n" + text)
        self.assertIn("wait to be confirmed", self.apply(code=1))
        self.assertTrue(wait_for(15, lambda: not self.in_force("cut-off")))
        self.assertGreater(time.monotonic() - began, 7.5, "not before its time")
        self.assertTrue(self.passes())
        self.assertTrue(wait_for(15, lambda: self.policy()["disk_differs"], every=0.5))
        self.assertIn("ROLLED BACK", self.appliance.weirctl("status").stdout)
        actor, action, outcome = self.operations()[0]
        self.assertEqual((actor, action), ("weir-control", "rules rollback"))
        self.assertIn("done: version", outcome)
        late = self.appliance.weirctl("rules", "confirm")
        self.assertEqual(late.returncode, 1)
        self.assertIn("no rules wait to be confirmed", late.stderr)

    def test_what_is_confirmed_stays_until_it_is_undone(self):
        self.block_by_rule("--confirm", 5)
        confirmed = self.appliance.weirctl("rules", "confirm")
        self.assertEqual(confirmed.returncode, 0, confirmed.stderr)
        time.sleep(6)
        self.assertFalse(self.passes())
        undone = self.appliance.weirctl("rules", "undo")
        self.assertEqual(undone.returncode, 0, undone.stderr)
        self.assertTrue(self.passes())

    def test_kill_9_of_both_programs_delays_it_at_the_most(self):
        self.block_by_rule("--confirm", 20)
        deadline = time.time() + 20
        self.appliance.kill("weir-control")
        self.appliance.kill("weir-dataplane")
        self.appliance.start_dataplane()
        self.appliance.start_control()
        self.assertTrue(self.in_force("cut-off"), "it still waits")
        self.assertFalse(self.passes())
        blocked = self.appliance.weirctl_json("block", "ip", self.lab.clients[1], "--reason", "meanwhile")
        self.addCleanup(self.appliance.weirctl, "unblock", blocked["id"])
        self.appliance.kill("weir-control")
        time.sleep(max(0.0, deadline - time.time() + 1))
        self.assertTrue(self.in_force("cut-off"), "nobody is there to put it back")
        self.appliance.start_control()
        self.assertTrue(wait_for(5, lambda: not self.in_force("cut-off")), "at once")
        self.assertTrue(self.passes())
        self.assertTrue(self.in_force(blocked["id"]), "a block typed meanwhile stays")
        # The file still holds the rule, and a data plane that starts reads it; it is put right.
        self.appliance.kill("weir-dataplane")
        self.appliance.start_dataplane()
        self.assertTrue(wait_for(5, lambda: not self.in_force("cut-off")))
        self.assertTrue(self.passes())

    def test_diff_says_what_apply_then_does(self):
        talk = self.clients.start("talk.py", self.lab.clients[1], self.clients.web,
                                  self.lab.names["LAB_ECHO_PORT"], 20)
        self.addCleanup(talk.stdout.close)
        self.addCleanup(talk.wait, 30)
        self.addCleanup(talk.kill)
        self.assertTrue(talk.stdout.readline())
        self.assertTrue(self.passes())
        client = self.lab.clients[0]
        self.assertTrue(wait_for(20, lambda: self.appliance.sessions("--ip", client, "--port", 80), every=0.3))
        self.write(f"drop port tcp/{self.lab.names['LAB_ECHO_PORT']} id echo\n"
                   "drop host www.lab.example id site\n")
        version = self.policy()["version"]
        diff = self.appliance.weirctl_json("rules", "diff")
        self.assertEqual([rule["id"] for rule in diff["rules"]["added"]], ["echo", "site"])
        live = {change["rule"]: change for change in diff["live"]["changes"]}
        self.assertEqual((live["echo"]["from"], live["echo"]["to"]), ("pass", "drop"), live)
        self.assertEqual(diff["live"]["looked_at"], diff["live"]["total"])
        past = {change["rule"]: change for change in diff["past"]["changes"]}
        self.assertGreaterEqual(past["site"]["count"], 1, diff["past"])
        self.assertIn("www.lab.example:80/tcp", [place["what"] for place in past["site"]["places"]])
        self.assertTrue(diff["past"]["whole"])
        shown = self.appliance.weirctl("rules", "diff")
        self.assertIn("pass -> drop, echo (was: no rule)", shown.stdout, shown.stderr)
        self.assertEqual(self.policy()["version"], version, "nothing was installed")
        dry = self.appliance.weirctl("block", "domain", "lab.example", "--reason", "test", "--dry-run")
        self.assertIn("pass -> drop, block-", dry.stdout, dry.stderr)
        self.assertTrue(self.passes())
        self.apply("--no-canary")
        self.assertFalse(self.passes())
        self.write("drop host unused.example id idle\ndrop domain a.example id wide\n"
                   "drop host www.a.example id behind\n")
        self.apply()
        rules = self.appliance.weirctl("show", "rules").stdout
        self.assertIn("3 never hit since", rules)
        self.assertIn("rule 'behind' is redundant", rules)

    def test_rules_that_stop_all_traffic_are_taken_back(self):
        ping = self.clients.ping(700, 0.01)
        self.addCleanup(ping.stdout.close)
        self.addCleanup(ping.wait, 30)
        self.addCleanup(ping.kill)
        time.sleep(2.5)
        self.write("drop any id everything\n")
        said = self.apply(code=1)
        self.assertIn("were dropped by rules", said)
        self.assertFalse(self.in_force("everything"))
        lost = sum(last - first + 1 for first, last in lost_pings(ping, 700))
        self.assertGreater(lost, 100, "it was in force")
        self.assertLess(lost, 350, "for about two seconds")
        self.assertTrue(self.operations()[0][2].startswith("refused: canary"), self.operations()[0])


if __name__ == "__main__":
    harness.main()

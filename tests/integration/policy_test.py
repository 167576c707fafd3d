"""Rules about the link and about the time, with real clients."""

import datetime
import json
import time

import harness
from weirlab import wait_for

PROTECT = "protect ip {dns}\n"
SITE = "http://www.lab.example/"


def clock(moment):
    return moment.strftime("%H:%M")


class Policy(harness.ApplianceTest):
    def apply(self, text):
        self.appliance.rules.write_text(PROTECT.format(dns=self.lab.names["LAB_DNS4"]) + text, encoding="utf-8")
        applied = self.appliance.weirctl("rules", "apply")
        self.assertEqual(applied.returncode, 0, applied.stderr or applied.stdout)

    def passes(self, client=0):
        return self.clients.curl(self.lab.clients[client], SITE, seconds=3)[0]

    def version(self):
        return self.appliance.ask({"cmd": "policy.status"})["policy"]["version"]

    def campus_mac(self):
        """What the campus's frames carry on the bridge."""
        route = json.loads(self.lab.run("campus", "ip", "-j", "route", "get", self.clients.web).stdout)
        link = json.loads(self.lab.run("campus", "ip", "-j", "link", "show", "dev", route[0]["dev"]).stdout)
        return link[0]["address"]

    def test_a_mac_is_quarantined_and_let_go(self):
        mac = self.campus_mac()
        self.apply(f"drop mac {mac} id quarantine\n")
        self.assertFalse(self.passes())
        why = self.appliance.weirctl("why", self.lab.clients[0], "www.lab.example:80", "--mac", mac)
        self.assertIn("quarantine", why.stdout)
        self.apply("drop mac 02:00:00:00:ff:ff id quarantine\n")
        self.assertTrue(self.passes())

    def test_a_mac_is_blocked_by_name_of_who_typed_it(self):
        self.apply("")
        mac = self.campus_mac()
        blocked = self.appliance.weirctl("block", "mac", mac, "--for", "10m", "--reason", "infected")
        self.assertEqual(blocked.returncode, 0, blocked.stderr)
        self.assertFalse(self.passes())
        block = self.appliance.weirctl_json("blocks")["blocks"][0]
        self.assertEqual(block["rule"].split(" until ")[0], f"drop mac {mac}")
        self.assertEqual(self.appliance.weirctl("unblock", block["id"]).returncode, 0)
        self.assertTrue(self.passes())

    def test_a_vlan_that_is_not_there_blocks_nothing(self):
        self.apply("drop vlan 0-4094\n")
        self.assertTrue(self.passes())

    def test_a_rule_is_off_outside_of_its_timetable(self):
        far = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=11)
        span = f"{clock(far)}-{clock(far + datetime.timedelta(hours=2))}"
        self.apply(f"time far = {span} zone UTC\ndrop port tcp/80 id quiet during far\n")
        self.assertTrue(self.passes())
        self.assertIn("not now", self.appliance.weirctl("show", "rules").stdout)
        why = self.appliance.weirctl("why", self.lab.clients[0], "www.lab.example:80")
        self.assertIn("only during 'far'", why.stdout)
        version = self.version()
        time.sleep(1)
        self.assertEqual(self.version(), version, "compiled once, until the timetable changes")
        self.apply("time always = Mon-Sun zone Asia/Shanghai\ndrop port tcp/80 id quiet during always\n")
        self.assertFalse(self.passes())

    def test_a_timetable_that_begins_ends_a_live_conversation(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        begin = now.replace(second=0, microsecond=0) + datetime.timedelta(minutes=1 if now.second < 52 else 2)
        span = f"{clock(begin)}-{clock(begin + datetime.timedelta(minutes=30))}"
        port = self.lab.names["LAB_ECHO_PORT"]
        self.apply(f"time soon = {span} zone UTC\ndrop port tcp/{port} id quiet during soon\n")
        talk = self.clients.start("talk.py", self.lab.clients[1], self.clients.web, port, 90)
        self.addCleanup(talk.stdout.close)
        self.addCleanup(talk.wait, 30)
        self.addCleanup(talk.kill)
        answers = [float(line) for line in talk.stdout]  # until the conversation ends
        self.assertTrue(answers, "the conversation never began")
        self.assertLess(answers[0], begin.timestamp())
        self.assertLess(answers[-1], begin.timestamp() + 2, "it ends as the timetable begins")
        self.assertGreater(answers[-1], begin.timestamp() - 2, "and not before")
        self.assertTrue(wait_for(5, lambda: time.time() > begin.timestamp()))
        self.assertTrue(self.passes(), "what the rule is not about goes on")


if __name__ == "__main__":
    harness.main()

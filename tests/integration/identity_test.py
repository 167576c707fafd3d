"""A login and a logout change what passes within a second, live flows too; the unknown meet the portal."""

import sys
import time

import harness
from weirlab import wait_for

SITE = "http://www.lab.example/"
PORTAL = "http://portal.lab.example/login"
# What a login may take, on a machine that does other things as well. It is measured, and printed.
PATIENCE_S = 5


class Logins(harness.ApplianceTest):
    def log_in(self, **accounts):
        """The registry as it is from now on, by client's number (c0="anna"); when that was."""
        self.appliance.write_accounts({self.lab.clients[int(client[1:])]: account
                                       for client, account in accounts.items()})
        return time.time()

    def passes(self, client):
        # Shorter than the second after which an unanswered SYN is sent again.
        return self.clients.curl(self.lab.clients[client], SITE, seconds=0.5)[0]

    def await_told(self, **accounts):
        """Until the data plane knows these, and no others of the clients."""
        def owner(client):
            why = self.appliance.ask({"cmd": "why", "src": client, "dst": self.clients.web, "port": 80})
            return why.get("src_owner", {}).get("account")
        wanted = [accounts.get(f"c{number}", "") for number in range(len(self.lab.clients))]
        told = wait_for(PATIENCE_S, lambda: [owner(client) for client in self.lab.clients] == wanted)
        self.assertTrue(told, self.appliance.weirctl("doctor").stdout)

    def measured(self, what, seconds):
        print(f"{what}: {seconds * 1000:.0f} ms", file=sys.stderr)
        self.assertLess(seconds, PATIENCE_S, what)


class Identity(Logins):
    options = {"rules": "protect ip {dns}\n"
                        "group members = account:/^m[0-9]+$/, account:anna\n"
                        "drop account guest id no-guests\n"
                        "reject port tcp/80, tcp/443 except group members id members-only\n"}

    def setUp(self):
        in_step = wait_for(30, lambda: self.appliance.weirctl_json("status")["policy"]["in_step"])
        self.assertTrue(in_step, "the policy is not in step")
        self.log_in(c3="m4")
        self.await_told(c3="m4")

    def test_a_login_lets_pass_and_a_logout_stops(self):
        self.assertFalse(self.passes(0))
        began = self.log_in(c0="m1", c3="m4")
        self.assertTrue(wait_for(PATIENCE_S, lambda: self.passes(0)), "the login changes nothing")
        self.measured("from login to a page", time.time() - began)
        began = self.log_in(c3="m4")
        asked = time.time()  # when the client began to ask what it was refused
        while self.passes(0):
            asked = time.time()
            self.assertLess(asked - began, PATIENCE_S, "the logout changes nothing")
        self.measured("from logout to a refusal", asked - began)
        self.assertTrue(self.passes(3), "others go on")

    def test_a_live_conversation_ends_when_its_address_changes_hands(self):
        version = self.appliance.ask({"cmd": "policy.status"})["policy"]["version"]
        ends, goes_on = self.begin_conversation(self.lab.clients[1]), self.begin_conversation(self.lab.clients[2])
        before = self.appliance.ask({"cmd": "stats"})["identities"]["flows_rechecked"]
        began = self.log_in(c1="guest", c3="m4")
        answers = [float(line) for line in ends.stdout]  # until the conversation ends
        self.measured("from login to the last answer of a live flow", answers[-1] - began)
        self.assertTrue(goes_on.stdout.readline(), "the other conversation goes on")
        stats = self.appliance.ask({"cmd": "stats"})
        self.assertEqual(stats["policy"]["version"], version, "by the same policy")
        self.assertLessEqual(stats["identities"]["flows_rechecked"] - before, 3, "not all flows are judged again")

    def test_why_names_accounts_and_groups(self):
        why = self.appliance.weirctl_json("why", self.lab.clients[3], f"{self.clients.web}:80")
        self.assertEqual(why["src_owner"], {"account": "m4", "groups": ["members"]})
        self.assertIn("m4, in members", self.appliance.weirctl(
            "why", self.lab.clients[3], f"{self.clients.web}:80").stdout)

    def test_an_import_counts_as_a_login(self):
        file = self.lab.state / "import.csv"
        file.write_text(f"account,ip,mac,group,room,seat\nanna,{self.lab.clients[0]},,,,\n", encoding="utf-8")
        done = self.appliance.weirctl("accounts", "import", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 addresses added, 1 removed", done.stdout)
        self.assertTrue(wait_for(PATIENCE_S, lambda: self.passes(0)))
        self.assertIn("anna", self.appliance.weirctl("accounts", "lookup", self.lab.clients[0]).stdout)

    def test_a_data_plane_that_starts_again_is_told_everything(self):
        self.log_in(c0="m1", c3="m4")
        self.await_told(c0="m1", c3="m4")
        self.appliance.stop("weir-dataplane")
        self.appliance.start_dataplane()
        self.await_told(c0="m1", c3="m4")
        self.assertTrue(self.passes(0))

    def test_a_bad_registry_leaves_the_good_one(self):
        (self.appliance.home / "accounts.csv").write_text("nonsense\n", encoding="utf-8")
        self.assertTrue(wait_for(PATIENCE_S, lambda: "good last" in self.appliance.weirctl("doctor").stdout))
        self.assertTrue(self.passes(3))


class Unknown(Logins):
    options = {"rules": "protect ip {dns}\n",
               "accounts": f'unknown = "portal"\nportal = "{PORTAL}"'}

    def setUp(self):
        in_step = wait_for(30, lambda: self.appliance.weirctl_json("status")["policy"]["in_step"])
        self.assertTrue(in_step, "the policy is not in step")
        self.log_in(c3="m4")
        self.await_told(c3="m4")

    def asked(self, client, url=SITE):
        """Status and Location of one request."""
        done = self.lab.run("campus", "curl", "--silent", "--max-time", "4", "--interface",
                            self.lab.clients[client], "--cacert", self.clients.certificate,
                            "--output", "/dev/null", "--write-out", "%{http_code} %{redirect_url}", url)
        return done.stdout.split()

    def test_the_unknown_are_sent_to_the_portal(self):
        self.assertEqual(self.asked(0), ["302", PORTAL])
        self.assertEqual(self.asked(0, SITE + "?a=b&url=http://evil.example/"), ["302", PORTAL])
        self.assertEqual(self.asked(0, "https://www.lab.example/"), ["000"], "nothing else passes")
        self.assertFalse(self.clients.connect(self.lab.clients[0], self.lab.names["LAB_ECHO_PORT"])[0])
        self.assertTrue(self.clients.dig(self.lab.clients[0], "www.lab.example")[0], "a rule allows DNS")
        self.assertTrue(self.passes(3))
        records = self.appliance.sessions("--ip", self.lab.clients[0])
        self.assertIn(("reject", "unknown-address"), {(r["verdict"], r["rule"]) for r in records})

    def test_a_login_leads_out_of_the_portal(self):
        self.assertEqual(self.asked(1)[0], "302")
        began = self.log_in(c1="m2", c3="m4")
        self.assertTrue(wait_for(PATIENCE_S, lambda: self.passes(1)))
        self.measured("from login at the portal to a page", time.time() - began)

    def test_nobody_is_unknown_before_control_has_told(self):
        for name in ("weir-control", "weir-dataplane"):
            self.appliance.stop(name)
        self.appliance.start_dataplane()
        self.assertTrue(self.passes(0), "fail = \"open\"")
        self.appliance.start_control()
        self.assertTrue(wait_for(PATIENCE_S, lambda: self.asked(0)[0] == "302"))


if __name__ == "__main__":
    harness.main()

"""RADIUS accounting by radclient: a log-in names the account of a live session, and rules follow it."""

import ipaddress
import json
import re
import subprocess
import time

import harness
from weirlab import wait_for

SECRET = "secret-of-the-lab"
HOST = "www.lab.example"
SITE = f"http://{HOST}/"
NAS_CHOOSES = "255.255.255.254"  # RFC 2865 §5.8: no address
RULES = "protect ip {dns}\ndrop account s20239999 id expelled\n"


class Radius(harness.ApplianceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clients = cls.appliance.home / "radius_clients.csv"
        clients.write_text(f"nas,secret,name\n127.0.0.1,{SECRET},lab\n", encoding="utf-8")
        clients.chmod(0o600)
        cls.appliance.rules.write_text(RULES.format(dns=cls.lab.names["LAB_DNS4"]), encoding="utf-8")
        cls.appliance.stop_all()
        config = cls.appliance.config.read_text(encoding="utf-8")
        section = f'[accounts]\nradius_clients = "{clients}"\nradius_listen = "127.0.0.1:0"\n'
        config = re.sub(r"\[accounts\]\n", section, config) if "[accounts]" in config else config + "\n" + section
        cls.appliance.config.write_text(config, encoding="utf-8")
        cls.appliance.start_dataplane()
        cls.appliance.start_control()

    def radius(self):
        return self.appliance.weirctl_json("status")["accounts"]["radius"]

    def account(self, status, session, user, address, *more, secret=SECRET, timeout=3):
        """Whether radclient got an answer."""
        attributes = [f"Acct-Status-Type = {status}", f'Acct-Session-Id = "{session}"', f'User-Name = "{user}"',
                      f"Framed-IP-Address = {address}", *more]
        done = subprocess.run(["radclient", "-r", "1", "-t", str(timeout), f"127.0.0.1:{self.radius()['port']}", "acct",
                               secret], input=",".join(attributes), capture_output=True, text=True, timeout=30, check=False)
        return done.returncode == 0

    def passes(self, source):
        return self.clients.curl(source, SITE, seconds=2)[0]

    def test_a_login_names_and_a_rule_follows(self):
        client = self.lab.clients[2]
        self.assertTrue(self.passes(client))
        self.assertTrue(self.account("Start", "a1", "s20239999", client, "Calling-Station-Id = 02-00-5E-10-00-03"))
        self.assertTrue(wait_for(2, lambda: not self.passes(client)), "the rule about the account")
        why = self.appliance.weirctl("why", client, f"{HOST}:80").stdout
        self.assertIn("expelled", why)
        found = self.appliance.weirctl_json("accounts", "lookup", client)["bindings"][0]
        self.assertEqual((found["account"], found["source"]), ("s20239999", "radius"))
        self.assertTrue(self.account("Stop", "a1", "s20239999", client, "Acct-Session-Time = 5",
                                     "Acct-Terminate-Cause = User-Request"))
        self.assertTrue(wait_for(2, lambda: self.passes(client)), "logged out")

    def test_rules_and_sessions_follow_a_delegated_prefix(self):
        client = self.lab.clients6[2]
        registry = self.appliance.home / "accounts.csv"
        rows = registry.read_text(encoding="utf-8").splitlines(keepends=True)
        registry.write_text("".join(row for row in rows if f",{client}," not in row), encoding="utf-8")
        self.assertTrue(wait_for(5, lambda: self.appliance.weirctl("accounts", "lookup", client).returncode == 1),
                        "a row of the address would go before")
        prefix = str(ipaddress.ip_network((client, 124), strict=False))
        self.assertTrue(self.passes(client))
        self.assertTrue(self.account("Start", "p1", "s20239999", NAS_CHOOSES, f"Delegated-IPv6-Prefix = {prefix}"))
        self.assertTrue(wait_for(2, lambda: not self.passes(client)), "the rule about the account")
        self.assertIn("expelled", self.appliance.weirctl("why", client, f"{HOST}:80").stdout)
        for what in (client, prefix, "s20239999"):
            found = self.appliance.weirctl_json("accounts", "lookup", what)["bindings"][0]
            self.assertEqual((found["account"], found["source"]), ("s20239999", "radius"), what)
        self.assertTrue(self.account("Stop", "p1", "s20239999", NAS_CHOOSES, f"Delegated-IPv6-Prefix = {prefix}"))
        self.assertTrue(wait_for(2, lambda: self.passes(client)), "logged out")
        wanted = ipaddress.ip_address(client)
        self.assertTrue(wait_for(10, lambda: any(ipaddress.ip_address(session["src_ip"]) == wanted
                                                 for session in self.appliance.sessions("--account", "s20239999"))))

    def test_sessions_bear_account_and_login(self):
        client = self.lab.clients[1]
        self.assertTrue(self.account("Start", "b1", "s20230017", client))
        self.assertTrue(self.passes(client))
        self.assertTrue(wait_for(10, lambda: self.appliance.sessions("--account", "s20230017")))
        session = self.appliance.sessions("--account", "s20230017")[0]
        self.assertEqual(session["src_ip"], client)
        self.assertTrue(session["login_time"])

    def test_who_had_an_address_at_a_moment(self):
        address = "10.20.0.99"
        hour = int(time.time()) - 3600
        self.assertTrue(self.account("Start", "c1", "anna", address, f"Event-Timestamp = {hour}"))
        self.assertTrue(self.account("Stop", "c1", "anna", address, f"Event-Timestamp = {hour + 600}",
                                     "Acct-Session-Time = 600"))
        self.assertTrue(self.account("Start", "c2", "ben", address, f"Event-Timestamp = {hour + 1200}"))

        def when(at):
            return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))

        def who(at):
            ran = self.appliance.weirctl("-j", "accounts", "lookup", address, "--at", when(at))
            return "" if ran.returncode else re.search(r'"account":\s*"(\w*)"', ran.stdout)[1]

        self.assertEqual([who(hour - 1), who(hour), who(hour + 599), who(hour + 600), who(hour + 1200)],
                         ["", "anna", "anna", "", "ben"])
        anna = self.appliance.weirctl_json("accounts", "lookup", address, "--at", when(hour))["bindings"][0]
        self.assertEqual((anna["until"][:19] + "Z", anna["confidence"]), (when(hour + 600), "told"))

        def between(first, last):
            span = ("--from", when(first), "--to", when(last))
            ran = self.appliance.weirctl("-j", "accounts", "history", address, *span)
            return [] if ran.returncode else [login["account"] for login in json.loads(ran.stdout)["logins"]]

        self.assertEqual(between(hour + 599, hour + 1201), ["ben", "anna"])
        self.assertEqual(between(hour + 600, hour + 1200), [])
        table = self.appliance.weirctl("accounts", "history", address).stdout
        self.assertLess(table.index("ben"), table.index("anna"))

    def test_what_is_acknowledged_survives_a_crash(self):
        self.assertTrue(self.account("Start", "d1", "carl", "10.20.0.98"))
        self.appliance.kill("weir-control")
        self.appliance.start_control()
        found = self.appliance.weirctl_json("accounts", "lookup", "10.20.0.98")["bindings"][0]
        self.assertEqual(found["account"], "carl")
        self.assertTrue(self.account("Stop", "d1", "carl", "10.20.0.98"))
        self.assertEqual(self.appliance.weirctl("accounts", "lookup", "10.20.0.98").returncode, 1)

    def test_a_wrong_secret_is_counted_and_not_answered(self):
        before = self.radius()["refused"]["secret"]
        self.assertFalse(self.account("Start", "e1", "eve", "10.20.0.97", secret="another-secret", timeout=1))
        self.assertGreater(self.radius()["refused"]["secret"], before)
        self.assertEqual(self.appliance.weirctl("accounts", "lookup", "10.20.0.97").returncode, 1)


if __name__ == "__main__":
    harness.PROGRAMS += ("radclient",)
    harness.main()

"""The example rules that Weir ships, with the lab's addresses in them, and real clients."""

import subprocess
import sys

import harness
from weirlab import wait_for

EXAMPLES = harness.ROOT / "rules" / "default" / "examples"
OTHER_MAC = "02:77:00:00:00:99"
FAR4, FAR6 = "198.51.100.99", "2001:db8:51::99"  # one more host outside
CONNECT = """\
import socket, sys
with socket.create_connection((sys.argv[2], int(sys.argv[3])), 2, (sys.argv[1], 0)) as link:
    link.sendall(b"hello")
    sys.exit(not link.recv(5))
"""


class DefaultRules(harness.ApplianceTest):
    options = {"rules": "protect ip {dns}\n"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mac = cls.lab.names["LAB_CAMPUS_MAC"]
        cls.one, cls.two, cls.three, cls.four = cls.lab.clients
        for address in (f"{FAR4}/24", f"{FAR6}/64"):
            cls.lab.run("internet", "ip", "address", "add", address, "dev", "eth0", "nodad")
        echo = harness.ROOT / "scripts" / "lib" / "echo_server.py"
        ports = (22, 25, 587)
        cls.serve("internet", sys.executable, "-B", echo, cls.clients.web, FAR4, FAR6, *ports)
        cls.serve("campus", sys.executable, "-B", echo, cls.two, 25, 8080)
        tls = cls.lab.state / "tls"
        cls.serve("campus", "openssl", "s_server", "-quiet", "-www", "-accept", f"{cls.two}:443",
                  "-cert", tls / "server.crt", "-key", tls / "server.key")
        # Whatever a test below finds refused is reached without its rules.
        if not wait_for(10, cls.everything_is_reached):
            raise RuntimeError("the servers of this test do not answer")

    @classmethod
    def serve(cls, where, *command):
        server = subprocess.Popen(cls.lab.command(where, *command), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(server.wait, 10)
        cls.addClassCleanup(server.terminate)

    @classmethod
    def everything_is_reached(cls):
        return (all(cls.reaches(client, host, port) for client in cls.lab.clients
                    for host in (FAR4, cls.clients.web) for port in (22, 25, 587))
                and all(cls.reaches(client, FAR6, port) for client in cls.lab.clients6 for port in (22, 25))
                and all(cls.reaches(FAR4, cls.two, port, where="internet") for port in (25, 8080))
                and all(cls.visits(name) for name in ("www.campus.example", "unfiled.example", cls.two)))

    @classmethod
    def reaches(cls, source, target, port, where="campus"):
        """An exchange of words, not only a handshake."""
        return cls.lab.run(where, sys.executable, "-c", CONNECT, source, target, port).returncode == 0

    @classmethod
    def visits(cls, name, *options, scheme="https"):
        """One GET from outside to the campus's web server, under that name."""
        done = cls.lab.run("internet", "curl", "--silent", "--insecure", "--max-time", 3, "--interface", FAR4,
                           "--resolve", f"{name}:443:{cls.two}", *options, f"{scheme}://{name}/")
        return done.returncode == 0 and "Ciphers supported" in done.stdout

    def tearDown(self):
        super().tearDown()
        for file in self.appliance.rules.parent.glob("*.rules"):
            if file != self.appliance.rules:
                file.unlink()

    def write(self, name, text):
        (self.appliance.rules.parent / name).write_text(text, encoding="utf-8")

    def apply(self):
        applied = self.appliance.weirctl("rules", "apply")
        self.assertEqual(applied.returncode, 0, applied.stderr or applied.stdout)

    def apply_example(self, name, **sets):
        """The shipped file, with other addresses in its sets and other words where they stand."""
        lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
        words = sets.pop("words", {})
        for number, line in enumerate(lines):
            fields = line.split()
            if fields[:1] == ["set"] and fields[1].replace("-", "_") in sets:
                lines[number] = f"set {fields[1]} = {sets.pop(fields[1].replace('-', '_'))}"
        self.assertEqual(sets, {}, "no such set in the example")
        text = "\n".join(lines) + "\n"
        for old, new in words.items():
            self.assertIn(old, text)
            text = text.replace(old, new)
        self.write(name, text)
        self.apply()

    def set_mac(self, mac):
        self.lab.run("campus", "ip", "link", "set", "eth0", "address", mac)
        for where in ("campus", "internet"):
            self.lab.run(where, "ip", "neigh", "flush", "all")

    def assert_found(self, rule, rule_class):
        found = wait_for(15, lambda: [incident for incident in self.appliance.incidents()
                                      if incident["rule"] == rule], every=0.3)
        self.assertTrue(found, f"no incident of {rule}")
        self.assertEqual(found[0]["class"], rule_class)

    def test_zones(self):
        self.apply_example("30-zones.rules", dormitory=self.four, teaching=self.one, servers=self.clients.web,
                           management=f"{self.three}, {FAR4}")
        self.assertTrue(self.clients.curl(self.four, "https://shop.lab.example/")[0])
        self.assertFalse(self.reaches(self.four, self.clients.web, 587))
        self.assertTrue(self.reaches(self.one, self.clients.web, 587), "teaching may hand mail in")
        self.assertFalse(self.reaches(self.one, self.clients.web, 22))
        self.assertFalse(self.reaches(self.four, FAR4, 22))
        self.assertTrue(self.reaches(self.three, FAR4, 22))
        self.assertTrue(self.reaches(self.three, self.clients.web, 22), "management may go anywhere")
        self.assertFalse(self.reaches(self.clients.web, self.four, 25, where="internet"))
        self.assert_found("zone-dormitory-servers", "zone")
        self.assert_found("zone-to-management", "zone")
        self.assert_found("zone-servers-users", "zone")

    def test_mail(self):
        self.apply_example("40-mail.rules", mail_servers=f"{self.three}, 2001:db8:20::13")
        self.assertFalse(self.reaches(self.four, FAR4, 25))
        self.assertFalse(self.reaches("2001:db8:20::14", FAR6, 25))
        self.assertTrue(self.reaches(self.three, FAR4, 25))
        self.assertTrue(self.reaches("2001:db8:20::13", FAR6, 25))
        self.assertTrue(self.reaches(self.four, FAR4, 587), "submission passes")
        self.assertFalse(self.reaches(FAR4, self.two, 25, where="internet"), "not a registered server")
        self.assert_found("mail-direct", "spam")
        self.assert_found("mail-inbound", "spam")

    def test_quarantine(self):
        self.apply_example("10-quarantine.rules", remediation=f"{self.clients.web}, {FAR6}",
                           words={"02:00:5e:10:00:02": self.mac, "s20230017": "s2023002"})
        self.assertFalse(self.reaches(self.four, FAR4, 22))
        self.assertFalse(self.reaches(FAR4, self.two, 8080, where="internet"))
        self.assertTrue(self.reaches("2001:db8:20::14", FAR6, 22), "the remediation host")
        self.assertTrue(self.clients.curl(self.four, "https://shop.lab.example/")[0], "and its names by DNS")
        self.addCleanup(self.set_mac, self.mac)
        self.set_mac(OTHER_MAC)
        self.assertTrue(self.reaches(self.four, FAR4, 22), "another device")
        self.assertFalse(self.reaches(self.two, FAR4, 22), "the account, on whatever device")
        self.assertTrue(self.reaches(self.two, self.clients.web, 22), "the remediation host")

    def test_filed_sites(self):
        self.apply_example("50-filed-sites.rules", web_servers=self.two)
        self.assertTrue(self.visits("www.campus.example"))
        self.assertTrue(self.visits("catalog.lib.campus.example"))
        self.assertFalse(self.visits("unfiled.example"))
        self.assertFalse(self.visits("x.www.campus.example"))
        self.assertFalse(self.visits(self.two), "no name at all")
        self.assertFalse(self.reaches(FAR4, self.two, 8080, where="internet"))
        self.assertTrue(self.reaches(FAR4, self.two, 25, where="internet"), "not the web")
        self.assert_found("unfiled-site", "unfiled")

    def test_bindings(self):
        registry = self.lab.state / "bound.csv"
        registry.write_text("account,ip,mac,group,room,seat\n"
                            f"s1,{self.one},{self.mac},,,\n"
                            f"s1,2001:db8:20::11,{self.mac},,,\n"
                            f"s2,{self.two},{OTHER_MAC},,,\n", encoding="utf-8")
        subprocess.run([harness.ROOT / "scripts" / "bindings", "--verb", "drop", "--range", "10.20.0.0/24", "--output",
                        self.appliance.rules.parent / "20-bindings.rules", registry], check=True, capture_output=True)
        self.apply()
        self.assertTrue(self.reaches(self.one, FAR4, 22))
        self.assertTrue(self.reaches("2001:db8:20::11", FAR6, 22))
        self.assertFalse(self.reaches(self.two, FAR4, 22), "an address of another device")
        self.assertFalse(self.reaches(FAR4, self.two, 8080, where="internet"), "nor may it be called")
        self.assertFalse(self.reaches(self.four, FAR4, 22), "an address that nobody registered")
        self.assert_found(f"bind-{self.two}", "address-taken")
        self.assert_found("bind-unregistered", "address-changed")
        self.addCleanup(self.set_mac, self.mac)
        self.set_mac(OTHER_MAC)
        self.assertTrue(self.reaches(self.two, FAR4, 22))
        self.assertFalse(self.reaches(self.one, FAR4, 22))
        self.assertFalse(self.reaches("2001:db8:20::11", FAR6, 22))

    def test_what_protect_finds_always_wins(self):
        dns, file = self.clients.dns_server, self.appliance.rules.parent / "zz-protect.rules"
        # In the campus's namespace as on an appliance: its resolver is the lab's. Its own addresses are the clients'.
        found = self.lab.run("campus", harness.ROOT / "scripts" / "protect", "--write", file,
                             "--replay", self.appliance.program("weir-replay"), timeout=60)
        self.assertEqual(found.returncode, 0, found.stderr)
        lines = file.read_text(encoding="utf-8").splitlines()
        self.assertTrue(any(line.startswith(f"protect ip {dns} ") for line in lines), lines)
        lines = [line for line in lines if "# this machine, " not in line] + ["protect host www.lab.example"]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.appliance.rules.parent / "bad.txt").write_text("www.lab.example\nshop.lab.example\n", encoding="ascii")
        self.addCleanup((self.appliance.rules.parent / "bad.txt").unlink)
        own = self.appliance.rules.read_text(encoding="utf-8")
        self.addCleanup(self.appliance.rules.write_text, own, encoding="utf-8")
        self.appliance.rules.write_text(f'list bad from "bad.txt"\ndrop list bad\ndrop ip {dns}\n'
                                        "drop host www.lab.example\n", encoding="utf-8")
        self.apply()
        self.assertTrue(self.clients.dig(self.one, "www.lab.example")[0])
        self.assertTrue(self.clients.curl(self.one, "https://www.lab.example/")[0])
        self.assertFalse(self.clients.curl(self.one, "https://shop.lab.example/", seconds=3)[0])
        for kind, value in (("ip", dns), ("host", "www.lab.example")):
            refused = self.appliance.weirctl("block", kind, value, "--reason", "integration test")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn("protected: ", refused.stderr)
        self.assertEqual(self.appliance.weirctl_json("blocks"), {"blocks": []})

    def test_doctor_misses_protection(self):
        def protection():
            report = self.appliance.weirctl_json("doctor")
            return [check["level"] for check in report["checks"] if check["part"] == "protect"]

        self.apply()
        self.assertEqual(protection(), ["ok"])
        own = self.appliance.rules.read_text(encoding="utf-8")
        self.addCleanup(self.appliance.rules.write_text, own, encoding="utf-8")
        self.appliance.rules.write_text("monitor port tcp/25\n", encoding="utf-8")
        self.apply()
        self.assertEqual(protection(), ["warn"])


if __name__ == "__main__":
    harness.main()

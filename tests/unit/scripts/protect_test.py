"""scripts/protect: what a made-up machine cannot do without becomes `protect` rules."""

import json
import os
import pty

import script_test

GATEWAY4 = [{"dst": "default", "gateway": "10.0.0.1", "dev": "eth0"}]
GATEWAY6 = [{"dst": "default", "nexthops": [{"gateway": "fe80::1"}, {"via": {"host": "2001:db8::1"}}]}]
ADDRESSES = [{"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "scope": "host"}]},
             {"ifname": "eth0", "addr_info": [{"local": "10.0.0.2", "scope": "global"},
                                              {"local": "fe80::2", "scope": "link"},
                                              {"local": "2001:db8::2", "scope": "global"}]}]


class Protect(script_test.ScriptTest):
    script = "protect"

    def put(self, path, text):
        file = self.folder / "root" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def say(self, command, text):
        self.put(f"/commands/{command}", text if isinstance(text, str) else json.dumps(text))

    def protect(self, *options, **more):
        (self.folder / "root").mkdir(exist_ok=True)
        return self.run_script("--root", self.folder / "root", "--replay", script_test.replay, *options, **more)

    def rules(self, *options):
        text = self.protect(*options).stdout
        self.assert_rules(text)
        return [line.partition("#")[0].strip() for line in text.splitlines() if not line.startswith("#")]

    def test_gateways_and_own_addresses(self):
        self.say("route4", GATEWAY4)
        self.say("route6", GATEWAY6)
        self.say("address", ADDRESSES)
        self.assertEqual(self.rules(), [
            "protect ip 10.0.0.1", "protect ip 10.0.0.2", "protect ip 2001:db8::1", "protect ip 2001:db8::2",
            "protect ip fe80::1"])
        self.assertIn("protect ip 10.0.0.1     # default gateway (ip -4 -j route show default)\n",
                      self.protect().stdout)

    def test_resolvers_from_files_and_resolved(self):
        self.put("/etc/resolv.conf", "# nameserver 10.9.9.9\nnameserver 127.0.0.53\nnameserver 10.0.0.53 \n")
        self.put("/run/systemd/resolve/resolv.conf", "nameserver 2001:db8::53\nsearch campus.example\n")
        self.say("resolvectl", "Global:\nLink 2 (eth0): 10.0.0.54#dns.example 10.0.0.53\nLink 3 (eth1):\n")
        self.assertEqual(self.rules(), ["protect ip 10.0.0.53", "protect ip 10.0.0.54", "protect ip 2001:db8::53"])
        self.assertIn("# DNS (/etc/resolv.conf); DNS (resolvectl dns)\n", self.protect().stdout)

    def test_the_newest_lease(self):
        lease = "lease {{\n  option routers 10.0.{0}.1;\n  option domain-name-servers 10.0.{0}.53, 10.0.{0}.54;\n" \
                "  option dhcp-server-identifier 10.0.{0}.67;\n}}\n"
        self.put("/var/lib/dhcp/dhclient.eth0.leases", lease.format(1) + lease.format(2))
        self.put("/run/systemd/netif/leases/2", "# private\nROUTER=10.0.3.1\nDNS=10.0.3.53 10.0.3.54\nNTP=10.0.3.123\n")
        self.assertEqual(self.rules(), [f"protect ip 10.0.{rest}" for rest in (
            "2.1", "2.53", "2.54", "2.67", "3.1", "3.53", "3.54", "3.123")])

    def test_log_in_servers(self):
        self.put("/etc/weir/weir.toml", '[ports]\ninside = "10.7.7.7"\n[accounts]\nregistry = "a.csv"\n'
                                        'portal = "https://portal.campus.example:8443/login"\n'
                                        '[[accounts.nas]]\nip = "10.0.0.5"\nsecret = "x"\n')
        self.put("/etc/freeradius/3.0/clients.conf", "client a {\n\tipaddr = 10.0.0.6  # a switch\n}\n"
                                                     "client b {\n\tipv6addr = 2001:db8::6\n}\n")
        self.put("/etc/krb5.conf", "[realms]\nX = {\n kdc = kdc.campus.example:88\n admin_server = kdc.campus.example\n}\n")
        self.put("/etc/nslcd.conf", "uid nslcd\nuri ldap://ldap.campus.example/ ldaps://[2001:db8::39]:636\n")
        self.put("/etc/sssd/sssd.conf", "[domain/x]\nldap_uri = ldaps://dir.campus.example, ldap://10.0.0.9\n"
                                        "krb5_server = _srv_, kdc2.campus.example\n")
        self.put("/commands/getent", "10.0.0.80 portal.campus.example\n10.0.0.88 kdc.campus.example\n2001:db8::88 kdc.campus.example\n")
        self.assertEqual(self.rules(), [
            "protect ip 10.0.0.5", "protect ip 10.0.0.6", "protect ip 10.0.0.9", "protect ip 10.0.0.80",
            "protect ip 10.0.0.88",
            "protect ip 2001:db8::6", "protect ip 2001:db8::39", "protect ip 2001:db8::88",
            "protect host dir.campus.example", "protect host kdc.campus.example",
            "protect host kdc2.campus.example", "protect host ldap.campus.example",
            "protect host portal.campus.example"])

    def test_managers(self):
        self.put("/etc/ssh/sshd_config", "#Port 2022\nPort 2222\n")
        self.say("sessions", "0 0 10.0.0.2:22 10.0.9.1:50000\n"
                             "0 36 [2001:db8::2]:2222 [2001:db8:9::1]:50001\n"
                             "0 0 [::ffff:10.0.0.2]:22 [::ffff:10.0.9.2]:50002\n"
                             "0 0 10.0.0.2:50003 198.51.100.1:443\n")
        self.put("/etc/chrony/chrony.conf", "server ntp.campus.example iburst\npool 2.pool.example iburst\n")
        self.put("/etc/ntp.conf", "server 127.127.1.0\nserver 10.0.0.123\n")
        self.put("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=no.example\nNTP=10.0.0.124\n")
        self.put("/etc/rsyslog.d/out.conf", '#*.* @10.1.1.1\n*.* @@(o)log.campus.example:514\nauth.* @10.0.0.10\n'
                                            'action(type="omfwd" target="10.0.0.11" port="514")\n')
        self.assertEqual(self.rules(), [
            "protect ip 10.0.0.10", "protect ip 10.0.0.11", "protect ip 10.0.0.123", "protect ip 10.0.0.124",
            "protect ip 10.0.9.1", "protect ip 10.0.9.2", "protect ip 2001:db8:9::1",
            "protect host 2.pool.example", "protect host log.campus.example", "protect host ntp.campus.example"])

    def test_what_is_bad_is_a_warning_and_the_rest_counts(self):
        self.say("route4", GATEWAY4)
        self.say("route6", "no JSON")
        self.say("address", '{"a": [1, null]}')
        self.say("sessions", "garbage\n")
        self.put("/etc/weir/weir.toml", "[accounts\n")
        self.put("/etc/resolv.conf", b"nameserver 300.1.1.1\nnameserver \xff\xfe\nnameserver 224.0.0.1\n")
        self.put("/etc/freeradius/3.0/clients.conf", "ipaddr = 10.0.0.0/8\nipaddr = *\nipaddr = intranet\n")
        self.put("/etc/krb5.conf", b"kdc = \x00 allow any\nkdc = [::1\n" + 300 * b"kdc")
        (self.folder / "root/etc/ntp.conf").mkdir()
        self.assertEqual(self.rules(), ["protect ip 10.0.0.1"])
        said = self.protect().stderr
        for warning in ("ip -6 -j route show default: what it says is not JSON", "'300.1.1.1' is neither",
                        "10.0.0.0/8 is a whole network", "'intranet' is neither", "'garbage' is no connection",
                        "/etc/weir/weir.toml: ", "'*' is neither"):
            self.assertIn(warning, said)

    def test_an_empty_machine_is_refused(self):
        file = self.folder / "00-protect.rules"
        self.assertIn("nothing was found", self.protect("--write", file, code=1).stderr)
        self.assertFalse(file.exists())

    def test_the_same_machine_gives_the_same_file(self):
        self.say("route4", GATEWAY4)
        file = self.folder / "00-protect.rules"
        self.protect("--write", file)
        first = file.read_bytes(), file.stat().st_mtime_ns
        self.assertIn("holds this already", self.protect("--write", file).stderr)
        self.assertEqual((file.read_bytes(), file.stat().st_mtime_ns), first)
        self.assert_rules(file.read_text(encoding="utf-8"))

    def test_a_file_nobody_edited_follows_the_machine(self):
        file = self.folder / "00-protect.rules"
        self.say("route4", GATEWAY4)
        self.protect("--write", file)
        self.say("route4", [{"gateway": "10.0.0.254"}])
        self.assertIn("no longer found, and gone from the file: protect ip 10.0.0.1",
                      self.protect("--write", file).stderr)
        self.assertIn("protect ip 10.0.0.254", file.read_text(encoding="utf-8"))

    def test_a_file_that_was_edited_is_left_alone(self):
        file = self.folder / "00-protect.rules"
        self.say("route4", GATEWAY4)
        self.protect("--write", file)
        written = file.read_text(encoding="utf-8")
        self.say("route4", [{"gateway": "10.0.0.254"}])
        for edited in (written + "protect domain portal.example\n", "# mine\n" + written, "protect ip 10.0.0.9\n", ""):
            file.write_text(edited, encoding="utf-8")
            self.assertIn("was edited", self.protect("--write", file, code=1).stderr)
            self.assertEqual(file.read_text(encoding="utf-8"), edited)
        self.protect("--write", file, "--force")
        self.assertIn("protect ip 10.0.0.254", file.read_text(encoding="utf-8"))

    def test_nothing_is_written_unasked(self):
        file = self.folder / "00-protect.rules"
        self.say("route4", GATEWAY4)
        self.assertIn("nothing written", self.protect("--ask", file, input="y\n").stderr)  # no terminal
        self.protect()
        for answer, written in (("\n", False), ("n\n", False), ("y\n", True)):
            keyboard, terminal = pty.openpty()
            os.write(keyboard, answer.encode())
            self.protect("--ask", file, stdin=terminal)
            os.close(terminal)
            os.close(keyboard)
            self.assertEqual(file.exists(), written)


if __name__ == "__main__":
    script_test.main()

"""DHCP with a real server and a real client: a lease names the account of an address, rules follow, a release ends it."""

import signal
import subprocess
import sys

import harness
from weirlab import wait_for

SERVER = "10.20.0.254"
MAC = "02:00:5e:20:00:0a"
STRANGER = "02:00:5e:20:00:0b"
SITE = "http://www.lab.example/"
# udhcpc says here what it was given; the address stays when the lease is over, so that its traffic can be seen.
SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address replace "$ip/24" dev "$interface"
echo "$ip" > "{file}"
"""
# A DHCPACK for everybody, by whoever has this address in the campus.
ROGUE = """
import socket, struct, sys
body = struct.pack(">BBBBIHH", 2, 1, 6, 0, 7, 0, 0) + bytes(4) + socket.inet_aton("10.20.0.77") + bytes(8)
body += bytes.fromhex("02005e20000a") + bytes(10 + 192) + b"\\x63\\x82\\x53\\x63\\x35\\x01\\x05\\x33\\x04\\0\\0\\x0e\\x10\\xff"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.bind((sys.argv[1], 67))
    link.sendto(body, ("198.51.100.10", 68))
"""


class Dhcp(harness.ApplianceTest):
    # The kernel chooses from which of its addresses the server answers.
    options = {"rules": "protect ip {dns}\nallow port udp/67-68\ndrop account anna id expelled\n",
               "accounts": f'dhcp_servers = ["{SERVER}", "198.51.100.0/24"]'}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.appliance.home / "accounts.csv").write_text(
            f"account,ip,mac,group,room,seat\nanna,,{MAC},students,library,7\n", encoding="utf-8")
        cls.lab.run("internet", "ip", "address", "add", f"{SERVER}/24", "dev", "eth0")
        leases = cls.lab.state / "dnsmasq.leases"
        cls.server = subprocess.Popen(cls.lab.command(
            "internet", "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--port=0", "--user=root",
            "--bind-dynamic", "--interface=eth0", "--dhcp-range=10.20.0.100,10.20.0.150,255.255.255.0,120s",
            f"--dhcp-leasefile={leases}", "--dhcp-authoritative", "--no-ping", "--pid-file=", "--log-facility=-"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(cls.server.wait, 10)
        cls.addClassCleanup(cls.server.terminate)

    def ask_for_address(self, interface, mac):
        """A machine of the campus with that MAC address, and the address that it is given."""
        self.lab.run("campus", "ip", "link", "add", interface, "link", "eth0", "address", mac, "type", "macvlan", "mode",
                     "bridge")
        self.addCleanup(self.lab.run, "campus", "ip", "link", "del", interface)
        self.lab.run("campus", "ip", "link", "set", interface, "up")
        given = self.lab.state / f"{interface}.address"
        given.unlink(missing_ok=True)
        script = self.lab.state / f"{interface}.sh"
        script.write_text(SCRIPT.format(file=given), encoding="utf-8")
        script.chmod(0o755)
        client = subprocess.Popen(self.lab.command("campus", "udhcpc", "-f", "-i", interface, "-t", 10, "-T", 1, "-s", script),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait, 10)
        self.addCleanup(client.kill)
        address = wait_for(20, lambda: given.exists() and given.read_text(encoding="utf-8").strip())
        self.assertTrue(address, "the server gave no address")
        return client, address

    def lookup(self, address):
        ran = self.appliance.weirctl("accounts", "lookup", address)
        return None if ran.returncode else self.appliance.weirctl_json("accounts", "lookup", address)["bindings"][0]

    def passes(self, source):
        return self.clients.curl(source, SITE, seconds=2)[0]

    def seen(self, what):
        return self.appliance.ask({"cmd": "stats"})["dhcp"][what]

    def test_a_lease_names_and_a_rule_follows(self):
        client, address = self.ask_for_address("dh0", MAC)
        found = wait_for(10, lambda: self.lookup(address))
        self.assertTrue(found, self.appliance.weirctl("doctor").stdout)
        self.assertEqual((found["account"], found["source"], found["room"]), ("anna", "dhcp", "library"))
        self.assertEqual(found["lease"]["mac"], MAC)
        self.assertTrue(found["lease"]["until"])
        self.assertTrue(wait_for(5, lambda: not self.passes(address)), "the rule about the account")
        # Its link-local address is hers too, by the MAC address of the packets.
        self.assertTrue(wait_for(10, lambda: any(session["src_ip"] == address
                                                 for session in self.appliance.sessions("--account", "anna"))))
        self.assertIn(address, self.appliance.weirctl("accounts", "lookup", "anna").stdout)
        self.assertIn("leases run", self.appliance.weirctl("doctor").stdout)
        # Released, the address is nobody's.
        client.send_signal(signal.SIGUSR2)
        self.assertTrue(wait_for(10, lambda: self.lookup(address) is None), "the release")
        self.assertTrue(wait_for(5, lambda: self.passes(address)), "nobody's address")

    def test_a_machine_that_nobody_has_registered(self):
        address = self.ask_for_address("dh1", STRANGER)[1]
        found = wait_for(10, lambda: self.lookup(address))
        self.assertTrue(found, "the lease")
        self.assertEqual((found["account"], found["source"], found["lease"]["mac"]), ("", "dhcp", STRANGER))
        self.assertTrue(self.passes(address))

    def test_a_rogue_server_is_told_and_not_believed(self):
        before = self.seen("unknown_server")
        sent = self.lab.run("campus", sys.executable, "-c", ROGUE, self.lab.clients[0])
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.assertTrue(wait_for(5, lambda: self.seen("unknown_server") > before))
        self.assertIsNone(self.lookup("10.20.0.77"))
        self.assertIn("answers of others than the servers", self.appliance.weirctl("doctor").stdout)


if __name__ == "__main__":
    harness.PROGRAMS += ("udhcpc",)
    harness.main()

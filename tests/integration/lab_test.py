"""The lab itself: every client reaches its server through the kernel bridge alone, two labs stand
side by side, and nothing is left behind."""

import os
import pathlib
import subprocess
import unittest

import harness
from weirlab import Lab
from weirlab.clients import lost_pings

NET = pathlib.Path("/sys/class/net")


def traces(lab):
    """What of this lab can be seen on the machine."""
    names = lab.names
    paths = [NET / names[key] for key in ("LAB_INSIDE", "LAB_OUTSIDE", "LAB_BRIDGE")]
    paths += [pathlib.Path("/run/netns") / names[key] for key in ("LAB_CAMPUS", "LAB_INTERNET")]
    paths += [pathlib.Path("/etc/netns") / names[key] for key in ("LAB_CAMPUS", "LAB_INTERNET")]
    found = [str(path) for path in [*paths, lab.state] if path.exists()]
    mounts = pathlib.Path("/proc/mounts").read_text(encoding="utf-8")
    return found + [line for line in mounts.splitlines() if f"{lab.state}/" in line]


def server_pids(lab):
    return [int(path.read_text().split()[0]) for path in (lab.state / "pid").iterdir()]


class KernelBridge(harness.LabTest):
    def test_http_and_tls_answer_with_the_name_asked_for(self):
        client = self.lab.clients[1]
        self.assertEqual(self.clients.curl(client, "http://www.lab.example/"),
                         (True, "www.lab.example over http"))
        self.assertEqual(self.clients.curl(client, "https://shop.lab.example/"),
                         (True, "shop.lab.example over https"))

    def test_tls_over_ipv6_downloads_a_megabyte(self):
        met, seen = self.clients.curl(
            self.lab.clients6[2], "https://files.lab.example/megabyte", "--output", "/dev/null",
            "--write-out", "%{size_download}\n%{http_code}")
        self.assertEqual((met, seen), (True, "1000000"))

    def test_dns_answers_over_udp_and_tcp(self):
        client = self.lab.clients[2]
        self.assertEqual(self.clients.dig(client, "files.lab.example"), (True, "198.51.100.10"))
        self.assertEqual(self.clients.dig(client, "files.lab.example", "+tcp", kind="AAAA"),
                         (True, "2001:db8:51::10"))

    def test_an_unknown_name_has_no_answer(self):
        self.assertFalse(self.clients.dig(self.lab.clients[0], "nobody.lab.example")[0])

    def test_http3_answers(self):
        self.assertEqual(self.clients.http3("video.lab.example"), (True, "status 200"))

    def test_open_and_closed_ports(self):
        client = self.lab.clients[3]
        for port in (self.lab.names["LAB_TELNET_PORT"], self.lab.names["LAB_ECHO_PORT"]):
            self.assertTrue(self.clients.connect(client, port)[0])
        self.assertIn("refused", self.clients.connect(client, 24)[1].lower())

    def test_no_ping_is_lost(self):
        for target in (self.clients.web, self.clients.web6):
            self.assertEqual(lost_pings(self.clients.ping(50, 0.02, target), 50), [])

    def test_offloads_are_off_at_all_four_ends(self):
        ends = [([], self.lab.inside), ([], self.lab.outside),
                (self.lab.command("campus"), "eth0"), (self.lab.command("internet"), "eth0")]
        for where, port in ends:
            text = subprocess.run([*where, "ethtool", "-k", port], check=True,
                                  capture_output=True, text=True).stdout
            for feature in ("tx-checksumming", "generic-segmentation-offload",
                            "tcp-segmentation-offload", "generic-receive-offload",
                            "tx-vlan-offload", "rx-vlan-offload"):
                self.assertIn(f"{feature}: off", text, f"{port} {feature}")

    def test_up_again_changes_nothing(self):
        before = server_pids(self.lab)
        self.assertIn("up already", self.lab.up())
        self.assertEqual(server_pids(self.lab), before)


class UpAndDown(unittest.TestCase):
    def setUp(self):
        self.lab = Lab(harness.PREFIX)
        self.addCleanup(self.lab.down)

    def test_down_leaves_nothing_and_may_be_repeated(self):
        self.lab.up()
        self.assertEqual(len(traces(self.lab)), 7)  # all but internet's /etc/netns
        pids = server_pids(self.lab)
        self.lab.down()
        self.assertEqual(traces(self.lab), [])
        for pid in pids:
            self.assertFalse(pathlib.Path(f"/proc/{pid}/exe").is_symlink()
                             and os.path.exists(f"/proc/{pid}/exe"), f"process {pid} is left")
        self.assertIn("down already", self.lab.down())

    def test_a_second_lab_stands_beside_the_first(self):
        other = Lab(harness.PREFIX[:4] + "two")
        self.addCleanup(other.down)
        self.lab.up()
        other.up()
        other.down()
        self.assertEqual(traces(other), [])
        self.assertIn("up already", self.lab.up())

    def test_what_a_broken_lab_left_is_taken_down_first(self):
        self.lab.up()
        subprocess.run(["ip", "link", "del", self.lab.inside], check=True)
        os.kill(int((self.lab.state / "pid" / "nginx").read_text().split()[0]), 9)
        self.assertIn("taken down first", self.lab.up())
        self.assertEqual(len(traces(self.lab)), 7)

    def test_a_namespace_of_somebody_else_is_not_touched(self):
        name = self.lab.names["LAB_CAMPUS"]
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.addCleanup(subprocess.run, ["ip", "netns", "del", name], check=True)
        with self.assertRaisesRegex(RuntimeError, f"'{name}' exists and is not this lab's"):
            self.lab.up()
        self.assertTrue(pathlib.Path(f"/run/netns/{name}").exists())
        self.assertFalse(self.lab.state.exists())

    def test_a_prefix_that_makes_no_interface_name_is_refused(self):
        with self.assertRaisesRegex(RuntimeError, "WEIR_LAB_PREFIX is 'Much-Too-Long'"):
            Lab("Much-Too-Long")


if __name__ == "__main__":
    harness.main()

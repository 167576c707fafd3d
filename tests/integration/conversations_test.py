"""Real and generated traffic through the running appliance: the sessions in the store are the conversations that tshark
shows of a capture of the wire, with the same packets and bytes each way."""

import copy
import ipaddress
import json
import os
import signal
import socket
import subprocess

import harness
from conversations import comparison, traffic
from evasion import wire
from weirlab import wait_for

import capture_oracle

harness.PROGRAMS = (*harness.PROGRAMS, "tshark", "dumpcap")

RULES = "# Nothing is refused.\nprotect ip {dns}\n"
SEED, CONVERSATIONS = 7, 150
BUFFER_MB = 64
# An experimental EtherType (IEEE 802): no IP, so no session. Whoever gets one knows that all before it has arrived.
MARK_TYPE = 0x88B5
BURST = 64  # frames on their way at once: far fewer than the rings hold


class Sender:
    """Puts generated frames on both sides of the appliance."""

    def __init__(self, lab):
        self.sockets = {}
        for from_inside, where in ((True, "LAB_CAMPUS"), (False, "LAB_INTERNET")):
            with wire.inside(lab.names[where]):
                self.sockets[from_inside] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(MARK_TYPE))
                self.sockets[from_inside].bind(("eth0", MARK_TYPE))
        self.marks = 0

    def send(self, sent):
        for begin in range(0, len(sent), BURST):
            for one in sent[begin:begin + BURST]:
                self.sockets[one.from_inside].send(one.octets)
            for from_inside in self.sockets:
                self.mark(from_inside)

    def mark(self, from_inside):
        """A mark through the appliance; returns its bytes when it has arrived."""
        self.marks += 1
        ends = traffic.MAC_OUTSIDE + traffic.MAC_INSIDE
        frame = ends + MARK_TYPE.to_bytes(2, "big") + b"mark %08d" % self.marks + bytes(40)
        self.sockets[from_inside].send(frame)
        other = self.sockets[not from_inside]
        other.settimeout(20)
        while other.recv(2048) != frame:
            pass
        return frame

    def close(self):
        for each in self.sockets.values():
            each.close()


class Conversations(harness.ApplianceTest):
    options = {"rules": RULES}

    def start_capture(self):
        self.capture = self.lab.state / "wire.pcapng"
        self.dumpcap = subprocess.Popen(
            self.lab.command("campus", "dumpcap", "-q", "-i", "eth0", "-B", BUFFER_MB, "-w", self.capture),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.dumpcap.wait, 10)
        self.addCleanup(self.dumpcap.kill)
        for line in self.dumpcap.stderr:
            if line.startswith("File: "):
                return
        self.fail("dumpcap did not begin")

    def end_capture(self, last):
        """When the last frame is in the file; none was lost."""
        def is_there():
            return any(record.data == last for record in capture_oracle.Capture(self.capture).records)

        self.assertTrue(wait_for(20, is_there, every=0.3), "the last mark is not in the capture")
        os.kill(self.dumpcap.pid, signal.SIGINT)
        said = self.dumpcap.stderr.read()
        self.dumpcap.stderr.close()
        self.assertEqual(self.dumpcap.wait(10), 0, said)
        self.assertRegex(said, r"received/dropped on interface 'eth0': \d+/0 ")

    def talk(self):
        client, client6 = self.lab.clients[0], self.lab.clients6[1]
        for met, seen in (
                self.clients.curl(client, "http://www.lab.example/"),
                self.clients.curl(client, "https://shop.lab.example/"),
                self.clients.curl(client6, "https://files.lab.example/megabyte", "--output", "/dev/null"),
                self.clients.dig(client, "video.lab.example", "+notcp"),
                self.clients.dig(client, "video.lab.example", "+tcp"),
                self.clients.http3("video.lab.example"),
                self.clients.connect(client, self.lab.names["LAB_TELNET_PORT"])):
            self.assertTrue(met, seen)
        for target in (self.clients.web, self.clients.web6):
            self.assertEqual(self.lab.run("campus", "ping", "-c", "2", "-i", "0.2", target).returncode, 0)
        self.assertTrue(wait_for(20, self.all_is_said, every=0.2), "a connection stays open")

    def all_is_said(self):
        """No end of a connection will say more by itself, so nothing passes after the capture has ended."""
        states = [line.split()[0] for where in ("campus", "internet")
                  for line in self.lab.run(where, "ss", "-Htn").stdout.splitlines()]
        return all(state == "TIME-WAIT" for state in states)

    def stored(self):
        """All sessions, when the data plane has ended and the store has the end of each."""
        self.assertEqual(self.appliance.stop("weir-dataplane"), 0, self.appliance.log_tail("weir-dataplane"))
        summary = json.loads(self.appliance.summary.read_text(encoding="utf-8"))
        self.assertEqual(summary["events_lost"], 0)

        def look():
            sessions = self.appliance.sessions()
            closed = all(session["state"] == "closed" for session in sessions)
            return sessions if closed and len(sessions) == summary["sessions_recorded"] else None

        sessions = wait_for(30, look, every=0.5)
        self.assertIsNotNone(sessions, f"{summary['sessions_recorded']} recorded, the store has others")
        return sessions

    def test_the_store_has_the_conversations_of_the_wire(self):
        sender = Sender(self.lab)
        self.addCleanup(sender.close)
        self.start_capture()
        self.talk()
        sender.send(traffic.mix(SEED, CONVERSATIONS))
        self.end_capture(sender.mark(from_inside=False))
        sessions = [session for session in self.stored() if not is_of_the_link(session["src_ip"], session["dst_ip"])]
        expected = [one for one in comparison.expect_all(self.capture)
                    if one.session and not is_of_the_link(*(address for address, _ in one.session.flow.ends))]

        result = comparison.compare(expected, sessions, by_session=False)
        print("\n".join(result.words()))
        self.assertEqual(result.unexplained, [])
        self.assertGreater(result.frames, 1500)
        self.assertGreater(result.equal, CONVERSATIONS // 2)
        self.assertTrue({session["name_source"] for session in sessions}
                        >= {"http_host", "tls_sni", "quic_sni", "dns_query"})
        self.assert_a_lost_packet_is_seen(expected, sessions)

    def assert_a_lost_packet_is_seen(self, expected, sessions):
        wrong = copy.deepcopy(sessions)
        wrong[0]["packets_to_dst"] -= 1
        self.assertEqual(len(comparison.compare(expected, wrong, by_session=False).unexplained), 1)


def is_of_the_link(*addresses):
    """What a host says to its link by itself, also before the capture begins."""
    told = [ipaddress.ip_address(address) for address in addresses]
    return any(address.is_multicast or address.is_link_local or address.is_unspecified for address in told)


if __name__ == "__main__":
    harness.main()

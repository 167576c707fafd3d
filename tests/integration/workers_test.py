"""One worker, two or four, on AF_XDP ports that spread no flows: real clients meet the same, the same sessions are
recorded, and every packet of every worker is accounted for. With more workers than cores they share these."""

import collections
import json
import os
import shutil

import harness
from weirlab import Appliance, wait_for

TOLD = ("account", "group", "src_ip", "dst_ip", "dst_port", "proto", "direction", "name", "name_source",
        "verdict", "rule")


# Beside the clients: by so many pairs of addresses that each worker has some, whatever the boot's secret. Of two the
# first has a quarter of the pairs: with the clients' dozen alone one run in forty would leave it none.
MORE_ADDRESSES = [f"10.20.0.{number}" for number in range(100, 164)]


def cores(workers):
    return ", ".join(str(worker % (os.cpu_count() or 1)) for worker in range(workers))


class Workers(harness.LabTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        route = json.loads(cls.lab.run("campus", "ip", "-j", "route", "get", cls.clients.web).stdout)
        for address in MORE_ADDRESSES:
            cls.lab.run("campus", "ip", "address", "add", f"{address}/32", "dev", route[0]["dev"])

    def setUp(self):
        shutil.rmtree(self.lab.state / "weir", ignore_errors=True)

    def talk(self):
        """What each client saw, in words that do not differ from run to run."""
        seen = {}
        for number, client in enumerate(self.lab.clients):
            seen[f"http {client}"] = self.clients.curl(client, "http://www.lab.example/")
            seen[f"tls {client}"] = self.clients.curl(client, "https://shop.lab.example/")
            seen[f"udp dns {client}"] = self.clients.dig(client, "files.lab.example", "+notcp")
            seen[f"tcp dns {client}"] = self.clients.dig(client, "video.lab.example", "+tcp")
            client6 = self.lab.clients6[number]
            seen[f"tls {client6}"] = self.clients.curl(
                client6, "https://files.lab.example/megabyte", "--output", "/dev/null")
        for address in MORE_ADDRESSES:
            pinged = self.lab.run("campus", "ping", "-c", "1", "-W", "2", "-I", address, self.clients.web)
            seen[f"ping {address}"] = (pinged.returncode == 0, "")
        seen["http3"] = self.clients.http3("video.lab.example")
        for client in self.lab.clients[2:]:
            met, _ = self.clients.curl(client, "https://games.lab.example/", seconds=3)
            seen[f"refused name {client}"] = (not met, "")
            met, _ = self.clients.connect(client, self.lab.names["LAB_TELNET_PORT"], 1)
            seen[f"refused port {client}"] = (not met, "")
        for name, (as_it_should_be, what) in seen.items():
            self.assertTrue(as_it_should_be, f"{name}: {what}")
        return sorted(seen)

    def sessions(self, appliance, recorded):
        """All that the data plane has recorded, closed with its end; how often each kind is there.
        Without what the kernels tell each other by ICMP, which depends on time."""
        def look():
            sessions = appliance.sessions()
            closed = all(session["state"] == "closed" for session in sessions)
            return sessions if closed and len(sessions) == recorded else None

        sessions = wait_for(20, look, every=0.3)
        self.assertIsNotNone(sessions, f"{recorded} recorded, stored: {appliance.sessions()}")
        return collections.Counter(
            tuple(str(session.get(key)) for key in TOLD) for session in sessions
            if session.get("account") and not session["proto"].startswith("icmp"))

    def assert_accounted(self, summary, workers):
        self.assertTrue(summary["accounted"])
        self.assertEqual(len(summary["workers"]), workers)
        self.assertEqual(summary["events_lost"], 0)
        self.assertEqual(summary["dropped"]["worker_full"], 0)
        for worker in summary["workers"]:
            self.assertEqual(worker["rx_packets"],
                             worker["forwarded_packets"] + sum(worker["dropped"].values()))
        self.assertEqual(sum(worker["rx_packets"] for worker in summary["workers"]),
                         sum(port["rx_packets"] for port in summary["ports"]))

    def run_with(self, workers):
        appliance = Appliance(self.lab, harness.build)
        self.addCleanup(appliance.stop_all)
        appliance.write_config(core=cores(workers))
        appliance.start_dataplane()
        appliance.start_control()
        seen = self.talk()
        self.assertEqual(appliance.stop("weir-dataplane"), 0, appliance.log_tail("weir-dataplane"))
        summary = json.loads(appliance.summary.read_text(encoding="utf-8"))
        sessions = self.sessions(appliance, summary["sessions_recorded"])
        appliance.stop_all()
        self.assert_accounted(summary, workers)
        return seen, sessions, summary

    def assert_as_with_one(self, workers):
        seen_by_one, sessions_of_one, _ = self.run_with(1)
        self.setUp()
        seen, sessions, summary = self.run_with(workers)
        self.assertEqual(seen, seen_by_one)
        self.assertEqual(sorted(sessions.elements()), sorted(sessions_of_one.elements()))
        with_flows = [worker for worker in summary["workers"] if worker["flows_created"] > 0]
        self.assertGreater(len(with_flows), 1, summary["workers"])

    def test_two_workers(self):
        self.assert_as_with_one(2)

    def test_four_workers(self):
        self.assert_as_with_one(4)


if __name__ == "__main__":
    harness.main()

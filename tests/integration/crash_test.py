"""kill -9 of either program: the wire goes on, and the record stays exact."""

import collections
import time

import harness
from weirlab import wait_for
from weirlab.clients import lost_pings

PINGS_LOST_MAX = 10


def lost(runs):
    return sum(last - first + 1 for first, last in runs)


class DataplaneCrash(harness.ApplianceTest):
    def test_kill_and_restart_lose_at_most_ten_pings_each(self):
        ping = self.clients.ping(200, 0.02)
        time.sleep(1.5)
        self.appliance.kill("weir-dataplane")
        runs = lost_pings(ping, 200)
        print(f"kill -9 of weir-dataplane lost {lost(runs)} of 50 pings a second", flush=True)
        self.assertLessEqual(lost(runs), PINGS_LOST_MAX, f"at the kill: {runs}")

        ping = self.clients.ping(500, 0.02)
        time.sleep(0.5)
        self.appliance.start_dataplane()
        runs = lost_pings(ping, 500)
        print(f"its restart lost {lost(runs)}", flush=True)
        self.assertLessEqual(lost(runs), PINGS_LOST_MAX, f"at the restart: {runs}")

        # It forwards, decides and records again.
        client = self.lab.clients[0]
        self.assertTrue(self.clients.curl(client, "http://www.lab.example/again")[0])
        self.assertFalse(self.clients.curl(client, "https://games.lab.example/")[0])
        self.assertTrue(wait_for(20, lambda: [
            session for session in self.appliance.sessions("--account", "s2023001")
            if session.get("rule") == "lab-games"], every=0.3))


class ControlCrash(harness.ApplianceTest):
    REQUESTS = 300

    def client_ends(self):
        """Source address and port of every HTTP session in the store, with its parts counted."""
        return collections.Counter(
            (session["src_ip"], session["src_port"])
            for session in self.appliance.sessions("--port", 80, "--limit", 10_000)
            if session["state"] == "closed")

    def test_every_session_is_stored_exactly_once(self):
        source = self.lab.clients[1]
        traffic = self.clients.start("http_requests.py", source, self.clients.web,
                                     self.REQUESTS, 50)
        for pause in (1.5, 1.5):
            time.sleep(pause)
            self.appliance.kill("weir-control")
            time.sleep(0.7)
            self.appliance.start_control()
        output, _ = traffic.communicate(timeout=60)
        self.assertEqual(int(output), self.REQUESTS, "no request suffers")

        # nginx wrote down who really came.
        came = collections.Counter((address, int(port)) for address, port, *_ in
                                   self.lab.requests() if address == source)
        self.assertEqual(sum(came.values()), self.REQUESTS)
        wait_for(30, lambda: sum(self.client_ends().values()) >= self.REQUESTS, every=0.5)
        stored = self.client_ends()
        self.assertEqual(came - stored, collections.Counter(), "missing in the store")
        self.assertEqual(stored - came, collections.Counter(), "more than once in the store")


if __name__ == "__main__":
    harness.main()

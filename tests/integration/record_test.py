"""Real clients through the running appliance: what passes is recorded whole, what is refused names
its rule, a hit on a rule with a class is one incident with 24 hours to report it."""

import datetime

import harness
from weirlab import wait_for


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


class Record(harness.ApplianceTest):
    def recorded(self, account, **wanted):
        """The closed session of the account with these values; fails when none comes."""
        def look():
            for session in self.appliance.sessions("--account", account):
                if session["state"] == "closed" and all(
                        session.get(key) == value for key, value in wanted.items()):
                    return session
            return None

        session = wait_for(20, look, every=0.3)
        self.assertIsNotNone(session, f"no session of {account} with {wanted} in "
                                      f"{self.appliance.sessions('--account', account)}")
        return session

    def assert_whole(self, session, begun):
        self.assertLessEqual(begun, moment(session["start"]))
        self.assertLessEqual(moment(session["start"]), moment(session["end"]))
        self.assertLess(moment(session["end"]), datetime.datetime.now(datetime.timezone.utc))
        for field in ("bytes_to_dst", "bytes_to_src", "packets_to_dst", "packets_to_src"):
            self.assertGreater(session[field], 0, field)
        self.assertEqual(session["verdict"], "pass")
        self.assertEqual(session["direction"], "outbound")
        self.assertEqual(session["src_mac"], self.lab.names["LAB_CAMPUS_MAC"])

    def setUp(self):
        # A millisecond of grace: the data plane's clock is read once a batch.
        self.begun = (datetime.datetime.now(datetime.timezone.utc)
                      - datetime.timedelta(milliseconds=1))

    def test_http(self):
        self.assertTrue(self.clients.curl(self.lab.clients[0], "http://www.lab.example/")[0])
        session = self.recorded("s2023001", name="www.lab.example", name_source="http_host")
        self.assert_whole(session, self.begun)
        self.assertEqual((session["src_ip"], session["dst_ip"], session["dst_port"]),
                         ("10.20.0.11", "198.51.100.10", 80))
        self.assertIn("HTTP", session["app"])
        self.assertEqual(session["group"], "students")

    def test_tls_counts_a_megabyte_over_ipv6(self):
        met, seen = self.clients.curl(self.lab.clients6[2], "https://files.lab.example/megabyte",
                                      "--output", "/dev/null")
        self.assertTrue(met, seen)
        session = self.recorded("t0042", name="files.lab.example", name_source="tls_sni")
        self.assert_whole(session, self.begun)
        self.assertEqual(session["src_ip"], "2001:db8:20::13")
        self.assertIn("TLS", session["app"])
        self.assertGreater(session["bytes_to_src"], 1_000_000)
        self.assertLess(session["bytes_to_src"], 1_200_000)

    def test_dns_over_udp_and_tcp(self):
        for option, proto in (("+notcp", "udp"), ("+tcp", "tcp")):
            self.assertTrue(self.clients.dig(self.lab.clients[1], "video.lab.example", option)[0])
            session = self.recorded("s2023002", name="video.lab.example", proto=proto,
                                    name_source="dns_query")
            self.assert_whole(session, self.begun)
            self.assertIn("DNS", session["app"])

    def test_quic(self):
        self.assertTrue(self.clients.http3("video.lab.example")[0])
        session = self.recorded("s2023001", name="video.lab.example", name_source="quic_sni")
        self.assert_whole(session, self.begun)
        self.assertEqual((session["proto"], session["dst_port"]), ("udp", 443))
        self.assertIn("QUIC", session["app"])

    def test_a_refused_name_names_its_rule_and_is_one_incident(self):
        client = self.lab.clients[3]
        for _ in range(3):
            met, seen = self.clients.curl(client, "https://games.lab.example/")
            self.assertFalse(met)
            self.assertIn("reset by peer", seen)
        session = self.recorded("s2023004", name="games.lab.example", name_source="tls_sni")
        self.assertEqual((session["verdict"], session["rule"]), ("reject", "lab-games"))
        # The server behind the same address goes on answering to other names.
        self.assertTrue(self.clients.curl(client, "https://shop.lab.example/")[0])

        incidents = wait_for(10, self.appliance.incidents, every=0.3)
        self.assertEqual(len(incidents), 1, "three hits of one account are one case")
        incident = incidents[0]
        self.assertEqual((incident["state"], incident["rule"]), ("open", "lab-games"))
        self.assertEqual(incident["subject"], "s2023004")
        due = moment(incident["deadlines"][0]["due"])
        discovered = moment(incident["discovered"])
        self.assertEqual(due - discovered, datetime.timedelta(hours=24))
        self.assertLess(abs((discovered - self.begun).total_seconds()), 60)

    def test_a_refused_port_names_its_rule(self):
        port = int(self.lab.names["LAB_TELNET_PORT"])
        self.assertFalse(self.clients.connect(self.lab.clients[2], port)[0])

        def look():
            return [session for session in self.appliance.sessions("--account", "t0042")
                    if session["dst_port"] == port]

        session = (wait_for(20, look, every=0.3) or [None])[0]
        self.assertIsNotNone(session)
        self.assertEqual((session["verdict"], session["rule"]), ("drop", "lab-telnet"))
        self.assertEqual(session["packets_to_src"], 0)

    def test_metrics_count_what_was_seen(self):
        self.assertTrue(self.clients.curl(self.lab.clients[0], "http://www.lab.example/")[0])

        def look():
            samples = self.appliance.metrics()
            wanted = ("weir_port_receive_packets_total", "weir_port_transmit_packets_total",
                      "weir_verdicts_total", "weir_audit_records_total", "weir_policy_version")
            return samples if all(
                sum(value for key, value in samples.items() if key.split("{")[0] == name) > 0
                for name in wanted) else None

        samples = wait_for(10, look, every=0.3)
        self.assertIsNotNone(samples, self.appliance.metrics())
        for key in samples:
            for secret in ("10.20.0.", "s2023", "lab.example"):
                self.assertNotIn(secret, key, "no address, name or account in a label")


if __name__ == "__main__":
    harness.main()

"""Keywords in names and in clear-text HTTP, with real clients and servers."""

import json
import subprocess
import time

import harness
from weirlab import wait_for

HOST = "www.lab.example"
SITE = f"http://{HOST}"
RULES = """protect ip {dns}
drop   keyword 赌博, "exact words" in http.url            class harmful id k-url
drop   keyword x-forbidden in http.header                class harmful id k-header
reject keyword 机密 in http.body                         class harmful id k-body
drop   keyword shop in name                              class harmful id k-name
monitor keyword watched in http.url                      class warning id k-watched
"""


class Keyword(harness.ApplianceTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.appliance.rules.write_text(RULES.format(dns=cls.lab.names["LAB_DNS4"]), encoding="utf-8")
        applied = cls.appliance.weirctl("rules", "apply")
        assert applied.returncode == 0, applied.stderr

    def ask(self, url, *options):
        """The status and the body; "000" where there is no answer."""
        done = self.lab.run("campus", "curl", "--silent", "--max-time", 2,
                            "--interface", self.lab.clients[0], "--cacert", self.clients.certificate,
                            "--write-out", "\n%{http_code}", *options, url, timeout=10)
        body, _, status = done.stdout.rpartition("\n")
        return status, body

    def passes(self, url, *options):
        return self.ask(url, *options)[0] == "200"

    def recorded(self, rule):
        """A session of that rule in the record, when it has come there."""
        found = []

        def look():
            found[:] = [one for one in self.appliance.sessions("--name", HOST) if one["rule"] == rule]
            return bool(found)

        self.assertTrue(wait_for(10, look), f"no session by {rule}")
        return found[0]

    def test_in_the_url_in_every_spelling(self):
        self.assertTrue(self.passes(f"{SITE}/?q=weather"))
        for query in ("%E8%B5%8C%E5%8D%9A", "%B6%C4%B2%A9", "%u8D4C%u535A", "Exact+Words", "exact%20words"):
            with self.subTest(query):
                self.assertFalse(self.passes(f"{SITE}/?q={query}"))
        session = self.recorded("k-url")
        self.assertEqual((session["verdict"], session["name_source"]), ("drop", "http_host"))

    def test_in_the_header(self):
        self.assertTrue(self.passes(f"{SITE}/", "-H", "X-Allowed: 1"))
        self.assertFalse(self.passes(f"{SITE}/", "-H", "X-Forbidden: 1"))

    def test_in_the_body_with_a_page_for_the_client(self):
        padding = "." * 1000  # no more is answered than came
        self.assertTrue(self.passes(f"{SITE}/", "-d", f"text=公开{padding}"))
        for text in (f"text=机密{padding}", json.dumps({"text": "机密" + padding}),
                     f"text=%E6%9C%BA%E5%AF%86{padding}"):
            with self.subTest(text[:30]):
                status, page = self.ask(f"{SITE}/", "--data-binary", text)
                self.assertEqual(status, "403")
                self.assertIn("k-body", page)
        chunked = ("-H", "Transfer-Encoding: chunked", "--data-binary", "机密")
        self.assertEqual(self.ask(f"{SITE}/", *chunked)[0], "403")
        self.assertEqual(self.recorded("k-body")["verdict"], "reject")

    def test_in_the_second_request_of_a_connection(self):
        # curl keeps the connection for the second address.
        first = self.lab.state / "first"
        second = self.lab.state / "second"
        self.ask(f"{SITE}/?q=Exact+Words", "-o", first, f"{SITE}/", "-o", second)
        self.assertTrue(first.exists() and first.stat().st_size > 0)
        self.assertFalse(second.exists() and second.stat().st_size > 0)

    def test_in_names_of_tls_and_dns(self):
        address = f"shop.lab.example:443:{self.clients.web}"
        self.assertFalse(self.passes("https://shop.lab.example/", "--resolve", address))
        self.assertTrue(self.passes(f"https://{HOST}/", "--resolve", f"{HOST}:443:{self.clients.web}"))
        why = self.appliance.weirctl("why", self.lab.clients[0], "shop.lab.example:443")
        self.assertIn("k-name", why.stdout)
        why = self.appliance.weirctl("why", self.lab.clients[0], f"{HOST}:80")
        self.assertIn("what a request holds is not known", why.stdout)

    def test_monitor_lets_pass_and_records(self):
        self.assertTrue(self.passes(f"{SITE}/?q=watched"))
        self.assertEqual(self.recorded("k-watched")["verdict"], "pass")

    def test_a_block_outlives_another_version_of_the_rules(self):
        talk = subprocess.Popen(
            self.lab.command("campus", "curl", "--silent", "--max-time", "12",
                             "--interface", self.lab.clients[1], f"{SITE}/?q=Exact+Words"),
            stdout=subprocess.PIPE)
        self.addCleanup(talk.stdout.close)
        self.addCleanup(talk.wait, 30)
        self.addCleanup(talk.kill)
        for version in range(3):  # the client sends its request again and again
            self.appliance.rules.write_text(
                RULES.format(dns=self.lab.names["LAB_DNS4"]) + f"drop port tcp/{7000 + version}\n",
                encoding="utf-8")
            self.assertEqual(self.appliance.weirctl("rules", "apply").returncode, 0)
            time.sleep(1)
        self.assertEqual(talk.communicate(timeout=20)[0], b"")


if __name__ == "__main__":
    harness.main()

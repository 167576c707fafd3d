"""weirctl block: acknowledged by the data plane, and a live flow is dead at its next packet."""

import time

import harness
from weirlab import ProgramFailed, wait_for
from weirlab.appliance import find_records


class Block(harness.ApplianceTest):
    def block(self, *arguments):
        """Blocks, and lifts it after the test. Returns its id."""
        answer = self.appliance.weirctl_json("block", *arguments, "--reason", "integration test")
        blocked = find_records(answer, "id")[0]["id"]
        self.addCleanup(self.unblock, blocked)
        return blocked

    def unblock(self, blocked):
        if self.appliance.weirctl("unblock", blocked).returncode not in (0, 1):
            self.fail(f"block {blocked} cannot be lifted")

    def test_block_ip_ends_a_live_conversation_at_its_next_packet(self):
        talk = self.begin_conversation(self.lab.clients[1])
        self.block("ip", self.lab.clients[1])
        acknowledged = time.time()
        answers = [float(line) for line in talk.stdout]  # until the conversation ends
        late = [answer for answer in answers if answer > acknowledged]
        self.assertLessEqual(len(late), 1, "at most the packet that was under way")
        # Others go on.
        self.assertTrue(self.clients.curl(self.lab.clients[0], "http://www.lab.example/")[0])

    def test_block_domain_ends_a_live_download(self):
        download = self.clients.start_download("https://files.lab.example/slow/megabyte",
                                               self.lab.clients[2], self.lab.state / "download")
        self.addCleanup(download.wait, 30)
        self.addCleanup(download.kill)
        size = self.lab.state / "download"
        self.assertTrue(wait_for(5, lambda: size.exists() and size.stat().st_size > 20_000))
        self.block("domain", "files.lab.example")
        time.sleep(0.5)
        before = size.stat().st_size
        time.sleep(3)
        self.assertEqual(size.stat().st_size, before, "nothing more arrives")

    def test_a_blocked_domain_is_refused_anew_and_passes_when_lifted(self):
        client = self.lab.clients[0]
        address = f"shop.lab.example:443:{self.clients.web}"
        get = ("https://shop.lab.example/", "--resolve", address)
        self.assertTrue(self.clients.curl(client, *get)[0])
        blocked = self.block("domain", "shop.lab.example")
        self.assertFalse(self.clients.curl(client, *get, seconds=4)[0])
        listed = self.appliance.weirctl_json("blocks")
        self.assertIn(blocked, [block["id"] for block in find_records(listed, "id")])
        self.assertEqual(self.appliance.weirctl("unblock", blocked).returncode, 0)
        self.assertTrue(self.clients.curl(client, *get)[0])

    def test_a_block_never_reaches_what_is_protected(self):
        try:
            self.block("ip", self.clients.dns_server)
        except ProgramFailed:
            pass  # refused with the reason: as good
        self.assertTrue(self.clients.dig(self.lab.clients[0], "www.lab.example")[0])

    def test_a_block_outlives_both_programs(self):
        client = self.lab.clients[3]
        self.block("ip", client)
        for name in ("weir-control", "weir-dataplane"):
            self.appliance.kill(name)
        self.appliance.start_dataplane()
        self.assertFalse(self.clients.curl(client, "http://www.lab.example/", seconds=4)[0])
        self.appliance.start_control()

    def test_why_names_the_rule(self):
        done = self.appliance.weirctl("why", self.lab.clients[3], "games.lab.example:443")
        self.assertIn("lab-games", done.stdout, done.stderr)


class Answers(harness.ApplianceTest):
    """What a client reads when `reject` answers. The DNS server is not protected here."""

    options = {"rules": """\
reject domain games.lab.example class games reason "lab: a refused name" id lab-games
"""}

    def curl(self, scheme, *options):
        """Exit code, seconds, and all that was read: headers and body."""
        port = {"http": 80, "https": 443}[scheme]
        began = time.monotonic()
        done = self.lab.run(
            "campus", "curl", "--silent", "--show-error", "--include", "--max-time", 8,
            "--cacert", self.clients.certificate,
            "--resolve", f"games.lab.example:{port}:{self.clients.web}",
            *options, f"{scheme}://games.lab.example/secret", timeout=12,
        )
        return done.returncode, time.monotonic() - began, done.stdout

    def dig(self, name, *options):
        return self.lab.run("campus", "dig", f"@{self.clients.dns_server}", name, "A",
                            "+time=3", "+tries=1", *options, timeout=10).stdout

    def assert_never_asked(self):
        paths = [request[4] for request in self.lab.requests()]
        self.assertNotIn("/secret", paths, "the server has seen a refused request")

    def test_http_reads_a_page_in_chinese_and_english(self):
        # Curl's request is short, and gets the short page; a browser's brings room for the other.
        code, _, page = self.curl("http")
        self.assertEqual(code, 0)
        self.assertTrue(page.startswith("HTTP/1.1 403 Forbidden"), page)
        self.assertIn("此网站已被本网络屏蔽 Blocked by this network", page)
        code, _, page = self.curl("http", "--header", "Cookie: " + 600 * "x")
        self.assertEqual(code, 0)
        self.assertIn("<b>games.lab.example</b> 已被本网络的管理员屏蔽", page)
        self.assertIn("The operator of this network blocks <b>games.lab.example</b>", page)
        self.assertIn("lab: a refused name", page)
        self.assertIn("lab-games", page)
        self.assert_never_asked()

    def test_tls_is_reset_at_once(self):
        code, seconds, _ = self.curl("https")
        self.assertIn(code, (35, 56))
        self.assertLess(seconds, 2)
        self.assert_never_asked()

    def test_dns_says_that_there_is_no_such_name_and_why(self):
        for options in ((), ("+tcp",)):
            said = self.dig("www.games.lab.example", *options)
            self.assertIn("status: NXDOMAIN", said)
            self.assertIn("EDE: 15 (Blocked)", said)
        # Without EDNS, or without a cookie to make room, there is no reason with it.
        for options in (("+noedns",), ("+nocookie",)):
            said = self.dig("games.lab.example", *options)
            self.assertIn("status: NXDOMAIN", said)
            self.assertNotIn("EDE", said)
        self.assertIn("status: NOERROR", self.dig("shop.lab.example"))


if __name__ == "__main__":
    harness.main()

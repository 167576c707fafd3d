"""Lists with real clients: from a file and by HTTP, swapped as they change, and the last good copy
kept whatever comes instead."""

import http.server
import json
import threading

import harness
from weirlab import wait_for

PROTECT = "protect ip {dns}\n"
NAME = "www.lab.example"
SITE = f"http://{NAME}/"
FORMATS = ("hosts", "domains", "adblock", "rpz", "cidr", "ipset", "drop", "urlhaus", "threatfox", "stix",
           "misp", "suricata")
# What is no list in any format, and a word of what is said of it.
NO_LISTS = {
    "page": (b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n", "HTML"),
    "packed": (b"\x1f\x8b\x08\x00" + bytes(60), "gzip"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "utf16": (NAME.encode("utf-16"), "UTF-16"),
    "gbk": ("# 名单\n测试。例子\n坏的。例子\n".encode("gbk"), ""),
    "empty": (b"", "empty"),
}


class ListServer(http.server.BaseHTTPRequestHandler):
    body, etag, status = b"", '"1"', 200
    asked = []

    def do_GET(self):
        kind = type(self)
        kind.asked.append(self.headers.get("If-None-Match"))
        if kind.status == 200 and self.headers.get("If-None-Match") == kind.etag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(kind.status)
        self.send_header("ETag", kind.etag)
        self.send_header("Content-Length", str(len(kind.body)))
        self.end_headers()
        self.wfile.write(kind.body)

    def log_message(self, *arguments):
        pass


class Lists(harness.ApplianceTest):
    def setUp(self):
        self.folder = self.appliance.rules.parent
        self.list = self.folder / f"{self.id().rsplit('.', 1)[1]}.list"

    def passes(self):
        return self.clients.curl(self.lab.clients[0], SITE, seconds=3)[0]

    def weirctl(self, *arguments, code=0, timeout=60):
        ran = self.appliance.weirctl(*arguments, timeout=timeout)
        self.assertEqual(ran.returncode, code, ran.stderr + ran.stdout)
        return ran.stdout + ran.stderr

    def apply(self, source, code=0):
        self.appliance.rules.write_text(
            PROTECT.format(dns=self.lab.names["LAB_DNS4"]) +
            f'list bad from "{source}" class harmful\ndrop list bad id listed\n', encoding="utf-8")
        return self.weirctl("rules", "apply", code=code)

    def state(self):
        return self.appliance.weirctl_json("lists")["lists"][0]

    def entries(self):
        return self.state().get("content", {}).get("entries", 0)

    def test_a_file_is_followed_and_its_last_good_copy_kept(self):
        self.list.write_text(f"# bad ones\n0.0.0.0 {NAME}\n", encoding="utf-8")
        self.apply(self.list.name)
        self.assertFalse(self.passes())
        why = self.weirctl("why", self.lab.clients[0], f"{NAME}:80")
        self.assertIn(f"bad, line 2 of {self.list.name}", why)
        self.assertIn("class     harmful", why)
        self.assertTrue(wait_for(10, lambda: any(
            session["rule"] == "listed" and session["list_line"] == 2
            for session in self.appliance.sessions("--name", NAME))))

        self.list.write_text("0.0.0.0 other.example\n0.0.0.0 third.example\n", encoding="utf-8")
        self.assertTrue(wait_for(10, lambda: self.entries() == 2))
        self.assertTrue(self.passes())

        self.list.write_text(f"0.0.0.0 {NAME}\n", encoding="utf-8")
        self.assertTrue(wait_for(10, lambda: self.entries() == 1))
        self.assertFalse(self.passes())
        for name, (content, word) in NO_LISTS.items():
            with self.subTest(name):
                before = self.state()["failures"]
                self.list.write_bytes(content)
                self.assertTrue(wait_for(10, lambda: self.state()["failures"] > before))
                self.assertIn(word, self.state()["fault"])
                self.assertEqual(self.entries(), 1)
        with self.subTest("a line of 10 GB"):
            before = self.state()["failures"]
            with self.list.open("wb") as file:
                file.write(b"x" * 4096)
                file.truncate(10 << 30)
            self.assertTrue(wait_for(10, lambda: self.state()["failures"] > before))
            self.assertIn("more than 268435456 bytes", self.state()["fault"])
        self.assertFalse(self.passes(), "the last good copy decides")
        self.list.unlink()
        self.appliance.stop("weir-dataplane")
        self.appliance.start_dataplane()
        self.assertTrue(wait_for(10, lambda: self.appliance.weirctl_json("status")["policy"]["in_step"]))
        self.assertFalse(self.passes(), "also after a start, with the file gone")

    def test_what_is_no_list_is_refused_in_every_format(self):
        for word in FORMATS:
            for name, (content, said) in NO_LISTS.items():
                with self.subTest(f"{word}: {name}"):
                    self.list.write_bytes(content)
                    refused = self.weirctl("lists", "check", self.list, "--format", word, code=1)
                    self.assertIn(said, refused)
                    self.assertEqual(len(refused.splitlines()), 1, refused)

    def test_rules_with_a_list_that_is_none_are_refused(self):
        self.list.write_text("0.0.0.0 fine.example\n", encoding="utf-8")
        self.apply(self.list.name)
        other = self.folder / "other.list"
        other.write_bytes(NO_LISTS["page"][0])
        refused = self.apply(other.name, code=1)
        self.assertIn("list 'bad'", refused)
        self.assertIn("HTML", refused)
        self.assertTrue(self.passes())
        self.assertEqual([known["id"] for known in self.appliance.ask({"cmd": "rules"})["rules"]][-1], "listed")
        refused = self.apply("http://127.0.0.1:1/bad", code=1)
        self.assertIn("http://127.0.0.1:1/bad: ", refused)

    def test_a_url_is_asked_for_what_is_newer(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ListServer)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        ListServer.body = f"||{NAME}^\n".encode()
        self.apply(f"http://127.0.0.1:{server.server_port}/list")
        self.assertFalse(self.passes())
        self.assertIn("what is in force is the same", self.weirctl("lists", "refresh"))
        self.assertEqual(ListServer.asked[-1], '"1"')

        ListServer.body, ListServer.etag = b"||other.example^\n", '"2"'
        self.assertIn(f"- *.{NAME}", self.weirctl("lists", "diff", "bad"))
        self.assertFalse(self.passes(), "a look changes nothing")
        self.assertIn("in force as it is now", self.weirctl("lists", "refresh", "bad"))
        self.assertTrue(self.passes())

        ListServer.body, ListServer.etag, ListServer.status = b"<html>", '"3"', 503
        self.assertIn("the server answers 503", self.weirctl("lists", "refresh", "bad", code=1))
        self.assertIn("the server answers 503", self.weirctl("lists"))
        self.list.write_text(f"{NAME}\n", encoding="utf-8")
        self.assertIn(f"+ {NAME}", self.weirctl("lists", "import", "bad", self.list))
        self.assertFalse(self.passes())
        self.assertTrue(wait_for(10, lambda: self.appliance.metrics().get('weir_list_entries{list="bad"}') == 1))
        self.assertIn('weir_list_last_success_timestamp_seconds{list="bad"}', self.appliance.metrics())

    def test_a_million_names_are_swapped_under_a_conversation(self):
        names = "".join(f"0.0.0.0 h{i}.s{i % 5000}.example\n" for i in range(1_000_000))
        self.list.write_text(names, encoding="utf-8")
        self.apply(self.list.name)
        policy = self.appliance.ask({"cmd": "policy.status"})["policy"]
        self.assertEqual(policy["lists"][0]["names"], 1_000_000)
        print(json.dumps({key: policy[key] for key in ("memory_bytes", "list_bytes")}))
        self.assertLess(policy["memory_bytes"], 24 << 20)
        self.assertTrue(self.passes())
        self.list.write_text(names + f"0.0.0.0 {NAME}\n", encoding="utf-8")
        self.assertTrue(wait_for(30, lambda: self.entries() == 1_000_001))
        self.assertFalse(self.passes())
        why = self.weirctl("why", self.lab.clients[0], f"{NAME}:80")
        self.assertIn("line 1000001 of", why)


if __name__ == "__main__":
    harness.main()

"""Bad input and a full disk: one clear line each, and what was running goes on."""

import subprocess

import harness
from weirlab import ProgramFailed, wait_for


class BadInput(harness.ApplianceTest):
    def tearDown(self):
        super().tearDown()
        # Whatever the test did, the appliance forwards, decides and answers.
        self.assertTrue(self.appliance.running("weir-dataplane"))
        self.assertTrue(self.appliance.running("weir-control"))
        client = self.lab.clients[0]
        self.assertTrue(self.clients.curl(client, "http://www.lab.example/")[0])
        self.assertFalse(self.clients.curl(client, "https://games.lab.example/")[0])
        self.assertEqual(self.appliance.weirctl("status").returncode, 0)

    def start_beside(self, name, text):
        """Runs a second program on that configuration; it must end by itself, refusing."""
        config = self.appliance.home / "beside.toml"
        text = text.replace("/dataplane.sock", "/beside.sock").replace("/control.sock", "/b.sock")
        config.write_text(text, encoding="utf-8")
        done = subprocess.run([self.appliance.program(name), "--config", config],
                              capture_output=True, text=True, timeout=30, check=False)
        self.assertNotEqual(done.returncode, 0)
        return (done.stdout + done.stderr).strip()

    def assert_one_line(self, text, *words):
        lines = text.splitlines()
        self.assertEqual(len(lines), 1, text)
        for word in words:
            self.assertIn(word, lines[0])

    def good_config(self):
        return self.appliance.config.read_text(encoding="utf-8")

    def test_an_unknown_configuration_key(self):
        text = self.good_config().replace("[ports]", "[ports]\nsideways = 1")
        line = 1 + text[:text.index("sideways")].count("\n")
        for name in ("weir-dataplane", "weir-control"):
            self.assert_one_line(self.start_beside(name, text), f"beside.toml:{line}:", "sideways")

    def test_a_value_of_the_wrong_type(self):
        text = self.good_config().replace('idle = "sleep"', "idle = 7")
        for name in ("weir-dataplane", "weir-control"):
            self.assert_one_line(self.start_beside(name, text), "beside.toml:", "idle")

    def test_a_port_that_does_not_exist(self):
        text = self.good_config().replace(f'inside = "{self.lab.inside}"', 'inside = "nowhere0"')
        self.assert_one_line(self.start_beside("weir-dataplane", text), "nowhere0")

    def test_a_broken_rules_file_at_the_start(self):
        broken = self.appliance.home / "broken.rules"
        broken.write_text("drop host fine.example\ndropp host bad.example\n", encoding="utf-8")
        text = self.good_config().replace(f"{self.appliance.home}/rules/*.rules", str(broken))
        self.assert_one_line(self.start_beside("weir-dataplane", text),
                             "broken.rules:2:1", "dropp")

    def installed_policy(self):
        reply = self.appliance.ask({"cmd": "policy.status"})
        policy = reply.get("policy", reply)
        return policy["version"], policy["digest"]

    def test_broken_rules_are_refused_and_the_running_ones_stay(self):
        before = self.installed_policy()
        good = self.appliance.rules.read_text(encoding="utf-8")
        self.addCleanup(self.appliance.rules.write_text, good, encoding="utf-8")
        self.appliance.rules.write_text("allow any\ndrop port tcp/99999\n", encoding="utf-8")
        for verb in ("check", "apply"):
            done = self.appliance.weirctl("rules", verb)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn("lab.rules:2:", done.stdout + done.stderr)
        self.assertEqual(self.installed_policy(), before)


class FullJournalDisk(harness.LabTest):
    """The journal's file system is far smaller than its quota, and control is away."""

    def setUp(self):
        self.appliance = harness.Appliance(self.lab, harness.build)
        self.addCleanup(self.appliance.stop_all)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none",
                        self.appliance.home / "journal"], check=True)
        self.appliance.start_dataplane()

    def lost(self):
        return self.appliance.ask({"cmd": "stats"})["events_lost"]

    def unaccounted(self):
        """The classes of events for which produced is not stored + lost."""
        journal = self.appliance.ask({"cmd": "stats"})["journal"]
        return [name for name, produced in journal["produced"].items()
                if produced != journal["stored"][name] + journal["lost"][name]]

    def test_forwarding_goes_on_and_the_loss_is_counted(self):
        # About a kilobyte of journal a request: more than fits.
        for _ in range(4):
            traffic = self.clients.start("http_requests.py", self.lab.clients[0], self.clients.web,
                                         500, 1000)
            output, _ = traffic.communicate(timeout=60)
            self.assertEqual(int(output), 500, "no request suffers")
        self.assertTrue(wait_for(5, self.lost), self.appliance.ask({"cmd": "stats"}))
        self.assertFalse(self.clients.curl(self.lab.clients[0], "https://games.lab.example/")[0])
        self.assertTrue(wait_for(5, lambda: not self.unaccounted()), self.unaccounted())
        log = self.appliance.log_path("weir-dataplane").read_text(encoding="utf-8")
        self.assertIn("journal", log)
        self.assertLess(len(log.splitlines()), 50, "a full disk is told, not repeated")

        # Control comes back, reads what is there, and the journal has room again.
        self.appliance.start_control()

        def recorded_again():
            self.clients.curl(self.lab.clients[2], "http://www.lab.example/")
            return self.appliance.sessions("--account", "t0042")

        self.assertTrue(wait_for(30, recorded_again, every=1))


class NotBuilt(harness.LabTest):
    def test_a_program_that_is_not_there_is_said_so(self):
        appliance = harness.Appliance(self.lab, "/nonexistent")
        with self.assertRaisesRegex(ProgramFailed, "weir-dataplane is not built"):
            appliance.start_dataplane()


if __name__ == "__main__":
    harness.main()

"""The record of real traffic: sealed, checked, handed out with what checks it anywhere; a change is found."""

import pathlib
import shutil
import subprocess
import tempfile

import harness
from weirlab import wait_for

REASON = "case 2026-17"


class Audit(harness.ApplianceTest):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-export-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def visit(self, source, host="www.lab.example"):
        """A request of a client, and its session in the store, closed."""
        account = {self.lab.clients[0]: "s2023001", self.lab.clients[1]: "s2023002"}[source]
        before = len(self.closed(account))
        self.assertTrue(self.clients.curl(source, f"http://{host}/")[0])
        self.assertTrue(wait_for(20, lambda: len(self.closed(account)) > before, every=0.3))
        return account

    def closed(self, account):
        return [session for session in self.appliance.sessions("--account", account) if session["state"] == "closed"]

    def seal(self):
        return self.appliance.weirctl_json("audit", "seal", "--reason", REASON)

    def export(self, out, *options):
        ran = self.appliance.weirctl("audit", "export", "--out", str(out), "--reason", REASON, "--request", "K-9",
                                     *options)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran

    @staticmethod
    def check(folder, *arguments):
        return subprocess.run(["sh", str(folder / "verify.sh"), str(folder), *arguments], capture_output=True, text=True,
                              timeout=60, check=False)

    def test_a_sealed_record_verifies_and_says_what_is_there(self):
        self.visit(self.lab.clients[0])
        before = self.seal()
        result = self.appliance.weirctl_json("audit", "verify")
        self.assertTrue(result["good"], result)
        self.assertGreaterEqual(result["seals"], 1)
        self.assertGreater(result["records"], 0)
        self.visit(self.lab.clients[0])
        after = self.seal()
        self.assertGreater(after["newest"], before["newest"])
        self.assertTrue(self.appliance.weirctl_json("audit", "verify")["good"])
        status = self.appliance.weirctl_json("audit", "status")
        sessions = status["classes"][0]
        self.assertEqual((sessions["class"], sessions["kept_days"]), ("session", 365))
        self.assertGreater(sessions["records"], 0)
        record = status["seals"]["record"]
        self.assertTrue(self.appliance.weirctl_json("audit", "verify", "--record", record)["good"])
        ran = self.appliance.weirctl("audit", "verify", "--record", "a" * 32)
        self.assertEqual(ran.returncode, 1)
        self.assertIn(f"they are of record {record}", ran.stdout)
        self.assertEqual(self.appliance.weirctl("audit", "verify", "--record", "a").returncode, 2)
        self.assertIn("weir_audit_sealed_until_timestamp_seconds", self.appliance.metrics())

    def test_an_export_is_checked_anywhere_and_a_change_shows(self):
        account = self.visit(self.lab.clients[0])
        self.seal()
        whole = self.folder / "whole"
        self.export(whole)
        key = self.appliance.weirctl_json("audit", "status")["seals"]["key"]
        checked = self.check(whole, key)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn("GOOD", checked.stdout)
        files = sorted(whole.glob("sessions-*.jsonl"))
        self.assertTrue(files)
        lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
        self.assertTrue(any(f'"account":"{account}"' in line for line in lines))
        # The same as the store's answer.
        exported = {line for line in lines if f'"account":"{account}"' in line}
        stored = self.appliance.weirctl("sessions", "--account", account, "--reason", REASON, "--format", "json")
        self.assertLessEqual(exported, set(stored.stdout.splitlines()))

        for name, change in (("a line changed", lambda text: text.replace('"packets_to_dst":', '"packets_to_dst":1', 1)),
                             ("a line gone", lambda text: "".join(text.splitlines(True)[1:])),
                             ("a line more", lambda text: text + text.splitlines(True)[0]),
                             ("two lines changed places", lambda text: "".join(sorted(text.splitlines(True),
                                                                                     reverse=True)))):
            text = files[-1].read_text(encoding="utf-8")
            if change(text) == text:
                continue
            files[-1].write_text(change(text), encoding="utf-8")
            self.assertEqual(self.check(whole).returncode, 1, name)
            files[-1].write_text(text, encoding="utf-8")
        log = whole / "seals.log"
        text = log.read_text(encoding="utf-8")
        log.write_text(text.replace("sessions ", "sessions 1", 1), encoding="utf-8")
        self.assertEqual(self.check(whole).returncode, 1, "a seal changed")
        log.write_text(text, encoding="utf-8")
        manifest = (whole / "MANIFEST").read_text(encoding="utf-8")
        (whole / "MANIFEST").write_text(manifest.replace("K-9", "K-8"), encoding="utf-8")
        self.assertEqual(self.check(whole).returncode, 1, "the manifest changed")
        (whole / "MANIFEST").write_text(manifest, encoding="utf-8")
        self.assertEqual(self.check(whole, "0" * 64).returncode, 1, "another key")
        self.assertEqual(self.check(whole).returncode, 0)

    def test_an_export_of_one_account_has_no_other_and_goes_on_where_it_was_cut(self):
        account = self.visit(self.lab.clients[0])
        self.visit(self.lab.clients[1])
        self.seal()
        one = self.folder / "one"
        self.export(one, "--account", account)
        lines = [line for file in one.glob("query-*.jsonl") for line in file.read_text(encoding="utf-8").splitlines()]
        self.assertTrue(lines)
        self.assertTrue(all(f'"account":"{account}"' in line for line in lines))
        checked = self.check(one)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

        cut = self.folder / "cut"
        self.export(cut)
        files = sorted(cut.glob("*.jsonl"))
        # As it is after an end in the middle: some files whole, one half done, no manifest.
        for file in ("MANIFEST", "seals.log", "seal.pub", "verify.sh"):
            (cut / file).unlink()
        (cut / (files[0].name + ".part")).write_bytes(files[0].read_bytes()[:100])
        files[0].unlink()
        ran = self.appliance.weirctl("audit", "export", "--out", str(cut), "--reason", REASON, "--request", "K-9")
        self.assertEqual(ran.returncode, 1, "a folder that is not empty, and no mark of an export in work")
        query = f"?reason={REASON.replace(' ', '%20')}&request=K-9"
        (cut / ".weir-export").write_text(query, encoding="utf-8")
        self.export(cut)
        self.assertEqual(self.check(cut).returncode, 0)
        self.assertFalse(list(cut.glob("*.part")))

    def test_every_look_is_in_the_operations_log(self):
        self.visit(self.lab.clients[0])
        self.seal()
        self.export(self.folder / "logged")
        operations = self.appliance.weirctl_json("audit", "operations", "--limit", "50")["operations"]
        actions = [operation["action"] for operation in operations]
        for action in ("audit seal", "audit export", "audit export file", "audit export sign", "sessions"):
            self.assertIn(action, actions)
        signed = next(operation for operation in operations if operation["action"] == "audit export sign")
        self.assertEqual(signed["reason"], f"{REASON} (K-9)")
        self.assertGreater(signed["rows"], 0)

    def test_a_hold_is_made_and_released(self):
        hold = self.appliance.weirctl_json("audit", "hold", "--from", "2026-01-01", "--to", "2026-02-01", "--reason",
                                           "court", "--request", "K-10")
        self.assertEqual(self.appliance.weirctl_json("audit", "status")["holds"][0]["id"], hold["id"])
        self.assertEqual(self.appliance.weirctl("audit", "release", str(hold["id"]), "--reason", "over").returncode, 0)
        self.assertFalse(self.appliance.weirctl_json("audit", "status")["holds"])
        again = self.appliance.weirctl("audit", "release", str(hold["id"]), "--reason", "over")
        self.assertEqual(again.returncode, 1)


class Tampered(harness.ApplianceTest):
    def test_a_store_changed_while_nobody_looked_is_found(self):
        self.assertTrue(self.clients.curl(self.lab.clients[0], "http://www.lab.example/")[0])
        self.appliance.sessions("--account", "s2023001")
        self.appliance.weirctl_json("audit", "seal", "--reason", REASON)
        self.appliance.stop("weir-control")
        store = self.appliance.home / "data" / "control.db"
        if not store.exists():
            store = next(self.appliance.home.rglob("control.db"))
        subprocess.run(["python3", "-c", "import sqlite3,sys\n"
                        "d=sqlite3.connect(sys.argv[1])\n"
                        "d.execute('DROP TRIGGER operation_log_keeps')\n"
                        "d.execute(\"UPDATE operation_log SET actor='nobody' WHERE number=1\")\n"
                        "d.commit()", str(store)], check=True, timeout=30)
        self.appliance.start_control()
        ran = self.appliance.weirctl("-j", "audit", "verify")
        self.assertEqual(ran.returncode, 1)
        self.assertIn("operation 1", ran.stdout)

    def test_a_hold_taken_out_of_its_table_is_released_by_its_number(self):
        hold = self.appliance.weirctl_json("audit", "hold", "--from", "2026-01-01", "--to", "2026-02-01", "--reason",
                                           "court")
        self.appliance.stop("weir-control")
        store = next(self.appliance.home.rglob("control.db"))
        subprocess.run(["python3", "-c", "import sqlite3,sys\n"
                        "d=sqlite3.connect(sys.argv[1])\n"
                        "d.execute('DELETE FROM legal_hold')\n"
                        "d.commit()", str(store)], check=True, timeout=30)
        self.appliance.start_control()
        release = ("audit", "release", str(hold["id"]), "--reason", "over")
        self.assertEqual(self.appliance.weirctl(*release).returncode, 0, "the operations log has it")
        self.assertEqual(self.appliance.weirctl(*release).returncode, 1)


if __name__ == "__main__":
    harness.main()

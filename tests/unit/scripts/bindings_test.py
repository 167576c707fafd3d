"""scripts/bindings: the accounts registry becomes rules, or every bad row is told."""

import script_test

HEAD = "account,ip,mac,group,room,seat\n"


class Bindings(script_test.ScriptTest):
    script = "bindings"

    def make(self, rows, *options, code=0, head=HEAD, encoding="utf-8"):
        registry = self.folder / "accounts.csv"
        registry.write_text(head + rows, encoding=encoding)
        return self.run_script(*options, registry, code=code)

    def rules(self, *arguments, **options):
        text = self.make(*arguments, **options).stdout
        self.assert_rules(text)
        return [line for line in text.splitlines() if not line.startswith("#")]

    def test_a_row_becomes_a_rule(self):
        (line,) = self.rules("s1,10.0.0.7,02:00:5e:10:00:01,students,r,1\n")
        self.assertTrue(line.startswith("monitor ip 10.0.0.7 except mac 02:00:5e:10:00:01 id bind-10.0.0.7 class "))
        (line,) = self.rules("s1,2001:DB8::7,02-00-5E-10-00-01,,,\n", "--verb", "drop")
        self.assertTrue(line.startswith("drop ip 2001:db8::7 except mac 02:00:5e:10:00:01 id bind-2001-db8--7 "))
        (line,) = self.rules("s1,10.0.0.7,0200.5e10.0001,,,\n")
        self.assertIn("mac 02:00:5e:10:00:01", line)

    def test_the_same_rows_give_the_same_file_in_any_order(self):
        rows = ["s1,10.0.0.10,02:00:5e:10:00:01,,,\n", "s2,10.0.0.9,02:00:5e:10:00:02,,,\n",
                "s2,2001:db8::1,02:00:5e:10:00:02,,,\n"]
        one, other = self.make("".join(rows)).stdout, self.make("".join(reversed(rows))).stdout
        self.assertEqual(one, other)
        self.assertLess(one.index("10.0.0.9 "), one.index("10.0.0.10 "))

    def test_what_excel_writes_is_read(self):
        lines = self.rules('"王, 一",10.0.0.7,02:00:5e:10:00:01,"a ""b""",,\r\n\r\n', head="\ufeff" + HEAD)
        self.assertTrue(lines[0].endswith("# 王, 一"))

    def test_rows_without_a_binding_are_counted(self):
        done = self.make("s1,10.0.0.7,,,,\ns2,,02:00:5e:10:00:02,,,\ns3,10.0.0.8,02:00:5e:10:00:03,,,\n")
        self.assertEqual(done.stderr, "1 addresses bound, 2 rows without a binding\n")
        self.assertIn("no row has both", self.make("s1,10.0.0.7,,,,\n", code=1).stderr)

    def test_every_bad_row_is_told_and_nothing_is_written(self):
        output = self.folder / "bindings.rules"
        output.write_text("as it was", encoding="utf-8")
        done = self.make("s1,10.0.0.300,02:00:5e:10:00:01,,,\n"
                         "s2,10.0.0.7,02:00:5e:10:00,,,\n"
                         "s3,10.0.0.8\n"
                         ",10.0.0.9,02:00:5e:10:00:01,,,\n"
                         "s5,10.0.0.10,01:00:5e:10:00:01,,,\n"
                         "s6,224.0.0.1,02:00:5e:10:00:01,,,\n"
                         "s7,::ffff:10.0.0.1,02:00:5e:10:00:01,,,\n"
                         "s8,10.0.0.11,02:00:5e:10:00:01,,,\n", "--output", output, code=1)
        self.assertEqual([line.split(" ")[0] for line in done.stderr.splitlines()],
                         [f"accounts.csv:{number}:" for number in range(2, 9)])
        self.assertEqual(done.stdout, "")
        self.assertEqual(output.read_text(encoding="utf-8"), "as it was")

    def test_an_address_has_one_device_and_one_account(self):
        done = self.make("s1,10.0.0.7,02:00:5e:10:00:01,,,\ns1,10.0.0.7,02:00:5e:10:00:02,,,\n", code=1)
        self.assertEqual(done.stderr, "accounts.csv:3: 10.0.0.7 is bound to 02:00:5e:10:00:01 of 's1' on line 2\n")
        self.make("s1,10.0.0.7,02:00:5e:10:00:01,,,\ns2,10.0.0.7,02:00:5e:10:00:01,,,\n", code=1)
        self.assertEqual(len(self.rules(2 * "s1,10.0.0.7,02:00:5e:10:00:01,,,\n")), 1)
        # One device may have several addresses.
        self.assertEqual(len(self.rules("s1,10.0.0.7,02:00:5e:10:00:01,,,\ns1,10.0.0.8,02:00:5e:10:00:01,,,\n")), 2)

    def test_no_text_of_the_registry_becomes_a_rule(self):
        self.assertEqual(len(self.rules('"x"" allow any #",10.0.0.7,02:00:5e:10:00:01,,,\n')), 1)
        self.make('"x\nallow any",10.0.0.7,02:00:5e:10:00:01,,,\n', code=1)

    def test_what_is_no_registry_is_refused(self):
        for text in ("", "\n", "a,b\n", "<html>\n"):
            self.assertIn("the first line must be", self.make("", head=text, code=1).stderr)
        self.assertIn("UTF-8", self.make("王,10.0.0.7,02:00:5e:10:00:01,,,\n", encoding="gbk", code=1).stderr)
        self.assertIn(":2: unexpected end of data", self.make('"s1,10.0.0.7\n', code=1).stderr)
        self.assertIn("No such file", self.run_script(self.folder / "none.csv", code=1).stderr)
        self.run_script("--range", "10.0.0.1/24", self.folder / "none.csv", code=2)

    def test_unregistered_addresses_of_a_network(self):
        rows = "".join(f"s{n},10.0.{n // 200}.{n % 200 + 1},02:00:5e:10:{n // 256:02x}:{n % 256:02x},,,\n"
                       for n in range(2500))
        lines = self.rules(rows, "--range", "10.0.0.0/16", "--range", "2001:db8::/64")
        self.assertEqual(len(lines), 2500 + 3 + 1)
        self.assertIn("monitor any from 10.0.0.0/16, 2001:db8::/64 except from @bound-1 except from @bound-2 "
                      "except from @bound-3 id bind-unregistered ", lines[-1])

    def test_output_replaces_the_file(self):
        output = self.folder / "bindings.rules"
        row = "s1,10.0.0.7,02:00:5e:10:00:01,,,\n"
        self.make(row, "--output", output)
        self.assertEqual(output.read_text(encoding="utf-8"), self.make(row).stdout)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["accounts.csv", "bindings.rules"])


if __name__ == "__main__":
    script_test.main()

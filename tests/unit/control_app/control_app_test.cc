// Asked as a person asks it: what comes out of weirctl.
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "control_app_fixture.h"
#include "dataplane/base/unique_fd.h"
#include "tests/unit/control_clickhouse/clickhouse_server.h"
#include "tests/unit/control_mail/smtp_server.h"

namespace weir::control::app {
namespace {

TEST_F(ControlAppTest, FromTheJournalToSessionsAndOneIncident) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  const auto incident = Json({"incidents"})["incidents"][0];
  EXPECT_EQ(incident["findings"], 2);
  EXPECT_EQ(incident["subject"], "s2023001");
  EXPECT_EQ(incident["state"], "open");
  ASSERT_EQ(incident["deadlines"].size(), 1u);
  EXPECT_EQ(incident["deadlines"][0]["due"], "2026-11-23T09:30:00.000000Z");

  const Ran csv = Weirctl({"sessions", "--reason", "test", "--format", "csv"});
  EXPECT_EQ(csv.code, 0) << csv.err;
  EXPECT_NE(csv.out.find("www.lab.example"), std::string::npos) << csv.out;
  const Ran table = Weirctl({"sessions", "--reason", "test", "--account", "s2023001"});
  EXPECT_NE(table.out.find("1 sessions"), std::string::npos) << table.out;
  const Ran json = Weirctl({"-j", "sessions", "--reason", "test", "--name", "WWW.lab.example"});
  const auto session = nlohmann::json::parse(json.out, nullptr, false);
  EXPECT_EQ(session["account"], "s2023001") << json.out;
  EXPECT_EQ(Weirctl({"sessions", "--reason", "x", "--ip", "nonsense"}).code, 2);

  // Each look-up stands in the operations log, before and after.
  const cli::HttpClient client(dir_ / "control.sock", "");
  const auto operations =
      nlohmann::json::parse(client.Call({"GET", "/api/v1/operations", ""}).body);
  const auto& newest = operations["operations"][0];
  EXPECT_EQ(newest["action"], "sessions");
  EXPECT_EQ(newest["reason"], "test");
  EXPECT_EQ(newest["outcome"], "done");
  EXPECT_EQ(newest["rows"], 1);
  EXPECT_EQ(newest["target"], "name=WWW.lab.example");
  EXPECT_EQ(client.Call({"GET", "/api/v1/sessions", ""}).status, 400u);  // without a reason
}

TEST_F(ControlAppTest, NothingIsTakenTwiceOverARestart) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  app_.reset();
  Start();
  {
    ingest::JournalMaker journal(dir_ / "journal", 2);
    journal.Finding(51);
  }
  EXPECT_TRUE(Eventually([this] { return Json({"incidents"})["incidents"][0]["findings"] == 3; }));
  const Ran sessions = Weirctl({"sessions", "--reason", "test"});
  EXPECT_NE(sessions.out.find("2 sessions"), std::string::npos) << sessions.out;
}

TEST_F(ControlAppTest, AnIncidentGoesItsWay) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  const std::string id = "I-20261122-0001";
  EXPECT_EQ(Weirctl({"incident", "report", id}).code, 1);  // nobody has seen it
  EXPECT_EQ(Weirctl({"incident", "ack", id}).code, 0);
  EXPECT_EQ(Weirctl({"incident", "note", id, "called the dormitory"}).code, 0);
  const Ran blocked =
      Weirctl({"block", "ip", "203.0.113.9", "--reason", "malware", "--incident", id});
  EXPECT_EQ(blocked.code, 0) << blocked.err;
  EXPECT_EQ(Weirctl({"incident", "contain", id}).code, 0);
  const Ran report = Weirctl({"incident", "report", id, "--note", "sent to the police"});
  EXPECT_EQ(report.code, 0) << report.err;
  EXPECT_NE(report.out.find("# Incident " + id), std::string::npos);
  EXPECT_NE(report.out.find("block-1 installed"), std::string::npos) << report.out;
  EXPECT_EQ(Weirctl({"incident", "close", id}).code, 0);
  const Ran shown = Weirctl({"incident", "show", id});
  EXPECT_NE(shown.out.find("called the dormitory"), std::string::npos) << shown.out;
  EXPECT_EQ(Weirctl({"incident", "show", "I-20000101-0001"}).code, 1);
  EXPECT_NE(Weirctl({"incidents"}).out.find("no incidents that are not closed"), std::string::npos);
}

TEST_F(ControlAppTest, BlocksFromTypedToRemoved) {
  Start();
  const auto block = Json({"block", "domain", "bad.example", "--reason", "r", "--for", "2h"});
  EXPECT_EQ(block["id"], "block-1");
  EXPECT_EQ(block["state"], "installed");
  EXPECT_TRUE(block["installed_in_ms"].is_number());
  EXPECT_TRUE(block.contains("until"));
  EXPECT_NE(Weirctl({"blocks"}).out.find("bad.example"), std::string::npos);
  const Ran why = Weirctl({"why", "10.0.0.1", "bad.example:443"});
  EXPECT_EQ(why.code, 0) << why.err;
  EXPECT_NE(why.out.find("rule      block-1"), std::string::npos) << why.out;
  EXPECT_NE(why.out.find("added by"), std::string::npos) << why.out;
  const Ran guarded = Weirctl({"block", "ip", "10.0.0.53", "--reason", "r"});
  EXPECT_EQ(guarded.code, 1);
  EXPECT_NE(guarded.err.find("protect ip 10.0.0.53"), std::string::npos) << guarded.err;
  const Ran account = Weirctl({"block", "account", "s2023001", "--reason", "r", "--dry-run"});
  EXPECT_EQ(account.code, 0) << account.err;
  const Ran mac = Weirctl({"block", "mac", "02:00:00:00:00:01", "--reason", "r", "--dry-run"});
  EXPECT_EQ(mac.code, 0) << mac.err;
  EXPECT_EQ(Weirctl({"block", "ip", "203.0.113.1", "--reason", "r", "--for", "soon"}).code, 2);
  EXPECT_EQ(Weirctl({"block", "ip", "203.0.113.1", "--reason", "r", "--incident", "I-1"}).code, 1);
  EXPECT_EQ(Weirctl({"unblock", "block-1"}).code, 0);
  EXPECT_EQ(Weirctl({"unblock", "block-1"}).code, 1);
  EXPECT_EQ(Weirctl({"unblock", "block-9"}).code, 1);
  dataplane_->Stop();
  const Ran pending = Weirctl({"block", "ip", "203.0.113.2", "--reason", "r"});
  EXPECT_EQ(pending.code, 1);
  EXPECT_NE(pending.err.find("block-2 is saved, not installed: the data plane does not answer"),
            std::string::npos)
      << pending.err;
  EXPECT_EQ(Weirctl({"why", "10.0.0.1", "bad.example:443"}).code, 1);
}

TEST_F(ControlAppTest, RulesAreCheckedAndApplied) {
  Start();
  EXPECT_EQ(Weirctl({"rules", "check"}).code, 0);
  std::ofstream(dir_ / "campus.rules") << "allow any\ndropp host x.example\n";
  for (const char* verb : {"check", "apply"}) {
    const Ran ran = Weirctl({"rules", verb});
    EXPECT_EQ(ran.code, 1);
    EXPECT_NE(ran.out.find("campus.rules:2:1"), std::string::npos) << ran.out << ran.err;
  }
  std::ofstream(dir_ / "campus.rules") << "drop host x.example\n";
  const Ran applied = Weirctl({"rules", "apply"});
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_NE(applied.out.find("is installed: 1 rules"), std::string::npos) << applied.out;
}

TEST_F(ControlAppTest, RulesAreConfirmedAndUndone) {
  Start();
  for (const char* seconds : {"4", "86401", "soon"}) {
    EXPECT_EQ(Weirctl({"rules", "apply", "--confirm", seconds}).code, 2) << seconds;
  }
  EXPECT_EQ(Weirctl({"rules", "undo"}).code, 1);
  const Ran nothing = Weirctl({"rules", "confirm"});
  EXPECT_EQ(nothing.code, 1);
  EXPECT_NE(nothing.err.find("no rules wait to be confirmed"), std::string::npos) << nothing.err;
  std::ofstream(dir_ / "campus.rules") << "drop host x.example\n";
  const Ran applied = Weirctl({"rules", "apply", "--confirm", "60", "--no-canary"});
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_NE(applied.out.find("unless confirmed until"), std::string::npos) << applied.out;
  EXPECT_NE(Weirctl({"status"}).out.find("NOT CONFIRMED: in "), std::string::npos);
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("go back in "), std::string::npos);
  EXPECT_NE(doctor.out.find("scripts/protect proposes rules"), std::string::npos) << doctor.out;
  EXPECT_EQ(Json({"status"})["policy"]["waiting"]["then"], "the rules before go back in force");
  const Ran second = Weirctl({"rules", "apply"});
  EXPECT_EQ(second.code, 1);
  EXPECT_NE(second.err.find("wait to be confirmed"), std::string::npos) << second.err;
  EXPECT_EQ(Weirctl({"rules", "confirm"}).code, 0);
  EXPECT_EQ(Weirctl({"rules", "undo", "--no-canary"}).code, 0);
  EXPECT_EQ(dataplane_->InstalledRules(), "protect ip 10.0.0.53\n");
  EXPECT_TRUE(Json({"status"})["policy"]["held"]);
  const cli::HttpClient client(dir_ / "control.sock", "");
  EXPECT_EQ(client.Call({"POST", "/api/v1/rules/apply", R"({"confirm":"soon"})"}).status, 400u);
  EXPECT_EQ(client.Call({"POST", "/api/v1/rules/apply", R"({"confirm":1})"}).status, 409u);
  const auto operations =
      nlohmann::json::parse(client.Call({"GET", "/api/v1/operations?limit=5", ""}).body);
  EXPECT_EQ(operations["operations"][4]["action"], "rules confirm");
  EXPECT_EQ(operations["operations"][2]["action"], "rules undo");
  EXPECT_EQ(operations["operations"][0]["action"], "rules apply (confirm 1 s)");
}

TEST_F(ControlAppTest, WhatWouldChangeIsSaidBeforeItDoes) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  std::ofstream(dir_ / "campus.rules") << "protect ip 10.0.0.53\ndrop host www.lab.example id x\n";
  const Ran diff = Weirctl({"rules", "diff"});
  EXPECT_EQ(diff.code, 0) << diff.err;
  EXPECT_NE(diff.out.find("1 added (+)"), std::string::npos) << diff.out;
  EXPECT_NE(diff.out.find("campus.rules:2 drop host www.lab.example id x"), std::string::npos)
      << diff.out;
  EXPECT_NE(diff.out.find("live flows: 2 of 3 looked at"), std::string::npos) << diff.out;
  EXPECT_NE(diff.out.find("none would get another verdict"), std::string::npos) << diff.out;
  EXPECT_EQ(dataplane_->Tried()["sources"][1]["text"],
            "protect ip 10.0.0.53\ndrop host www.lab.example id x\n");
  EXPECT_EQ(dataplane_->Tried()["mode"], "enforce");
  EXPECT_EQ(Weirctl({"rules", "diff", "--sessions", "1000001"}).code, 2);
  const auto json = Json({"rules", "diff", "--sessions", "1"});
  EXPECT_EQ(json["rules"]["added"][0]["id"], "x");
  EXPECT_LE(json["past"]["looked_at"], 1);

  const auto dry = Json({"block", "domain", "bad.example", "--reason", "r", "--dry-run"});
  EXPECT_EQ(dry["would_change"]["live"]["total"], 3) << dry;
  EXPECT_NE(dataplane_->Tried()["sources"][0]["text"].get<std::string>().find("bad.example"),
            std::string::npos);
  EXPECT_EQ(dataplane_->Tried()["sources"][1]["text"], "protect ip 10.0.0.53\n")
      << "with the rules in force, not with those on disk";

  std::ofstream(dir_ / "campus.rules") << "dropp any\n";
  const Ran bad = Weirctl({"rules", "diff"});
  EXPECT_EQ(bad.code, 1);
  EXPECT_NE(bad.err.find("campus.rules:1:1"), std::string::npos) << bad.err;
  std::ofstream(dir_ / "campus.rules") << "drop any id all\n";
  dataplane_->Stop();
  const Ran alone = Weirctl({"rules", "diff"});
  EXPECT_EQ(alone.code, 1);
  EXPECT_NE(alone.out.find("drop any id all"), std::string::npos) << alone.out;
  EXPECT_NE(alone.err.find("cannot be said"), std::string::npos) << alone.err;
}

TEST_F(ControlAppTest, StatusDoctorShowTopAndMetrics) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  const Ran status = Weirctl({"status"});
  EXPECT_EQ(status.code, 0) << status.err;
  EXPECT_NE(status.out.find("incidents   1 not closed"), std::string::npos) << status.out;
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("inside is up"), std::string::npos) << doctor.out;
  EXPECT_NE(doctor.out.find("deadlines"), std::string::npos) << doctor.out;
  EXPECT_NE(doctor.out.find("1 rule(s) say what is never blocked"), std::string::npos)
      << doctor.out;
  EXPECT_NE(Weirctl({"show", "ports"}).out.find("inside"), std::string::npos);
  EXPECT_NE(Weirctl({"show", "drops"}).out.find("policy"), std::string::npos);
  EXPECT_NE(Weirctl({"show", "rules"}).out.find("block-1"), std::string::npos);
  EXPECT_EQ(Weirctl({"show", "nonsense"}).code, 1);
  EXPECT_EQ(Json({"show", "accounts", "--account", "s2023001"})["addresses"][0], "10.0.0.1");
  EXPECT_EQ(Weirctl({"top", "nonsense"}).code, 1);
  EXPECT_TRUE(Json({"top", "talkers", "--last", "7d"})["top"].is_array());
  EXPECT_TRUE(Eventually([this] {
    const cli::HttpClient client(dir_ / "control.sock", "");
    const std::string text = client.Call({"GET", "/metrics", ""}).body;
    return text.find("weir_port_receive_packets_total{port=\"inside\"} 7") != std::string::npos &&
           text.find("weir_incidents_open{class=\"malware\"} 1") != std::string::npos &&
           text.find("weir_audit_records_total 4") != std::string::npos;
  }));
}

TEST_F(ControlAppTest, ImportsAndLooksUpAccountsAndTellsTheDataPlane) {
  Start();
  using Accounts = std::map<std::string, std::string>;
  ASSERT_TRUE(Eventually([this] {
    return dataplane_->Accounts() == Accounts{{"10.0.0.1", "s2023001"}};
  }));
  const auto fresh = dir_ / "fresh.csv";
  std::ofstream(fresh) << "account,ip,mac,group,room,seat\n"
                          "s2023002,10.0.0.1,,students,301,4\nt1,2001:db8::1,,,,\n";
  const Ran imported = Weirctl({"accounts", "import", fresh.string()});
  EXPECT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(imported.out, "2 rows in force: 1 addresses added, 0 removed, 1 changed\n");
  EXPECT_TRUE(Eventually([this] {
    return dataplane_->Accounts() == Accounts{{"10.0.0.1", "s2023002"}, {"2001:db8::1", "t1"}};
  }));
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023002");
  EXPECT_EQ(Json({"accounts", "lookup", "t1"})["bindings"][0]["address"], "2001:db8::1");
  EXPECT_EQ(Weirctl({"accounts", "lookup", "s2023001"}).code, 1);
  EXPECT_EQ(Json({"status"})["accounts"]["told"]["in_step"], true);

  std::ofstream(fresh) << "account,ip,mac,group,room,seat\nx,10.0.0.300,,,,\n";
  const Ran refused = Weirctl({"accounts", "import", fresh.string()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("import:2: ip '10.0.0.300'"), std::string::npos) << refused.err;
  std::ofstream(fresh, std::ios::binary) << "account,ip,mac,group,room,seat\n\xff,10.0.0.3,,,,\n";
  EXPECT_NE(Weirctl({"accounts", "import", fresh.string()}).err.find("not UTF-8"),
            std::string::npos);
  EXPECT_EQ(Weirctl({"accounts", "import", (dir_ / "none").string()}).code, 1);
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023002");
}

TEST_F(ControlAppTest, SaysWhatAnImportWouldChangeAndWhoHadAnAddressBefore) {
  Start();
  const auto fresh = dir_ / "fresh.csv";
  std::ofstream(fresh) << "account,ip,mac,group,room,seat\n"
                          "s2023002,10.0.0.1,,students,301,5\nt1,2001:db8::1,,,,\n";
  const auto diff = Json({"accounts", "diff", fresh.string()});
  EXPECT_EQ(diff["same"], false);
  EXPECT_EQ(diff["rows_added"], 1);
  EXPECT_EQ(diff["added"][0]["account"], "t1");
  EXPECT_EQ(diff["changed"][0]["before"]["account"], "s2023001");
  EXPECT_EQ(diff["changed"][0]["after"]["seat"], "5");
  const Ran shown = Weirctl({"accounts", "diff", fresh.string()});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_EQ(shown.out.substr(0, shown.out.find('\n')),
            "2 rows against the 1 in use: 0 removed (-), 1 added (+), 1 changed (~)");
  EXPECT_NE(shown.out.find("s2023001 -> s2023002"), std::string::npos) << shown.out;
  EXPECT_EQ(Weirctl({"accounts", "diff", "--exit-code", fresh.string()}).code, 1);
  EXPECT_EQ(Weirctl({"accounts", "diff", "--exit-code", (dir_ / "accounts.csv").string()}).code, 0);
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023001");

  const std::string before = base::FormatRfc3339(base::WallNow());
  EXPECT_EQ(Weirctl({"accounts", "import", fresh.string()}).code, 0);
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023002");
  const auto then = Json({"accounts", "lookup", "10.0.0.1", "--at", before});
  EXPECT_EQ(then["bindings"][0]["account"], "s2023001");
  EXPECT_EQ(then["bindings"][0]["seat"], "4");
  const auto history = Json({"accounts", "history", "10.0.0.1"})["rows"];
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0]["begun"]["how"], "import");
  EXPECT_NE(history[0]["begun"]["by"], "");
  EXPECT_EQ(history[1]["ended"]["how"], "import");
  EXPECT_FALSE(history[1].contains("from"));
  const Ran table = Weirctl({"accounts", "history", "s2023001"});
  EXPECT_NE(table.out.find("always"), std::string::npos) << table.out;
  EXPECT_EQ(Weirctl({"accounts", "history", "nobody"}).code, 1);
  std::ofstream(dir_ / "accounts.csv") << "account,ip,mac,group,room,seat\n";
  EXPECT_TRUE(Eventually([this] {
    for (const auto& done : JsonOfOperations()) {
      if (done["action"] == "accounts registry" &&
          done["outcome"] == "done: 0 rows; 0 came, 2 went")
        return done["via"] == "itself";
    }
    return false;
  }));
}

TEST_F(ControlAppTest, APortalsLinesAreLogins) {
  std::ofstream(dir_ / "portal.toml")
      << "[[pattern]]\nkind = \"login\"\nregex = 'LOGIN user=(?P<account>\\S+) ip=(?P<ip>\\S+)'\n";
  std::ofstream(dir_ / "weir.toml", std::ios::app)
      << "syslog_listen = \"127.0.0.1:0\"\nsyslog_senders = [\"127.0.0.1\"]\n"
      << "syslog_patterns = \"portal.toml\"\n";
  Start();
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(Json({"status"})["accounts"]["syslog"]["port"].get<uint16_t>());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const base::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM, 0));
  for (const std::string line : {"<14>LOGIN user=anna ip=10.0.0.1", "<14>FAILED user=eve"}) {
    ASSERT_GT(::sendto(socket.get(), line.data(), line.size(), 0,
                       static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof to),
              0);
  }
  EXPECT_TRUE(Eventually([this] {
    return Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["source"] == "portal";
  }));
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "anna");
  EXPECT_TRUE(Eventually([this] {
    return dataplane_->Accounts() == std::map<std::string, std::string>{{"10.0.0.1", "anna"}};
  }));
  EXPECT_TRUE(Eventually([this] {
    const auto syslog = Json({"status"})["accounts"]["syslog"];
    return syslog["results"]["no_pattern"] == 1 && syslog["unmatched"].size() == 1;
  }));
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("FAILED user=eve"), std::string::npos) << doctor.out;
  app_.reset();  // what was told outlives the process
  Start();
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "anna");
}

TEST_F(ControlAppTest, TellsOfARegistryThatHasGoneBad) {
  Start();
  std::ofstream(dir_ / "accounts.csv") << "nonsense\n";
  EXPECT_TRUE(Eventually([this] {
    const auto error = Json({"status"})["accounts"].value("registry_error", "");
    return error.find("the first line must be") != std::string::npos;
  }));
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("the registry that was good last is in use"), std::string::npos)
      << doctor.out;
  EXPECT_EQ(Json({"accounts", "lookup", "10.0.0.1"})["bindings"][0]["account"], "s2023001");
}

TEST_F(ControlAppTest, WithoutBackupsItSaysSo) {
  Start();
  EXPECT_NE(Weirctl({"audit", "backups"}).out.find("No backups are made"), std::string::npos);
  const Ran refused = Weirctl({"audit", "backup"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("no backups are configured"), std::string::npos) << refused.err;
  EXPECT_NE(Weirctl({"doctor"}).out.find("none is made"), std::string::npos);
}

TEST_F(ControlAppTest, TheSigningKeyIsHandedOverAndExportsFollow) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  const Ran early = Weirctl({"audit", "key", "rotate", "--reason", "yearly"});
  EXPECT_EQ(early.code, 1);
  EXPECT_NE(early.err.find("there is no seal yet"), std::string::npos) << early.err;
  EXPECT_EQ(Weirctl({"audit", "key", "rotate"}).code, 2);
  EXPECT_EQ(Weirctl({"audit", "seal"}).code, 0);
  const std::string before = Json({"audit", "status"})["seals"]["key"];
  const auto rotated = Json({"audit", "key", "rotate", "--reason", "yearly"});
  EXPECT_EQ(rotated["key_before"], before);
  EXPECT_NE(rotated["key"], before);
  EXPECT_EQ(Weirctl({"audit", "seal"}).code, 0);
  const auto status = Json({"audit", "status"})["seals"];
  EXPECT_EQ(status["key"], rotated["key"]);
  EXPECT_EQ(status["key_since"], rotated["written"]);
  EXPECT_NE(Weirctl({"audit", "status"}).out.find("signs since"), std::string::npos);
  const auto checked = Json({"audit", "verify", "--fingerprint", before});
  EXPECT_EQ(checked["good"], true);
  EXPECT_EQ(checked["hand_overs"], 1);
  EXPECT_EQ(Weirctl({"audit", "verify", "--fingerprint", std::string(64, 'e')}).code, 1);
  EXPECT_EQ(Weirctl({"audit", "verify", "--fingerprint", "e"}).code, 2);
  const auto operations = Json({"audit", "operations"})["operations"];
  EXPECT_TRUE(std::any_of(operations.begin(), operations.end(), [&](const auto& operation) {
    return operation["action"] == "audit key rotate" && operation["reason"] == "yearly" &&
           operation["target"] == before + " to " + rotated["key"].template get<std::string>();
  }));
  const std::string out = (dir_ / "export").string();
  EXPECT_EQ(Weirctl({"audit", "export", "--out", out, "--reason", "case"}).code, 0);
  const std::string check = "sh " + out + "/verify.sh " + out + " " + before + " > /dev/null 2>&1";
  if (std::system("openssl version > /dev/null 2>&1") == 0) {
    EXPECT_EQ(std::system(check.c_str()), 0);
  }
}

TEST_F(ControlAppTest, ADataPlaneThatIsGoneIsAGapThatGoesOn) {
  {
    ingest::JournalMaker journal(dir_ / "journal", 1);
    const events::HealthEvent started{base::WallNow(), events::HealthKind::kStarted, 1, 0, ""};
    journal.Add(started, events::EventType::kHealth, events::LossClass::kHealth);
  }
  Start();
  ASSERT_TRUE(Eventually([this] { return Json({"status"})["ingest"]["health"] == 1; }));
  EXPECT_TRUE(Json({"audit", "status"})["gaps"].empty());
  dataplane_->Stop();
  const auto gaps = Json({"audit", "status"})["gaps"];
  ASSERT_EQ(gaps.size(), 1u) << gaps;
  EXPECT_EQ(gaps[0]["kind"], "not recording");
  EXPECT_EQ(gaps[0]["goes_on"], true);
  EXPECT_EQ(gaps[0]["is_about"], true);
}

TEST_F(ControlAppTest, AnExportAsCsvIsSignedAndGoesOnWhereItWasCut) {
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  EXPECT_EQ(Weirctl({"audit", "seal", "--reason", "two\nlines"}).code, 0);
  EXPECT_EQ(Weirctl({"audit", "seal"}).code, 0);
  const std::filesystem::path out = dir_ / "export";
  const auto export_csv = [&] {
    return Weirctl(
        {"audit", "export", "--out", out.string(), "--reason", "case", "--format", "csv"});
  };
  const auto check = [&] {
    const std::string command =
        "sh " + (out / "verify.sh").string() + " " + out.string() + " > /dev/null 2>&1";
    const bool has_openssl = std::system("openssl version > /dev/null 2>&1") == 0;
    return !has_openssl || std::system(command.c_str()) == 0;
  };
  const Ran made = export_csv();
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_TRUE(check());
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(out)) {
    EXPECT_NE(entry.path().extension(), ".jsonl");
    if (entry.path().extension() == ".csv") files.push_back(entry.path());
  }
  ASSERT_GE(files.size(), 3u);  // sessions, findings and operations at least
  // As an end in the middle leaves it: a file half done, one missing, no manifest.
  std::filesystem::remove(out / "MANIFEST");
  std::filesystem::rename(files[0], files[0].string() + ".part");
  std::ofstream(out / ".weir-export") << "?reason=case&format=csv";
  const Ran again = export_csv();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_TRUE(check());
  EXPECT_TRUE(std::filesystem::exists(files[0]));
  EXPECT_FALSE(std::filesystem::exists(files[0].string() + ".part"));
  // A file that somebody has changed meanwhile is not signed.
  std::filesystem::remove(out / "MANIFEST");
  std::ofstream(out / ".weir-export") << "?reason=case&format=csv";
  std::ofstream(files[1], std::ios::app) << "one more\r\n";
  EXPECT_EQ(export_csv().code, 1);
  EXPECT_FALSE(std::filesystem::exists(out / "MANIFEST"));
  EXPECT_EQ(export_csv().code, 0);
  EXPECT_TRUE(check());
  EXPECT_EQ(Weirctl({"audit", "export", "--out", "x", "--reason", "r", "--format", "xml"}).code, 2);
}

TEST_F(ControlAppTest, TheAnchorIsShownAndMailed) {
  Start();
  EXPECT_EQ(Weirctl({"audit", "anchor"}).code, 1);  // there is no seal yet
  EXPECT_EQ(Weirctl({"audit", "seal"}).code, 0);
  const Ran shown = Weirctl({"audit", "anchor"});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_TRUE(shown.out.starts_with("weir anchor 1 ")) << shown.out;
  EXPECT_NE(shown.out.find("no mail is configured"), std::string::npos);
  app_.reset();

  testing_support::SmtpServer server({testing_support::SmtpServer::Tls::kStartTls, "", "", false});
  std::ofstream(dir_ / "ca.pem") << server.certificate();
  std::ofstream(dir_ / "weir.toml", std::ios::app)
      << "[audit]\nanchor_mail_to = \"soc@campus.example\"\n"
      << "anchor_mail_from = \"weir@campus.example\"\nanchor_mail_server = \"" << server.Url()
      << "\"\nanchor_mail_ca_file = \"ca.pem\"\n";
  Start();
  const auto mailed = Json({"audit", "anchor", "--reason", "test"});
  EXPECT_EQ(mailed["mail"]["mailed"], mailed["number"]);
  ASSERT_FALSE(server.mails().empty());
  std::ofstream(dir_ / "saved.eml", std::ios::binary) << server.mails().back();
  const auto checked = Json({"audit", "verify", "--anchor", (dir_ / "saved.eml").string()});
  EXPECT_EQ(checked["good"], true);
  EXPECT_GE(checked["anchors"], 1);
  EXPECT_NE(Weirctl({"doctor"}).out.find("went to soc@campus.example"), std::string::npos);
  EXPECT_NE(Weirctl({"audit", "status"}).out.find("anchors are mailed to"), std::string::npos);
  EXPECT_TRUE(Eventually([this] {
    const auto answer = cli::HttpClient(dir_ / "control.sock", "").Call({"GET", "/metrics", ""});
    return answer.body.find("weir_audit_anchor_mails_total 1") != std::string::npos ||
           answer.body.find("weir_audit_anchor_mails_total 2") != std::string::npos;
  }));
}

TEST_F(ControlAppTest, IsBackedUpAndComesBackFromNothing) {
  std::ofstream(dir_ / "weir.toml", std::ios::app)
      << "[backup]\ndir = \"backups\"\nkey_file = \"backup.key\"\n";
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  EXPECT_EQ(Weirctl({"block", "domain", "bad.example", "--reason", "test"}).code, 0);
  EXPECT_EQ(Weirctl({"audit", "seal"}).code, 0);
  // The first one is made at the start by itself, of whatever there was by then.
  ASSERT_TRUE(Eventually([this] { return Json({"audit", "backups"})["backups"] == 1; }));
  // It may be at its last steps still, and then another one is refused.
  nlohmann::json made;
  ASSERT_TRUE(Eventually([&] {
    made = Json({"audit", "backup"});
    return made.contains("kind");
  })) << made;
  EXPECT_EQ(made["kind"], "incremental") << made;
  EXPECT_LT(made["new_files"], made["files"]);
  EXPECT_EQ(Weirctl({"audit", "backup", "--full", "--verify"}).code, 2);
  EXPECT_EQ(Json({"audit", "backup", "--full"})["kind"], "full");
  const Ran verified = Weirctl({"audit", "backup", "--verify"});
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_NE(verified.out.find("Nothing is wrong."), std::string::npos) << verified.out;
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("3 in 2 sets"), std::string::npos) << doctor.out;
  EXPECT_NE(doctor.out.find("on the disk of data_dir"), std::string::npos) << doctor.out;
  EXPECT_TRUE(Eventually([this] {
    const auto metrics = cli::HttpClient(dir_ / "control.sock", "").Call({"GET", "/metrics", ""});
    return metrics.body.find("\nweir_backup_last_success_timestamp_seconds 1") != metrics.body.npos;
  }));
  const auto operations = Json({"audit", "operations"})["operations"];
  EXPECT_EQ(operations[0]["action"], "audit backup verify");
  EXPECT_EQ(operations[1]["outcome"], "begun");
  EXPECT_EQ(operations[2]["action"], "audit backup");
  EXPECT_NE(operations[2]["outcome"].get<std::string>().find("done: full"), std::string::npos);
  EXPECT_TRUE(std::any_of(operations.begin(), operations.end(), [](const auto& operation) {
    return operation["actor"] == "weir-control" && operation["action"] == "audit backup";
  })) << operations;
  const std::string sessions = Weirctl({"-j", "sessions", "--reason", "test"}).out;
  EXPECT_NE(sessions.find("www.lab.example"), std::string::npos) << sessions;
  app_.reset();

  // Another machine: the backups and the key, no weir-control.
  const std::string from = dir_ / "backups";
  const std::string key = dir_ / "backup.key";
  EXPECT_EQ(Json({"audit", "backups", "--from", from, "--key", key})["backups"].size(), 3u);
  EXPECT_EQ(Weirctl({"audit", "backups", "--from", from}).code, 2);
  const std::string into = dir_ / "data";
  const Ran refused = Weirctl({"audit", "restore", "--from", from, "--key", key, "--into", into});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("is not empty"), std::string::npos) << refused.err;
  std::filesystem::remove_all(into);
  std::filesystem::remove_all(dir_ / "journal");
  const Ran restored = Weirctl({"audit", "restore", "--from", from, "--key", key, "--into", into});
  EXPECT_EQ(restored.code, 0) << restored.err;
  EXPECT_FALSE(std::filesystem::exists(dir_ / "data/token"));
  std::ofstream(dir_ / "data/restore.unfinished") << "x";
  const auto unfinished = Open();
  ASSERT_FALSE(unfinished.ok());
  EXPECT_NE(unfinished.error().message.find("was not restored to its end"), std::string::npos);
  std::filesystem::remove(dir_ / "data/restore.unfinished");
  Start();
  EXPECT_EQ(Weirctl({"-j", "sessions", "--reason", "test"}).out, sessions);
  EXPECT_TRUE(HasIncident());
  EXPECT_EQ(Json({"blocks"})["blocks"].size(), 1u);
  const Ran checked = Weirctl({"audit", "verify"});
  EXPECT_EQ(checked.code, 0) << checked.out;
  EXPECT_NE(checked.out.find("Nothing is wrong."), std::string::npos) << checked.out;
}

TEST_F(ControlAppTest, WhatTheApiDoesNotKnowItSays) {
  Start();
  const cli::HttpClient client(dir_ / "control.sock", "");
  EXPECT_EQ(client.Call({"GET", "/", ""}).status, 404u);
  EXPECT_EQ(client.Call({"GET", "/api/v2/status", ""}).status, 404u);
  EXPECT_EQ(client.Call({"DELETE", "/api/v1/status", ""}).status, 405u);
  EXPECT_EQ(client.Call({"GET", "/api/v1/rules/apply", ""}).status, 405u);
  EXPECT_EQ(client.Call({"POST", "/api/v1/blocks", "{}"}).status, 400u);
  EXPECT_EQ(client.Call({"POST", "/api/v1/bypass", "{\"on\":1}"}).status, 400u);
  EXPECT_EQ(client.Call({"GET", "/api/v1/incidents?limit=x", ""}).status, 400u);
}

TEST_F(ControlAppTest, EachFaultAtTheStartIsOneClearLine) {
  const auto expect = [this](const std::string& part) {
    app_.reset();
    const auto opened = Open();
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find(part), std::string::npos) << opened.error().message;
  };
  std::ofstream(dir_ / "weir.toml", std::ios::app) << "[incidents]\nprofiles = [\"cn-spam\"]\n";
  expect("\"cn-spam\" is not supported yet");
  WriteConfig();
  std::ofstream(dir_ / "accounts.csv") << "nonsense\n";
  expect("accounts.csv");
}

// First without an archive, then with one: what was there before is migrated.
TEST_F(ControlAppTest, MigratesItsRecordIntoClickhouse) {
  clickhouse::ClickhouseServer* server = clickhouse::SharedServer();
  if (server == nullptr) GTEST_SKIP() << "needs clickhouse-server: scripts/setup installs it";
  WriteTraffic(1);
  Start();
  ASSERT_TRUE(Eventually([this] { return HasIncident(); }));
  const Ran refused = Weirctl({"audit", "migrate"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("there is no archive"), std::string::npos) << refused.err;
  app_.reset();

  std::ofstream(dir_ / "password") << "a secret\n";
  std::filesystem::permissions(dir_ / "password", std::filesystem::perms(0600));
  const clickhouse::Endpoint endpoint = server->EndpointOf("app_test");
  std::ofstream(dir_ / "weir.toml", std::ios::app)
      << "[audit]\nstore = \"clickhouse\"\nclickhouse_url = \"" << endpoint.url
      << "\"\nclickhouse_database = \"app_test\"\nclickhouse_user = \"weir\"\n"
      << "clickhouse_password_file = \"password\"\n";
  Start();
  EXPECT_EQ(Json({"status"})["store"]["archive"]["migration"], "needed");
  const Ran doctor = Weirctl({"doctor"});
  EXPECT_NE(doctor.out.find("weirctl audit migrate"), std::string::npos) << doctor.out;
  const Ran migrated = Weirctl({"audit", "migrate"});
  EXPECT_EQ(migrated.code, 0) << migrated.err;
  EXPECT_NE(migrated.out.find("records are in the archive"), std::string::npos) << migrated.out;
  EXPECT_EQ(
      server->Ask("SELECT count(), countIf(account = 's2023001') FROM app_test.sessions FINAL"),
      "2\t1");
  EXPECT_EQ(server->Ask("SELECT count() FROM app_test.findings FINAL"), "2");
  EXPECT_EQ(Json({"audit", "migrate"})["state"], "done");
  const Ran status = Weirctl({"status"});
  EXPECT_NE(status.out.find("archive     0 days only there, 0 changes wait"), std::string::npos)
      << status.out;
  const cli::HttpClient client(dir_ / "control.sock", "");
  EXPECT_TRUE(Eventually([&] {
    const auto metrics = client.Call({"GET", "/metrics", ""}).body;
    return metrics.find("weir_audit_archive_shipped_rows_total") != std::string::npos;
  })) << client.Call({"GET", "/metrics", ""}).body;
}

}  // namespace
}  // namespace weir::control::app

#include "control/incidents/incident_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>

#include "control/incidents/case_report.h"

namespace weir::control::incidents {
namespace {

constexpr base::WallTime kFound{1'795'340'000 * base::kNsPerSecond};  // 2026-11-22T07:33:20Z

ClockProfile PoliceClock() { return {"cn-police-24h", "24 hours", "police", 24}; }

class IncidentStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-incidents-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    Open({PoliceClock()});
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(dir_);
  }

  void Open(std::vector<ClockProfile> clocks) {
    store_.reset();
    auto opened = IncidentStore::Open(dir_ / "control.db", std::move(clocks));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::move(*opened);
  }

  static Finding MakeFinding(uint64_t seq, const char* account, const char* address) {
    Finding finding;
    finding.seq = seq;
    finding.identity.account = account;
    finding.event.time = {kFound.ns + static_cast<int64_t>(seq) * base::kNsPerSecond};
    finding.event.session_id = 0xf000'0000'0000'0000 + seq;
    finding.event.src_ip = *base::IpAddress::Parse(address);
    finding.event.dst_ip = *base::IpAddress::Parse("192.0.2.7");
    finding.event.src_port = 40000;
    finding.event.dst_port = 443;
    finding.event.ip_protocol = 6;
    finding.event.direction = events::Direction::kOutbound;
    finding.event.verdict = events::Verdict::kDrop;
    finding.event.rule = "bad-1";
    finding.event.rule_class = "harmful";
    finding.event.name = "bad.example";
    return finding;
  }

  void Take(const Finding& finding) {
    const auto taken = store_->Consume({&finding, 1});
    ASSERT_TRUE(taken.ok()) << taken.error().message;
  }
  std::vector<Incident> All() {
    auto listed = store_->List(true, 5000);
    EXPECT_TRUE(listed.ok());
    return listed.ok() ? *listed : std::vector<Incident>();
  }
  base::Status Move(const std::string& id, State to, const std::string& note = "") {
    const auto moved = store_->Advance({id, "alice", note, kFound}, to);
    return moved.ok() ? base::Status() : base::Status(moved.error());
  }

  std::filesystem::path dir_;
  std::unique_ptr<IncidentStore> store_;
};

TEST_F(IncidentStoreTest, FirstFindingOpensACaseWithItsDeadline) {
  Take(MakeFinding(1, "s1", "10.20.0.9"));
  const auto incidents = All();
  ASSERT_EQ(incidents.size(), 1u);
  const Incident& incident = incidents[0];
  EXPECT_EQ(incident.id, "I-20261122-0001");
  EXPECT_EQ(incident.state, State::kOpen);
  EXPECT_EQ(incident.subject_kind, SubjectKind::kAccount);
  EXPECT_EQ(incident.subject, "s1");
  EXPECT_EQ(incident.first_peer, "192.0.2.7:443/tcp");
  ASSERT_EQ(incident.deadlines.size(), 1u);
  EXPECT_EQ(incident.deadlines[0].due.ns - incident.discovered.ns, 86'400 * base::kNsPerSecond);
  ASSERT_EQ(incident.sessions.size(), 1u);
  EXPECT_EQ(incident.sessions[0], 0xf000'0000'0000'0001);
}

TEST_F(IncidentStoreTest, AThousandFindingsAreOneCaseWithAHundredSamples) {
  std::vector<Finding> findings;
  for (uint64_t seq = 1; seq <= 1000; ++seq) findings.push_back(MakeFinding(seq, "s1", "10.0.0.1"));
  ASSERT_TRUE(store_->Consume(findings).ok());
  const auto incidents = All();
  ASSERT_EQ(incidents.size(), 1u);
  EXPECT_EQ(incidents[0].findings, 1000u);
  EXPECT_EQ(incidents[0].sessions.size(), kSampleSessionsMax);
  EXPECT_EQ(incidents[0].last_seen, findings.back().event.time);
  EXPECT_EQ(incidents[0].discovered, findings.front().event.time);
}

TEST_F(IncidentStoreTest, CasesAreApartByRuleAccountAndInsideAddress) {
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  Take(MakeFinding(2, "s2", "10.0.0.1"));
  Take(MakeFinding(3, "", "10.0.0.1"));
  Finding inbound = MakeFinding(4, "", "203.0.113.5");
  inbound.event.dst_ip = *base::IpAddress::Parse("10.0.0.1");
  inbound.event.direction = events::Direction::kInbound;
  Take(inbound);  // the same inside address as before: the same case
  Finding other_rule = MakeFinding(5, "s1", "10.0.0.1");
  other_rule.event.rule = "bad-2";
  Take(other_rule);
  const auto incidents = All();
  ASSERT_EQ(incidents.size(), 4u);
  EXPECT_EQ(incidents[1].subject_kind, SubjectKind::kIp);
  EXPECT_EQ(incidents[1].subject, "10.0.0.1");
  EXPECT_EQ(incidents[1].findings, 2u);
  EXPECT_EQ(incidents[0].id, "I-20261122-0004");
}

TEST_F(IncidentStoreTest, EachFindingCountsOnceAcrossARestart) {
  Take(MakeFinding(7, "s1", "10.0.0.1"));
  Open({PoliceClock()});
  EXPECT_EQ(*store_->LastSeq(), 7u);
  Take(MakeFinding(7, "s1", "10.0.0.1"));
  Take(MakeFinding(6, "s1", "10.0.0.1"));
  EXPECT_EQ(All()[0].findings, 1u);
  Take(MakeFinding(8, "s1", "10.0.0.1"));
  EXPECT_EQ(All()[0].findings, 2u);
}

TEST_F(IncidentStoreTest, RuleWithoutClassMovesThePositionOnly) {
  Finding finding = MakeFinding(3, "s1", "10.0.0.1");
  finding.event.rule_class = "";
  Take(finding);
  EXPECT_TRUE(All().empty());
  EXPECT_EQ(*store_->LastSeq(), 3u);
}

TEST_F(IncidentStoreTest, EveryStepIsLoggedWithActorAndTime) {
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  const std::string id = All()[0].id;
  for (const State to :
       {State::kAcknowledged, State::kContained, State::kReported, State::kClosed}) {
    const auto moved = Move(id, to, "n");
    ASSERT_TRUE(moved.ok()) << moved.error().message;
  }
  const auto log = store_->Log(id);
  ASSERT_TRUE(log.ok());
  ASSERT_EQ(log->size(), 5u);
  const std::vector<std::string> expected{"opened", "acknowledged", "contained", "reported",
                                          "closed"};
  for (size_t index = 0; index < expected.size(); ++index) {
    EXPECT_EQ((*log)[index].action, expected[index]);
  }
  EXPECT_EQ((*log)[0].actor, "weir");
  EXPECT_EQ((*log)[4].actor, "alice");
  EXPECT_EQ((*log)[4].time, kFound);
}

TEST_F(IncidentStoreTest, IllegalStepsAreRefusedAndChangeNothing) {
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  const std::string id = All()[0].id;
  EXPECT_FALSE(Move(id, State::kReported).ok());  // nobody has seen it
  EXPECT_FALSE(Move(id, State::kOpen).ok());      // nothing goes back
  EXPECT_FALSE(Move(id, State::kClosed).ok());    // unreported, without a note
  EXPECT_EQ(All()[0].state, State::kOpen);
  EXPECT_EQ(store_->Log(id)->size(), 1u);
  ASSERT_TRUE(Move(id, State::kContained).ok());
  EXPECT_FALSE(Move(id, State::kAcknowledged).ok());
  ASSERT_TRUE(Move(id, State::kClosed, "a test host of ours").ok());
  EXPECT_FALSE(Move(id, State::kClosed, "again").ok());
  EXPECT_FALSE(Move("I-20000101-0001", State::kAcknowledged).ok());
  EXPECT_FALSE(Move(id, State::kClosed, std::string(kNoteBytesMax + 1, 'x')).ok());
}

TEST_F(IncidentStoreTest, AClosedCaseStaysClosedAndALaterFindingOpensAnother) {
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  ASSERT_TRUE(Move(All()[0].id, State::kClosed, "done").ok());
  Take(MakeFinding(2, "s1", "10.0.0.1"));
  const auto incidents = All();
  ASSERT_EQ(incidents.size(), 2u);
  EXPECT_EQ(incidents[0].state, State::kOpen);
  EXPECT_EQ(incidents[1].state, State::kClosed);
  EXPECT_EQ(store_->List(false, 100)->size(), 1u);
}

TEST_F(IncidentStoreTest, ReportingMeetsTheDeadlineAndTheNearestOneMovesOn) {
  Open({PoliceClock(), ClockProfile{"school-2h", "2 hours", "school", 2}});
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  Take(MakeFinding(2, "s2", "10.0.0.2"));
  auto totals = store_->CountOpen();
  ASSERT_TRUE(totals.ok());
  EXPECT_EQ(totals->open_by_class.at("harmful"), 2);
  EXPECT_EQ(totals->nearest_deadline_by_clock.at("school-2h").ns,
            kFound.ns + 7'201 * base::kNsPerSecond);
  const std::string first = All()[1].id;
  ASSERT_TRUE(Move(first, State::kAcknowledged).ok());
  ASSERT_TRUE(Move(first, State::kReported).ok());
  const auto reported = store_->Get(first);
  ASSERT_TRUE(reported.ok() && reported->has_value());
  EXPECT_EQ((*reported)->deadlines[0].clock, "school-2h");
  EXPECT_EQ((*reported)->deadlines[0].met, kFound);
  totals = store_->CountOpen();
  EXPECT_EQ(totals->nearest_deadline_by_clock.at("school-2h").ns,
            kFound.ns + 7'202 * base::kNsPerSecond);
  ASSERT_TRUE(Move(first, State::kClosed).ok());
  ASSERT_TRUE(Move(All()[0].id, State::kClosed, "test").ok());
  totals = store_->CountOpen();
  EXPECT_EQ(totals->open_by_class.at("harmful"), 0);
  EXPECT_TRUE(totals->nearest_deadline_by_clock.empty());
}

TEST_F(IncidentStoreTest, ManyForgedAddressesShareOneCase) {
  std::vector<std::string> addresses;
  for (int index = 0; index < kOpenPerRuleMax + 5; ++index) {
    addresses.push_back("10.1." + std::to_string(index / 250) + "." + std::to_string(index % 250));
  }
  std::vector<Finding> findings;
  for (size_t index = 0; index < addresses.size(); ++index) {
    findings.push_back(MakeFinding(index + 1, "", addresses[index].c_str()));
  }
  ASSERT_TRUE(store_->Consume(findings).ok());
  const auto incidents = All();
  ASSERT_EQ(incidents.size(), static_cast<size_t>(kOpenPerRuleMax) + 1);
  EXPECT_EQ(incidents[0].subject_kind, SubjectKind::kMany);
  EXPECT_EQ(incidents[0].findings, 5u);
}

TEST_F(IncidentStoreTest, TheLogCannotBeRewritten) {
  Take(MakeFinding(1, "s1", "10.0.0.1"));
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "control.db").c_str(), &raw), SQLITE_OK);
  EXPECT_NE(sqlite3_exec(raw, "UPDATE incident_log SET note='x'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_NE(sqlite3_exec(raw, "DELETE FROM incident_log", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
}

TEST_F(IncidentStoreTest, AFileOfANewerWeirIsRefused) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "control.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw, "UPDATE schema_version SET version=99", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(raw);
  const auto opened = IncidentStore::Open(dir_ / "control.db", {PoliceClock()});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("written by a newer Weir"), std::string::npos);
}

TEST_F(IncidentStoreTest, ABatchThatFailsLeavesNothingBehind) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open((dir_ / "control.db").c_str(), &raw), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(raw,
                         "CREATE TRIGGER full BEFORE INSERT ON incident WHEN new.subject='s2' "
                         "BEGIN SELECT RAISE(ABORT, 'no room'); END",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  std::vector<Finding> findings{MakeFinding(1, "s1", "10.0.0.1"), MakeFinding(2, "s2", "10.0.0.1")};
  const auto failed = store_->Consume(findings);
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("no room"), std::string::npos) << failed.error().message;
  EXPECT_TRUE(All().empty());
  EXPECT_EQ(*store_->LastSeq(), 0u);
  ASSERT_EQ(sqlite3_exec(raw, "DROP TRIGGER full", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  ASSERT_TRUE(store_->Consume(findings).ok());  // tried again, it goes on as if nothing had been
  EXPECT_EQ(All().size(), 2u);
}

TEST_F(IncidentStoreTest, TheReportTellsTheCaseAndKeepsForeignTextInItsCells) {
  Finding finding = MakeFinding(1, "s1", "10.0.0.1");
  finding.event.name = "a|b`c\n# heading";
  Take(finding);
  const std::string id = All()[0].id;
  ASSERT_TRUE(store_->AddNote({id, "alice", "called the dormitory", kFound}).ok());
  const std::string report = RenderCaseReport(All()[0], *store_->Log(id));
  EXPECT_NE(report.find("# Incident " + id), std::string::npos);
  EXPECT_NE(report.find("a\\|b\\`c # heading"), std::string::npos) << report;
  EXPECT_NE(report.find("| alice | note | called the dormitory |"), std::string::npos) << report;
  EXPECT_NE(report.find("- f000000000000001"), std::string::npos) << report;
  EXPECT_FALSE(store_->AddNote({id, "alice", "", kFound}).ok());
}

}  // namespace
}  // namespace weir::control::incidents

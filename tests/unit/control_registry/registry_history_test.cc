#include "control/registry/registry_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "control/accounts/directory.h"
#include "control/accounts/registry_file.h"

namespace weir::control::registry {
namespace {

namespace fs = std::filesystem;
using accounts::Registry;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kDayNs = int64_t{86'400} * base::kNsPerSecond;
constexpr const char* kHeader = "account,ip,mac,group,room,seat\n";

base::WallTime Day(int64_t day) { return {(20'000 + day) * kDayNs}; }
base::WallTime Before(base::WallTime time) { return {time.ns - base::kNsPerUs}; }

Registry Rows(const std::string& rows) { return Registry::Parse(kHeader + rows, "t.csv").value(); }

class RegistryHistoryTest : public ::testing::Test {
 protected:
  RegistryHistoryTest() {
    std::string pattern = fs::temp_directory_path() / "weir-registry-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    Open();
  }
  ~RegistryHistoryTest() override { fs::remove_all(dir_); }

  void Open(uint32_t keep_days = 400) {
    history_.reset();
    auto opened = RegistryHistory::Open(dir_ / "registry.db", keep_days);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    history_ = std::move(*opened);
  }
  RegistryHistory::Kept Keep(const std::string& rows, base::WallTime time,
                             const std::string& how = "file", const std::string& actor = "") {
    const auto kept = history_->Keep(Rows(rows), {time, how, actor});
    EXPECT_TRUE(kept.ok());
    return kept.ok() ? *kept : RegistryHistory::Kept{};
  }
  std::string Who(const char* ip, base::WallTime at, const char* mac = "") const {
    const auto binding =
        history_->BindingAt(base::IpAddress::Parse(ip).value(),
                            base::MacAddress::Parse(mac).ok() ? base::MacAddress::Parse(mac).value()
                                                              : base::MacAddress{},
                            at);
    return binding ? binding->account : "";
  }

  fs::path dir_;
  std::unique_ptr<RegistryHistory> history_;
};

TEST_F(RegistryHistoryTest, EachMomentHasItsRow) {
  Keep("anna,10.0.0.1,,g1,R1,S1\nben,10.0.0.2,,,,\n", Day(1));
  const auto second = Keep("carl,10.0.0.1,,,,\nben,10.0.0.2,,,,\n", Day(2));
  EXPECT_EQ(second.rows_added, 1u);
  EXPECT_EQ(second.rows_removed, 1u);
  EXPECT_EQ(second.since, Day(2));
  Keep("ben,10.0.0.2,,,,\n", Day(3));
  EXPECT_EQ(Who("10.0.0.1", Day(1)), "anna");
  EXPECT_EQ(Who("10.0.0.1", Before(Day(2))), "anna");
  EXPECT_EQ(Who("10.0.0.1", Day(2)), "carl");
  EXPECT_EQ(Who("10.0.0.1", Before(Day(3))), "carl");
  EXPECT_EQ(Who("10.0.0.1", Day(3)), "");
  EXPECT_EQ(Who("10.0.0.2", Day(9)), "ben");
  EXPECT_EQ(Who("10.0.0.1", Day(-100)), "anna") << "nothing better is known";
  const auto binding =
      history_->BindingAt(base::IpAddress::Parse("10.0.0.1").value(), {}, Day(1)).value();
  EXPECT_EQ(binding.group, "g1");
  EXPECT_EQ(binding.room, "R1");
  EXPECT_EQ(binding.seat, "S1");
  EXPECT_EQ(binding.source, accounts::BindingSource::kRegistry);
}

// As with the registry in use: the MAC address counts where the IP address is not known.
TEST_F(RegistryHistoryTest, MacAddressCountsAfterTheIpAddress) {
  Keep("anna,10.0.0.1,,,,\nben,,02:00:00:00:00:01,,,\n", Day(1));
  Keep("", Day(2));
  EXPECT_EQ(Who("10.0.0.1", Day(1), "02:00:00:00:00:01"), "anna");
  EXPECT_EQ(Who("10.0.0.9", Day(1), "02:00:00:00:00:01"), "ben");
  EXPECT_EQ(Who("10.0.0.9", Day(1)), "");
}

TEST_F(RegistryHistoryTest, TheSameRowsAreTheSameRegistry) {
  Keep("anna,10.0.0.1,,,,\nben,10.0.0.2,,,,\n", Day(1));
  Open();
  const auto again = Keep("ben,10.0.0.2,,,,\nanna,10.0.0.1,,,,\nben,10.0.0.2,,,,\n", Day(5));
  EXPECT_FALSE(again.changed());
  EXPECT_EQ(again.since, Day(1));
  EXPECT_EQ(history_->HistoryOf("anna", 10)->size(), 1u);
}

TEST_F(RegistryHistoryTest, AnEmptyFirstRegistryIsOne) {
  EXPECT_EQ(Keep("", Day(1)).since, Day(1));
  Keep("anna,10.0.0.1,,,,\n", Day(2));
  EXPECT_EQ(Who("10.0.0.1", Day(1)), "");
}

TEST_F(RegistryHistoryTest, TellsWhoWhenAndByWhat) {
  Keep("anna,10.0.0.1,,,R1,\n", Day(1));
  Keep("anna,10.0.0.1,,,R2,\nanna,10.0.0.7,,,,\n", Day(2), "import", "root");
  Keep("ben,10.0.0.1,,,,\n", Day(3));
  const auto of_address = history_->HistoryOf("10.0.0.1", 10).value();
  ASSERT_EQ(of_address.size(), 3u);
  EXPECT_EQ(of_address[0].row.binding.account, "ben");
  EXPECT_FALSE(of_address[0].until.has_value());
  EXPECT_EQ(of_address[1].row.binding.room, "R2");
  EXPECT_EQ(of_address[1].from, Day(2));
  EXPECT_EQ(of_address[1].until, Day(3));
  EXPECT_EQ(of_address[1].begun.how, "import");
  EXPECT_EQ(of_address[1].begun.actor, "root");
  EXPECT_EQ(of_address[1].ended.how, "file");
  EXPECT_FALSE(of_address[2].from.has_value());
  EXPECT_EQ(history_->HistoryOf("anna", 10)->size(), 3u);
  EXPECT_EQ(history_->HistoryOf("anna", 2)->size(), 2u);
  EXPECT_TRUE(history_->HistoryOf("nobody", 2)->empty());
  EXPECT_THAT(history_->AddressesOf("anna", Day(2)),
              ElementsAre(base::IpAddress::Parse("10.0.0.1").value(),
                          base::IpAddress::Parse("10.0.0.7").value()));
  EXPECT_TRUE(history_->AddressesOf("anna", Day(3)).empty());
}

TEST_F(RegistryHistoryTest, TellsWhenARowWent) {
  Keep("anna,10.0.0.1,,,,\n", Day(1));
  Keep("ben,10.0.0.1,,,,\n", Day(2));
  const auto ip = base::IpAddress::Parse("10.0.0.1").value();
  const auto anna = history_->BindingAt(ip, {}, Day(1)).value();
  EXPECT_EQ(anna.until, Day(2));
  EXPECT_EQ(anna.cause, "row-removed");
  EXPECT_EQ(anna.confidence, accounts::Confidence::kStanding);
  const auto ben = history_->BindingAt(ip, {}, Day(2)).value();
  EXPECT_FALSE(ben.until.has_value());
  EXPECT_EQ(ben.cause, "");
}

TEST_F(RegistryHistoryTest, TellsTheRowsOfATime) {
  Keep("anna,10.0.0.1,,,,\n", Day(1));
  Keep("ben,10.0.0.1,,,,\n", Day(2));
  Keep("carl,10.0.0.1,,,,\n", Day(4));
  const auto who = [&](const accounts::Period& time) {
    const auto history = history_->HistoryOf("10.0.0.1", 10, time).value();
    std::vector<std::string> names;
    for (const KeptRow& kept : history) names.push_back(kept.row.binding.account);
    return names;
  };
  EXPECT_THAT(who({}), ElementsAre("carl", "ben", "anna"));
  EXPECT_THAT(who({Day(2), Day(4)}), ElementsAre("ben"));
  EXPECT_THAT(who({Before(Day(2)), {Day(4).ns + base::kNsPerUs}}),
              ElementsAre("carl", "ben", "anna"));
  EXPECT_THAT(who({Day(-9), Day(1)}), ElementsAre("anna")) << "nothing better is known";
  EXPECT_THAT(who({Day(9), Day(10)}), ElementsAre("carl"));
}

TEST_F(RegistryHistoryTest, GoesWhenItIsOldEnough) {
  Open(10);
  Keep("anna,10.0.0.1,,,,\nben,10.0.0.2,,,,\n", Day(1));
  Keep("ben,10.0.0.2,,,,\n", Day(5));
  EXPECT_FALSE(history_->Prune(Day(15)));
  EXPECT_EQ(Who("10.0.0.1", Day(2)), "anna") << "ten days are not over";
  EXPECT_FALSE(history_->Prune({Day(15).ns + base::kNsPerSecond}));
  EXPECT_EQ(Who("10.0.0.1", Day(2)), "");
  EXPECT_EQ(Who("10.0.0.2", Day(2)), "ben") << "it is still in use";
  EXPECT_EQ(history_->HistoryOf("ben", 10)->size(), 1u);
  EXPECT_FALSE(Keep("ben,10.0.0.2,,,,\n", Day(16)).changed());
}

TEST_F(RegistryHistoryTest, MuchGoesInPieces) {
  Open(10);
  std::string rows;
  for (int i = 0; i < 20'001; ++i) {
    rows += "a" + std::to_string(i) + ",10.1." + std::to_string(i / 250) + "." +
            std::to_string(i % 250 + 1) + ",,,,\n";
  }
  Keep(rows, Day(1));
  Keep("", Day(2));
  EXPECT_TRUE(history_->Prune(Day(20)));
  EXPECT_FALSE(history_->Prune(Day(20)));
  EXPECT_TRUE(history_->HistoryOf("a0", 1)->empty());
  EXPECT_TRUE(history_->HistoryOf("a20000", 1)->empty());
}

TEST_F(RegistryHistoryTest, AClockThatWasSetBackKeepsTheOrder) {
  Keep("anna,10.0.0.1,,,,\n", Day(5));
  const auto second = Keep("ben,10.0.0.1,,,,\n", Day(3));
  EXPECT_GT(second.since, Day(5));
  EXPECT_EQ(Who("10.0.0.1", Day(5)), "anna");
  EXPECT_EQ(Who("10.0.0.1", Day(6)), "ben");
}

TEST_F(RegistryHistoryTest, ANameThatCannotBeReadIsNone) {
  Keep("anna,10.0.0.1,,,,\n", Day(1));
  Keep("ben,10.0.0.1,,,,\n", Day(2));
  auto other = database::Database::Open(dir_ / "registry.db");
  ASSERT_TRUE(other.ok());
  {
    database::Transaction breaks(**other, database::Transaction::Kind::kWrite);
    (*other)->Exec("ALTER TABLE registry_row RENAME TO elsewhere");
    ASSERT_TRUE(breaks.Commit().ok());
  }
  EXPECT_EQ(Who("10.0.0.1", Day(1)), "");
  EXPECT_EQ(history_->unreadable(), 1u);
  EXPECT_TRUE(history_->AddressesOf("anna", Day(1)).empty());
  EXPECT_EQ(history_->unreadable(), 2u);
  EXPECT_FALSE(history_->HistoryOf("anna", 1).ok());
  EXPECT_FALSE(history_->Keep(Rows(""), {Day(3), "file", ""}).ok());
  EXPECT_FALSE(history_->Prune(Day(900)));
  EXPECT_EQ(history_->not_pruned(), 1u);
}

// The directory asks the past only for moments from before the registry in use.
TEST_F(RegistryHistoryTest, ADirectoryAnswersEachMomentByItsRegistry) {
  accounts::Directory directory;
  directory.Use(*history_);
  const auto install = [&](const std::string& rows, base::WallTime time) {
    const auto kept = Keep(rows, time);
    directory.InstallRegistry(Rows(rows), kept.since);
  };
  install("anna,10.0.0.1,,,,\n", Day(1));
  install("ben,10.0.0.1,,,,\n", Day(2));
  const auto ip = base::IpAddress::Parse("10.0.0.1").value();
  EXPECT_EQ(directory.Lookup(ip, {}, Before(Day(2)))->account, "anna");
  EXPECT_EQ(directory.Lookup(ip, {}, Day(2))->account, "ben");
  EXPECT_THAT(directory.AddressesOf("anna", Day(1)), ElementsAre(base::IpPrefix(ip)));
  EXPECT_TRUE(directory.AddressesOf("anna", Day(2)).empty());
}

class RegistryFileWithPast : public RegistryHistoryTest {
 protected:
  RegistryFileWithPast() {
    path_ = dir_ / "accounts.csv";
    Write("anna,10.0.0.1,,,,\n");
    OpenFile();
  }
  void OpenFile() {
    directory_ = std::make_unique<accounts::Directory>();
    directory_->Use(*history_);
    file_ = std::make_unique<accounts::RegistryFile>(path_, *directory_, [](std::string_view) {});
    file_->Use(*history_);
    file_->RecordTo([this](std::string_view outcome) { recorded_.emplace_back(outcome); });
    ASSERT_TRUE(file_->Load().ok());
  }
  void Write(const std::string& rows) const {
    std::ofstream(path_, std::ios::binary) << kHeader << rows;
  }
  void LookTwice() {
    file_->Look();
    file_->Look();
  }
  std::string Owner(base::WallTime at) const {
    const auto found = directory_->Lookup(base::IpAddress::Parse("10.0.0.1").value(), {}, at);
    return found ? found->account : "";
  }

  fs::path path_;
  std::unique_ptr<accounts::Directory> directory_;
  std::unique_ptr<accounts::RegistryFile> file_;
  std::vector<std::string> recorded_;
};

TEST_F(RegistryFileWithPast, RecordsWhatComesByItselfAndWhoImports) {
  EXPECT_THAT(recorded_, ElementsAre("done: 1 rows; 1 came, 0 went"));
  OpenFile();
  EXPECT_EQ(recorded_.size(), 1u) << "a start with the same registry is no news";
  const base::WallTime first = base::WallNow();
  Write("ben,10.0.0.1,,,,\n");
  LookTwice();
  Write("nonsense\n");
  LookTwice();
  ASSERT_EQ(recorded_.size(), 3u);
  EXPECT_EQ(recorded_[1], "done: 1 rows; 1 came, 1 went");
  EXPECT_THAT(recorded_[2], HasSubstr("refused: "));
  ASSERT_TRUE(file_->Import(std::string(kHeader) + "carl,10.0.0.1,,,,\n", "root").ok());
  EXPECT_EQ(recorded_.size(), 3u) << "the API writes down who imports";
  EXPECT_EQ(Owner(first), "anna");
  EXPECT_EQ(Owner(base::WallNow()), "carl");
  const auto history = history_->HistoryOf("10.0.0.1", 10).value();
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].begun.actor, "root");
  OpenFile();  // after a restart it is known since when
  EXPECT_EQ(Owner(first), "anna");
}

// A registry must come into use also where its past cannot be written.
TEST_F(RegistryFileWithPast, AFullDiskKeepsNoRegistryFromUse) {
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit{100, old_limit.rlim_max};
  Write("ben,10.0.0.1,,,,\n");
  setrlimit(RLIMIT_FSIZE, &limit);
  LookTwice();
  setrlimit(RLIMIT_FSIZE, &old_limit);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(Owner(base::WallNow()), "ben");
  EXPECT_NE(file_->status().past_error, "");
  Write("carl,10.0.0.1,,,,\n");  // before it is tried again
  LookTwice();
  EXPECT_EQ(file_->status().past_error, "");
  EXPECT_EQ(file_->status().past_unkept, 1u);
  EXPECT_EQ(history_->HistoryOf("10.0.0.1", 10)->size(), 2u);
}

}  // namespace
}  // namespace weir::control::registry

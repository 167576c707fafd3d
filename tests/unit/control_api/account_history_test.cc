// Who had what at a moment and over a time, of all sources at once.
#include "control/api/account_history.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>

#include "control/api/account_views.h"

namespace weir::control::api {
namespace {

using nlohmann::json;
using radius::AccountingStatus;

constexpr const char* kRows = "account,ip,mac,group,room,seat\n";
constexpr const char* kIp = "10.20.0.11";
constexpr const char* kMac = "02:00:5e:10:00:01";

// Seconds on some day.
base::WallTime At(int64_t seconds) { return {(1'790'000'000 + seconds) * base::kNsPerSecond}; }
std::string Text(int64_t seconds) { return base::FormatRfc3339(At(seconds)); }

class AccountHistory : public testing::Test {
 protected:
  AccountHistory() {
    std::string name = std::filesystem::temp_directory_path() / "weir-history-XXXXXX";
    folder_ = mkdtemp(name.data());
    logins_ = radius::LoginBook::Open(folder_ / "accounts.db").value();
    leases_ = dhcp::LeaseBook::Open(folder_ / "leases.db").value();
    registry_ = registry::RegistryHistory::Open(folder_ / "registry.db", 400).value();
    directory_.Use(*logins_);
    directory_.Use(*leases_);
    directory_.Use(*registry_);
  }
  ~AccountHistory() override { std::filesystem::remove_all(folder_); }

  void Install(const std::string& rows, int64_t at) {
    auto registry = accounts::Registry::Parse(kRows + rows, "t.csv").value();
    const auto kept = registry_->Keep(registry, {At(at), "file", ""}).value();
    directory_.InstallRegistry(std::move(registry), kept.since);
  }
  void LogIn(AccountingStatus status, const char* account, const char* ip, int64_t at,
             const char* mac = "") {
    radius::AccountingEvent event;
    event.status = status;
    event.nas = event.nas_name = "bras-1";
    if (status == AccountingStatus::kStart) ++begun_[account];
    event.session = account + std::to_string(begun_[account]);
    event.account = account;
    event.addresses = {base::IpPrefix::Parse(ip).value()};
    event.time = event.login = At(at);
    if (const auto parsed = base::MacAddress::Parse(mac)) event.mac = *parsed;
    if (status == AccountingStatus::kStop) event.cause = "user-request";
    ASSERT_TRUE(logins_->Apply({&event, 1}).ok());
  }
  void Lease(const char* ip, int64_t at, uint32_t seconds) {
    events::LeaseEvent event;
    event.time = At(at);
    event.ip = base::IpAddress::Parse(ip).value();
    event.prefix_bits = 128;
    event.mac = base::MacAddress::Parse(kMac).value();
    event.server = base::IpAddress::Parse("10.0.0.5").value();
    event.lease_s = seconds;
    ASSERT_TRUE(leases_->Consume({&event, 1}).ok());
  }

  json History(const std::string& what, const accounts::Period& time = {},
               size_t limit = 1000) const {
    const HistorySources sources{directory_, registry_.get(), logins_.get(), leases_.get()};
    return HistoryOf(sources, {what, time, limit}).value();
  }
  json Found(const std::string& what, int64_t at) const {
    return BindingsOf(directory_, what, At(at));
  }

  std::map<std::string, int> begun_;  // sessions by account: a start of the same is sent again
  std::filesystem::path folder_;
  std::unique_ptr<radius::LoginBook> logins_;
  std::unique_ptr<dhcp::LeaseBook> leases_;
  std::unique_ptr<registry::RegistryHistory> registry_;
  accounts::Directory directory_;
};

TEST_F(AccountHistory, ALookupTellsTheEndAndHowSureItIs) {
  Install("dora,10.20.0.13,,,,\n", 0);
  LogIn(AccountingStatus::kStart, "anna", kIp, 100);
  EXPECT_FALSE(Found(kIp, 150)[0].contains("until"));
  LogIn(AccountingStatus::kStop, "anna", kIp, 200);
  const json anna = Found(kIp, 150).at(0);
  EXPECT_EQ(anna["account"], "anna");
  EXPECT_EQ(anna["login_time"], Text(100));
  EXPECT_EQ(anna["until"], Text(200));
  EXPECT_EQ(anna["cause"], "user-request");
  EXPECT_EQ(anna["confidence"], "told");
  const json dora = Found("10.20.0.13", 150).at(0);
  EXPECT_EQ(dora["confidence"], "standing");
  EXPECT_FALSE(dora.contains("until"));
  EXPECT_FALSE(dora.contains("cause"));
}

TEST_F(AccountHistory, ALeaseOfAnUnknownMachineHasNoAccountAndAnEnd) {
  Lease(kIp, 100, 60);
  ASSERT_TRUE(leases_->Expire(At(1000), At(-1000)).ok());
  const json found = Found(kIp, 150).at(0);
  EXPECT_EQ(found["account"], "");
  EXPECT_EQ(found["until"], Text(160));
  EXPECT_EQ(found["cause"], "expired");
  EXPECT_EQ(found["confidence"], "derived");
  EXPECT_EQ(found["lease"]["mac"], kMac);
}

TEST_F(AccountHistory, AMachineIsFoundByItsLogins) {
  LogIn(AccountingStatus::kStart, "anna", kIp, 100, kMac);
  LogIn(AccountingStatus::kStart, "02-00-5E-10-00-02", "10.20.0.12", 100);
  Lease("10.20.0.14", 100, 600);
  const json found = Found(kMac, 150);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0]["address"], kIp);
  EXPECT_EQ(found[0]["account"], "anna");
  EXPECT_EQ(found[1]["address"], "10.20.0.14");
  EXPECT_EQ(Found(kMac, 99).size(), 0u);
  const json by_name = Found("02-00-5E-10-00-02", 150);
  ASSERT_EQ(by_name.size(), 1u) << "it logs in by its address, and the server names no station";
  EXPECT_EQ(by_name[0]["address"], "10.20.0.12");
  LogIn(AccountingStatus::kStop, "anna", kIp, 200);
  EXPECT_EQ(Found(kMac, 250).size(), 1u);
}

TEST_F(AccountHistory, AllSourcesTellOfATime) {
  Install("dora,10.20.0.11,,,B2,17\nbob,,02:00:5e:10:00:01,,,\n", 0);
  LogIn(AccountingStatus::kStart, "anna", kIp, 100);
  LogIn(AccountingStatus::kStop, "anna", kIp, 200);
  Lease(kIp, 300, 60);
  const json all = History(kIp);
  ASSERT_EQ(all["logins"].size(), 1u);
  EXPECT_EQ(all["logins"][0]["account"], "anna");
  EXPECT_EQ(all["logins"][0]["nas"], "bras-1");
  EXPECT_EQ(all["logins"][0]["logout_time"], Text(200));
  EXPECT_EQ(all["logins"][0]["cause"], "user-request");
  EXPECT_EQ(all["logins"][0]["confidence"], "told");
  ASSERT_EQ(all["leases"].size(), 1u);
  EXPECT_EQ(all["leases"][0]["account"], "bob");
  EXPECT_EQ(all["leases"][0]["confidence"], "derived");
  EXPECT_FALSE(all["leases"][0].contains("account_at_end"));
  ASSERT_EQ(all["rows"].size(), 1u);
  EXPECT_EQ(all["rows"][0]["account"], "dora");
  EXPECT_EQ(all["rows"][0]["room"], "B2");
  EXPECT_FALSE(all["more"].get<bool>());
  const json between = History(kIp, {At(200), At(300)});
  EXPECT_TRUE(between["logins"].empty());
  EXPECT_TRUE(between["leases"].empty());
  EXPECT_EQ(between["rows"].size(), 1u);
  EXPECT_EQ(History("anna")["logins"].size(), 1u);
  EXPECT_EQ(History("bob")["rows"].size(), 1u);
}

TEST_F(AccountHistory, AMachineThatChangesHandsDuringALeaseIsTold) {
  Install("bob,,02:00:5e:10:00:01,,,\n", 0);
  Lease(kIp, 100, 600);
  Install("carl,,02:00:5e:10:00:01,,,\n", 400);
  const json whole = History(kIp)["leases"].at(0);
  EXPECT_EQ(whole["account"], "bob");
  EXPECT_EQ(whole["account_at_end"], "carl");
  const json later = History(kIp, {At(500), At(600)})["leases"].at(0);
  EXPECT_EQ(later["account"], "carl") << "of the time that is asked about";
  EXPECT_FALSE(later.contains("account_at_end"));
  EXPECT_FALSE(History(kIp, {At(0), At(400)})["leases"].at(0).contains("account_at_end"));
}

TEST_F(AccountHistory, TheHistoryOfAMachineHasEachLoginOnce) {
  LogIn(AccountingStatus::kStart, "anna", kIp, 100, kMac);
  LogIn(AccountingStatus::kStart, kMac, "10.20.0.12", 200, kMac);
  LogIn(AccountingStatus::kStop, kMac, "10.20.0.12", 250, kMac);
  LogIn(AccountingStatus::kStart, kMac, "10.20.0.13", 300);
  Lease("10.20.0.14", 100, 600);
  const json found = History(kMac);
  ASSERT_EQ(found["logins"].size(), 3u);
  EXPECT_EQ(found["logins"][0]["ip"], "10.20.0.13");
  EXPECT_EQ(found["logins"][1]["ip"], "10.20.0.12");
  EXPECT_EQ(found["logins"][2]["account"], "anna");
  EXPECT_EQ(found["leases"].size(), 1u);
}

TEST_F(AccountHistory, WhatIsCutIsTold) {
  for (int i = 0; i < 3; ++i) {
    LogIn(AccountingStatus::kStart, "anna", kIp, 100 * i);
    LogIn(AccountingStatus::kStop, "anna", kIp, 100 * i + 50);
  }
  EXPECT_FALSE(History(kIp, {}, 3)["more"].get<bool>());
  const json cut = History(kIp, {}, 2);
  EXPECT_TRUE(cut["more"].get<bool>());
  ASSERT_EQ(cut["logins"].size(), 2u);
  EXPECT_EQ(cut["logins"][1]["login_time"], Text(100));
}

TEST_F(AccountHistory, WithoutARegistryTheOthersTell) {
  LogIn(AccountingStatus::kStart, "anna", kIp, 100);
  const auto history = HistoryOf({directory_, nullptr, logins_.get(), nullptr}, {kIp, {}, 10});
  ASSERT_TRUE(history.ok());
  EXPECT_EQ((*history)["logins"].size(), 1u);
  EXPECT_TRUE((*history)["rows"].empty());
  EXPECT_TRUE((*history)["leases"].empty());
}

}  // namespace
}  // namespace weir::control::api

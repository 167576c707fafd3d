#include "control/accounts/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace weir::control::accounts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const base::IpAddress kIp = base::IpAddress::Parse("10.0.0.1").value();
const base::MacAddress kMac = base::MacAddress::Parse("02:00:00:00:00:01").value();
constexpr base::WallTime kNow{1'795'000'000'000'000'000};

class DirectoryFile : public ::testing::Test {
 protected:
  DirectoryFile() {
    std::string pattern = fs::temp_directory_path() / "weir-accounts-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    file_ = dir_ / "accounts.csv";
  }
  ~DirectoryFile() override { fs::remove_all(dir_); }

  void Write(std::string_view rows) const {
    std::ofstream(file_, std::ios::binary) << "account,ip,mac,group,room,seat\n" << rows;
  }

  fs::path dir_;
  fs::path file_;
};

TEST_F(DirectoryFile, PrefersIpOverMac) {
  Write("alice,10.0.0.1,,g,,\nbob,,02:00:00:00:00:01,,,\n");
  Directory directory;
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  EXPECT_EQ(directory.Lookup(kIp, kMac, kNow)->account, "alice");
  const auto other = base::IpAddress::Parse("10.0.0.2").value();
  EXPECT_EQ(directory.Lookup(other, kMac, kNow)->account, "bob");
  EXPECT_FALSE(directory.Lookup(other, {}, kNow).has_value());
  EXPECT_EQ(directory.AddressesOf("alice", kNow), std::vector<base::IpPrefix>{kIp});
  EXPECT_EQ(directory.OwnerOf(kMac, kNow)->account, "bob");
  EXPECT_FALSE(directory.OwnerOf({}, kNow).has_value());
  EXPECT_EQ(directory.registry_rows(), 2u);
}

// Of every source: what is bound itself before what holds it, the longer prefix before the shorter;
// as the data plane has it.
TEST_F(DirectoryFile, TheLongestBindingCounts) {
  const auto prefix = [](std::string_view text) { return base::IpPrefix::Parse(text).value(); };
  class Logins : public LoginSource {
   public:
    std::optional<Bound> BindingAt(const base::IpPrefix& ip, base::WallTime) const override {
      if (ip.length_bits() < of.length_bits() || !of.Contains(ip.address())) return std::nullopt;
      Bound bound{of, {}};
      bound.binding.account = "anna";
      return bound;
    }
    std::vector<base::IpPrefix> AddressesOf(std::string_view account,
                                            base::WallTime) const override {
      return account == "anna" ? std::vector{of} : std::vector<base::IpPrefix>();
    }
    std::vector<base::IpPrefix> AddressesOf(const base::MacAddress&,
                                            base::WallTime) const override {
      return {of};
    }
    std::vector<Present> PresentBindings() const override { return {{of, "anna"}}; }
    uint64_t generation() const override { return 1; }
    base::IpPrefix of;
  };
  class Leases : public LeaseSource {
   public:
    std::optional<Lease> LeaseAt(const base::IpPrefix& ip, base::WallTime) const override {
      if (ip.length_bits() < of.length_bits() || !of.Contains(ip.address())) return std::nullopt;
      Lease lease;
      lease.ip = of;
      lease.mac = kMac;
      return lease;
    }
    std::vector<base::IpPrefix> AddressesOf(const base::MacAddress& mac,
                                            base::WallTime) const override {
      return mac == kMac ? std::vector{of} : std::vector<base::IpPrefix>();
    }
    std::vector<std::pair<base::IpPrefix, base::MacAddress>> PresentLeases() const override {
      return {{of, kMac}};
    }
    uint64_t generation() const override { return 1; }
    base::IpPrefix of;
  };
  Write("server,2001:db8:1:7::5,,,,\nbob,,02:00:00:00:00:01,,,\n");
  Logins logins;
  Leases leases;
  Directory directory;
  directory.Use(logins);
  directory.Use(leases);
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  const auto who = [&](std::string_view ip) {
    const auto found = directory.Lookup(prefix(ip), {}, kNow);
    return found ? found->account : "-";
  };
  logins.of = prefix("2001:db8:1::/56");
  leases.of = prefix("2001:db8:1:7::/64");
  EXPECT_EQ(who("2001:db8:1:7::5"), "server");
  EXPECT_EQ(who("2001:db8:1:7::6"), "bob");
  EXPECT_EQ(who("2001:db8:1:8::6"), "anna");
  EXPECT_EQ(who("2001:db8:1::/56"), "anna");
  EXPECT_EQ(who("2001:db8:1::/55"), "-");
  EXPECT_EQ(directory.PresentBindings(),
            (std::vector<Present>{
                {logins.of, "anna"}, {leases.of, "bob"}, {prefix("2001:db8:1:7::5"), "server"}}));
  EXPECT_EQ(directory.AddressesOf("bob", kNow), std::vector{leases.of});
  leases.of = logins.of;
  EXPECT_EQ(who("2001:db8:1:8::6"), "anna") << "a log-in says more than a lease";
  EXPECT_TRUE(directory.AddressesOf("bob", kNow).empty());
  logins.of = prefix("2001:db8:1:7::/64");
  EXPECT_EQ(who("2001:db8:1:7::6"), "anna");
  EXPECT_EQ(who("2001:db8:1:8::6"), "bob");
}

// A lease that has ended, of bob's machine.
class EndedLease : public LeaseSource {
 public:
  EndedLease() {
    lease.ip = kIp;
    lease.mac = kMac;
    lease.since = {kNow.ns - base::kNsPerSecond};
    lease.until = {kNow.ns + base::kNsPerSecond};
    lease.cause = "released";
  }
  std::optional<Lease> LeaseAt(const base::IpPrefix& ip, base::WallTime) const override {
    return ip == lease.ip ? std::optional(lease) : std::nullopt;
  }
  std::vector<base::IpPrefix> AddressesOf(const base::MacAddress&, base::WallTime) const override {
    return {lease.ip};
  }
  std::vector<std::pair<base::IpPrefix, base::MacAddress>> PresentLeases() const override {
    return {};
  }
  uint64_t generation() const override { return 1; }
  Lease lease;
};

TEST_F(DirectoryFile, TellsTheEndAndHowSureItIs) {
  Write("alice,10.0.0.2,,g,,\nbob,,02:00:00:00:00:01,,,\n");
  EndedLease leases;
  Directory directory;
  directory.Use(leases);
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  const auto row = directory.Lookup(base::IpAddress::Parse("10.0.0.2").value(), {}, kNow).value();
  EXPECT_EQ(row.confidence, Confidence::kStanding);
  EXPECT_FALSE(row.until.has_value());
  const auto over = directory.Lookup(kIp, {}, kNow).value();
  EXPECT_EQ(over.account, "bob");
  EXPECT_EQ(over.confidence, Confidence::kDerived) << "the registry has told whose the machine is";
  EXPECT_EQ(over.login_time, leases.lease.since);
  EXPECT_EQ(over.until, leases.lease.until);
  EXPECT_EQ(over.cause, "released");
  leases.lease.cause.clear();
  const auto running = directory.Lookup(kIp, {}, kNow).value();
  EXPECT_FALSE(running.until.has_value()) << "it may be renewed";
  EXPECT_EQ(running.cause, "");
}

TEST(TakeLease, TheFirstOfBothEndsCounts) {
  Lease lease = EndedLease().lease;
  Binding row;
  row.until = {lease.until.ns - 1};
  row.cause = "row-removed";
  TakeLease(lease, row);
  EXPECT_EQ(row.until, base::WallTime{lease.until.ns - 1});
  EXPECT_EQ(row.cause, "row-removed");
  row.until = {lease.until.ns + 1};
  TakeLease(lease, row);
  EXPECT_EQ(row.until, lease.until);
  EXPECT_EQ(row.cause, "released");
}

TEST(ConfidenceName, EachHasOne) {
  EXPECT_EQ(ConfidenceName(Confidence::kStanding), "standing");
  EXPECT_EQ(ConfidenceName(Confidence::kDerived), "derived");
  EXPECT_EQ(ConfidenceName(Confidence::kTold), "told");
}

TEST_F(DirectoryFile, KeepsRunningRegistryWhenTheNewOneIsBad) {
  Write("alice,10.0.0.1,,,,\n");
  Directory directory;
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  Write("bob,10.0.0.1,,,,\nbob,10.0.0.300,,,,\n");
  const auto status = directory.LoadRegistry(file_);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("accounts.csv:3: ip '10.0.0.300'"));
  EXPECT_EQ(directory.Lookup(kIp, {}, kNow)->account, "alice");
}

TEST_F(DirectoryFile, NamesFileThatCannotBeRead) {
  Directory directory;
  const auto missing = directory.LoadRegistry(file_);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("accounts.csv: No such file"));
  EXPECT_FALSE(directory.LoadRegistry(dir_).ok());
}

TEST(Directory, SwapsWhileOthersLookUp) {
  const auto parse = [](std::string_view account) {
    std::string text = "account,ip,mac,group,room,seat\n";
    text.append(account).append(",10.0.0.1,,").append(account).append(",,\n");
    return Registry::Parse(text, "a.csv").value();
  };
  Directory directory;
  directory.InstallRegistry(parse("a"));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> torn{0};
  std::thread reader([&] {
    while (!stop) {
      const auto found = directory.Lookup(kIp, {}, kNow);
      if (!found || found->account != found->group) torn++;
    }
  });
  for (int i = 0; i < 2000; i++) directory.InstallRegistry(parse(i % 2 == 0 ? "b" : "a"));
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0u);
}

}  // namespace
}  // namespace weir::control::accounts

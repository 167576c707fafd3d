#include "dataplane/identity/identity_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/identity/account_resolver.h"

namespace weir::identity {
namespace {

base::IpAddress Ip(const std::string& text) { return *base::IpAddress::Parse(text); }

std::string AccountAt(const IdentityTable& table, const base::IpAddress& ip) {
  const Account* account = table.Find(ip);
  return account == nullptr ? "" : account->name;
}

AccountResolver Nothing() { return AccountResolver(std::make_shared<rules::AccountSets>()); }

TEST(IdentityTable, ChangesMakeANewSnapshotAndLeaveTheOldOne) {
  AccountResolver resolver = Nothing();
  const IdentityTable empty({1, 2}, false);
  EXPECT_FALSE(empty.complete());
  const auto one =
      empty.With(std::vector<IdentityTable::Change>{{Ip("10.0.0.1"), resolver.Get("anna")},
                                                    {Ip("2001:db8::1"), resolver.Get("ben")}},
                 true);
  const auto two =
      one->With(std::vector<IdentityTable::Change>{{Ip("10.0.0.1"), nullptr},
                                                   {Ip("10.0.0.2"), nullptr},
                                                   {Ip("2001:db8::1"), resolver.Get("anna")},
                                                   {Ip("2001:db8::1"), resolver.Get("eve")}},
                true);
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_EQ(AccountAt(empty, Ip("10.0.0.1")), "");
  EXPECT_EQ(one->size(), 2u);
  EXPECT_TRUE(one->complete());
  EXPECT_EQ(AccountAt(*one, Ip("10.0.0.1")), "anna");
  EXPECT_EQ(AccountAt(*one, Ip("2001:db8::1")), "ben");
  EXPECT_EQ(two->size(), 1u);
  EXPECT_EQ(AccountAt(*two, Ip("10.0.0.1")), "");
  EXPECT_EQ(AccountAt(*two, Ip("2001:db8::1")), "eve") << "the last of several to one address";
}

TEST(IdentityTable, AgreesWithAMapThroughRandomChanges) {
  std::mt19937 random(5);
  AccountResolver resolver = Nothing();
  std::map<base::IpAddress, std::string> expected;
  auto table = std::make_shared<const IdentityTable>(base::HashKey{3, 4}, true);
  const auto address = [](uint32_t n) {
    return Ip("10.0." + std::to_string(n / 200) + "." + std::to_string(n % 200));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<IdentityTable::Change> changes;
    for (auto count = static_cast<uint32_t>(random() % 40); count > 0; --count) {
      const base::IpAddress ip = address(static_cast<uint32_t>(random() % 4000));
      const std::string name = random() % 3 == 0 ? "" : "a" + std::to_string(random() % 50);
      changes.push_back({ip, name.empty() ? nullptr : resolver.Get(name)});
      if (name.empty()) {
        expected.erase(ip);
      } else {
        expected[ip] = name;
      }
    }
    table = table->With(changes, true);
    ASSERT_EQ(table->size(), expected.size());
  }
  for (uint32_t n = 0; n < 4000; ++n) {
    const auto known = expected.find(address(n));
    ASSERT_EQ(AccountAt(*table, address(n)), known == expected.end() ? "" : known->second);
  }
  size_t visited = 0;
  table->ForEach([&](const base::IpAddress& ip, const AccountPtr& account) {
    EXPECT_EQ(expected.at(ip), account->name);
    ++visited;
  });
  EXPECT_EQ(visited, expected.size());
}

TEST(IdentityTable, IsResolvedAnewWithWhatIsDoneAlready) {
  AccountResolver first = Nothing();
  std::vector<IdentityTable::Change> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back({Ip("10.0.0." + std::to_string(i)), first.Get("a" + std::to_string(i))});
  }
  const auto before = IdentityTable({1, 2}, true).With(all, true);
  AccountResolver second = Nothing();
  const auto after = before->Resolved(second);
  const auto now =
      before->With(std::vector<IdentityTable::Change>{{Ip("10.0.0.7"), first.Get("b")}}, true);
  const auto resolved = now->Resolved(second, before.get(), after.get());
  EXPECT_EQ(resolved->size(), 200u);
  EXPECT_EQ(resolved->Find(Ip("10.0.0.7")), second.Get("b").get());
  for (int i = 8; i < 200; ++i) {
    const auto ip = Ip("10.0.0." + std::to_string(i));
    ASSERT_EQ(resolved->Find(ip), second.Get("a" + std::to_string(i)).get());
  }
}

TEST(IdentityTable, CountsItsMemory) {
  AccountResolver resolver = Nothing();
  const IdentityTable empty({1, 2}, true);
  std::vector<IdentityTable::Change> all;
  for (int i = 0; i < 10'000; ++i) {
    all.push_back(
        {Ip("10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)), resolver.Get("a")});
  }
  const size_t grown = empty.With(all, true)->memory_bytes() - empty.memory_bytes();
  EXPECT_GE(grown, 10'000u * 32);
  EXPECT_LE(grown, 10'000u * 32 * 5);
}

TEST(AccountResolver, ForgetsAccountsThatNobodyHolds) {
  AccountResolver resolver = Nothing();
  const AccountPtr held = resolver.Get("held");
  for (int i = 0; i < 3000; ++i) resolver.Get("gone" + std::to_string(i));
  resolver.Prune(3000);
  EXPECT_EQ(resolver.size(), 3001u) << "still worth keeping";
  resolver.Prune(1);
  EXPECT_EQ(resolver.size(), 1u);
  EXPECT_EQ(resolver.Get("held"), held);
}

TEST(MayBeSomebodys, LeavesOutWhatNoHostHasBeyondItsLink) {
  for (const char* ip : {"10.0.0.1", "192.0.2.1", "223.255.255.254", "2001:db8::1", "fd00::1"}) {
    EXPECT_TRUE(MayBeSomebodys(Ip(ip))) << ip;
  }
  for (const char* ip :
       {"0.0.0.0", "255.255.255.255", "224.0.0.251", "169.254.1.1", "::", "fe80::1", "ff02::1"}) {
    EXPECT_FALSE(MayBeSomebodys(Ip(ip))) << ip;
  }
}

}  // namespace
}  // namespace weir::identity

#include "dataplane/identity/identity_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <random>

#include "dataplane/identity/account_resolver.h"
#include "dataplane/identity/changed_addresses.h"

namespace weir::identity {
namespace {

base::IpAddress Ip(const std::string& text) { return *base::IpAddress::Parse(text); }
base::IpPrefix Prefix(const std::string& text) { return *base::IpPrefix::Parse(text); }

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
  std::map<base::IpPrefix, std::string> expected;
  auto table = std::make_shared<const IdentityTable>(base::HashKey{3, 4}, true);
  const auto address = [](uint32_t n) {
    return Prefix("10.0." + std::to_string(n / 200) + "." + std::to_string(n % 200));
  };
  for (int round = 0; round < 300; ++round) {
    std::vector<IdentityTable::Change> changes;
    for (auto count = static_cast<uint32_t>(random() % 40); count > 0; --count) {
      const base::IpPrefix ip = address(static_cast<uint32_t>(random() % 4000));
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
    ASSERT_EQ(AccountAt(*table, address(n).address()),
              known == expected.end() ? "" : known->second);
  }
  size_t visited = 0;
  table->ForEach([&](const base::IpPrefix& prefix, const AccountPtr& account) {
    EXPECT_EQ(expected.at(prefix), account->name);
    ++visited;
  });
  EXPECT_EQ(visited, expected.size());
  EXPECT_EQ(table->prefixes(), 0u);
}

TEST(IdentityTable, TheLongestPrefixThatHoldsAnAddressCounts) {
  AccountResolver resolver = Nothing();
  const auto table = IdentityTable({1, 2}, true)
                         .With(
                             std::vector<IdentityTable::Change>{
                                 {Prefix("2001:db8:0:100::/56"), resolver.Get("home")},
                                 {Prefix("2001:db8:0:110::/60"), resolver.Get("guests")},
                                 {Prefix("2001:db8:0:110::7/128"), resolver.Get("host")},
                                 {Prefix("10.1.0.0/24"), resolver.Get("lab")},
                                 {Prefix("10.1.0.7/32"), resolver.Get("bench")}},
                             true);
  EXPECT_EQ(table->size(), 5u);
  EXPECT_EQ(table->prefixes(), 3u);
  EXPECT_EQ(AccountAt(*table, Ip("2001:db8:0:100::1")), "home");
  EXPECT_EQ(AccountAt(*table, Ip("2001:db8:0:1ff:ffff::")), "home");
  EXPECT_EQ(AccountAt(*table, Ip("2001:db8:0:11f::1")), "guests");
  EXPECT_EQ(AccountAt(*table, Ip("2001:db8:0:110::7")), "host");
  EXPECT_EQ(AccountAt(*table, Ip("2001:db8:0:200::1")), "");
  EXPECT_EQ(AccountAt(*table, Ip("10.1.0.0")), "lab");
  EXPECT_EQ(AccountAt(*table, Ip("10.1.0.7")), "bench");
  EXPECT_EQ(table->Owner(Ip("10.1.0.7")), resolver.Get("bench"));
  EXPECT_EQ(table->Owner(Ip("10.1.0.8")), resolver.Get("lab"));
  EXPECT_EQ(table->Owner(Ip("10.1.1.8")), nullptr);

  EXPECT_EQ(table->Find(Prefix("2001:db8:0:110::/61")), resolver.Get("guests").get());
  EXPECT_EQ(table->Find(Prefix("2001:db8:0:110::/60")), resolver.Get("guests").get());
  EXPECT_EQ(table->Find(Prefix("2001:db8:0:100::/57")), resolver.Get("home").get());
  EXPECT_EQ(table->Find(Prefix("2001:db8::/48")), nullptr) << "no longer one makes it somebody's";
  EXPECT_EQ(table->Bound(Prefix("2001:db8:0:110::/61")), nullptr);
  EXPECT_EQ(table->Bound(Prefix("2001:db8:0:110::/60")), resolver.Get("guests").get());
  EXPECT_EQ(table->Bound(Prefix("2001:db8:0:110::7")), resolver.Get("host").get());
  EXPECT_EQ(table->Bound(Prefix("2001:db8:0:110::8")), nullptr);
}

TEST(IdentityTable, LengthsAreThoseThatPrefixesHaveNow) {
  AccountResolver resolver = Nothing();
  const IdentityTable empty({1, 2}, true);
  const auto some = empty.With(
      std::vector<IdentityTable::Change>{{Prefix("2001:db8::/56"), resolver.Get("a")},
                                         {Prefix("2001:db8:0:100::/56"), resolver.Get("b")},
                                         {Prefix("2001:db8:1::/64"), resolver.Get("c")},
                                         {Prefix("2001:db8::1"), resolver.Get("d")},
                                         {Prefix("10.0.0.1"), resolver.Get("e")}},
      true);
  const auto lengths_of = [](const IdentityTable& table, const std::string& ip) {
    std::vector<unsigned> lengths;
    const LengthSet& set = table.lengths().Of(Ip(ip));
    for (auto length = set.LongestBelow(128); length; length = set.LongestBelow(*length)) {
      lengths.push_back(*length);
    }
    return lengths;
  };
  EXPECT_TRUE(empty.lengths().empty());
  EXPECT_EQ(lengths_of(*some, "2001:db8::"), (std::vector<unsigned>{64, 56}));
  EXPECT_EQ(lengths_of(*some, "10.0.0.1"), (std::vector<unsigned>{}));
  const auto fewer =
      some->With(std::vector<IdentityTable::Change>{{Prefix("2001:db8::/56"), nullptr},
                                                    {Prefix("2001:db8:1::/64"), nullptr}},
                 true);
  EXPECT_EQ(lengths_of(*fewer, "2001:db8::"), (std::vector<unsigned>{56}));
  const auto none = fewer->With(
      std::vector<IdentityTable::Change>{{Prefix("2001:db8:0:100::/56"), nullptr}}, true);
  EXPECT_TRUE(none->lengths().empty());
  EXPECT_EQ(none->size(), 2u);
}

// Bindings and addresses of a small world, where prefixes lie in prefixes.
class PrefixWorld {
 public:
  explicit PrefixWorld(uint64_t seed) : random_(seed) {}

  uint64_t Below(uint64_t end) { return random_() % end; }
  base::IpAddress Address() {
    base::IpAddress ip = Ip(Below(3) == 0 ? "10.0.0.0" : "2001:db8::");
    for (const size_t byte : {4U, 5U, 6U, 7U, 12U, 13U, 14U, 15U}) {
      const bool of_host = ip.is_v4() == (byte >= 12);
      if (of_host) ip.mutable_bytes()[byte] = static_cast<uint8_t>(random_() & 0xc1);
    }
    return ip;
  }
  base::IpPrefix Binding() {
    const base::IpAddress ip = Address();
    if (Below(4) == 0) return {ip, 128};
    constexpr std::array<unsigned, 6> kV4 = {97, 104, 112, 119, 120, 127};
    constexpr std::array<unsigned, 7> kV6 = {1, 32, 48, 55, 56, 64, 127};
    return {ip, ip.is_v4() ? kV4[Below(kV4.size())] : kV6[Below(kV6.size())]};
  }
  std::vector<IdentityTable::Change> Changes(AccountResolver& resolver) {
    std::vector<IdentityTable::Change> changes;
    for (uint64_t count = Below(8); count > 0; --count) {
      const bool goes = Below(2) == 0;
      const base::IpPrefix prefix = Binding();
      changes.push_back({prefix, goes ? nullptr : resolver.Get("a" + std::to_string(Below(4)))});
    }
    return changes;
  }

 private:
  std::mt19937_64 random_;
};

TEST(IdentityTable, AgreesWithPrefixesOneByOneThroughRandomChanges) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  PrefixWorld world(seed);
  AccountResolver resolver = Nothing();
  std::map<base::IpPrefix, std::string> bound;
  auto table = std::make_shared<const IdentityTable>(base::HashKey{3, 4}, true);
  size_t held = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto changes = world.Changes(resolver);
    for (const auto& [prefix, account] : changes) {
      bound.erase(prefix);
      if (account != nullptr) bound[prefix] = account->name;
    }
    table = table->With(changes, true);
    ASSERT_EQ(table->size(), bound.size());
    for (int n = 0; n < 20; ++n) {
      const base::IpAddress ip = world.Address();
      std::string expected;
      unsigned longest = 0;
      for (const auto& [prefix, account] : bound) {
        const bool holds = prefix.Contains(ip) && prefix.address().is_v4() == ip.is_v4();
        if (!holds || prefix.length_bits() < longest) continue;
        longest = prefix.length_bits();
        expected = account;
      }
      ASSERT_EQ(AccountAt(*table, ip), expected) << ip.ToString() << " round " << round;
      held += expected.empty() ? 0U : 1U;
    }
  }
  EXPECT_GT(held, 10'000u);
}

// What live flows are judged again by: of the changes those whose prefix has another owner then.
TEST(IdentityTable, ChangesOfAPrefixsOwnerHoldEveryAddressThatChangedHands) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  PrefixWorld world(seed);
  AccountResolver resolver = Nothing();
  auto table = std::make_shared<const IdentityTable>(base::HashKey{3, 4}, true);
  size_t moved_addresses = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto changes = world.Changes(resolver);
    const auto next = table->With(changes, true);
    std::vector<base::IpPrefix> moved;
    for (const IdentityTable::Change& change : changes) {
      if (table->Find(change.prefix) != next->Find(change.prefix)) moved.push_back(change.prefix);
    }
    const ChangedAddresses changed(1, moved);
    ASSERT_FALSE(changed.everything());
    for (int n = 0; n < 50; ++n) {
      const base::IpAddress ip = world.Address();
      const bool has_moved = table->Find(ip) != next->Find(ip);
      if (has_moved) {
        ASSERT_TRUE(changed.Contains(ip.bytes())) << ip.ToString() << " round " << round;
      }
      moved_addresses += has_moved ? 1U : 0U;
    }
    table = next;
  }
  EXPECT_GT(moved_addresses, 1000u);
}

TEST(IdentityTable, IsResolvedAnewWithWhatIsDoneAlready) {
  AccountResolver first = Nothing();
  std::vector<IdentityTable::Change> all;
  for (int i = 0; i < 200; ++i) {
    all.push_back({Ip("10.0.0." + std::to_string(i)), first.Get("a" + std::to_string(i))});
  }
  all.emplace_back(Prefix("10.0.1.0/24"), first.Get("c"));
  const auto before = IdentityTable({1, 2}, true).With(all, true);
  AccountResolver second = Nothing();
  const auto after = before->Resolved(second);
  const auto now =
      before->With(std::vector<IdentityTable::Change>{{Ip("10.0.0.7"), first.Get("b")}}, true);
  const auto resolved = now->Resolved(second, before.get(), after.get());
  EXPECT_EQ(resolved->size(), 201u);
  EXPECT_EQ(resolved->Find(Ip("10.0.1.9")), second.Get("c").get());
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

}  // namespace
}  // namespace weir::identity

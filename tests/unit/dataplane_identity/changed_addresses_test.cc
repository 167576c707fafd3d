#include "dataplane/identity/changed_addresses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

namespace weir::identity {
namespace {

base::IpAddress Ip(const std::string& text) { return *base::IpAddress::Parse(text); }

base::IpPrefix Prefix(const std::string& text) { return *base::IpPrefix::Parse(text); }

base::IpPrefix Numbered(uint32_t number) {
  base::IpAddress address = Ip("2001:db8::");
  for (size_t i = 0; i < 4; ++i) {
    address.mutable_bytes()[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  }
  return {address, 128};
}

TEST(ChangedAddresses, HoldsWhatItWasGiven) {
  const ChangedAddresses changed(7,
                                 {Prefix("10.0.0.2"), Prefix("2001:db8::1"), Prefix("10.0.0.2")});
  EXPECT_EQ(changed.generation(), 7u);
  EXPECT_EQ(changed.prefixes().size(), 2u);
  EXPECT_TRUE(changed.Contains(Ip("10.0.0.2").bytes()));
  EXPECT_TRUE(changed.Contains(Ip("2001:db8::1").bytes()));
  EXPECT_FALSE(changed.Contains(Ip("10.0.0.3").bytes()));
  EXPECT_FALSE(changed.everything());
}

TEST(ChangedAddresses, HoldsAllOfAPrefixAndNothingElse) {
  const ChangedAddresses changed(1, {Prefix("10.1.0.0/24"), Prefix("2001:db8:0:100::/56"),
                                     Prefix("2001:db8:0:200::/57"), Prefix("2001:db8:0:1f0::5")});
  for (const char* ip : {"10.1.0.0", "10.1.0.255", "2001:db8:0:100::", "2001:db8:0:1f0::5",
                         "2001:db8:0:1ff:ffff:ffff:ffff:ffff", "2001:db8:0:27f::1"}) {
    EXPECT_TRUE(changed.Contains(Ip(ip).bytes())) << ip;
  }
  for (const char* ip : {"10.0.255.255", "10.1.1.0", "2001:db8:0:ff:ffff:ffff:ffff:ffff",
                         "2001:db8:0:280::", "2001:db8:0:300::", "::10.1.0.1", "::"}) {
    EXPECT_FALSE(changed.Contains(Ip(ip).bytes())) << ip;
  }
}

TEST(ChangedAddresses, AgreesWithPrefixesOneByOne) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  // Few bits that differ, near each other, so that addresses and prefixes meet often.
  const auto address = [&random] {
    base::IpAddress ip = Ip(random() % 3 == 0 ? "10.0.0.0" : "2001:db8::");
    for (const size_t byte : {13U, 14U, 15U}) {
      ip.mutable_bytes()[byte] = static_cast<uint8_t>(random() & 0x83);
    }
    return ip;
  };
  size_t held = 0;
  for (int round = 0; round < 300; ++round) {
    std::vector<base::IpPrefix> prefixes;
    for (auto count = static_cast<unsigned>(random() % 12); count > 0; --count) {
      constexpr std::array<unsigned, 6> kLengths = {104, 105, 112, 120, 127, 128};
      prefixes.emplace_back(address(), kLengths[random() % kLengths.size()]);
    }
    const ChangedAddresses changed(1, prefixes);
    ASSERT_FALSE(changed.everything());
    for (int n = 0; n < 100; ++n) {
      const base::IpAddress ip = address();
      const bool expected =
          std::any_of(prefixes.begin(), prefixes.end(),
                      [&ip](const base::IpPrefix& prefix) { return prefix.Contains(ip); });
      ASSERT_EQ(changed.Contains(ip.bytes()), expected) << ip.ToString() << " round " << round;
      held += expected ? 1U : 0U;
    }
  }
  EXPECT_GT(held, 1000u);
}

TEST(ChangedAddresses, TellsEachOfManyFromOthers) {
  std::vector<base::IpPrefix> even;
  for (uint32_t i = 0; i < ChangedAddresses::kPrefixesMax; ++i) even.push_back(Numbered(2 * i));
  const ChangedAddresses changed(1, even);
  EXPECT_FALSE(changed.everything());
  for (uint32_t i = 0; i < 2 * ChangedAddresses::kPrefixesMax; ++i) {
    ASSERT_EQ(changed.Contains(Numbered(i).address().bytes()), i % 2 == 0) << i;
  }
}

TEST(ChangedAddresses, MeansEverythingAboveItsLimit) {
  std::vector<base::IpPrefix> many;
  for (uint32_t i = 0; i <= ChangedAddresses::kPrefixesMax; ++i) many.push_back(Numbered(i));
  EXPECT_TRUE(ChangedAddresses(1, many).everything());
}

TEST(ChangedAddresses, MeansEverythingAboveSoManyLengthsOfAFamily) {
  std::vector<base::IpPrefix> of_many_lengths = {Prefix("2001:db8::1")};
  for (unsigned i = 0; i < ChangedAddresses::kLengthsMax; ++i) {
    of_many_lengths.emplace_back(Ip("2001:db8::"), 48 + i);
    of_many_lengths.emplace_back(Ip("10.0.0.0"), 104 + i);
  }
  const ChangedAddresses many(1, of_many_lengths);
  EXPECT_FALSE(many.everything());
  EXPECT_TRUE(many.Contains(Ip("2001:db8:0:ffff::").bytes()));
  of_many_lengths.emplace_back(Ip("10.0.0.0"), 127);
  EXPECT_TRUE(ChangedAddresses(1, of_many_lengths).everything());
}

}  // namespace
}  // namespace weir::identity

#include "rules/compile/tables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "rules/compile/rule_index.h"

namespace weir::rules {
namespace {

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }
AddressRange Range(std::string_view first, std::string_view last) { return {Ip(first), Ip(last)}; }

std::vector<WordItem> Words(std::initializer_list<const char*> words) {
  std::vector<WordItem> items;
  for (const char* word : words) items.push_back({word, {}});
  return items;
}

TEST(NameSet, TellsExactFromBelow) {
  const NameSet exact(Words({"a.example"}), false);
  EXPECT_TRUE(exact.Contains("a.example"));
  EXPECT_FALSE(exact.Contains("x.a.example"));
  const NameSet below(Words({"a.example"}), true);
  EXPECT_TRUE(below.Contains("a.example"));
  EXPECT_TRUE(below.Contains("y.x.a.example"));
  EXPECT_FALSE(below.Contains("xa.example"));
  EXPECT_FALSE(below.Contains("example"));
}

TEST(AddressSet, KeepsFamiliesApart) {
  const AddressSet all_v6(std::vector{Range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")});
  EXPECT_TRUE(all_v6.Contains(Ip("2001:db8::1")));
  EXPECT_FALSE(all_v6.Contains(Ip("10.0.0.1")));
  const AddressSet all_v4(std::vector{Range("0.0.0.0", "255.255.255.255")});
  EXPECT_TRUE(all_v4.Contains(Ip("255.255.255.255")));
  EXPECT_FALSE(all_v4.Contains(Ip("::1")));
}

TEST(AddressSet, JoinsWhatTouches) {
  const AddressSet joined(
      std::vector{Range("10.0.0.128", "10.0.0.255"), Range("10.0.0.0", "10.0.0.127")});
  ASSERT_EQ(joined.Prefixes().size(), 1U);
  EXPECT_EQ(joined.Prefixes()[0].ToString(), "10.0.0.0/24");
  EXPECT_TRUE(joined.Covers(AddressSet(std::vector{Range("10.0.0.100", "10.0.0.200")})));
  EXPECT_FALSE(joined.Covers(AddressSet(std::vector{Range("10.0.0.100", "10.0.1.0")})));
}

TEST(AddressSet, PrefixesAreTheSetExactly) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  const auto address = [&] {
    const auto low = static_cast<uint8_t>(random());
    const auto high = static_cast<uint8_t>(random() % 2);
    return base::IpAddress::FromV4(std::array<uint8_t, 4>{10, 0, high, low});
  };
  for (int i = 0; i < 300; ++i) {
    std::vector<AddressRange> ranges;
    for (int n = 0; n < 3; ++n) {
      const auto a = address();
      const auto b = address();
      ranges.push_back({std::min(a, b), std::max(a, b)});
    }
    const AddressSet set(ranges);
    const auto prefixes = set.Prefixes();
    for (int n = 0; n < 512; ++n) {
      const auto probe = base::IpAddress::FromV4(std::array<uint8_t, 4>{
          10, 0, static_cast<uint8_t>(n / 256), static_cast<uint8_t>(n % 256)});
      const bool wanted =
          ranges[0].Contains(probe) || ranges[1].Contains(probe) || ranges[2].Contains(probe);
      ASSERT_EQ(set.Contains(probe), wanted) << "seed " << seed;
      const auto holding = std::count_if(prefixes.begin(), prefixes.end(), [&](const auto& prefix) {
        return prefix.Contains(probe);
      });
      ASSERT_EQ(holding, wanted ? 1 : 0) << "seed " << seed;
    }
  }
}

TEST(AddressSet, PrefixesOfEverythingAreOne) {
  const AddressSet all(std::vector{Range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")});
  ASSERT_EQ(all.Prefixes().size(), 1U);
  EXPECT_EQ(all.Prefixes()[0].length_bits(), 0U);
}

TEST(NumberSet, HoldsRangesUpToTheLimits) {
  const NumberSet set({{5, 9}, {0, 0}, {10, 12}, {0xffffffff, 0xffffffff}});
  EXPECT_EQ(set.ranges().size(), 3U);
  EXPECT_TRUE(set.Contains(0));
  EXPECT_FALSE(set.Contains(1));
  EXPECT_TRUE(set.Contains(12));
  EXPECT_FALSE(set.Contains(13));
  EXPECT_TRUE(set.Contains(0xffffffff));
  EXPECT_EQ(set.size(), 10U);
  EXPECT_TRUE(set.Covers(NumberSet({{6, 11}})));
  EXPECT_FALSE(set.Covers(NumberSet({{6, 13}})));
}

TEST(Candidates, AreOneAscendingSequenceWithoutDoubles) {
  const std::vector<uint32_t> a = {1, 4, 9};
  const std::vector<uint32_t> b = {0, 4};
  const std::vector<uint32_t> c = {9, 10};
  Candidates candidates;
  candidates.Add(a);
  candidates.Add({});
  candidates.Add(b);
  candidates.Add(c);
  std::vector<uint32_t> seen;
  for (uint32_t next = candidates.Next(); next != Candidates::kNone; next = candidates.Next()) {
    seen.push_back(next);
  }
  EXPECT_EQ(seen, (std::vector<uint32_t>{0, 1, 4, 9, 10}));
}

}  // namespace
}  // namespace weir::rules

#include "rules/compile/tables.h"

#include <gtest/gtest.h>

#include <string_view>

namespace weir::rules {
namespace {

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }
AddressRange Range(std::string_view first, std::string_view last) { return {Ip(first), Ip(last)}; }

TEST(AddressSet, KeepsFamiliesApart) {
  const AddressSet both(std::vector{Range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                                    Range("10.0.0.0", "10.0.0.9")});
  ASSERT_EQ(both.v4().size(), 1U);
  ASSERT_EQ(both.v6().size(), 1U);
  const AddressSet all_v6(std::vector{Range("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")});
  EXPECT_FALSE(all_v6.Covers(both));
  EXPECT_TRUE(both.Covers(all_v6));
}

TEST(AddressSet, JoinsWhatTouchesSoThatEqualSetsAreEqual) {
  const AddressSet joined(
      std::vector{Range("10.0.0.128", "10.0.0.255"), Range("10.0.0.0", "10.0.0.127")});
  EXPECT_EQ(joined, AddressSet(std::vector{Range("10.0.0.0", "10.0.0.255")}));
  EXPECT_TRUE(joined.Covers(AddressSet(std::vector{Range("10.0.0.100", "10.0.0.200")})));
  EXPECT_FALSE(joined.Covers(AddressSet(std::vector{Range("10.0.0.100", "10.0.1.0")})));
}

TEST(NumberSet, HoldsRangesUpToTheLimits) {
  const NumberSet set({{5, 9}, {0, 0}, {10, 12}, {0xffffffff, 0xffffffff}});
  EXPECT_EQ(set.ranges(),
            (std::vector<NumberSet::Range>{{0, 0}, {5, 12}, {0xffffffff, 0xffffffff}}));
  EXPECT_TRUE(set.Covers(NumberSet({{6, 11}})));
  EXPECT_FALSE(set.Covers(NumberSet({{6, 13}})));
}

}  // namespace
}  // namespace weir::rules

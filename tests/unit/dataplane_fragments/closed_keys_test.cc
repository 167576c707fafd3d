#include "dataplane/fragments/closed_keys.h"

#include <gtest/gtest.h>

namespace weir::fragments {
namespace {

constexpr base::MonoTime At(int64_t seconds) { return {seconds * base::kNsPerSecond}; }

TEST(ClosedKeys, KeepsAKeyForItsTimeOnly) {
  ClosedKeys keys(64);
  EXPECT_FALSE(keys.Find(42, At(1)).has_value());
  EXPECT_FALSE(keys.Put(42, {{53, 40000}, 17, true}, At(1), At(66)));
  const auto found = keys.Find(42, At(65));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->ports.src, 53);
  EXPECT_EQ(found->ports.dst, 40000);
  EXPECT_EQ(found->ip_protocol, 17);
  EXPECT_TRUE(found->waved);
  EXPECT_FALSE(keys.Find(43, At(65)).has_value());
  EXPECT_FALSE(keys.Find(42, At(66)).has_value());
}

TEST(ClosedKeys, ClosesAnewWithoutASecondPlace) {
  ClosedKeys keys(8);
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(keys.Put(7, {}, At(i), At(i + 10)));
  EXPECT_TRUE(keys.Find(7, At(28)).has_value());
}

TEST(ClosedKeys, AFullSetForgetsTheOneThatEndsFirst) {
  ClosedKeys keys(8);  // one set
  for (uint64_t hash = 1; hash <= 8; ++hash) {
    EXPECT_FALSE(keys.Put(hash, {}, At(0), At(100 + static_cast<int64_t>(hash))));
  }
  EXPECT_TRUE(keys.Put(9, {}, At(50), At(150)));
  EXPECT_FALSE(keys.Find(1, At(50)).has_value());
  EXPECT_TRUE(keys.Find(2, At(50)).has_value());
  EXPECT_TRUE(keys.Find(9, At(50)).has_value());
  // The place of one out of time costs nobody anything.
  EXPECT_FALSE(keys.Put(10, {}, At(103), At(200)));
  keys.Clear();
  EXPECT_FALSE(keys.Find(9, At(50)).has_value());
}

}  // namespace
}  // namespace weir::fragments

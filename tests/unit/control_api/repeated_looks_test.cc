#include "control/api/repeated_looks.h"

#include <gtest/gtest.h>

namespace weir::control::api {
namespace {

constexpr int64_t kEvery = RepeatedLooks::kEntryEveryNs;

operations::Operation Look(const std::string& actor, int64_t rows = 3) {
  operations::Operation look;
  look.actor = actor;
  look.via = "socket";
  look.action = "top talkers";
  look.rows = rows;
  return look;
}

TEST(RepeatedLooks, TheFirstIsAnEntryAndThenOneInTenMinutes) {
  RepeatedLooks looks;
  const auto first = looks.Note(Look("alice"), {0});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->looks, 1u);
  EXPECT_EQ(first->rows, 3);
  EXPECT_FALSE(looks.Note(Look("alice", 5), {1}).has_value());
  EXPECT_FALSE(looks.Note(Look("alice", 5), {kEvery - 1}).has_value());
  const auto second = looks.Note(Look("alice", 7), {kEvery});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->looks, 3u);
  EXPECT_EQ(second->rows, 17);
  EXPECT_FALSE(looks.Note(Look("alice"), {kEvery + 1}).has_value());
  const auto third = looks.Note(Look("alice"), {3 * kEvery});
  ASSERT_TRUE(third.has_value());
  EXPECT_EQ(third->looks, 2u);
}

TEST(RepeatedLooks, AnotherPersonTargetOrReasonIsAnotherLook) {
  RepeatedLooks looks;
  EXPECT_TRUE(looks.Note(Look("alice"), {0}).has_value());
  EXPECT_TRUE(looks.Note(Look("bob"), {1}).has_value());
  operations::Operation look = Look("alice");
  look.reason = "case";
  EXPECT_TRUE(looks.Note(look, {2}).has_value());
  look.target = "case";
  look.reason.clear();
  EXPECT_TRUE(looks.Note(look, {3}).has_value());
  EXPECT_FALSE(looks.Note(look, {4}).has_value());
}

TEST(RepeatedLooks, WhatCouldNotBeWrittenDownIsForgotten) {
  RepeatedLooks looks;
  EXPECT_TRUE(looks.Note(Look("alice"), {0}).has_value());
  looks.Forget(Look("alice"));
  EXPECT_TRUE(looks.Note(Look("alice"), {1}).has_value());
}

TEST(RepeatedLooks, BeyondItsLimitEachIsAnEntry) {
  RepeatedLooks looks;
  for (size_t i = 0; i < RepeatedLooks::kKnownMax; i++) {
    EXPECT_TRUE(looks.Note(Look(std::to_string(i)), {0}).has_value());
  }
  EXPECT_TRUE(looks.Note(Look("alice"), {1}).has_value());
  EXPECT_TRUE(looks.Note(Look("alice"), {2}).has_value());
  EXPECT_FALSE(looks.Note(Look("0"), {3}).has_value());
  // Those that ended make room.
  EXPECT_TRUE(looks.Note(Look("alice"), {2 * kEvery + 1}).has_value());
  EXPECT_FALSE(looks.Note(Look("alice"), {2 * kEvery + 2}).has_value());
}

}  // namespace
}  // namespace weir::control::api

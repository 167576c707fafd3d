// Tests of the property's own tools: a case is its seed, and a failing one gets small.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/property/property.h"

namespace weir::property {
namespace {

using testing::BytesOf;

TEST(Minimise, LeavesWhatTheFailureNeeds) {
  Case failing = MakeCase(4, false);
  while (failing.exchange.messages.size() < 4) {
    failing.exchange.messages.push_back(failing.exchange.messages.front());
  }
  failing.exchange.messages[2].reply = BytesOf("the one");
  failing.ops.clear();
  for (uint32_t i = 0; i < 40; ++i) failing.ops.push_back({.kind = OpKind::kPause, .a = i});
  const Kept kept = Minimise(failing, AllOf(failing), [](const Case& of) {
    const auto has = [&](uint32_t a) {
      return std::ranges::any_of(
          of.ops, [a](const Op& op) { return op.kind == OpKind::kPause && op.a == a; });
    };
    const bool one = std::ranges::any_of(
        of.exchange.messages, [](const Message& m) { return m.reply == BytesOf("the one"); });
    return has(3) && has(31) && one;
  });
  EXPECT_EQ(Words(kept), "WEIR_OPS=3,31 WEIR_MESSAGES=2");
}

TEST(Minimise, CanLeaveNothingButAMessage) {
  const Case failing = MakeCase(9, true);
  const Kept kept = Minimise(failing, AllOf(failing), [](const Case&) { return true; });
  EXPECT_TRUE(kept.ops.empty());
  EXPECT_EQ(kept.messages.size(), 1U);
}

// As if Weir could stand no two fragmented packets in one exchange.
TEST(Minimise, PrintsALineThatFailsAgain) {
  const Judge judge = [](Benches&, const Case& of) -> std::optional<std::string> {
    const auto fragmented = std::ranges::count(of.ops, OpKind::kFragment, &Op::kind);
    if (fragmented < 2) return std::nullopt;
    return std::to_string(fragmented) + " fragmented";
  };
  Trial trial{.count = 1000, .folder = ::testing::TempDir()};
  const auto report = Try(trial, judge);
  ASSERT_TRUE(report.has_value());
  EXPECT_TRUE(report->starts_with("2 fragmented\nagain: WEIR_SEED="));
  const auto behind = [&](const std::string& sign) {
    const size_t at = report->find(sign) + sign.size();
    return report->substr(at, report->find_first_of(" \n", at) - at);
  };
  trial.first = std::stoull(behind("WEIR_SEED="));
  trial.count = 1;
  trial.kept = [&](const Case&) {
    return Kept{ReadNumbers(behind("WEIR_OPS=")), ReadNumbers(behind("WEIR_MESSAGES="))};
  };
  EXPECT_EQ(Try(trial, judge), report);
}

TEST(Case, IsTheSameForTheSameSeed) {
  EXPECT_EQ(Words(MakeCase(77, true)), Words(MakeCase(77, true)));
  EXPECT_NE(Words(MakeCase(77, true)), Words(MakeCase(78, true)));
}

}  // namespace
}  // namespace weir::property

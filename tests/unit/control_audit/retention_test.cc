// What goes when its time is over: what was sealed together as a whole, and nothing that is held.
#include <gmock/gmock.h>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kDay = 86'400;

class RetentionTest : public StoreDirectory {
 protected:
  // As at 200 days behind kNoon.
  RetentionTest()
      : store_(Open()),
        limits_(RetentionLimitsAt(After(kNoon, 200 * kDay), {180, 180, 180, 180}).value()) {}

  void AddFindings(size_t count, base::WallTime time) {
    Batch batch;
    events::FindingEvent finding;
    finding.time = time;
    batch.findings.resize(count, {finding, {}});
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  uint64_t LastFinding() {
    uint64_t last = 0;
    EXPECT_TRUE(store_
                    ->Findings(0,
                               [&](const SequencedFinding& finding) {
                                 last = finding.seq;
                                 return true;
                               })
                    .ok());
    return last;
  }
  uint64_t FindingsUpto(const std::vector<uint64_t>& ends) {
    limits_.ends[static_cast<size_t>(RecordClass::kFinding)] = ends;
    return Plan().findings_upto;
  }
  RetentionPlan Plan() {
    const auto plan = store_->PlanRetention(limits_);
    EXPECT_TRUE(plan.ok());
    return plan.ok() ? *plan : RetentionPlan{};
  }

  std::unique_ptr<RocksStore> store_;
  RetentionLimits limits_;
};

// More than are looked at in one call: else they stayed for ever, and all that came after them.
TEST_F(RetentionTest, WhatWasSealedTogetherGoesHoweverMuchItIs) {
  AddFindings(150'010, kNoon);
  const uint64_t end = LastFinding();
  AddFindings(10, kNoon);
  EXPECT_EQ(FindingsUpto({end, end + 10}), end);
  const auto dropped = store_->EnforceRetention({{}, end, 0, 0});
  ASSERT_TRUE(dropped.ok());
  EXPECT_EQ(dropped->records_dropped, 150'010u);
  EXPECT_EQ(store_->Stats()->classes[static_cast<size_t>(RecordClass::kFinding)].records, 10u);
  EXPECT_EQ(store_->Stats()->records_dropped, 150'010u);
  EXPECT_EQ(FindingsUpto({end, end + 10}), end + 10);
}

TEST_F(RetentionTest, WhatWasSealedTogetherStaysWithItsYoungest) {
  AddFindings(10, kNoon);
  const uint64_t first_end = LastFinding();
  AddFindings(10, kNoon);
  AddFindings(1, After(kNoon, 190 * kDay));
  const uint64_t end = LastFinding();
  EXPECT_EQ(FindingsUpto({first_end, end}), first_end);
  ASSERT_TRUE(store_->EnforceRetention({{}, first_end, 0, 0}).ok());
  EXPECT_EQ(FindingsUpto({first_end, end}), 0u) << "there is nothing any more up to that end";
  EXPECT_EQ(FindingsUpto({first_end}), 0u) << "the rest is not sealed";
}

}  // namespace
}  // namespace weir::control::audit

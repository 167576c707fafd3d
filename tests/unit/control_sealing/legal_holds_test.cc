#include "control/sealing/legal_holds.h"

#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using LegalHoldsTest = SealingTest;

TEST_F(LegalHoldsTest, HoldsUntilReleased) {
  LegalHold hold;
  hold.span = {kNine, After(kNine, kDay)};
  hold.reason = "court order";
  hold.request = "2026-17";
  hold.actor = "alice";
  hold.made = After(kNine, 2 * kDay);
  const auto id = holds_->Add(hold);
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(holds_->Active().value(), std::vector<audit::TimeSpan>{hold.span});
  EXPECT_FALSE(holds_->Release(*id + 1, "bob", kNine).ok());
  ASSERT_TRUE(holds_->Release(*id, "bob", After(kNine, 3 * kDay)).ok());
  EXPECT_FALSE(holds_->Release(*id, "bob", kNine).ok());
  EXPECT_TRUE(holds_->Active()->empty());
  const auto list = holds_->List();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].request, "2026-17");
  EXPECT_EQ((*list)[0].released_by, "bob");
}

TEST_F(LegalHoldsTest, OneThatHoldsNothingIsRefused) {
  LegalHold hold;
  hold.span = {kNine, kNine};
  EXPECT_FALSE(holds_->Add(hold).ok());
}

}  // namespace
}  // namespace weir::control::sealing

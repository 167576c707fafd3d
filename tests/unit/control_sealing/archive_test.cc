#include "control/sealing/archive.h"

#include <gmock/gmock.h>

#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ArchiveTest : public SealingTest {};

TEST_F(ArchiveTest, SealedUntilIsTheEndOfTheLastSpan) {
  EXPECT_FALSE(SealedUntil({}).has_value());
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  EXPECT_EQ(SealedUntil(Seals()), sealer_->status().until);
  ASSERT_TRUE(sealer_->RotateKey(After(kNine, 2 * kHour + 60)).ok());
  EXPECT_EQ(SealedUntil(Seals()), sealer_->status().until);
}

TEST_F(ArchiveTest, TheManifestSaysForWhichTimeItIs) {
  Manifest manifest;
  manifest.made = kNine;
  const auto open = sealer_->Sign(manifest);
  ASSERT_TRUE(open.ok());
  EXPECT_THAT(open->manifest, Not(HasSubstr("\nfrom ")));
  EXPECT_THAT(open->manifest, Not(HasSubstr("\nsealed-until ")));
  manifest.request = "K-9";
  manifest.from = After(kNine, -kDay);
  manifest.to = kNine;
  manifest.sealed_until = After(kNine, kHour);
  manifest.query = "account=s1";
  const auto limited = sealer_->Sign(manifest);
  ASSERT_TRUE(limited.ok());
  EXPECT_THAT(limited->manifest, HasSubstr("\nrequest K-9\n"
                                           "from 2026-11-21T09:00:00.000000Z\n"
                                           "to 2026-11-22T09:00:00.000000Z\n"
                                           "sealed-until 2026-11-22T10:00:00.000000Z\n"
                                           "query account=s1\nsigner "));
}

}  // namespace
}  // namespace weir::control::sealing

#include "control/cli/progress_bar.h"

#include <gtest/gtest.h>

namespace weir::control::cli {
namespace {

TEST(ProgressLine, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine("records", 25, 100, 5000, 10, 200),
            "[######------------------]  25 %  5.0k records  500/s  30s left");
}

TEST(ProgressLine, SaysNothingOfWhatItDoesNotKnow) {
  EXPECT_EQ(ProgressLine("records", 0, 0, 7, 0, 200), "7 records");
  EXPECT_EQ(ProgressLine("records", 0, 0, 700, 7, 200), "700 records  100/s");
  EXPECT_EQ(ProgressLine("records", 0, 10, 0, 5, 200),
            "[------------------------]   0 %  0 records  0/s");
}

TEST(ProgressLine, NeverIsMoreThanDoneOrWiderThanTheTerminal) {
  EXPECT_EQ(ProgressLine("records", 300, 100, 1, 0, 200),
            "[########################] 100 %  1 records");
  EXPECT_EQ(ProgressLine("records", 25, 100, 5000, 10, 20), "[######------------…");
}

}  // namespace
}  // namespace weir::control::cli

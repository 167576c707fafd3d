#include "control/sealing/anchor.h"

#include <gtest/gtest.h>

namespace weir::control::sealing {
namespace {

const Anchor kAnchor{std::string(32, 'a'), 17, std::string(64, 'b')};

TEST(Anchor, ComesBackFromItsLine) {
  const auto parsed = ParseAnchors(AnchorLine(kAnchor));
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, std::vector<Anchor>{kAnchor});
}

TEST(Anchor, IsFoundAmongOtherText) {
  const auto parsed =
      ParseAnchors("Subject: seals\r\n\r\n> " + AnchorLine(kAnchor) + "weir anchor 1 x 1 y\nbye");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(*parsed, std::vector<Anchor>{kAnchor});
}

TEST(Anchor, TextWithoutAnyIsRefused) {
  EXPECT_FALSE(ParseAnchors("").ok());
  EXPECT_FALSE(ParseAnchors("nothing here\n").ok());
  EXPECT_FALSE(
      ParseAnchors("weir anchor 1 " + std::string(32, 'a') + " -3 " + std::string(64, 'b')).ok());
}

TEST(Anchor, AFolderThatIsNotThereIsAnError) {
  const auto appended = AppendAnchor("/nowhere/at/all", kAnchor);
  ASSERT_FALSE(appended.ok());
  EXPECT_NE(appended.error().message.find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace weir::control::sealing

#include "control/sealing/anchor.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

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

// As mail programs and servers leave it: wrapped, marked as an answer's, in quoted-printable.
TEST(Anchor, IsFoundInAMailHoweverItWasSaved) {
  const std::string record(32, 'a');
  const std::string digest(64, 'b');
  for (const std::string& text :
       {"> weir anchor 1 " + record + " 17\r\n> " + digest + "\r\n",
        "weir anchor 1 " + record + "\n17\n\t" + digest,
        "weir anchor 1 " + record.substr(0, 20) + "=\r\n" + record.substr(20) + " 17 " +
            digest.substr(0, 8) + "=\n" + digest.substr(8) + "\r\n"}) {
    const auto parsed = ParseAnchors(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, std::vector<Anchor>{kAnchor}) << text;
  }
  const auto base64 = ParseAnchors("Content-Transfer-Encoding: BASE64\r\n\r\nd2VpciBhbmNob3I=");
  ASSERT_FALSE(base64.ok());
  EXPECT_NE(base64.error().message.find("Base64"), std::string::npos);
}

TEST(Anchor, TextWithoutAnyIsRefused) {
  EXPECT_FALSE(ParseAnchors("").ok());
  EXPECT_FALSE(ParseAnchors("nothing here\n").ok());
  EXPECT_FALSE(
      ParseAnchors("weir anchor 1 " + std::string(32, 'a') + " -3 " + std::string(64, 'b')).ok());
}

TEST(Anchor, AFileTellsOfOtherRecords) {
  std::string pattern = std::filesystem::temp_directory_path() / "weir-anchor-XXXXXX";
  const std::filesystem::path dir = mkdtemp(pattern.data());
  const auto file = dir / "anchor";
  EXPECT_EQ(FindLastAnchor(file).value(), std::nullopt);
  EXPECT_EQ(FindOtherAnchor(file, kAnchor.record).value(), std::nullopt);
  const Anchor other{std::string(32, 'c'), 3, std::string(64, 'd')};
  ASSERT_TRUE(AppendAnchor(file, kAnchor).ok());
  EXPECT_EQ(FindOtherAnchor(file, kAnchor.record).value(), std::nullopt);
  ASSERT_TRUE(AppendAnchor(file, other).ok());
  EXPECT_EQ(FindLastAnchor(file).value(), other);
  EXPECT_EQ(FindOtherAnchor(file, kAnchor.record).value(), other);
  EXPECT_EQ(FindOtherAnchor(file, other.record).value(), kAnchor);
  EXPECT_FALSE(FindLastAnchor(dir).ok()) << "a folder";
  std::filesystem::remove_all(dir);
}

TEST(Anchor, ARecordsNameIsThirtyTwoDigits) {
  EXPECT_TRUE(IsRecordName(kAnchor.record));
  EXPECT_FALSE(IsRecordName(std::string(31, 'a')));
  EXPECT_FALSE(IsRecordName(std::string(32, 'A')));
}

TEST(Anchor, AFolderThatIsNotThereIsAnError) {
  const auto appended = AppendAnchor("/nowhere/at/all", kAnchor);
  ASSERT_FALSE(appended.ok());
  EXPECT_NE(appended.error().message.find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace weir::control::sealing

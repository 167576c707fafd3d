#include "backup_fixture.h"

namespace weir::control::backup {
namespace {

using ::testing::HasSubstr;

Manifest Example() {
  Manifest manifest;
  manifest.set = "2026-11-22T020000Z-full";
  manifest.name = "2026-11-23T020000Z";
  manifest.kind = Kind::kIncremental;
  manifest.made = After(kTwo, kDay);
  manifest.sensor = "gate-1";
  manifest.weir = "0.1";
  manifest.files = {{"sessions/000012.sst", {17, std::string(64, 'a')}, 0644, "x.1.enc"},
                    {"seals/seal.key", {0, std::string(64, 'b')}, 0600, "x.2.enc"}};
  return manifest;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, ComesBack) {
  const auto parsed = ParseManifest(ManifestText(Example()));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(*parsed, Example());
  EXPECT_EQ(parsed->bytes(), 17u);
}

TEST(Manifest, NeverLeadsOutOfAFolder) {
  const std::string good = ManifestText(Example());
  for (const char* path :
       {"/etc/passwd", "../x", "a/../../x", "a/..", ".", "a//b", "./a", "a/", ""}) {
    EXPECT_FALSE(ParseManifest(Replaced(good, "sessions/000012.sst", path)).ok()) << path;
    EXPECT_FALSE(ParseManifest(Replaced(good, "x.1.enc", path)).ok()) << path;
  }
  EXPECT_FALSE(ParseManifest(Replaced(good, "x.1.enc", "sub/x.1.enc")).ok());
  EXPECT_TRUE(ParseManifest(Replaced(good, "sessions/000012.sst", "a/b/c..d")).ok());
}

TEST(Manifest, RefusesWhatItDoesNotKnow) {
  const std::string good = ManifestText(Example());
  const auto newer = ParseManifest(Replaced(good, "\"format\": 1", "\"format\": 2"));
  ASSERT_FALSE(newer.ok());
  EXPECT_THAT(newer.error().message, HasSubstr("newer Weir"));
  EXPECT_FALSE(ParseManifest("").ok());
  EXPECT_FALSE(ParseManifest("[]").ok());
  EXPECT_FALSE(ParseManifest(good.substr(0, good.size() / 2)).ok());
  EXPECT_FALSE(ParseManifest(Replaced(good, "incremental", "partial")).ok());
  EXPECT_FALSE(ParseManifest(Replaced(good, "\"bytes\": 17", "\"bytes\": -1")).ok());
  EXPECT_FALSE(ParseManifest(Replaced(good, std::string(64, 'a'), std::string(63, 'a'))).ok());
  EXPECT_FALSE(ParseManifest(Replaced(good, "seals/seal.key", "sessions/000012.sst")).ok());
}

}  // namespace
}  // namespace weir::control::backup

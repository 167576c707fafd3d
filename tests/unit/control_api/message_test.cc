#include "control/api/message.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "control/api/auth.h"

namespace weir::control::api {
namespace {

TEST(ParseTarget, SplitsAndDecodes) {
  Request request;
  ASSERT_TRUE(ParseTarget("/api/v1/a%2Fb?x=1+2&y=%e4%b8%ad&z&x=3", request).ok());
  EXPECT_EQ(request.path, "/api/v1/a/b");
  EXPECT_EQ(request.QueryText("x"), "3");
  EXPECT_EQ(request.QueryText("y"), "中");
  EXPECT_EQ(request.QueryText("z"), "");
  EXPECT_EQ(request.QueryText("none"), "");
}

TEST(ParseTarget, RefusesWhatDoesNotDecode) {
  for (const char* target : {"/%", "/%4", "/%zz", "/a?x=%g0", "no-slash", ""}) {
    Request request;
    EXPECT_FALSE(ParseTarget(target, request).ok()) << target;
  }
}

TEST(QueryNumber, TakesNumbersInRangeOnly) {
  Request request;
  request.query = {{"a", "7"}, {"b", "-1"}, {"c", "7x"}, {"d", "101"}};
  EXPECT_EQ(*QueryNumber(request, "a", 1, 100), 7u);
  EXPECT_EQ(*QueryNumber(request, "none", 1, 100), 1u);
  for (const char* bad : {"b", "c", "d"}) EXPECT_FALSE(QueryNumber(request, bad, 1, 100).ok());
}

TEST(QueryTime, NamesWhatIsNoTime) {
  Request request;
  request.query = {{"from", "2026-11-22T08:00:00+08:00"}, {"to", "soon"}};
  EXPECT_EQ(*QueryTime(request, "from", {}), *base::ParseRfc3339("2026-11-22T00:00:00Z"));
  EXPECT_EQ(*QueryTime(request, "none", {7}), base::WallTime{7});
  const auto bad = QueryTime(request, "to", {});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message.rfind("to: ", 0), 0u);
}

TEST(Auth, ComparesWholeTokensOnly) {
  EXPECT_TRUE(IsAuthorized("Bearer 0123456789", "0123456789"));
  for (const char* bad :
       {"", "Bearer", "Bearer ", "Bearer 012345678", "Bearer 0123456788", "Bearer 01234567890",
        "bearer 0123456789", "Basic 0123456789", "Bearer  0123456789"}) {
    EXPECT_FALSE(IsAuthorized(bad, "0123456789")) << bad;
  }
}

class TokenFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-token-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(TokenFile, IsMadeOnceAndForItsOwnerOnly) {
  const auto made = LoadOrMakeToken(dir_ / "token");
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->size(), 64u);
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*LoadOrMakeToken(dir_ / "token"), *made);
  EXPECT_NE(*LoadOrMakeToken(dir_ / "other"), *made);
}

TEST_F(TokenFile, IsRefusedWhenOthersMayReadItOrItHoldsNone) {
  std::ofstream(dir_ / "open") << std::string(64, 'a');
  ASSERT_EQ(::chmod((dir_ / "open").c_str(), 0644), 0);
  EXPECT_FALSE(LoadOrMakeToken(dir_ / "open").ok());
  std::ofstream(dir_ / "short") << "secret\n";
  ASSERT_EQ(::chmod((dir_ / "short").c_str(), 0600), 0);
  EXPECT_FALSE(LoadOrMakeToken(dir_ / "short").ok());
  EXPECT_FALSE(LoadOrMakeToken(dir_ / "no" / "token").ok());
}

}  // namespace
}  // namespace weir::control::api

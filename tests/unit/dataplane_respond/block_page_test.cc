#include "dataplane/respond/block_page.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::respond {
namespace {

PageFacts Facts() {
  PageFacts facts;
  facts.name = "games.example";
  facts.rule = "r1";
  facts.reason = "lesson";
  facts.time = base::ParseRfc3339("2026-11-22T09:30:05.9Z").value();
  return facts;
}

std::string Rendered(const BlockPage& page, const PageFacts& facts, size_t room = kPageBytesMax) {
  std::array<uint8_t, kPageBytesMax> out{};
  const size_t bytes = page.Render(facts, std::span(out).first(room));
  return {out.begin(), out.begin() + static_cast<ptrdiff_t>(bytes)};
}

std::string BodyOf(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

std::string Message(std::string_view text) {
  const auto page = BlockPage::Parse(text);
  return page ? std::string() : page.error().message;
}

TEST(BlockPage, IsAWholeResponseThatEndsWithTheConnection) {
  const std::string response = Rendered(BlockPage::BuiltIn(), Facts());
  EXPECT_TRUE(response.starts_with("HTTP/1.1 403 Forbidden\r\n"));
  EXPECT_NE(response.find("\r\nConnection: close\r\n"), std::string::npos);
  EXPECT_NE(response.find("\r\nCache-Control: no-store\r\n"), std::string::npos);
  EXPECT_NE(response.find("\r\nContent-Type: text/html; charset=utf-8\r\n"), std::string::npos);
  EXPECT_EQ(response.find("Content-Length"), std::string::npos);
}

TEST(BlockPage, BuiltInSpeaksChineseAndEnglishInFiveHundredBytes) {
  const std::string response = Rendered(BlockPage::BuiltIn(), Facts());
  EXPECT_NE(response.find("已被本网络的管理员屏蔽"), std::string::npos);
  EXPECT_NE(response.find("blocks <b>games.example</b>"), std::string::npos);
  EXPECT_NE(response.find("r1 2026-11-22T09:30:05Z"), std::string::npos);
  EXPECT_LE(response.size(), 500U);
}

TEST(BlockPage, ShortOneNeedsLessThanTwoHundredBytes) {
  std::array<uint8_t, kPageBytesMax> out{};
  const size_t bytes = BlockPage::RenderShort(out);
  const std::string response(out.begin(), out.begin() + static_cast<ptrdiff_t>(bytes));
  EXPECT_LT(bytes, 200U);
  EXPECT_TRUE(response.starts_with("HTTP/1.1 403 "));
  EXPECT_NE(response.find("已被本网络屏蔽 Blocked"), std::string::npos);
  EXPECT_EQ(BlockPage::RenderShort(std::span(out).first(bytes)), bytes);
  EXPECT_EQ(BlockPage::RenderShort(std::span(out).first(bytes - 1)), 0U);
}

TEST(BlockPage, PutsFactsInEscaped) {
  const BlockPage page = BlockPage::Parse("{reason}|{name}|{name}").value();
  PageFacts facts = Facts();
  facts.reason = "<script>alert(\"'&'\")</script>";
  EXPECT_EQ(BodyOf(Rendered(page, facts)),
            "&lt;script&gt;alert(&quot;&#39;&amp;&#39;&quot;)&lt;/script&gt;|games.example|"
            "games.example");
}

TEST(BlockPage, TakesOtherBracesAsText) {
  const std::string style = "<style>p{color:red}a{}</style>{ name}{Name}{";
  EXPECT_EQ(BodyOf(Rendered(BlockPage::Parse(style).value(), Facts())), style);
}

TEST(BlockPage, IsWholeOrNothing) {
  const BlockPage page = BlockPage::Parse("<p>{name}{time}").value();
  const size_t bytes = Rendered(page, Facts()).size();
  EXPECT_EQ(Rendered(page, Facts(), bytes).size(), bytes);
  for (size_t room = 0; room < bytes; ++room) EXPECT_EQ(Rendered(page, Facts(), room), "");
}

TEST(BlockPage, GrowsBeyondItsRoomByWhatIsPutIn) {
  const std::string long_reason(200, '"');
  PageFacts facts = Facts();
  facts.reason = long_reason;
  const BlockPage page = BlockPage::Parse(std::string(900, 'x') + "{reason}").value();
  EXPECT_EQ(Rendered(page, facts), "");
}

TEST(BlockPage, RefusesWhatIsNoTemplate) {
  EXPECT_EQ(Message(std::string(kTemplateBytesMax, 'x')), "");
  EXPECT_EQ(Message(std::string(kTemplateBytesMax + 1, 'x')),
            "expected at most 1000 bytes, as the page goes out in one packet");
  EXPECT_EQ(Message(""), "expected an HTML page, found an empty file");
  EXPECT_EQ(Message("a\xff"), "expected UTF-8");
  EXPECT_EQ(Message("{user}"), "expected {name}, {rule}, {reason} or {time}, found {user}");
}

TEST(BlockPage, SaysWhichFileItCannotRead) {
  EXPECT_EQ(BlockPage::Load("/nonexistent/page.html").error().message,
            "/nonexistent/page.html: cannot be read");
  EXPECT_EQ(BlockPage::Load("/proc").error().message, "/proc: cannot be read");
  EXPECT_EQ(BlockPage::Load("/dev/zero").error().message,
            "/dev/zero: expected at most 1000 bytes, as the page goes out in one packet");
}

}  // namespace
}  // namespace weir::respond

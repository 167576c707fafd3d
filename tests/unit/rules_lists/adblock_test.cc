#include <gtest/gtest.h>

#include "reading.h"

namespace weir::rules {
namespace {

TEST(AdblockFormat, TakesDomainsAndExceptions) {
  EXPECT_EQ(
      Read("[Adblock Plus 2.0]\n! Title: of a kind\n||ads.example^\n@@||good.example^\n"
           "||192.0.2.7^\n0.0.0.0 hosts.example # a/b\nplain.example\n# a comment\n####\n// c\n"
           "||b.example^|\n"),
      (Lines{"adblock", "3 .ads.example", "4 pass .good.example", "6 hosts.example",
             "7 plain.example", "11 .b.example", "5 192.0.2.7"}));
}

TEST(AdblockFormat, AsksWhatOptionsNarrow) {
  const auto outcome = [](std::string_view rule) {
    const Lines lines = ReadAs(ListFormat::kAdblock, fmt::format("||x.example^\n{}\n", rule));
    return lines.size() == 1 ? "" : lines.back().substr(2, lines.back().find(':') - 2);
  };
  for (const std::string_view taken :
       {"important", "all", "document", "doc", "important,all", "document,popup", "doc, popup"}) {
    EXPECT_EQ(outcome(fmt::format("||d.example^${}", taken)), ".d.example") << taken;
  }
  for (const std::string_view narrow :
       {"third-party", "popup", "script,image", "important,third-party", "domain=a.example",
        "client=10.0.0.1", "dnstype=A", "badfilter", "~document", ""}) {
    EXPECT_EQ(outcome(fmt::format("||d.example^${}", narrow)), "conditional") << narrow;
  }
  EXPECT_EQ(outcome("@@||d.example^$important"), "pass .d.example");
  EXPECT_EQ(outcome("@@||d.example^$document"), "conditional");
  EXPECT_EQ(outcome("@@||d.example^$generichide"), "conditional");
}

TEST(AdblockFormat, SkipsPatternsAndElements) {
  for (const std::string_view rule :
       {"example.com##.banner", "##.banner", "a.example#@#.ad", "a.example#?#div",
        "a.example#$#x{}", "||a.example/path", "||a.example^path", "||a*.example^",
        "||*.a.example^", "||a.example", "/ads[0-9]+/", "/banner/*", "|https://a.example|",
        "-ad-*.", "@@/path", "a.example$$script", "@@||192.0.2.1^", "||com^"}) {
    EXPECT_EQ(ReadAs(ListFormat::kAdblock, fmt::format("||x.example^\n{}\n", rule)),
              (Lines{"1 .x.example", fmt::format("2 unsupported: {}", rule)}));
  }
}

TEST(AdblockFormat, AnExceptionWinsOverBlocksBelowIt) {
  EXPECT_EQ(Read("||a.b.example^\n||b.example^\n||example^$important\n0.0.0.0 c.b.example\n"
                 "||ab.example^\n@@||b.example^\n"),
            (Lines{"adblock", "5 .ab.example", "6 pass .b.example",
                   "3 unsupported: ||example^$important", "1 expired: ||a.b.example^",
                   "2 expired: ||b.example^", "4 expired: 0.0.0.0 c.b.example"}));
}

TEST(AdblockFormat, ImportantWinsOverAnException) {
  EXPECT_EQ(
      Read("@@||a.b.example^\n||b.example^$important\n@@||c.example^\n||d.c.example^$important\n"
           "||e.c.example^\n"),
      (Lines{"adblock", "2 .b.example", "3 pass .c.example", "4 .d.c.example",
             "1 expired: @@||a.b.example^", "5 expired: ||e.c.example^"}));
  EXPECT_EQ(
      Read("||b.example^$important\n@@||b.example^$important\n||c.example^\n"),
      (Lines{"adblock", "2 pass .b.example", "3 .c.example", "1 expired: ||b.example^$important"}));
}

}  // namespace
}  // namespace weir::rules

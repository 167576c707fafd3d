#include "control/cli/text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "control/cli/command_line.h"
#include "control/cli/http_client.h"
#include "control/cli/table.h"

namespace weir::control::cli {
namespace {

TEST(TextColumns, CountsWideCharactersTwice) {
  EXPECT_EQ(TextColumns("abc"), 3u);
  EXPECT_EQ(TextColumns("校园网"), 6u);
  EXPECT_EQ(TextColumns("ｆｕｌｌ"), 8u);
  EXPECT_EQ(TextColumns("e\xcc\x81"), 1u);  // e with a combining accent
  EXPECT_EQ(TextColumns("한국"), 4u);
  EXPECT_EQ(TextColumns(""), 0u);
}

TEST(Printable, NothingATerminalWouldObeyGetsThrough) {
  EXPECT_EQ(Printable("a\x1b[31mb"), "a\xef\xbf\xbd[31mb");
  EXPECT_EQ(Printable("a\nb\tc"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_EQ(Printable("\xc2\x9b"), "\xef\xbf\xbd");  // C1 control: another way to begin an escape
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\xef\xbf\xbd");  // right-to-left override
  EXPECT_EQ(Printable("\xff"), "\xef\xbf\xbd");
  EXPECT_EQ(Printable("\xe4\xb8"), "\xef\xbf\xbd\xef\xbf\xbd");  // cut short
  EXPECT_EQ(Printable("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");  // overlong
  EXPECT_EQ(Printable("校园 ok"), "校园 ok");
}

TEST(FitColumns, CutsAtWholeCharacters) {
  EXPECT_EQ(FitColumns("abcdef", 6), "abcdef");
  EXPECT_EQ(FitColumns("abcdefg", 6), "abcde…");
  EXPECT_EQ(FitColumns("校园网络", 6), "校园…");  // a half would not fit
  EXPECT_EQ(TextColumns(FitColumns("校园网络", 6)), 5u);
  EXPECT_EQ(FitColumns("abc", 0), "");
}

TEST(Table, LinesFitAndColumnsAlign) {
  Table table({"account", "name", "n"});
  table.Add({"学生一", "a-very-long-host-name.example.campus.edu.example", "1"});
  table.Add({"s2", "", "22"});
  const std::string text = table.Render(30);
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    EXPECT_LE(TextColumns(text.substr(begin, end - begin)), 30u) << text;
  }
  EXPECT_NE(text.find("…"), std::string::npos);
  EXPECT_NE(text.find("s2       -"), std::string::npos) << text;
  EXPECT_EQ(table.Render(1000).find("…"), std::string::npos);
  EXPECT_FALSE(table.empty());
}

TEST(Table, TheFirstColumnIsCutLast) {
  Table table({"start", "name"});
  table.Add({"11-22T17:30:00", "a.quite.long.name"});
  EXPECT_NE(table.Render(22).find("11-22T17:30:00  a.qui…"), std::string::npos) << table.Render(22);
  EXPECT_NE(table.Render(12).find("11-22…  a.q…"), std::string::npos) << table.Render(12);
}

TEST(Table, CellsAreMadePrintable) {
  Table table({"name"});
  table.Add({"a\x1b[2Jb\n"});
  EXPECT_EQ(table.Render(80).find('\x1b'), std::string::npos);
}

class Times : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::setenv("TZ", "Asia/Shanghai", 1), 0);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST_F(Times, AreShownInLocalTimeWithTheirOffset) {
  EXPECT_EQ(LocalTime("2026-11-22T09:30:00.123456Z"), "2026-11-22T17:30:00+08:00");
  EXPECT_EQ(LocalTime("no time"), "no time");
}

TEST_F(Times, ArePutInAsPeopleWriteThem) {
  const base::WallTime now = *base::ParseRfc3339("2026-11-22T09:30:00Z");
  EXPECT_EQ(ParseUserTime("2h", now)->ns, now.ns - 7200 * base::kNsPerSecond);
  EXPECT_EQ(*ParseUserTime("2026-11-22T17:30:00+08:00", now), now);
  EXPECT_EQ(*ParseUserTime("2026-11-22 17:30", now), now);
  EXPECT_EQ(*ParseUserTime("2026-11-22 17:30:00", now), now);
  EXPECT_EQ(*ParseUserTime("2026-11-22", now), *base::ParseRfc3339("2026-11-22T00:00:00+08:00"));
  for (const char* bad : {"", "yesterday", "17:30", "2026-11-22 25:00"}) {
    EXPECT_FALSE(ParseUserTime(bad, now).ok()) << bad;
  }
}

TEST(ShortForms, AreShort) {
  EXPECT_EQ(ShortBytes(999), "999");
  EXPECT_EQ(ShortBytes(1000), "1.0k");
  EXPECT_EQ(ShortBytes(9'960), "10k");
  EXPECT_EQ(ShortBytes(999'600), "1.0M");
  EXPECT_EQ(ShortBytes(34'000'000), "34M");
  EXPECT_EQ(ShortBytes(UINT64_MAX), "18E");
  EXPECT_EQ(ShortSeconds(59), "59s");
  EXPECT_EQ(ShortSeconds(86'399), "23h59m");
  EXPECT_EQ(ShortSeconds(-300), "-5m");
  EXPECT_EQ(ShortSeconds(864'000), "10d");
}

TEST(UrlEncode, LeavesNothingWithAMeaning) {
  EXPECT_EQ(UrlEncode("a b&c=d/é"), "a%20b%26c%3Dd%2F%C3%A9");
}

// Runs weirctl in this process; what it printed is in `out` and `err`.
struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};
Ran Weirctl(std::vector<std::string> arguments) {
  std::string program = "weirctl";
  std::vector<char*> pointers{program.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Ran ran;
  ran.code = RunCommandLine(static_cast<int>(pointers.size()), pointers.data());
  std::fflush(stdout);
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

TEST(WeirctlCommand, UsageIsTwo) {
  EXPECT_EQ(Weirctl({}).code, 2);
  EXPECT_EQ(Weirctl({"nonsense"}).code, 2);
  EXPECT_EQ(Weirctl({"block", "host"}).code, 2);
  EXPECT_EQ(Weirctl({"block", "host", "bad.example"}).code, 2);  // no reason
  EXPECT_EQ(Weirctl({"sessions"}).code, 2);                      // no reason
  EXPECT_EQ(Weirctl({"sessions", "--reason", "x", "--format", "xml"}).code, 2);
  EXPECT_EQ(Weirctl({"--help"}).code, 0);
  const Ran why = Weirctl({"--socket", "/nonexistent/x", "why", "10.0.0.1", "no-port"});
  EXPECT_EQ(why.code, 2);
  EXPECT_NE(why.err.find("NAME-or-IP:PORT"), std::string::npos);
}

TEST(WeirctlCommand, NoConnectionIsThree) {
  const Ran ran = Weirctl({"--socket", "/nonexistent/control.sock", "status"});
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("weir-control does not answer at /nonexistent/control.sock"),
            std::string::npos)
      << ran.err;
  const Ran json = Weirctl({"-j", "--socket", "/nonexistent/control.sock", "incidents"});
  EXPECT_EQ(json.code, 3);
  EXPECT_NE(json.out.find("{\"error\":"), std::string::npos) << json.out;
}

TEST(WeirctlCommand, WhatIsNotBuiltYetSaysSo) {
  const std::vector<std::vector<std::string>> commands{
      {"evidence", "verify", "f"}, {"users", "add"},          {"config", "diff"},
      {"users", "list"},           {"incident", "seal", "I"}, {"incident", "receipt", "I"},
      {"trace", "10.0.0.1"}};
  for (const auto& command : commands) {
    const Ran ran = Weirctl(command);
    EXPECT_EQ(ran.code, 1) << command[0];
    EXPECT_NE(ran.err.find("not supported yet"), std::string::npos) << command[0] << ran.err;
  }
}

TEST(WeirctlCommand, TimesAndNumbersOfRulesHaveLimits) {
  const std::vector<std::vector<std::string>> wrong{
      {"rules", "apply", "--confirm", "4"},    {"rules", "apply", "--confirm", "86401"},
      {"rules", "apply", "--confirm", "2m"},   {"rules", "apply", "--confirm"},
      {"rules", "diff", "--sessions", "-1"},   {"rules", "diff", "--sessions", "1000001"},
      {"rules", "confirm", "--confirm", "60"}, {"rules", "undo", "7"}};
  for (const auto& command : wrong) EXPECT_EQ(Weirctl(command).code, 2) << command[1];
  const std::vector<std::vector<std::string>> right{{"rules", "apply", "--confirm", "5"},
                                                    {"rules", "apply", "--no-canary"},
                                                    {"rules", "confirm"},
                                                    {"rules", "undo", "--no-canary"},
                                                    {"rules", "diff", "--sessions", "0"}};
  for (std::vector<std::string> command : right) {
    command.insert(command.begin(), {"--socket", "/nonexistent/control.sock"});
    EXPECT_EQ(Weirctl(command).code, 3) << command[3];
  }
}

TEST(WeirctlCommand, ConfigCheckNeedsNobody) {
  const Ran missing = Weirctl({"config", "check", "/nonexistent/weir.toml"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("/nonexistent/weir.toml"), std::string::npos) << missing.err;
}

}  // namespace
}  // namespace weir::control::cli

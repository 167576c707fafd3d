// What look-ups and histories of accounts look like on a terminal.
#include <gtest/gtest.h>

#include <cstdlib>

#include "control/cli/commands.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;

class AccountTables : public testing::Test {
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

// The lines that follow the headers, wide enough for all.
std::vector<std::string> Lines(const Table& table) {
  const std::string text = table.Render(1000);
  std::vector<std::string> lines;
  size_t begin = text.find('\n') + 1;
  for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
  }
  return lines;
}

bool Has(const std::string& line, const char* text) { return line.find(text) != std::string::npos; }

TEST_F(AccountTables, ABindingShowsItsEnd) {
  const json bindings =
      json::parse(R"([{"address": "10.20.0.11", "account": "anna", "source": "radius",
    "login_time": "2026-11-22T00:00:00.000000Z", "until": "2026-11-22T02:00:00.000000Z",
    "cause": "user-request", "confidence": "told"},
    {"address": "10.20.0.12", "account": "ben", "source": "registry", "confidence": "standing"}])");
  const auto lines = Lines(BindingTable(bindings));
  ASSERT_EQ(lines.size(), 2u);
  for (const char* cell :
       {"2026-11-22T08:00:00+08:00", "2026-11-22T10:00:00+08:00", "user-request", "told"}) {
    EXPECT_TRUE(Has(lines[0], cell)) << lines[0];
  }
  EXPECT_TRUE(Has(lines[1], "standing")) << lines[1];
  const std::string text = BindingTable(bindings).Render(1000);
  EXPECT_FALSE(Has(text, "room")) << "none of them has one";
}

TEST_F(AccountTables, AHistoryIsOneTableTheNewestFirst) {
  const json history = json::parse(R"({
    "rows": [{"ip": "10.20.0.11", "mac": "", "account": "dora", "group": "staff", "room": "B2",
              "seat": "17", "begun": {"how": "import", "by": "root"}}],
    "logins": [{"ip": "10.20.0.11", "mac": "02:00:5e:10:00:01", "account": "anna", "nas": "bras-1",
                "port": "eth1/7", "source": "radius", "login_time": "2026-11-22T00:00:00.000000Z",
                "logout_time": "2026-11-22T02:00:00.000000Z", "cause": "superseded",
                "confidence": "derived"}],
    "leases": [{"ip": "10.20.0.11", "mac": "02:00:5e:10:00:02", "account": "bob",
                "account_at_end": "carl", "server": "10.0.0.5", "relay": null, "circuit": "eth2",
                "since": "2026-11-22T03:00:00.000000Z", "until": "2026-11-22T04:00:00.000000Z",
                "cause": "", "source": "dhcp", "confidence": "derived"}]})");
  const auto lines = Lines(HistoryTable(history, 200));
  ASSERT_EQ(lines.size(), 3u);
  for (const char* cell : {"2026-11-22T11:00:00 ", "bob -> carl", "10.0.0.5 eth2", "dhcp"}) {
    EXPECT_TRUE(Has(lines[0], cell)) << lines[0];
  }
  EXPECT_FALSE(Has(lines[0], "T12:00:00")) << "it may be renewed: " << lines[0];
  for (const char* cell : {"anna", "2026-11-22T10:00:00 ", "bras-1 eth1/7", "superseded"}) {
    EXPECT_TRUE(Has(lines[1], cell)) << lines[1];
  }
  for (const char* cell : {"always", "dora", "staff", "import by root", "standing"}) {
    EXPECT_TRUE(Has(lines[2], cell)) << lines[2];
  }
  const auto narrow = Lines(HistoryTable(history, 100));
  ASSERT_EQ(narrow.size(), 3u);
  EXPECT_EQ(narrow[1].rfind("11-22T08:00:00  11-22T10:00:00  10.20.0.11  anna ", 0), 0u)
      << narrow[1];
  EXPECT_FALSE(Has(narrow[1], "bras-1")) << "there is no room for it";
}

}  // namespace
}  // namespace weir::control::cli

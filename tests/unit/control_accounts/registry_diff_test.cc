#include "control/accounts/registry_diff.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::control::accounts {
namespace {

Registry Rows(const std::string& rows) {
  return Registry::Parse("account,ip,mac,group,room,seat\n" + rows, "t.csv").value();
}

std::string TextOf(const RegistryRow& row) {
  std::string text = row.binding.account;
  if (!row.ip.is_unspecified()) text += " " + row.ip.ToString();
  if (!row.mac.is_zero()) text += " " + row.mac.ToString();
  if (!row.binding.room.empty()) text += " " + row.binding.room;
  return text;
}

// "-gone", "+come", "old => new", one a line.
std::string Changes(const std::string& before, const std::string& after) {
  std::string text;
  for (const RowChange& change : Diff(Rows(before), Rows(after))) {
    if (change.before && change.after) {
      text += TextOf(*change.before) + " => " + TextOf(*change.after) + "\n";
    } else {
      text += change.before ? "-" + TextOf(*change.before) : "+" + TextOf(*change.after);
      text += "\n";
    }
  }
  return text;
}

TEST(RegistryDiff, PairsRowsByAddress) {
  EXPECT_EQ(Changes("anna,10.0.0.1,,,R1,\nben,10.0.0.2,,,,\ncarl,10.0.0.3,,,,\n",
                    "anna,10.0.0.1,,,R2,\ndora,10.0.0.3,,,,\nemil,10.0.0.4,,,,\n"),
            "anna 10.0.0.1 R1 => anna 10.0.0.1 R2\n-ben 10.0.0.2\ncarl 10.0.0.3 => dora "
            "10.0.0.3\n+emil 10.0.0.4\n");
}

TEST(RegistryDiff, OrderAndRepetitionAreNoDifference) {
  EXPECT_EQ(Changes("anna,10.0.0.1,,,,\nben,10.0.0.2,,,,\n",
                    "ben,10.0.0.2,,,,\nanna,10.0.0.1,,,,\nben,10.0.0.2,,,,\n"),
            "");
  EXPECT_EQ(Changes("", ""), "");
}

TEST(RegistryDiff, RowsWithoutIpPairByMac) {
  EXPECT_EQ(Changes("anna,,02:00:00:00:00:01,,,\nben,,02:00:00:00:00:02,,,\n",
                    "anna,,02:00:00:00:00:01,,R1,\ncarl,,02:00:00:00:00:03,,,\n"),
            "anna 02:00:00:00:00:01 => anna 02:00:00:00:00:01 R1\n-ben 02:00:00:00:00:02\n+carl "
            "02:00:00:00:00:03\n");
}

// An address in several rows of one account: what is the same stays, the rest pairs.
TEST(RegistryDiff, SeveralRowsOfAnAddress) {
  EXPECT_EQ(Changes("anna,10.0.0.1,02:00:00:00:00:01,,,\nanna,10.0.0.1,02:00:00:00:00:02,,,\n",
                    "anna,10.0.0.1,02:00:00:00:00:02,,,\nanna,10.0.0.1,02:00:00:00:00:03,,,\n"),
            "anna 10.0.0.1 02:00:00:00:00:01 => anna 10.0.0.1 02:00:00:00:00:03\n");
}

}  // namespace
}  // namespace weir::control::accounts

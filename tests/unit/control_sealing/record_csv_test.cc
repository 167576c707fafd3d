#include "control/sealing/record_csv.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "control/sealing/record_lines.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::set<std::string> Columns(NumberedClass numbered) {
  std::string header = CsvHeader(numbered);
  EXPECT_TRUE(header.ends_with("\r\n"));
  header.resize(header.size() - 2);
  std::set<std::string> columns;
  std::istringstream in(header);
  for (std::string column; std::getline(in, column, ',');) columns.insert(column);
  return columns;
}

// Every key that a line can have is a column, and none is more.
void ExpectKeys(NumberedClass numbered, const std::string& line) {
  std::set<std::string> keys;
  const auto json = nlohmann::json::parse(line);
  for (const auto& [key, value] : json.items()) keys.insert(key);
  EXPECT_EQ(Columns(numbered), keys);
  const std::string row = CsvRowOf(numbered, line);
  EXPECT_EQ(std::count(row.begin(), row.end(), ','), static_cast<long>(keys.size()) - 1);
}

TEST(RecordCsv, HasAColumnForEveryKeyOfALine) {
  const auto mac = base::MacAddress::Parse("02:00:00:00:00:01").value();
  audit::SequencedFinding finding;
  finding.seq = 7;
  finding.event.rule_class = finding.event.severity = finding.event.rule = finding.event.reason =
      finding.event.name = finding.event.app = "x";
  finding.event.list_line = 3;
  finding.event.src_mac = finding.event.dst_mac = mac;
  finding.event.name_source = events::NameSource::kTlsSni;
  finding.identity = {"a", "g", 0, kNine};
  ExpectKeys(NumberedClass::kFindings, FindingLine(finding));
  audit::SequencedHealth health;
  health.event.detail = "x";
  ExpectKeys(NumberedClass::kHealth, HealthLine(health));
  audit::SequencedLogin login;
  login.login = {1, kNine, kNine, Ip("10.0.0.1"), mac, 0, "a", "n", "p", "r", "s", "c"};
  ExpectKeys(NumberedClass::kLogins, LoginLine(login));
  ExpectKeys(NumberedClass::kOperations, OperationLine({}));
}

TEST(RecordCsv, QuotesAndDisarmsWhatComesFromOutside) {
  operations::Operation operation;
  operation.number = 5;
  operation.actor = "=HYPERLINK(\"http://x\")";
  operation.reason = "a, b\nc";
  const std::string row = CsvRowOf(NumberedClass::kOperations, OperationLine(operation));
  EXPECT_THAT(row, StartsWith("5,"));
  EXPECT_THAT(row, HasSubstr(",\"'=HYPERLINK(\"\"http://x\"\")\","));
  EXPECT_THAT(row, HasSubstr(",\"a, b\nc\","));
  EXPECT_TRUE(row.ends_with(",0\r\n"));
}

TEST(RecordCsv, WhatALineDoesNotHaveIsEmpty) {
  EXPECT_EQ(CsvRowOf(NumberedClass::kHealth, "{\"number\":1,\"value\":null}\n"), "1,,,,,,\r\n");
}

}  // namespace
}  // namespace weir::control::sealing

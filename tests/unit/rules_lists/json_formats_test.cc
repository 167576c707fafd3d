#include <gtest/gtest.h>

#include "reading.h"
#include "rules/lists/json_records.h"

namespace weir::rules {
namespace {

// A bundle with an indicator of this pattern, behind one that is always taken.
Lines Pattern(std::string_view pattern) {
  std::string escaped;
  for (const char c : pattern) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c;
  }
  Lines lines = Read(fmt::format(
      R"({{"type":"bundle","objects":[{{"type":"indicator","pattern_type":"stix","pattern":
      "[domain-name:value = 'always.example']"}},
      {{"type":"indicator","pattern_type":"stix","pattern":"{}"}}]}})",
      escaped));
  if (lines.size() < 2 || lines[0] != "stix") return lines;
  lines.erase(lines.begin(), lines.begin() + 2);
  for (std::string& line : lines) {
    const size_t text = line.find(": ");
    if (text != line.npos) line.resize(text);
  }
  return lines;
}

TEST(StixFormat, TakesSimpleComparisons) {
  EXPECT_EQ(Pattern("[domain-name:value = 'A.Example']"), (Lines{"2 a.example"}));
  EXPECT_EQ(Pattern("[ipv4-addr:value = '192.0.2.1']"), (Lines{"2 192.0.2.1"}));
  EXPECT_EQ(Pattern("[ipv4-addr:value = '192.0.2.0/24']"), (Lines{"2 192.0.2.0-192.0.2.255"}));
  EXPECT_EQ(Pattern("[ipv4-addr:value ISSUBSET '192.0.2.0/24']"),
            (Lines{"2 192.0.2.0-192.0.2.255"}));
  EXPECT_EQ(Pattern("[ipv6-addr:value = '2001:db8::1']"), (Lines{"2 2001:db8::1"}));
  EXPECT_EQ(Pattern("[url:value = 'https://192.0.2.1/x']"), (Lines{"2 6/192.0.2.1:443"}));
  EXPECT_EQ(Pattern("[url:value='http://b.example/it\\'s']"), (Lines{"2 b.example"}));
  EXPECT_EQ(Pattern("[network-traffic:dst_ref.value = '192.0.2.1']"), (Lines{"2 192.0.2.1"}));
  EXPECT_EQ(Pattern("[network-traffic:dst_ref.value = 'c.example']"), (Lines{"2 c.example"}));
  EXPECT_EQ(Pattern("[domain-name:value IN ('a.example', 'b.example')]"),
            (Lines{"2 a.example", "2 b.example"}));
}

TEST(StixFormat, TakesEachSideOfAnOr) {
  EXPECT_EQ(Pattern("[domain-name:value = 'a.example' OR ipv4-addr:value = '192.0.2.1']"),
            (Lines{"2 a.example", "2 192.0.2.1"}));
  EXPECT_EQ(Pattern("([domain-name:value = 'a.example'] OR [domain-name:value = 'b.example'])"),
            (Lines{"2 a.example", "2 b.example"}));
  EXPECT_EQ(Pattern("[(domain-name:value = 'a.example') OR (domain-name:value = 'b.example')]"),
            (Lines{"2 a.example", "2 b.example"}));
  EXPECT_EQ(Pattern("[domain-name:value = 'a.example' OR file:hashes.'SHA-256' = 'ef']"),
            (Lines{"2 a.example", "2 unsupported"}));
}

TEST(StixFormat, TakesAnAddressWithItsPort) {
  EXPECT_EQ(
      Pattern("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = "
              "'192.0.2.1' AND network-traffic:dst_port = 443]"),
      (Lines{"2 6/192.0.2.1:443", "2 17/192.0.2.1:443"}));
  EXPECT_EQ(
      Pattern("[(network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:dst_port = 53) "
              "AND network-traffic:protocols[*] = 'udp']"),
      (Lines{"2 17/192.0.2.1:53"}));
}

TEST(StixFormat, SkipsWhatIsTiedTogether) {
  for (const std::string_view pattern : {
           "[domain-name:value = 'a.example' AND ipv4-addr:value = '192.0.2.1']",
           "[domain-name:value = 'a.example'] AND [ipv4-addr:value = '192.0.2.1']",
           "[domain-name:value = 'a.example'] FOLLOWEDBY [ipv4-addr:value = '192.0.2.1']",
           "[domain-name:value = 'a.example'] REPEATS 5 TIMES WITHIN 60 SECONDS",
           "[domain-name:value != 'a.example']",
           "[NOT domain-name:value = 'a.example']",
           "[domain-name:value NOT = 'a.example']",
           "[(domain-name:value = 'a.example' OR url:value = 'x') AND file:size > 1]",
           "[network-traffic:dst_ref.value = '192.0.2.1' AND network-traffic:src_port = 1]",
       }) {
    EXPECT_EQ(Pattern(pattern), (Lines{"2 conditional"})) << pattern;
  }
}

TEST(StixFormat, SkipsOtherThings) {
  EXPECT_EQ(Pattern("[file:hashes.MD5 = '00']"), (Lines{"2 unsupported"}));
  EXPECT_EQ(Pattern("[domain-name:value LIKE '%.example']"), (Lines{"2 unsupported"}));
  EXPECT_EQ(Pattern("[domain-name:value MATCHES '^a']"), (Lines{"2 unsupported"}));
  EXPECT_EQ(Pattern("[domain-name:value = 'a..example']"), (Lines{"2 bad_name"}));
  EXPECT_EQ(Pattern("[ipv4-addr:value = '192.0.2.999']"), (Lines{"2 bad_address"}));
  for (const std::string_view pattern :
       {"", "[", "[domain-name:value", "[domain-name:value = ", "x]", "[domain-name:value = 'a",
        "[domain-name:value = 'a' 'b']"}) {
    const Lines lines = Pattern(pattern);
    ASSERT_FALSE(lines.empty()) << pattern;
    EXPECT_TRUE(lines.back() == "2 not_understood" || lines.back() == "2 conditional") << pattern;
  }
}

TEST(StixFormat, SkipsWhatHasExpired) {
  EXPECT_EQ(Read(R"({"type":"bundle","id":"bundle--1","objects":[
    {"type":"identity","name":"someone"},
    {"type":"indicator","pattern_type":"stix","pattern":"[domain-name:value = 'a.example']",
     "valid_until":"2026-11-30T12:00:01Z","labels":["x"],"revoked":false},
    {"type":"indicator","pattern_type":"stix","pattern":"[domain-name:value = 'b.example']",
     "valid_until":"2026-11-30T12:00:00Z"},
    {"type":"indicator","pattern":"[domain-name:value = 'c.example']","revoked":true},
    {"type":"indicator","pattern_type":"yara","pattern":"rule x {}"},
    {"type":"indicator","pattern":"[domain-name:value = 'd.example']","indicator_types":["benign"]},
    {"type":"indicator","pattern":"[domain-name:value = 'e.example']",
     "indicator_types":["malicious-activity"]}]})"),
            (Lines{"stix", "2 a.example", "7 e.example", "5 unsupported: rule x {}",
                   "6 unsupported: [domain-name:value = 'd.example']",
                   "3 expired: [domain-name:value = 'b.example']",
                   "4 expired: [domain-name:value = 'c.example']"}));
}

TEST(MispFormat, TakesAttributesAndThoseOfObjects) {
  EXPECT_EQ(Read(R"({"Event":{"info":"of a kind","Attribute":[
    {"type":"domain","value":"a.example","to_ids":true,"deleted":false},
    {"type":"hostname","value":"www.b.example","to_ids":true},
    {"type":"ip-dst","value":"192.0.2.0/24","to_ids":true},
    {"type":"ip-src","value":"2001:db8::1","to_ids":"1"},
    {"type":"ip-dst|port","value":"192.0.2.1|8080","to_ids":true},
    {"type":"domain|ip","value":"c.example|192.0.2.2","to_ids":true},
    {"type":"hostname|port","value":"d.example|443","to_ids":true},
    {"type":"url","value":"http://192.0.2.3:81/x","to_ids":true}],
    "Object":[{"name":"x","Attribute":[{"type":"domain","value":"e.example","to_ids":true,
      "Tag":[{"type":"domain","value":"not.example"}]}]}],
    "RelatedEvent":[{"Event":{"Attribute":[{"type":"domain","value":"not.example"}]}}]}})"),
            (Lines{"misp", "1 .a.example", "2 www.b.example", "6 .c.example", "7 d.example",
                   "9 .e.example", "3 192.0.2.0-192.0.2.255", "4 2001:db8::1", "6 192.0.2.2",
                   "5 6/192.0.2.1:8080", "5 17/192.0.2.1:8080", "8 6/192.0.2.3:81"}));
}

TEST(MispFormat, TakesEveryKindOfAnswer) {
  constexpr std::string_view kEvent =
      R"({"Event":{"Attribute":[{"type":"hostname","value":"a.example","to_ids":true}]}})";
  const Lines one = {"misp", "1 a.example"};
  EXPECT_EQ(Read(kEvent), one);
  EXPECT_EQ(Read(fmt::format("[{}]", kEvent)), one);
  EXPECT_EQ(Read(fmt::format(R"({{"response":[{}]}})", kEvent)), one);
  EXPECT_EQ(Read(R"({"response":{"Attribute":[{"type":"hostname","value":"a.example"}]}})"), one);
}

TEST(MispFormat, SkipsWithReasons) {
  EXPECT_EQ(Read(R"({"Event":{"Attribute":[
    {"type":"domain","value":"a.example","to_ids":true},
    {"type":"domain","value":"b.example","to_ids":true},
    {"type":"domain","value":"c.example","to_ids":true},
    {"type":"domain","value":"d.example","to_ids":true},
    {"type":"domain","value":"e.example","to_ids":false},
    {"type":"domain","value":"f.example","to_ids":true,"deleted":true},
    {"type":"md5","value":"00","to_ids":true},
    {"type":"domain","value":"com","to_ids":true},
    {"type":"domain","value":"a b","to_ids":true},
    {"type":"ip-dst|port","value":"192.0.2.1","to_ids":true},
    {"type":"domain|ip","value":"g.example","to_ids":true},
    {"type":"ip-dst","value":"127.0.0.1","to_ids":true},
    {"value":"h.example","to_ids":true}]}})"),
            (Lines{"misp", "1 .a.example", "2 .b.example", "3 .c.example", "4 .d.example",
                   "11 .g.example", "13 not_understood: h.example", "9 bad_name: domain a b",
                   "10 bad_address: ip-dst|port 192.0.2.1", "11 bad_address: domain|ip g.example",
                   "7 unsupported: md5 00", "8 unsupported: domain com",
                   "5 conditional: domain e.example", "12 local: ip-dst 127.0.0.1",
                   "6 expired: domain f.example"}));
}

TEST(JsonRecords, KeepsToItsShape) {
  static constexpr JsonStep kSteps[] = {{kJsonRoot, "list", 2}, {2, "", 3}};
  static constexpr std::string_view kFields[] = {"a", "b"};
  constexpr JsonShape kShape = {kSteps, kFields, 3};
  Lines seen;
  const auto take = [&](JsonRecord record) {
    seen.push_back(record[0] + "/" + record[1]);
    return seen.size() < 5;
  };
  EXPECT_TRUE(
      ReadJsonRecords(R"({"x":{"list":[{"a":1}]},"list":{"":{"a":9}},"list":[{"a":1,"b":"x"},
      {"b":[["y"],"z",{"a":"q"},"w"],"c":{"a":7}},[{"a":8}],"s",{"a":null},{"a":-1.50},{"a":true},
      {"a":6}]})",
                      kShape, take)
          .ok());
  EXPECT_EQ(seen, (Lines{"1/x", "/z,w,", "/", "-1.50/", "true/"}));
  const auto broken =
      ReadJsonRecords(R"({"list":[{"a":1})", kShape, [](JsonRecord) { return true; });
  EXPECT_EQ(broken.error().message, "the JSON is broken or breaks off at byte 17");
}

}  // namespace
}  // namespace weir::rules

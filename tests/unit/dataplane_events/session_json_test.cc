#include "dataplane/events/session_json.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/dataplane_events/sample_events.h"

namespace weir::events {
namespace {

// The whole record at once: its words, their order and their types are a format others read.
TEST(SessionToJson, GivesTheDocumentedRecord) {
  const AccountFields account{"s20230017", "students", Wall("2026-11-22T08:00:00Z")};
  EXPECT_EQ(
      SessionToJson(SampleSession(), "gate-1", account),
      R"({"session_id":"0123456789abcdef","part":2,"sensor":"gate-1",)"
      R"("session_start":"2026-11-22T09:00:00.000001Z","start":"2026-11-22T09:30:00.000002Z",)"
      R"("end":"2026-11-22T09:30:01.500003Z","duration_ms":1500,"state":"closed",)"
      R"("end_reason":"fin","proto":"tcp","proto_number":6,"src_ip":"10.20.1.5","src_port":50123,)"
      R"("dst_ip":"203.0.113.9","dst_port":443,"direction":"outbound","vlan":[100,4094],)"
      R"("src_mac":"02:00:5e:10:00:01","dst_mac":"02:00:5e:10:00:02","packets_to_dst":11,)"
      R"("packets_to_src":12,"bytes_to_dst":1300,"bytes_to_src":5000000000,"tcp_flags":27,)"
      R"("name":"www.example.org","name_source":"tls_sni","app":"TLS.YouTube","category":"Media",)"
      R"("account":"s20230017","login_time":"2026-11-22T08:00:00.000000Z","group":"students",)"
      R"("verdict":"would_drop","rule":"rule-17","list_line":9,"policy_version":42,)"
      R"("community_id":"1:Z1uGSn4YeyVSvAzSqL/jXCcZLbA="})");
}

TEST(SessionToJson, WritesNullWhereNothingIsKnown) {
  SessionEvent event;
  event.session_id = 1;
  event.ip_protocol = 47;
  const auto record = nlohmann::json::parse(SessionToJson(event, "s", {}));
  for (const char* key :
       {"end_reason", "src_port", "dst_port", "src_mac", "dst_mac", "tcp_flags", "name",
        "name_source", "app", "category", "account", "login_time", "group", "rule", "list_line"}) {
    ASSERT_TRUE(record.contains(key)) << key;
    EXPECT_TRUE(record[key].is_null()) << key;
  }
  EXPECT_EQ(record["session_id"], "0000000000000001");
  EXPECT_EQ(record["vlan"], nlohmann::json::array());
  EXPECT_EQ(record["proto"], "other");
  EXPECT_EQ(record["proto_number"], 47);
  EXPECT_EQ(record["state"], "open");
  EXPECT_FALSE(record.contains("icmp_type"));
}

TEST(SessionToJson, GivesIcmpItsTypeAndCode) {
  SessionEvent event;
  event.ip_protocol = 1;
  event.src_port = 3 << 8 | 13;
  const auto record = nlohmann::json::parse(SessionToJson(event, "s", {}));
  EXPECT_EQ(record["icmp_type"], 3);
  EXPECT_EQ(record["icmp_code"], 13);
  EXPECT_TRUE(record["src_port"].is_null());
}

TEST(SessionToJson, StaysJsonWhateverTheWireHeld) {
  SessionEvent event = SampleSession();
  event.name = "\xff\"\\\n\x01.example";
  const std::string text = SessionToJson(event, "s", {});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto record = nlohmann::json::parse(text);
  EXPECT_EQ(record["name"], "\xef\xbf\xbd\"\\\n\x01.example");
}

// Lines are digested: a text has one form, that of nlohmann::json, whatever the wire held.
TEST(SessionToJson, WritesTextsAsTheLibraryDoes) {
  std::mt19937 random(11);
  for (int round = 0; round < 2000; round++) {
    std::string name;
    for (size_t i = random() % 12; i > 0; i--) {
      constexpr std::string_view kSpecial = "\"\\/\b\n\x7f\xc3\xa9\xe2\x82\xf0\x9f\x98\x80\xed\xa0";
      name += random() % 2 == 0 ? kSpecial[random() % kSpecial.size()]
                                : static_cast<char>(random() % 256);
    }
    SessionEvent event = SampleSession();
    event.name = name;
    const auto dumped =
        nlohmann::json(name).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    const std::string expected =
        "\"name\":" + (name.empty() ? std::string("null") : dumped) + ",\"name_source\"";
    EXPECT_NE(SessionToJson(event, "s", {}).find(expected), std::string::npos) << dumped;
  }
}

// Numbers, nulls and all else too: read and dumped again it is the same line.
TEST(SessionToJson, IsAsTheLibraryWouldDumpIt) {
  for (const uint8_t protocol : std::initializer_list<uint8_t>{6, 17, 1, 58, 132, 47}) {
    SessionEvent event = SampleSession();
    event.ip_protocol = protocol;
    event.vlan_count = static_cast<uint8_t>(protocol % 3);
    event.bytes_to_dst = std::numeric_limits<uint64_t>::max();
    event.start.ns = std::numeric_limits<int64_t>::min();
    const std::string line =
        SessionToJson(event, "gate-1", {"anna", "", Wall("2026-11-22T08:00:00Z")});
    EXPECT_EQ(nlohmann::ordered_json::parse(line).dump(), line);
  }
}

struct CommunityIdCase {
  const char* src;
  const char* dst;
  uint8_t protocol;
  uint16_t src_port;
  uint16_t dst_port;
  const char* expected;
};

constexpr uint16_t Icmp(unsigned type, unsigned code) {
  return static_cast<uint16_t>(type << 8 | code);
}

class CommunityIdTest : public testing::TestWithParam<CommunityIdCase> {};

TEST_P(CommunityIdTest, AgreesWithTheReference) {
  SessionEvent event;
  event.src_ip = Ip(GetParam().src);
  event.dst_ip = Ip(GetParam().dst);
  event.ip_protocol = GetParam().protocol;
  event.src_port = GetParam().src_port;
  event.dst_port = GetParam().dst_port;
  EXPECT_EQ(CommunityId(event), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Protocols, CommunityIdTest,
    testing::Values(
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 6, 1122, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
        CommunityIdCase{"5.6.7.8", "1.2.3.4", 6, 3344, 1122, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 17, 1122, 3344, "1:0Mu9InQx6z4ZiCZM/7HXi2WMhOg="},
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 132, 1122, 3344, "1:EKt4MsxuyaE6mL+hmrEkQ9csDD8="},
        CommunityIdCase{"192.168.170.56", "192.168.170.8", 132, 7, 7,
                        "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 1, Icmp(8, 0), 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="},
        CommunityIdCase{"5.6.7.8", "1.2.3.4", 1, Icmp(0, 0), 0, "1:crodRHL2FEsHjbv3UkRrfbs4bZ0="},
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 1, Icmp(11, 0), 0, "1:f/YiSyWqczrTgfUCZlBUnvHRcPk="},
        // one way: the other direction is another flow
        CommunityIdCase{"5.6.7.8", "1.2.3.4", 1, Icmp(11, 0), 0, "1:1Vae9INpTJ+fZaSmjhtK/hyOPac="},
        CommunityIdCase{"fe80:1:203:405:607:809:a0b:c0d", "fe80:1011:1213:1415:1617:1819:1a1b:1c1d",
                        58, Icmp(128, 0), 0, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="},
        CommunityIdCase{"fe80:1011:1213:1415:1617:1819:1a1b:1c1d", "fe80:1:203:405:607:809:a0b:c0d",
                        58, Icmp(129, 0), 0, "1:0bf7hyMJUwt3fMED7z8LIfRpBeo="},
        CommunityIdCase{"fe80:1:203:405:607:809:a0b:c0d", "fe80:1011:1213:1415:1617:1819:1a1b:1c1d",
                        58, Icmp(146, 0), 0, "1:fYC8+pz24E+EhANP1EZhpX0Dw10="},
        CommunityIdCase{"3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 58,
                        Icmp(1, 4), 0, "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
        CommunityIdCase{"fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 58, Icmp(136, 0), 0,
                        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        CommunityIdCase{"fe80::200:86ff:fe05:80da", "ff02::2", 58, Icmp(133, 0), 0,
                        "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
        CommunityIdCase{"1.2.3.4", "5.6.7.8", 46, 0, 0, "1:ikv3kmf89luf73WPz1jOs49S768="},
        CommunityIdCase{"2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 6, 25,
                        63943, "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="}));

}  // namespace
}  // namespace weir::events

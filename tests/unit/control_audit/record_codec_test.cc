#include "control/audit/record_codec.h"

#include <gtest/gtest.h>

#include <random>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

const Sensors kSensors = {"north", "south"};

struct Texts {
  std::string name, app, category, rule, account, group;
};

class RandomRecord {
 public:
  explicit RandomRecord(uint64_t seed) : random_(seed) {}

  SessionRecord Make(Texts& texts) {
    for (auto* text :
         {&texts.name, &texts.app, &texts.category, &texts.rule, &texts.account, &texts.group}) {
      text->assign(Below(4) == 0 ? Below(256) : Below(3) * 5, static_cast<char>(Below(256)));
    }
    SessionRecord record;
    auto& event = record.event;
    event = Event();
    event.name = texts.name;
    event.app = texts.app;
    event.category = texts.category;
    event.rule = texts.rule;
    record.sensor = kSensors[1];
    record.identity.account = texts.account;
    if (texts.account.empty()) return record;
    record.identity.group = texts.group;
    record.identity.source = 1;
    if (Below(2) == 0) record.identity.login_time = base::WallTime{Wide()};
    return record;
  }

 private:
  uint64_t Below(uint64_t limit) { return random_() % limit; }
  int64_t Wide() { return static_cast<int64_t>(random_() >> Below(64)) - 5; }
  base::IpAddress Ip() {
    base::IpAddress ip;
    if (Below(2) == 0) return base::IpAddress::Parse("10.0.0.1").value();
    for (auto& byte : ip.mutable_bytes()) byte = static_cast<uint8_t>(Below(256));
    return ip;
  }
  events::SessionEvent Event() {
    events::SessionEvent event;
    event.session_id = random_();
    event.part = static_cast<uint32_t>(Below(300));
    event.revision = static_cast<uint32_t>(random_());
    event.start.ns = static_cast<int64_t>(Below(1ULL << 62));
    event.end.ns = Wide();
    event.session_start.ns = Wide();
    event.src_ip = Ip();
    event.dst_ip = Ip();
    event.src_port = static_cast<uint16_t>(random_());
    event.dst_port = static_cast<uint16_t>(random_());
    event.ip_protocol = static_cast<uint8_t>(random_());
    event.direction = static_cast<events::Direction>(Below(4));
    event.state = static_cast<events::SessionState>(Below(2));
    event.end_reason = static_cast<events::EndReason>(Below(8));
    event.vlan_count = static_cast<uint8_t>(Below(3));
    for (size_t i = 0; i < event.vlan_count; i++) event.vlans[i] = static_cast<uint16_t>(random_());
    for (auto* mac : {&event.src_mac, &event.dst_mac}) {
      for (auto& byte : mac->bytes) byte = static_cast<uint8_t>(random_());
    }
    for (auto* counter :
         {&event.packets_to_dst, &event.packets_to_src, &event.bytes_to_dst, &event.bytes_to_src}) {
      *counter = random_() >> Below(64);
    }
    event.tcp_flags = static_cast<uint8_t>(random_());
    event.name_source = static_cast<events::NameSource>(Below(5));
    event.verdict = static_cast<events::Verdict>(Below(5));
    event.policy_version = static_cast<uint32_t>(random_());
    event.list_line = static_cast<uint32_t>(Below(3));
    return event;
  }

  std::mt19937_64 random_;
};

RecordKey KeyOf(const SessionRecord& record) {
  return {InsideIp(record.event), {record.event.start, record.event.session_id, record.event.part}};
}

void ExpectSame(const SessionRecord& a, const SessionRecord& b) {
  const auto& x = a.event;
  const auto& y = b.event;
  EXPECT_EQ(x.session_id, y.session_id);
  EXPECT_EQ(x.part, y.part);
  EXPECT_EQ(x.revision, y.revision);
  EXPECT_EQ(x.session_start, y.session_start);
  EXPECT_EQ(x.start, y.start);
  EXPECT_EQ(x.end, y.end);
  EXPECT_EQ(x.src_ip, y.src_ip);
  EXPECT_EQ(x.dst_ip, y.dst_ip);
  EXPECT_EQ(x.src_port, y.src_port);
  EXPECT_EQ(x.dst_port, y.dst_port);
  EXPECT_EQ(x.ip_protocol, y.ip_protocol);
  EXPECT_EQ(x.direction, y.direction);
  EXPECT_EQ(x.state, y.state);
  EXPECT_EQ(x.end_reason, y.end_reason);
  EXPECT_EQ(x.vlan_count, y.vlan_count);
  EXPECT_EQ(x.vlans, y.vlans);
  EXPECT_EQ(x.src_mac, y.src_mac);
  EXPECT_EQ(x.dst_mac, y.dst_mac);
  EXPECT_EQ(x.packets_to_dst, y.packets_to_dst);
  EXPECT_EQ(x.packets_to_src, y.packets_to_src);
  EXPECT_EQ(x.bytes_to_dst, y.bytes_to_dst);
  EXPECT_EQ(x.bytes_to_src, y.bytes_to_src);
  EXPECT_EQ(x.tcp_flags, y.tcp_flags);
  EXPECT_EQ(x.name_source, y.name_source);
  EXPECT_EQ(x.verdict, y.verdict);
  EXPECT_EQ(x.policy_version, y.policy_version);
  EXPECT_EQ(x.list_line, y.list_line);
  EXPECT_EQ(x.name, y.name);
  EXPECT_EQ(x.app, y.app);
  EXPECT_EQ(x.category, y.category);
  EXPECT_EQ(x.rule, y.rule);
  EXPECT_EQ(a.identity, b.identity);
  EXPECT_EQ(a.sensor, b.sensor);
}

TEST(RecordCodec, SessionComesBackWhole) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  RandomRecord random(seed);
  for (int i = 0; i < 2000; i++) {
    Texts texts;
    const SessionRecord record = random.Make(texts);
    const std::string value = EncodeSession(record, 1);
    const auto decoded = DecodeSession(KeyOf(record), value, kSensors);
    ASSERT_TRUE(decoded.ok());
    ExpectSame(record, *decoded);
  }
}

TEST(RecordCodec, RefusesDamagedSessions) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  RandomRecord random(seed);
  std::mt19937_64 flips(seed);
  for (int i = 0; i < 200; i++) {
    Texts texts;
    const SessionRecord record = random.Make(texts);
    const RecordKey key = KeyOf(record);
    const std::string value = EncodeSession(record, 1);
    for (size_t cut = 0; cut < value.size(); cut++) {
      EXPECT_FALSE(DecodeSession(key, std::string_view(value).substr(0, cut), kSensors).ok());
    }
    EXPECT_FALSE(DecodeSession(key, value + "x", kSensors).ok());
    std::string flipped = value;
    flipped[flips() % flipped.size()] ^= static_cast<char>(1 << flips() % 8);
    const auto decoded = DecodeSession(key, flipped, kSensors);  // no crash, and known enumerators
    EXPECT_TRUE(!decoded.ok() || decoded->event.verdict <= events::Verdict::kWouldReject);
  }
  Texts texts;
  const SessionRecord record = random.Make(texts);
  EXPECT_FALSE(DecodeSession(KeyOf(record), EncodeSession(record, 2), kSensors).ok());
}

TEST(RecordCodec, FindingHealthAndLoginComeBackWhole) {
  events::FindingEvent finding;
  finding.time = {123456789};
  finding.session_id = 7;
  finding.rule = "r1";
  finding.rule_class = "malware";
  const Identity identity{"alice", "staff", 1, base::WallTime{-5}};
  const std::string finding_bytes = EncodeFinding(finding, identity, 0);
  const auto found = DecodeFinding(9, finding_bytes, kSensors);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->seq, 9u);
  EXPECT_EQ(found->event.rule_class, "malware");
  EXPECT_EQ(found->event.time, finding.time);
  EXPECT_EQ(found->identity, identity);
  EXPECT_EQ(found->sensor, "north");

  events::HealthEvent health;
  health.kind = events::HealthKind::kEventsLost;
  health.value = 12;
  health.detail = "detail";
  const std::string health_bytes = EncodeHealth(health, 1);
  const auto news = DecodeHealth(3, health_bytes, kSensors);
  ASSERT_TRUE(news.ok());
  EXPECT_EQ(news->event.value, 12u);
  EXPECT_EQ(news->event.detail, "detail");
  EXPECT_EQ(news->sensor, "south");

  LoginRecord login;
  login.login_time = {1000};
  login.logout_time = base::WallTime{2000};
  login.ip = base::IpAddress::Parse("10.0.0.1").value();
  login.account = "alice";
  login.seat = "17";
  login.login_id = 9;
  login.port = "GigabitEthernet0/0/1";
  login.cause = "user request";
  const std::string login_bytes = EncodeLogin(login);
  const auto back = DecodeLogin(login_bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->logout_time, login.logout_time);
  EXPECT_EQ(back->account, "alice");
  EXPECT_EQ(back->seat, "17");
  EXPECT_EQ(back->login_id, 9u);
  EXPECT_EQ(back->port, "GigabitEthernet0/0/1");
  EXPECT_EQ(back->cause, "user request");
  EXPECT_FALSE(DecodeLogin(std::string_view(login_bytes).substr(1)).ok());
}

TEST(Bytes, VarintsKeepEveryValue) {
  for (const int64_t value : {INT64_MIN, INT64_MIN + 1, int64_t{-64}, int64_t{-1}, int64_t{0},
                              int64_t{63}, int64_t{64}, INT64_MAX}) {
    std::string out;
    PutSigned(out, value);
    base::Cursor in(AsBytes(out));
    EXPECT_EQ(GetSigned(in), value);
    EXPECT_TRUE(in.ok() && in.empty());
  }
  const std::string endless(11, '\xff');
  base::Cursor in(AsBytes(endless));
  GetVarint(in);
  EXPECT_FALSE(in.ok());
}

}  // namespace
}  // namespace weir::control::audit

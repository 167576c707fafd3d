#include "dataplane/events/event.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/dataplane_events/sample_events.h"

namespace weir::events {
namespace {

using Buffer = std::array<uint8_t, kEncodedBytesMax>;

// The fields one by one: a swapped pair in the encoding would show here.
TEST(SessionEvent, ComesBackWithEveryField) {
  Buffer buffer{};
  const SessionEvent in = SampleSession();
  const size_t bytes = Encode(in, buffer);
  const auto decoded = DecodeSession(std::span(buffer).first(bytes));
  ASSERT_TRUE(decoded.ok());
  const SessionEvent& out = *decoded;
  EXPECT_EQ(out.session_id, in.session_id);
  EXPECT_EQ(out.part, in.part);
  EXPECT_EQ(out.revision, in.revision);
  EXPECT_EQ(out.session_start, in.session_start);
  EXPECT_EQ(out.start, in.start);
  EXPECT_EQ(out.end, in.end);
  EXPECT_EQ(out.src_ip, in.src_ip);
  EXPECT_EQ(out.dst_ip, in.dst_ip);
  EXPECT_EQ(out.src_port, in.src_port);
  EXPECT_EQ(out.dst_port, in.dst_port);
  EXPECT_EQ(out.ip_protocol, in.ip_protocol);
  EXPECT_EQ(out.direction, in.direction);
  EXPECT_EQ(out.state, in.state);
  EXPECT_EQ(out.end_reason, in.end_reason);
  EXPECT_EQ(out.vlan_count, in.vlan_count);
  EXPECT_EQ(out.vlans, in.vlans);
  EXPECT_EQ(out.src_mac, in.src_mac);
  EXPECT_EQ(out.dst_mac, in.dst_mac);
  EXPECT_EQ(out.packets_to_dst, in.packets_to_dst);
  EXPECT_EQ(out.packets_to_src, in.packets_to_src);
  EXPECT_EQ(out.bytes_to_dst, in.bytes_to_dst);
  EXPECT_EQ(out.bytes_to_src, in.bytes_to_src);
  EXPECT_EQ(out.tcp_flags, in.tcp_flags);
  EXPECT_EQ(out.name_source, in.name_source);
  EXPECT_EQ(out.verdict, in.verdict);
  EXPECT_EQ(out.policy_version, in.policy_version);
  EXPECT_EQ(out.list_line, in.list_line);
  EXPECT_EQ(out.name, in.name);
  EXPECT_EQ(out.app, in.app);
  EXPECT_EQ(out.category, in.category);
  EXPECT_EQ(out.rule, in.rule);
}

TEST(FindingEvent, ComesBackWithEveryField) {
  Buffer buffer{};
  const FindingEvent in = SampleFinding();
  const size_t bytes = Encode(in, buffer);
  const auto decoded = DecodeFinding(std::span(buffer).first(bytes));
  ASSERT_TRUE(decoded.ok());
  const FindingEvent& out = *decoded;
  EXPECT_EQ(out.time, in.time);
  EXPECT_EQ(out.session_id, in.session_id);
  EXPECT_EQ(out.src_ip, in.src_ip);
  EXPECT_EQ(out.dst_ip, in.dst_ip);
  EXPECT_EQ(out.src_port, in.src_port);
  EXPECT_EQ(out.dst_port, in.dst_port);
  EXPECT_EQ(out.ip_protocol, in.ip_protocol);
  EXPECT_EQ(out.direction, in.direction);
  EXPECT_EQ(out.name_source, in.name_source);
  EXPECT_EQ(out.verdict, in.verdict);
  EXPECT_EQ(out.src_mac, in.src_mac);
  EXPECT_EQ(out.dst_mac, in.dst_mac);
  EXPECT_EQ(out.policy_version, in.policy_version);
  EXPECT_EQ(out.list_line, in.list_line);
  EXPECT_EQ(out.rule, in.rule);
  EXPECT_EQ(out.rule_class, in.rule_class);
  EXPECT_EQ(out.severity, in.severity);
  EXPECT_EQ(out.reason, in.reason);
  EXPECT_EQ(out.name, in.name);
  EXPECT_EQ(out.app, in.app);
}

TEST(HealthEvent, ComesBackWithEveryField) {
  Buffer buffer{};
  const HealthEvent in = SampleHealth();
  const size_t bytes = Encode(in, buffer);
  const auto decoded = DecodeHealth(std::span(buffer).first(bytes));
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->time, in.time);
  EXPECT_EQ(decoded->kind, in.kind);
  EXPECT_EQ(decoded->boot_id, in.boot_id);
  EXPECT_EQ(decoded->value, in.value);
  EXPECT_EQ(decoded->detail, in.detail);
}

// The layout is a format on disk: docs/formats/journal.md gives these offsets.
TEST(SessionEvent, HasTheDocumentedLayout) {
  Buffer buffer{};
  const size_t bytes = Encode(SampleSession(), buffer);
  EXPECT_EQ(bytes, 141U + 4 + 15 + 11 + 5 + 7);
  EXPECT_EQ(buffer[0], 1);                         // version
  EXPECT_EQ(buffer[1], 0xef);                      // session_id, low byte first
  EXPECT_EQ(buffer[8], 0x01);                      //
  EXPECT_EQ(buffer[9], 2);                         // part
  EXPECT_EQ(buffer[13], 7);                        // revision
  EXPECT_EQ(buffer[41 + 12], 10);                  // src_ip, IPv4-mapped
  EXPECT_EQ(buffer[73] | buffer[74] << 8, 50123);  // src_port
  EXPECT_EQ(buffer[77], 6);                        // ip_protocol
  EXPECT_EQ(buffer[81], 2);                        // vlan_count
  EXPECT_EQ(buffer[82] | buffer[83] << 8, 100);    // vlans
  EXPECT_EQ(buffer[86], 0x02);                     // src_mac
  EXPECT_EQ(buffer[98], 11);                       // packets_to_dst
  EXPECT_EQ(buffer[130], 0x1b);                    // tcp_flags
  EXPECT_EQ(buffer[141], 15);                      // length of the name
  EXPECT_EQ(buffer[142], 'w');
}

TEST(SessionEvent, CutsLongStringsAt255Bytes) {
  Buffer buffer{};
  const std::string exact(255, 'a');
  const std::string longer(1000, 'b');
  SessionEvent in = SampleSession();
  in.name = exact;
  in.rule = in.app = in.category = longer;
  const size_t bytes = Encode(in, buffer);
  const auto out = DecodeSession(std::span(buffer).first(bytes));
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->name, exact);
  EXPECT_EQ(out->rule, std::string(255, 'b'));
}

TEST(SessionEvent, DoesNotCutInsideAUtf8Character) {
  Buffer buffer{};
  FindingEvent in = SampleFinding();
  const std::string reason =
      std::string(254, 'a') + "\xe6\xa0\xa1";  // three bytes across the limit
  in.reason = reason;
  const size_t bytes = Encode(in, buffer);
  const auto out = DecodeFinding(std::span(buffer).first(bytes));
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->reason, std::string(254, 'a'));
}

template <typename Event, typename Decode>
void ExpectEveryOtherLengthRefused(const Event& event, Decode decode) {
  Buffer buffer{};
  const size_t bytes = Encode(event, buffer);
  for (size_t cut = 0; cut < bytes; ++cut) {
    // A copy of its own size, so that a read beyond it shows under the address sanitizer.
    const std::vector<uint8_t> shorter(buffer.begin(),
                                       buffer.begin() + static_cast<ptrdiff_t>(cut));
    EXPECT_FALSE(decode(shorter).ok()) << cut;
  }
  EXPECT_FALSE(decode(std::span(buffer).first(bytes + 1)).ok());
}

TEST(EventDecoding, RefusesEveryOtherLength) {
  ExpectEveryOtherLengthRefused(SampleSession(), [](auto bytes) { return DecodeSession(bytes); });
  ExpectEveryOtherLengthRefused(SampleFinding(), [](auto bytes) { return DecodeFinding(bytes); });
  ExpectEveryOtherLengthRefused(SampleHealth(), [](auto bytes) { return DecodeHealth(bytes); });
}

TEST(EventDecoding, RefusesUnknownVersionsAndValues) {
  Buffer buffer{};
  const size_t bytes = Encode(SampleSession(), buffer);
  const auto with = [&](size_t offset, uint8_t value) {
    Buffer changed = buffer;
    changed[offset] = value;
    return DecodeSession(std::span(changed).first(bytes)).ok();
  };
  EXPECT_TRUE(with(78, 3));    // direction internal, the last
  EXPECT_FALSE(with(78, 4));   //
  EXPECT_FALSE(with(79, 2));   // state
  EXPECT_FALSE(with(80, 8));   // end_reason
  EXPECT_FALSE(with(81, 3));   // vlan_count
  EXPECT_FALSE(with(131, 5));  // name_source
  EXPECT_FALSE(with(132, 5));  // verdict
  EXPECT_FALSE(with(0, 2));    // version
  const size_t health_bytes = Encode(SampleHealth(), buffer);
  for (const uint8_t kind : std::vector<uint8_t>{0, 8, 255}) {
    buffer[9] = kind;
    EXPECT_FALSE(DecodeHealth(std::span(buffer).first(health_bytes)).ok());
  }
}

TEST(EventNames, AreTheWordsOfTheRecord) {
  EXPECT_EQ(LossClassName(LossClass::kSession), "session");
  EXPECT_EQ(LossClassName(LossClass::kFinding), "finding");
  EXPECT_EQ(LossClassName(LossClass::kHealth), "health");
  EXPECT_EQ(LossClassName(LossClass::kDetail), "detail");
  EXPECT_EQ(SessionStateName(SessionState::kOpen), "open");
  EXPECT_EQ(SessionStateName(SessionState::kClosed), "closed");
  EXPECT_EQ(EndReasonName(EndReason::kNone), "");
  EXPECT_EQ(EndReasonName(EndReason::kEvicted), "evicted");
  EXPECT_EQ(EndReasonName(EndReason::kLost), "lost");
  EXPECT_EQ(DirectionName(Direction::kInternal), "internal");
  EXPECT_EQ(NameSourceName(NameSource::kQuicSni), "quic_sni");
  EXPECT_EQ(VerdictName(Verdict::kWouldReject), "would_reject");
  EXPECT_EQ(ProtocolName(6), "tcp");
  EXPECT_EQ(ProtocolName(17), "udp");
  EXPECT_EQ(ProtocolName(1), "icmp");
  EXPECT_EQ(ProtocolName(58), "icmp6");
  EXPECT_EQ(ProtocolName(132), "sctp");
  EXPECT_EQ(ProtocolName(47), "other");
}

}  // namespace
}  // namespace weir::events

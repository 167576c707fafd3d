#include "dataplane/events/lease_event.h"

#include <gtest/gtest.h>

#include <string>

#include "dataplane/events/journal_format.h"
#include "tests/unit/dataplane_events/sample_events.h"

namespace weir::events {
namespace {

using Buffer = std::array<uint8_t, kEncodedBytesMax>;

LeaseEvent SampleLease() {
  LeaseEvent event;
  event.time = Wall("2026-11-22T09:00:00.000001Z");
  event.ip = Ip("10.20.0.11");
  event.mac = Mac("02:00:00:00:00:11");
  event.lease_s = 3600;
  event.server = Ip("10.0.0.5");
  event.relay = Ip("10.20.0.1");
  event.vlan = 20;
  event.circuit = std::string_view("\x00\x04\xff", 3);
  event.remote = "sw7";
  return event;
}

base::Result<LeaseEvent> RoundTrip(const LeaseEvent& event) {
  static Buffer buffer;
  return DecodeLease(std::span(buffer).first(Encode(event, buffer)));
}

TEST(LeaseEvent, ComesBackWithEveryField) {
  LeaseEvent in = SampleLease();
  in.client_id = "\x80\x80\x80";
  in.prefix_bits = 127;
  in.ip = Ip("2001:db8::2");
  const auto out = RoundTrip(in);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->time, in.time);
  EXPECT_EQ(out->state, in.state);
  EXPECT_EQ(out->prefix_bits, in.prefix_bits);
  EXPECT_EQ(out->ip, in.ip);
  EXPECT_EQ(out->mac, in.mac);
  EXPECT_EQ(out->lease_s, in.lease_s);
  EXPECT_EQ(out->server, in.server);
  EXPECT_EQ(out->relay, in.relay);
  EXPECT_EQ(out->vlan, in.vlan);
  EXPECT_EQ(out->client_id, in.client_id);
  EXPECT_EQ(out->circuit, in.circuit);
  EXPECT_EQ(out->remote, in.remote);
}

TEST(LeaseEvent, LongBytesAreCutWhereverThatIs) {
  LeaseEvent in = SampleLease();
  const std::string long_text(300, '\x80');
  in.client_id = in.circuit = in.remote = long_text;
  const auto out = RoundTrip(in);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->circuit, long_text.substr(0, kStringBytesMax));
}

TEST(LeaseEvent, WhatSaysNothingIsRefused) {
  const auto refused = [](auto change) {
    LeaseEvent event = SampleLease();
    change(event);
    return !RoundTrip(event).ok();
  };
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.lease_s = 0; }));
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.state = LeaseState::kReleased; }));
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.mac = {}; }));
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.prefix_bits = 0; }));
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.prefix_bits = 129; }));
  EXPECT_TRUE(refused([](LeaseEvent& event) { event.prefix_bits = 120; }));
  EXPECT_FALSE(refused([](LeaseEvent& event) {
    event.mac = {};
    event.client_id = "duid";
  }));
}

TEST(LeaseEvent, EveryCutAndEveryLongerOneIsRefused) {
  Buffer buffer{};
  const size_t bytes = Encode(SampleLease(), buffer);
  for (size_t length = 0; length < bytes; ++length) {
    EXPECT_FALSE(DecodeLease(std::span(buffer).first(length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeLease(std::span(buffer).first(bytes + 1)).ok());
  buffer[0] = 2;
  EXPECT_FALSE(DecodeLease(std::span(buffer).first(bytes)).ok()) << "another version";
}

TEST(LeaseEvent, IsATypeOfTheJournal) {
  Buffer buffer{};
  Frame frame;
  frame.seq = 1;
  frame.type = EventType::kLease;
  frame.payload = std::span(buffer).first(Encode(SampleLease(), buffer));
  std::vector<uint8_t> file;
  AppendFrame(file, frame, 7);
  EXPECT_EQ(ParseFrame(file, 7).state, FrameState::kGood);
  frame.type = static_cast<EventType>(5);
  file.clear();
  AppendFrame(file, frame, 7);
  EXPECT_EQ(ParseFrame(file, 7).state, FrameState::kDamaged);
}

TEST(LeaseEvent, PlacesAreShownAsTextOrAsBytes) {
  EXPECT_EQ(LeaseText("eth 1/7:20"), "eth 1/7:20");
  EXPECT_EQ(LeaseText(std::string_view("\x00\x04", 2)), "0x0004");
  EXPECT_EQ(LeaseText("a\nb"), "0x610a62");
  EXPECT_EQ(LeaseText(""), "");
  EXPECT_EQ(BytesText("\x0a\xff"), "0aff");
}

}  // namespace
}  // namespace weir::events

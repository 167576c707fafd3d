#include "dataplane/classify/clean_packet.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/dataplane_classify/test_packet.h"

namespace weir::classify {
namespace {

constexpr Endpoints kV4{"10.0.0.1", "192.0.2.7", 40000, 53};
constexpr Endpoints kV6{"2001:db8::1", "2001:db8::2", 40000, 53};

TEST(CleanPacket, PutsTransportBehindAPlainIpv4Header) {
  TestPacket udp(TestPacket::kUdp, kV4, "hello");
  CleanPacket clean;
  const auto bytes = clean.Write(udp.packet());
  ASSERT_EQ(bytes.size(), 20U + 8 + 5);
  EXPECT_EQ(bytes[0], 0x45);
  EXPECT_EQ(base::LoadBe<uint16_t>(bytes.data() + 2), bytes.size());
  EXPECT_EQ(bytes[9], TestPacket::kUdp);
  EXPECT_EQ(bytes[12], 10);
  EXPECT_EQ(bytes[19], 7);
  EXPECT_EQ(std::string(bytes.end() - 5, bytes.end()), "hello");
}

TEST(CleanPacket, LeavesIpv6ExtensionHeadersOut) {
  TestPacket udp(TestPacket::kUdp, kV6, "hello");
  // Eight bytes of hop-by-hop options between the IP header and UDP.
  udp.bytes().insert(udp.bytes().begin() + 54, 8, 0);
  packet::Packet& packet = udp.packet();
  packet.data = udp.bytes().data();
  packet.captured_bytes += 8;
  packet.headers.l4_offset += 8;
  packet.headers.payload_offset += 8;
  packet.headers.ip_bytes += 8;
  CleanPacket clean;
  const auto bytes = clean.Write(packet);
  ASSERT_EQ(bytes.size(), 40U + 8 + 5);
  EXPECT_EQ(bytes[0] >> 4, 6);
  EXPECT_EQ(base::LoadBe<uint16_t>(bytes.data() + 4), 13);
  EXPECT_EQ(bytes[6], TestPacket::kUdp);
  EXPECT_EQ(base::LoadBe<uint16_t>(bytes.data() + 40), 40000);
}

TEST(CleanPacket, ReadsNothingBehindTheCapturedBytes) {
  TestPacket udp(TestPacket::kUdp, kV4, "hello");
  udp.packet().captured_bytes -= 2;  // the capture cut the frame
  udp.packet().headers.payload_bytes -= 2;
  CleanPacket clean;
  const auto bytes = clean.Write(udp.packet());
  EXPECT_EQ(std::string(bytes.end() - 3, bytes.end()), "hel");
  EXPECT_EQ(base::LoadBe<uint16_t>(bytes.data() + 2), bytes.size());
}

TEST(CleanPacket, LeavesLinkLayerPaddingOut) {
  TestPacket udp(TestPacket::kUdp, kV4, "hello");
  udp.bytes().resize(60, 0xee);
  udp.packet().data = udp.bytes().data();
  udp.packet().captured_bytes = 60;
  CleanPacket clean;
  EXPECT_EQ(clean.Write(udp.packet()).size(), 20U + 8 + 5);
}

TEST(CleanPacket, IsZeroBehindAShorterPacket) {
  TestPacket longer(TestPacket::kUdp, kV4, std::string(500, 'x'));
  TestPacket shorter(TestPacket::kUdp, kV4, "y");
  CleanPacket clean;
  static_cast<void>(clean.Write(longer.packet()));
  const auto bytes = clean.Write(shorter.packet());
  // What nDPI would find if it read on past the end.
  const uint8_t* behind = bytes.data() + bytes.size();
  EXPECT_TRUE(std::all_of(behind, behind + 1000, [](uint8_t byte) { return byte == 0; }));
}

TEST(CleanPacket, CutsADatagramThatFillsItsLengthField) {
  TestPacket udp(TestPacket::kUdp, kV4, std::string(65535, 'x'));
  CleanPacket clean;
  EXPECT_EQ(clean.Write(udp.packet()).size(), 65535U);
}

TEST(CleanPacket, ShowsNoLaterFragmentAndNoCutHeader) {
  CleanPacket clean;
  TestPacket fragment(TestPacket::kUdp, kV4, "hello");
  fragment.packet().headers.fragment_offset_bytes = 1480;
  EXPECT_TRUE(clean.Write(fragment.packet()).empty());
  TestPacket cut(TestPacket::kUdp, kV4, "hello");
  cut.packet().headers.note = packet::ParseNote::kTruncatedTransport;
  EXPECT_TRUE(clean.Write(cut.packet()).empty());
  TestPacket none(TestPacket::kUdp, kV4, "hello");
  none.packet().headers.l4_offset = packet::kNoOffset;
  EXPECT_TRUE(clean.Write(none.packet()).empty());
}

}  // namespace
}  // namespace weir::classify

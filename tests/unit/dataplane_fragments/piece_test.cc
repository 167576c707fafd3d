#include "dataplane/fragments/piece.h"

#include <gtest/gtest.h>

#include "dataplane/base/byte_order.h"
#include "dataplane/parse/parse.h"
#include "tests/support/packet_builder.h"

namespace weir::fragments {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

constexpr size_t kIpAt = 14;

Piece Read(Bytes& frame) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
  parse::Parse(packet);
  EXPECT_TRUE(packet.headers.is_fragment);
  return ReadPiece(packet, {});
}

PacketBuilder V4(uint16_t offset, bool more, size_t bytes, uint8_t protocol = 17) {
  PacketBuilder builder;
  builder.Ipv4("10.0.0.1", "192.0.2.1").Raw(protocol).Payload(Bytes(bytes, 1));
  return builder.Fragment(77, offset, more);
}

PacketBuilder V6(uint16_t offset, bool more, size_t bytes) {
  PacketBuilder builder;
  builder.Ipv6("2001:db8::1", "2001:db8::2").Raw(17).Payload(Bytes(bytes, 1));
  return builder.Fragment(0x12345678, offset, more);
}

Event FaultOf(const PacketBuilder& builder) {
  Bytes frame = builder.Build();
  return Read(frame).fault;
}

TEST(Piece, ReadsWhichBytesOfWhichDatagram) {
  Bytes frame = V4(16, true, 24).Vlan(20).Padding(9).Build();
  const Piece piece = Read(frame);
  EXPECT_EQ(piece.fault, Event::kHeld);
  EXPECT_EQ(piece.offset, 16U);
  EXPECT_EQ(piece.end(), 40U);
  EXPECT_FALSE(piece.last);
  EXPECT_FALSE(piece.first());
  EXPECT_EQ(piece.data.size(), 24U);
  EXPECT_EQ(piece.ip_header.size(), 20U);
  EXPECT_EQ(piece.key.id, 77U);
  EXPECT_EQ(piece.key.protocol, 17);
  EXPECT_EQ(piece.key.vlans[0], 20);
}

TEST(Piece, FindsTheFragmentHeaderBehindOthers) {
  Bytes frame = V6(8, false, 5)
                    .Ipv6Extension(0, {0, 0, 5, 2, 0, 0, 1, 0})
                    .Ipv6Extension(60, Bytes(8, 0))
                    .Fragment(9, 8, false)
                    .Build();
  const Piece piece = Read(frame);
  EXPECT_EQ(piece.fault, Event::kHeld);
  EXPECT_EQ(piece.key.id, 9U);
  EXPECT_EQ(piece.key.protocol, 0);
  EXPECT_EQ(piece.ip_header.size(), 56U);
  EXPECT_EQ(piece.names_fragment_at, 48);
  EXPECT_EQ(piece.next_header, 17);
  EXPECT_TRUE(piece.last);
  EXPECT_EQ(piece.data.size(), 5U);
}

TEST(Piece, KnowsWhatNoHostTakes) {
  Bytes checksum = V4(8, true, 16).Build();
  checksum[kIpAt + 10] ^= 1;
  EXPECT_EQ(Read(checksum).fault, Event::kCorrupt);
  Bytes claims_more = V4(8, true, 16).Build();
  claims_more.resize(claims_more.size() - 1);
  EXPECT_EQ(Read(claims_more).fault, Event::kCorrupt);
  Bytes v6_claims_more = V6(8, true, 16).Build();
  v6_claims_more.pop_back();
  EXPECT_EQ(Read(v6_claims_more).fault, Event::kCorrupt);
}

TEST(Piece, KnowsWhatTheCaptureCut) {
  Bytes frame = V4(8, true, 16).Build();
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = 40;
  packet.wire_bytes = static_cast<uint32_t>(frame.size());
  parse::Parse(packet);
  EXPECT_EQ(ReadPiece(packet, {}).fault, Event::kCut);
}

TEST(Piece, LengthsAreLegalOrNot) {
  EXPECT_EQ(FaultOf(V4(8, true, 15)), Event::kIllegal);
  EXPECT_EQ(FaultOf(V4(8, false, 15)), Event::kHeld);
  EXPECT_EQ(FaultOf(V4(8, true, 0)), Event::kIllegal);
  EXPECT_EQ(FaultOf(V4(8, false, 0)), Event::kIllegal);
  EXPECT_EQ(FaultOf(V6(8, true, 15)), Event::kIllegal);
  EXPECT_EQ(FaultOf(V6(8, false, 15)), Event::kHeld);
  // 65,535 bytes with the header, and one more.
  EXPECT_EQ(FaultOf(V4(65504, false, 11)), Event::kHeld);
  EXPECT_EQ(FaultOf(V4(65504, false, 12)), Event::kIllegal);
  EXPECT_EQ(FaultOf(V6(65528, false, 7)), Event::kHeld);
  EXPECT_EQ(FaultOf(V6(65528, false, 8)), Event::kIllegal);
}

TEST(Piece, OverIpv4AFirstFragmentMayBeTiny) {
  EXPECT_EQ(FaultOf(V4(0, true, 8, 6)), Event::kHeld);
  EXPECT_EQ(FaultOf(V4(8, true, 8, 6)), Event::kHeld);
  EXPECT_EQ(FaultOf(V4(0, true, 8, 132)), Event::kHeld);
}

TEST(Piece, TheFirstV6FragmentHoldsTheWholeChain) {
  EXPECT_EQ(FaultOf(V6(0, true, 8)), Event::kHeld);
  EXPECT_EQ(FaultOf(V6(0, true, 8).Raw(132)), Event::kTiny);
  EXPECT_EQ(FaultOf(V6(0, true, 16).Raw(6)), Event::kTiny);
  EXPECT_EQ(FaultOf(V6(0, true, 24).Raw(6)), Event::kHeld);  // the options may follow
  EXPECT_EQ(FaultOf(V6(0, true, 8).Raw(50)), Event::kHeld);  // nothing to be known of it anyway
  // Destination options of 16 bytes of which 8 are here.
  Bytes frame = V6(0, true, 8).Build();
  frame[kIpAt + 40] = 60;
  frame[kIpAt + 48] = 17;
  frame[kIpAt + 49] = 1;
  EXPECT_EQ(Read(frame).fault, Event::kTiny);
}

TEST(Piece, AFragmentHeaderBehindAFragmentHeaderIsIllegal) {
  Bytes frame = V6(0, true, 16).Build();
  frame[kIpAt + 40] = 44;  // and an atomic one behind it
  frame[kIpAt + 48] = 17;
  std::fill_n(&frame[kIpAt + 49], 7, uint8_t{0});
  EXPECT_EQ(Read(frame).fault, Event::kIllegal);

  Bytes atomic_first = V6(0, true, 16).Build();
  base::StoreBe(&atomic_first[kIpAt + 42], uint16_t{0});
  atomic_first[kIpAt + 40] = 44;
  atomic_first[kIpAt + 48] = 17;
  base::StoreBe(&atomic_first[kIpAt + 50], uint16_t{1});
  EXPECT_EQ(Read(atomic_first).fault, Event::kIllegal);
}

TEST(Piece, FateIsAllThatDecidesWhetherItArrives) {
  Bytes one = V4(8, true, 16).Build();
  Bytes two = V4(64, false, 3).Build();
  EXPECT_EQ(Read(one).fate, Read(two).fate);
  Bytes other_macs = V4(8, true, 16).Macs("02:00:00:00:00:01", "02:00:00:00:00:03").Build();
  EXPECT_NE(Read(one).fate, Read(other_macs).fate);
  Bytes other_ttl = V4(8, true, 16).Build();
  --other_ttl[kIpAt + 8];
  ++other_ttl[kIpAt + 10];  // the checksum
  ASSERT_EQ(Read(other_ttl).fault, Event::kHeld);
  EXPECT_NE(Read(one).fate, Read(other_ttl).fate);
  Bytes options = V4(8, true, 16).Ipv4Options({1, 1, 1, 0}).Build();
  EXPECT_NE(Read(one).fate, Read(options).fate);

  EXPECT_FALSE(Read(one).may_vanish);
  Bytes dont_fragment = V4(8, true, 16).Build();
  dont_fragment[kIpAt + 6] |= 0x40;
  dont_fragment[kIpAt + 10] = static_cast<uint8_t>(dont_fragment[kIpAt + 10] - 0x40);
  ASSERT_EQ(Read(dont_fragment).fault, Event::kHeld);
  EXPECT_TRUE(Read(dont_fragment).may_vanish);
  Bytes v6_one = V6(8, true, 1232).Build();
  Bytes v6_two = V6(1240, false, 1233).Build();
  EXPECT_EQ(Read(v6_one).fate, Read(v6_two).fate);
  EXPECT_FALSE(Read(v6_one).may_vanish);
  EXPECT_TRUE(Read(v6_two).may_vanish);
}

}  // namespace
}  // namespace weir::fragments

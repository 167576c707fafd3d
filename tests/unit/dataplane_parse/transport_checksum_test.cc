#include "dataplane/parse/transport_checksum.h"

#include <gtest/gtest.h>

#include <random>

#include "dataplane/parse/parse.h"
#include "tests/support/packet_builder.h"

namespace weir::parse {
namespace {

using testing::Bytes;
using testing::PacketBuilder;

ChecksumState StateOf(Bytes frame, size_t captured_bytes,
                      ChecksumState (*check)(const packet::Packet&) = CheckTcpChecksum) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(captured_bytes);
  packet.wire_bytes = static_cast<uint32_t>(frame.size());
  Parse(packet);
  return check(packet);
}

TEST(TransportChecksum, TellsRightFromWrongAtEveryLength) {
  std::mt19937 random(20);
  for (size_t bytes = 0; bytes < 1400; bytes += 1 + bytes / 40) {
    Bytes payload(bytes);
    for (uint8_t& byte : payload) byte = static_cast<uint8_t>(random());
    for (const bool v6 : {false, true}) {
      PacketBuilder builder;
      if (v6) {
        builder.Ipv6("2001:db8::1", "2001:db8::2");
      } else {
        builder.Vlan(7).Ipv4("192.0.2.1", "198.51.100.2");
      }
      Bytes frame = builder.Tcp({}).Payload(payload).Padding(6).Build();
      EXPECT_EQ(StateOf(frame, frame.size()), ChecksumState::kRight) << bytes;
      const size_t at = frame.size() - 7;  // the last byte of the segment
      frame[at] = static_cast<uint8_t>(frame[at] ^ 0x10);
      EXPECT_EQ(StateOf(frame, frame.size()), ChecksumState::kWrong) << bytes;
    }
  }
}

TEST(TransportChecksum, ADatagramOfIpv4MayHaveNone) {
  constexpr size_t kChecksumAt = 6;
  for (const bool v6 : {false, true}) {
    PacketBuilder builder;
    v6 ? builder.Ipv6("2001:db8::1", "2001:db8::2") : builder.Ipv4("192.0.2.1", "198.51.100.2");
    Bytes frame = builder.Udp({}).Payload("hello").Build();
    const size_t udp_at = 14 + (v6 ? 40 : 20);
    EXPECT_EQ(StateOf(frame, frame.size(), CheckUdpChecksum), ChecksumState::kRight);
    EXPECT_EQ(StateOf(frame, frame.size() - 1, CheckUdpChecksum), ChecksumState::kUnknown);
    frame.back() ^= 1;
    EXPECT_EQ(StateOf(frame, frame.size(), CheckUdpChecksum), ChecksumState::kWrong);
    frame[udp_at + kChecksumAt] = frame[udp_at + kChecksumAt + 1] = 0;
    EXPECT_EQ(StateOf(frame, frame.size(), CheckUdpChecksum),
              v6 ? ChecksumState::kWrong : ChecksumState::kRight);
  }
}

TEST(TransportChecksum, KnowsNothingOfWhatIsNotWhole) {
  const Bytes frame =
      PacketBuilder().Ipv4("192.0.2.1", "192.0.2.2").Tcp({}).Payload("hello").Build();
  EXPECT_EQ(StateOf(frame, frame.size() - 1), ChecksumState::kUnknown);
  EXPECT_EQ(StateOf(PacketBuilder().Ipv4("192.0.2.1", "192.0.2.2").Udp({}).Build(), 42),
            ChecksumState::kUnknown);
  EXPECT_EQ(StateOf(PacketBuilder()
                        .Ipv4("192.0.2.1", "192.0.2.2")
                        .Fragment(1, 0, true)
                        .Tcp({})
                        .Payload("12345678")
                        .Build(),
                    62),
            ChecksumState::kUnknown);
}

}  // namespace
}  // namespace weir::parse

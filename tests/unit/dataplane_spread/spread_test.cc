#include "dataplane/spread/spread.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "dataplane/parse/parse.h"
#include "dataplane/spread/shares.h"
#include "tests/support/encapsulation.h"
#include "tests/support/frame_edit.h"

namespace weir::spread {
namespace {

using namespace weir::testing;  // NOLINT(google-build-using-namespace): the builders

constexpr std::array<uint8_t, 16> kSecret = {1, 2, 3, 4, 5, 6, 7, 8};

PacketBuilder Outer() { return PacketBuilder().Ipv4("198.51.100.1", "198.51.100.2"); }
PacketBuilder Inner() {
  return PacketBuilder().Ipv4("10.0.0.1", "192.0.2.7").Tcp({.dst_port = 443}).Payload("hello");
}
PacketBuilder Inner6() {
  return PacketBuilder().Ipv6("2001:db8::1", "2001:db8:5::7").Udp({}).Payload("hello");
}

std::vector<Bytes> FramesOfManyKinds() {
  const Bytes datagram = DatagramOf(Inner());
  const Bytes datagram6 = DatagramOf(Inner6());
  const std::array<VlanTag, 3> tags = {{{0x88a8, 5}, {0x8100, 6}, {0x9100, 7}}};
  std::vector<Bytes> frames = {
      Inner().Build(),
      Inner6().Build(),
      WithVlans(Inner().Build(), tags),
      WithVlans(Inner6().Build(), std::vector<VlanTag>(8)),
      WithVlans(Inner6().Build(), std::vector<VlanTag>(9)),
      Ethernet(kMplsType, Mpls({16, 17}, datagram)),
      Ethernet(kMplsType, Mpls({16}, Inner6().Build())),
      Ethernet(kPppoeType, Pppoe(0x0021, datagram)),
      Ethernet(kPppoeType, Pppoe(0x0057, datagram6)),
      Ethernet(0x8100, Vlan(9, kPppoeType, Pppoe(0x0021, datagram))),
      Over(Outer(), 4, datagram),
      Over(Outer(), 47, Gre(kIpv6Type, datagram6)),
      OverUdp(Outer(), {.dst_port = 4789}, Vxlan(Inner().Build())),
      Ethernet(0x0806, Bytes(46, 1)),
  };
  const std::array<uint32_t, 2> cuts = {0, 8};
  for (const Bytes& piece : Fragments(Inner().Build(), cuts, 77)) frames.push_back(piece);
  for (const Bytes& piece : Fragments(Inner6().Build(), cuts, 78)) frames.push_back(piece);
  return frames;
}

// What Parse finds where: the outermost addresses, or none.
std::optional<AddressPair> AsParsed(Bytes& frame, uint32_t wire_bytes) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = wire_bytes;
  parse::Parse(packet);
  if (packet.headers.l3 == packet::L3::kNone) return std::nullopt;
  if (packet.headers.tunnel_depth > 0) {
    return AddressPair{packet.outers[0].src_ip, packet.outers[0].dst_ip};
  }
  return AddressPair{packet.headers.src_ip, packet.headers.dst_ip};
}

void ExpectAsParsed(Bytes frame, uint32_t wire_bytes) {
  const auto parsed = AsParsed(frame, wire_bytes);
  if (!parsed) return;  // no flow: any worker will do
  const auto found = OutermostAddresses(frame, wire_bytes);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->src, parsed->src);
  EXPECT_EQ(found->dst, parsed->dst);
}

TEST(Spread, FindsTheAddressesThatParseFinds) {
  unsigned with_addresses = 0;
  for (Bytes frame : FramesOfManyKinds()) {
    const auto wire_bytes = static_cast<uint32_t>(frame.size());
    with_addresses += AsParsed(frame, wire_bytes) ? 1U : 0U;
    ExpectAsParsed(frame, wire_bytes);
    for (size_t bytes = 0; bytes < frame.size(); ++bytes) {
      const auto cut = Bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(bytes));
      ExpectAsParsed(cut, wire_bytes);
      ExpectAsParsed(cut, static_cast<uint32_t>(bytes));
    }
  }
  EXPECT_EQ(with_addresses, FramesOfManyKinds().size() - 2);  // nine tags, ARP
}

TEST(Spread, FindsTheAddressesThatParseFindsInDamagedFrames) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto frames = FramesOfManyKinds();
  for (int i = 0; i < 50'000; ++i) {
    Bytes frame = frames[random() % frames.size()];
    for (uint32_t edits = random() % 4; edits > 0; --edits) {
      frame[random() % std::min<size_t>(frame.size(), 60)] = static_cast<uint8_t>(random());
    }
    ExpectAsParsed(frame, static_cast<uint32_t>(frame.size() + random() % 3 * 40));
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Spread, BothDirectionsAndAllFragmentsHaveOneWorker) {
  const Spread spread(kSecret, EvenShares(64));
  const auto worker_of = [&spread](Bytes frame) {
    return spread.WorkerOf(frame, static_cast<uint32_t>(frame.size()));
  };
  const Bytes out = Inner().Build();
  const unsigned worker = worker_of(out);
  EXPECT_EQ(worker_of(PacketBuilder().Ipv4("192.0.2.7", "10.0.0.1").Udp({}).Build()), worker);
  const std::array<uint32_t, 2> cuts = {0, 8};
  for (const Bytes& piece : Fragments(out, cuts, 1)) EXPECT_EQ(worker_of(piece), worker);
  EXPECT_EQ(worker_of(Ethernet(kPppoeType, Pppoe(0x0021, DatagramOf(Inner())))), worker);

  const unsigned worker6 = worker_of(Inner6().Build());
  EXPECT_EQ(worker_of(PacketBuilder().Ipv6("2001:db8:5::7", "2001:db8::1").Udp({}).Build()),
            worker6);
  // A flow's key is the same in both families.
  EXPECT_EQ(worker_of(PacketBuilder().Ipv6("::ffff:10.0.0.1", "::ffff:192.0.2.7").Udp({}).Build()),
            worker);
}

TEST(Spread, WhatHasNoAddressesIsTheFirstWorkers) {
  const Spread spread(kSecret, EvenShares(64));
  Bytes arp = Ethernet(0x0806, Bytes(46, 1));
  EXPECT_EQ(spread.WorkerOf(arp, 60), 0U);
  EXPECT_EQ(spread.WorkerOf(std::span(arp).first(0), 0), 0U);
}

TEST(Spread, WorkersHaveTheirShares) {
  const auto shares = DistributorShares(2);
  const Spread spread(kSecret, shares);
  std::map<unsigned, uint32_t> flows;
  constexpr uint32_t kFlows = 100'000;
  for (uint32_t i = 0; i < kFlows; ++i) {
    AddressPair addresses;
    addresses.src.mutable_bytes()[15] = static_cast<uint8_t>(i);
    addresses.src.mutable_bytes()[14] = static_cast<uint8_t>(i >> 8);
    addresses.src.mutable_bytes()[13] = static_cast<uint8_t>(i >> 16);
    ++flows[spread.WorkerOf(addresses)];
  }
  for (unsigned worker = 0; worker < 2; ++worker) {
    EXPECT_NEAR(flows[worker], kFlows * shares[worker] / Spread::kSlots, kFlows / 100) << worker;
  }
}

TEST(Spread, WithoutTheSecretNobodyKnowsTheWorker) {
  const Spread one(kSecret, EvenShares(2));
  const Spread other({9}, EvenShares(2));
  unsigned alike = 0;
  for (uint8_t i = 0; i < 200; ++i) {
    AddressPair addresses;
    addresses.src.mutable_bytes()[0] = i;
    alike += one.WorkerOf(addresses) == other.WorkerOf(addresses) ? 1U : 0U;
  }
  EXPECT_GT(alike, 50U);
  EXPECT_LT(alike, 150U);
}

}  // namespace
}  // namespace weir::spread

#include "tests/property/talk.h"

#include <algorithm>

namespace weir::property {
namespace {

using packet::Side;
using testing::kEthernetBytes;

constexpr uint32_t kPiecesMax = 40;

bool IsIpv6(const Bytes& frame) { return frame[kEthernetBytes] >> 4 == 6; }

uint8_t HopsOf(const Bytes& frame) { return frame[kEthernetBytes + (IsIpv6(frame) ? 7 : 8)]; }

uint32_t PayloadBytes(const Bytes& frame) {
  return static_cast<uint32_t>(frame.size() - kEthernetBytes - testing::IpHeaderBytes(frame));
}

std::vector<Bytes> CutUp(const Bytes& frame, uint32_t piece_bytes, uint32_t id) {
  const uint32_t payload = PayloadBytes(frame);
  piece_bytes = std::max(piece_bytes, (payload / kPiecesMax + 7) / 8 * 8);
  std::vector<uint32_t> offsets;
  for (uint32_t at = 0; at < payload; at += piece_bytes) offsets.push_back(at);
  return testing::Fragments(frame, offsets, id);
}

}  // namespace

void ApplyTrick(Bytes& frame, Trick trick, uint8_t few_hops) {
  if (trick == Trick::kLowHops || (trick == Trick::kBadIpSum && IsIpv6(frame))) {
    testing::SetHops(frame, few_hops);
  } else if (trick == Trick::kBadIpSum) {
    frame[kEthernetBytes + 10] = static_cast<uint8_t>(frame[kEthernetBytes + 10] ^ 0x55);
  } else if (trick == Trick::kBadChecksum) {
    testing::SpoilTransportChecksum(frame);
  }
}

const Op* Talk::FindOp(OpKind kind) const {
  const auto found = std::find_if(case_.ops.begin(), case_.ops.end(),
                                  [kind](const Op& op) { return op.kind == kind; });
  return found == case_.ops.end() ? nullptr : &*found;
}

testing::PacketBuilder Talk::FromClient() const {
  testing::PacketBuilder builder;
  exchange_.is_v6 ? builder.Ipv6(exchange_.client, exchange_.server)
                  : builder.Ipv4(exchange_.client, exchange_.server);
  return builder;
}

testing::PacketBuilder Talk::FromServer() const {
  testing::PacketBuilder builder;
  builder.Macs("02:00:00:00:00:02", "02:00:00:00:00:01");
  exchange_.is_v6 ? builder.Ipv6(exchange_.server, exchange_.client)
                  : builder.Ipv4(exchange_.server, exchange_.client);
  return builder;
}

// Other bytes of a fragment's range, somewhere among the real ones.
void Talk::AddFake(const Bytes& frame, const Op& op, uint32_t id,
                   std::vector<Bytes>& pieces) const {
  const uint32_t payload = PayloadBytes(frame);
  const uint32_t offset = op.a % payload / 8 * 8;
  Random random(case_.seed ^ op.c);
  const Bytes other = RandomBytes(random, std::min(op.b, payload - offset));
  const bool more = offset + other.size() < payload;
  Bytes fake = testing::Fragment(frame, {offset, more, other}, id);
  if (op.trick == Trick::kLowHops) testing::SetHops(fake, kFewHops);
  const size_t at = op.c % (pieces.size() + 1);
  pieces.insert(pieces.begin() + static_cast<ptrdiff_t>(at), std::move(fake));
}

// What the network copies has the identification of its original.
uint32_t Talk::IpIdOf(const PlannedPacket& packet) {
  if (!packet.is_copied) return ++ip_id_;
  const auto [known, is_new] = copied_ids_.try_emplace(packet.id, ip_id_ + 1);
  if (is_new) ++ip_id_;
  return known->second;
}

std::vector<Bytes> Talk::Pieces(Bytes frame, const PlannedPacket& packet) {
  const uint32_t id = IpIdOf(packet);
  testing::SetIpv4Id(frame, static_cast<uint16_t>(id));
  if (packet.fragment == nullptr && packet.fake_fragment == nullptr) return {frame};
  const uint32_t piece_bytes = packet.fragment != nullptr ? packet.fragment->a
                               : exchange_.is_v6          ? 64
                                                          : 24;
  std::vector<Bytes> pieces = CutUp(frame, piece_bytes, id);
  if (packet.fragment != nullptr) {
    const Op& op = *packet.fragment;
    Random random(op.b);
    if (op.b % 3 == 1) std::reverse(pieces.begin(), pieces.end());
    if (op.b % 3 == 2) random.Shuffle(pieces);
    if (op.c == 1) {
      const Bytes twice = random.Of(pieces);
      pieces.insert(pieces.begin() + random.Below(static_cast<uint32_t>(pieces.size())), twice);
    }
  }
  if (packet.fake_fragment != nullptr) AddFake(frame, *packet.fake_fragment, id, pieces);
  return pieces;
}

void Talk::Emit(const Bytes& frame, const PlannedPacket& packet) {
  if (packet.lost_before) return;
  for (const Bytes& piece : Pieces(frame, packet)) {
    const bool passed = wire_.Pass(piece, Side::kInside);
    TakeAnswers();
    if (passed && !packet.lost_behind && HopsOf(piece) > kFewHops) Deliver(piece);
    React();
  }
}

void Talk::Deliver(const Bytes& frame) {
  if (const auto datagram = reassembler_.Take(frame)) {
    outcome_.knocked = true;
    Arrive(*datagram);
  }
}

// Weir's own frames reach the ends like any other.
void Talk::TakeAnswers() {
  if (!wire_.TakeAnswers(Side::kInside).empty()) client_reset_ = true;
  for (const Bytes& answer : wire_.TakeAnswers(Side::kOutside)) {
    if (const auto datagram = reassembler_.Take(answer)) Arrive(*datagram);
  }
}

bool Talk::EmitServer(const Bytes& frame, uint32_t fragment_bytes) {
  Bytes numbered = frame;
  const uint32_t id = ++ip_id_;
  testing::SetIpv4Id(numbered, static_cast<uint16_t>(id));
  const auto pieces =
      fragment_bytes == 0 ? std::vector<Bytes>{numbered} : CutUp(numbered, fragment_bytes, id);
  bool passed = true;
  for (const Bytes& piece : pieces) {
    passed = wire_.Pass(piece, Side::kOutside) && passed;
    TakeAnswers();
  }
  return passed;
}

void Talk::EmitForged(const Bytes& frame) {
  wire_.Pass(frame, Side::kInside);
  TakeAnswers();
}

void Talk::EmitStranger() {
  testing::PacketBuilder builder;
  exchange_.is_v6 ? builder.Ipv6("2001:db8:20::99", "2001:db8:99::99")
                  : builder.Ipv4("10.20.0.99", "198.51.100.99");
  builder.Udp({.src_port = 5004, .dst_port = 5004});
  Random random(++strangers_);
  wire_.PassStranger(builder.Payload(RandomBytes(random, 40)).Build());
}

Outcome Talk::Finish() {
  outcome_.tally = wire_.tally();
  outcome_.stranger = wire_.stranger();
  outcome_.early_drops = wire_.early_drops();
  outcome_.frames = wire_.frames();
  return std::move(outcome_);
}

}  // namespace weir::property

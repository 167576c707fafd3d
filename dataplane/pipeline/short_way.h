// The short way, of nearly all packets: a plain packet of a flow that is decided is counted, and
// passes.
//
// Theory of operation. A flow whose verdict stands and lets pass, whose name and application are
// known or never will be, changes no more by a packet that neither begins nor ends anything. For
// such a packet the stages would do nothing but count it. So a glance at its headers is enough, and
// one cache line of the flow: the hot half, of which the last three words are read and written. All
// that is asked here is asked again, and answered, on the long way; what is in doubt goes there.
// tests/component/pipeline_short_way_test.cc has both ways come to the same.
//
// Inline, as every packet pays for it. Worker's thread.
#pragma once

#include "dataplane/flow/flow_table.h"
#include "dataplane/names/dns_message.h"
#include "dataplane/parse/glance.h"
#include "dataplane/pipeline/name_stage.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

// A packet on its way to its flow.
struct Wanted {
  flow::KeyAndSender key;
  uint64_t hash = 0;
  flow::FlowIndex likely = flow::kNone;
  uint32_t ip_bytes = 0;  // where may_be_short
  uint8_t tcp_flags = 0;
  bool is_ip = false;
  bool is_parsed = false;  // else a glance was enough, and the packet's headers say nothing
  bool may_be_short = false;
};

// Nothing in the packet asks for more than to be counted.
inline bool MayBeShort(const packet::Packet& packet, const parse::Glance& glance) {
  using namespace packet::tcp_flag;  // NOLINT(google-build-using-namespace): three constants
  if (glance.ip_protocol == packet::ip_protocol::kTcp) {
    return (glance.tcp_flags & (kSyn | kFin | kRst)) == 0;
  }
  if (glance.src_port == names::kDnsPort || glance.dst_port == names::kDnsPort) return false;
  const std::span<const uint8_t> payload(packet.data + glance.payload_offset, glance.payload_bytes);
  return !NameStage::MayBeHello(payload);
}

// True: the packet is counted. False: nothing was done. In whole words: one read and one write each
// of what HotFlow has as fields.
inline bool CountOnShortWay(flow::HotFlow& hot, const Wanted& wanted, uint64_t now_us) {
  flow::HotWords words(hot);
  const auto at = static_cast<unsigned>(wanted.key.sender);
  const uint64_t bytes = uint64_t{hot.bytes[at]} + wanted.ip_bytes;
  if (words.PacketsFull(at) || bytes >> 32 != 0) return false;  // carries into the cold half
  words.CountPacket(at, wanted.tcp_flags);
  words.SeenAt(now_us);
  words.StoreTo(hot);
  hot.bytes[at] = static_cast<uint32_t>(bytes);
  return true;
}

// The flow's side of it: the verdict is of this epoch, and nothing can change it any more.
inline bool IsDecided(const flow::HotFlow& hot, const Wanted& wanted, uint16_t epoch) {
  constexpr uint8_t kUnsettled = flow::kDrops | flow::kEmbryonic | flow::kLearning;
  const auto state = static_cast<uint8_t>(hot.state);
  if (hot.policy_epoch != epoch || (state & kUnsettled) != 0) return false;
  if (hot.key.protocol == packet::ip_protocol::kTcp) return true;
  const bool from_initiator = wanted.key.sender == hot.initiator();
  return from_initiator ? (state & flow::kAsksDns) == 0 : (state & flow::kAnswered) != 0;
}

}  // namespace weir::pipeline

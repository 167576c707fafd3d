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

#include "dataplane/dhcp/message.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/names/dns_message.h"
#include "dataplane/parse/glance.h"
#include "dataplane/pipeline/name_stage.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

// Which way a packet may go, as far as it alone can tell.
enum class Way : uint8_t {
  kNoFlow,    // parsed: not IP
  kParsed,    // long
  kGlanced,   // long, and the packet's headers say nothing yet
  kShortTcp,  // short, unless its flags say that it begins or ends something; or long, glanced at
  kShortUdp,  // short or long, glanced at
};

// A packet on its way to its flow.
struct alignas(64) Wanted {
  flow::FlowKey key;
  uint64_t hash = 0;
  flow::FlowIndex likely = flow::kNone;
  uint32_t ip_bytes = 0;  // where glanced at
  flow::Endpoint sender = flow::Endpoint::kLow;
  uint8_t tcp_flags = 0;
  Way way = Way::kNoFlow;

  bool is_ip() const { return way != Way::kNoFlow; }
  bool is_parsed() const { return way <= Way::kParsed; }
};
static_assert(sizeof(Wanted) == 64);

// Which way nothing in the packet but its TCP flags speaks against.
[[gnu::always_inline]] inline Way WayOf(const parse::Glance& glance) {
  if (glance.protocol == packet::ip_protocol::kTcp) return Way::kShortTcp;
  if (glance.src_port() == names::kDnsPort || glance.dst_port() == names::kDnsPort) {
    return Way::kGlanced;
  }
  if (dhcp::IsDhcp4Port(glance.dst_port()) || dhcp::IsDhcp6Port(glance.dst_port())) {
    return Way::kGlanced;
  }
  return NameStage::MayBeHello({glance.payload, glance.payload_bytes}) ? Way::kGlanced
                                                                       : Way::kShortUdp;
}

[[gnu::always_inline]] inline void WantGlanced(const parse::Glance& glance,
                                               const flow::FlowTable& flows, Wanted& out) {
  const uint64_t src_is_high = flow::SourceIsHigh(glance);
  const flow::KeyWords key = flow::WordsOf(glance, src_is_high);
  key.StoreTo(out.key);
  out.hash = flows.Hash(key, glance.is_ipv4);
  out.ip_bytes = glance.ip_bytes;
  out.sender = flow::SenderOf(src_is_high);
  out.tcp_flags = glance.tcp_flags;
  out.way = WayOf(glance);
}

// The flow's side of it, for the packets of one moment under one policy.
class ShortWay {
 public:
  ShortWay(flow::FlowTable& flows, uint64_t now_us, uint16_t epoch)
      : hot_(flows.hot_flows()),
        seen_(flow::HotWords::Seen(now_us, epoch)),
        timeout_us_(flows.soonest_timeout_us()) {}

  // True: the packet is counted. False: nothing was done, and the packet must go the long way.
  [[gnu::always_inline]] bool Count(const Wanted& wanted) const {
    using namespace packet::tcp_flag;  // NOLINT(google-build-using-namespace): three constants
    if (wanted.way < Way::kShortTcp || (wanted.tcp_flags & (kSyn | kFin | kRst)) != 0) return false;
    if (wanted.likely == flow::kNone) return false;
    flow::HotFlow& hot = hot_[wanted.likely];
    flow::HotWords words(hot);
    if (!(hot.key == wanted.key) || !IsDecided(words, wanted)) return false;
    const auto at = static_cast<unsigned>(wanted.sender);
    uint32_t bytes;
    if (__builtin_add_overflow(hot.bytes[at], wanted.ip_bytes, &bytes)) return false;
    words.seen = seen_;
    words.CountPacket(wanted.sender, wanted.tcp_flags);
    words.StoreTo(hot);
    hot.bytes[at] = bytes;
    return true;
  }

 private:
  // The verdict is of this epoch and lets pass, the flow was heard lately, and nothing can change
  // that any more.
  bool IsDecided(const flow::HotWords& words, const Wanted& wanted) const {
    constexpr uint64_t kUnsettled =
        flow::HotWords::StateOrCarry(flow::kDrops | flow::kEmbryonic | flow::kLearning);
    // Of another epoch the difference is 2^48 and more, as the last time seen is never after now;
    // that of a place that is free is, but its epoch never comes.
    if (seen_ - words.seen > timeout_us_) return false;
    if ((words.counted & kUnsettled) != 0) return false;
    if (wanted.way == Way::kShortTcp) return true;
    const uint8_t state = words.state();
    const bool from_initiator =
        (wanted.sender == flow::Endpoint::kHigh) == ((state & flow::kInitiatorIsHigh) != 0);
    return from_initiator ? (state & flow::kAsksDns) == 0 : (state & flow::kAnswered) != 0;
  }

  flow::HotFlow* hot_;
  uint64_t seen_;
  uint64_t timeout_us_;
};

}  // namespace weir::pipeline

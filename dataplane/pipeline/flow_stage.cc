#include "dataplane/pipeline/flow_stage.h"

#include <algorithm>

#include "dataplane/parse/parse.h"
#include "dataplane/pipeline/coverage.h"
#include "dataplane/pipeline/direction.h"
#include "dataplane/pipeline/learn.h"

namespace weir::pipeline {
namespace {

using events::EndReason;
using flow::Endpoint;
using flow::FlowIndex;
using packet::ip_protocol::kTcp;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;

constexpr uint64_t kUsPerSecond = 1'000'000;
// For so long a server repeats the answer to a SYN (Linux: five times, doubling from a second).
constexpr uint64_t kSynAckRepeatsUs = 63 * kUsPerSecond;
constexpr size_t kMacBytes = 6;
constexpr uint64_t kSweepRoundUs = 2 * kUsPerSecond;
constexpr uint32_t kSweepPlacesMax = 256;  // at once, so that no packet waits for long

base::MacAddress MacAt(const packet::Packet& packet, size_t offset) {
  base::MacAddress mac;
  std::copy_n(packet.data + offset, kMacBytes, mac.bytes.begin());
  return mac;
}

// `time` on the flow table's clock; it is not after `now`.
uint64_t UsAt(base::MonoTime time, const Now& now) {
  const int64_t ago_us = std::max<int64_t>(0, now.mono.ns - time.ns) / base::kNsPerUs;
  return now.us - std::min(now.us, static_cast<uint64_t>(ago_us));
}

// When each flow is refreshed: not all at once, and told without a division for each.
class RefreshClock {
 public:
  RefreshClock(uint64_t refresh_us, uint64_t now_us)
      : refresh_us_(refresh_us), periods_(now_us / refresh_us), into_us_(now_us % refresh_us) {}

  // Turns when the flow is due.
  bool ParityOf(FlowIndex index) const {
    const uint64_t phase_us = index % kPhases * (refresh_us_ / kPhases);
    return (periods_ + (into_us_ + phase_us >= refresh_us_ ? 1 : 0)) % 2 != 0;
  }

 private:
  static constexpr uint32_t kPhases = 4096;

  uint64_t refresh_us_;
  uint64_t periods_;
  uint64_t into_us_;
};

void SetParity(flow::HotFlow& hot, bool parity) {
  if (parity) {
    hot.Set(flow::kMinuteParity);
  } else {
    hot.Clear(flow::kMinuteParity);
  }
}

}  // namespace

FlowStage::FlowStage(Worker& worker, SessionWriter& writer) : worker_(worker), writer_(writer) {}

// Step by step over the whole batch, so that memory is on its way while others are worked on; and
// the prefetches of a step close together, so that the processor looks up many of their pages at a
// time.
void FlowStage::Prefetch(packet::Batch& batch, std::span<Wanted, packet::kBatchMax> out) const {
  const size_t count = batch.count;
  packet::Packet* packet = batch.packets.data();
  Wanted* wanted = out.data();
  for (const packet::Packet* const end = packet + count; packet != end; ++packet, ++wanted) {
    const auto use = [ this, wanted ](const parse::Glance& glance) __attribute__((always_inline)) {
      WantGlanced(glance, worker_.flows, *wanted);
    };
    if (!parse::LookAt(*packet, use)) ParseUnusual(*packet, *wanted);
  }
  const flow::FlowTable::Batch flows = worker_.flows.batch();
#pragma GCC unroll 4
  for (size_t i = 0; i < count; ++i) flows.PrefetchBucket(out[i].hash);
  bool all_found = true;
  for (size_t i = 0; i < count; ++i) {
    if (!flows.PrefetchFlow(out[i].hash, out[i].likely)) all_found = false;
  }
  if (all_found) return;
  // Those that live in their second bucket.
  for (size_t i = 0; i < count; ++i) {
    if (out[i].likely == flow::kNone) out[i].likely = flows.PrefetchDisplaced(out[i].hash);
  }
}

void FlowStage::ParseUnusual(packet::Packet& packet, Wanted& out) const {
  parse::Parse(packet);
  out = PrefetchParsed(packet);
}

Wanted FlowStage::PrefetchParsed(const packet::Packet& packet) const {
  Wanted wanted;
  const packet::Headers& headers = packet.headers;
  if (headers.l3 == packet::L3::kNone) return wanted;
  wanted.way = Way::kParsed;
  const flow::KeyAndSender made = flow::MakeKey(headers, headers.src_port, headers.dst_port);
  wanted.key = made.key;
  wanted.sender = made.sender;
  wanted.hash = worker_.flows.Hash(made.key);
  worker_.flows.batch().PrefetchBucket(wanted.hash);
  return wanted;
}

FlowIndex FlowStage::Find(const packet::Packet& packet) {
  const Wanted wanted = PrefetchParsed(packet);
  return wanted.is_ip() ? worker_.flows.Find(wanted.key, wanted.hash) : flow::kNone;
}

std::optional<FlowPacket> FlowStage::Locate(packet::Packet& packet, const Wanted& wanted,
                                            const Now& now, const fragments::Charge& charge) {
  if (!wanted.is_ip()) return std::nullopt;
  FlowIndex index = worker_.flows.Find(wanted.key, wanted.hash, wanted.likely);
  if (index != flow::kNone && IsOver(packet, index, wanted.sender, now)) {
    Close(index, now, EndReason::kIdle);
    worker_.flows.mutable_counters().expired.Add();
    index = flow::kNone;
  }
  const bool is_new = index == flow::kNone;
  if (is_new) index = Begin(packet, wanted, now, charge);
  if (index == flow::kNone) {
    if (worker_.options.drop_when_table_full) packet.Drop(packet::DropReason::kTableFull);
    return std::nullopt;
  }
  Count(index, wanted.sender, now, charge);
  NoteTransport(packet.headers, index, wanted.sender);
  return FlowPacket{
      packet, index, worker_.flows.hot(index), worker_.flows.cold(index), wanted.sender,
      now,    is_new};
}

// Without a packet for too long. A handshake that was seen to its end counts as an unfinished
// request does: whoever is quiet for a while before the first words would else begin in mid-stream,
// where nobody knows which numbers the server will take. An RST may have died on its way.
bool FlowStage::IsSilent(FlowIndex index, const Now& now) const {
  const flow::HotFlow& hot = worker_.flows.hot(index);
  if (now.us - hot.last_seen_us <= worker_.flows.soonest_timeout_us()) return false;
  uint64_t patience_us = worker_.flows.TimeoutUs(hot);
  const bool is_over = hot.fin_both() || (hot.Has(flow::kReset) && !worker_.protects_streams);
  const bool waits =
      hot.key.protocol == kTcp && hot.Has(flow::kEmbryonic) && hot.Has(flow::kLearning) && !is_over;
  if (waits) {
    const stream::TcpCheck& tcp = worker_.learning.at(worker_.flows.cold(index).learning).tcp;
    if (tcp.connected()) patience_us = std::max(patience_us, flow::kUnfinishedUs);
  }
  return now.us - hot.last_seen_us > patience_us;
}

bool FlowStage::IsOver(const packet::Packet& packet, FlowIndex index, Endpoint sender,
                       const Now& now) const {
  const bool begins = (packet.headers.tcp_flags & packet::tcp_flag::kSyn) != 0;
  return IsSilent(index, now) || (begins && IsBegunAgain(packet, index, sender, now));
}

bool FlowStage::IsBegunAgain(const packet::Packet& packet, FlowIndex index, Endpoint sender,
                             const Now& now) const {
  const flow::HotFlow& hot = worker_.flows.hot(index);
  if (hot.key.protocol != kTcp) return false;
  const bool closed = hot.Has(flow::kReset) || hot.fin_both();
  // A server that answers a SYN in the middle has forgotten the connection: this is another. While
  // the flow is learning that is the stream stage's business.
  if (packet::IsFirstSyn(packet.headers) && (closed || IsBegunByTheOther(index, sender)))
    return true;
  const bool decided =
      !hot.Has(flow::kEmbryonic) && !hot.Has(flow::kLearning) && !hot.Has(flow::kDrops);
  if (!decided || !packet::IsSynAck(packet.headers)) return false;
  const auto wall_us = static_cast<uint64_t>(std::max<int64_t>(0, now.wall.ns / base::kNsPerUs));
  return wall_us > worker_.flows.cold(index).start_us + kSynAckRepeatsUs;
}

// The one taken for the server begins a connection, and of the other no SYN was ever seen: who is
// who was guessed, from an answer to nothing, or in mid-stream.
bool FlowStage::IsBegunByTheOther(FlowIndex index, Endpoint sender) const {
  if (!worker_.flows.hot(index).Has(flow::kLearning)) return false;
  const Learning& learning = worker_.learning.at(worker_.flows.cold(index).learning);
  return learning.client_known && learning.client_end != sender &&
         !learning.tcp.syn_seen(stream::Peer::kClient);
}

// What a client said has not been acknowledged for a minute, though its server can be heard: either
// end is gone. What is kept for it is given back; should it go on, it is read from there.
bool FlowStage::IsStalled(FlowIndex index, const Now& now) const {
  constexpr uint64_t kPatienceUs = 60 * kUsPerSecond;
  const flow::HotFlow& hot = worker_.flows.hot(index);
  if (!worker_.keeps_streams() || !hot.Has(flow::kLearning)) return false;
  if (now.us - hot.last_seen_us < kPatienceUs) return false;
  const Learning& learning = worker_.learning.at(worker_.flows.cold(index).learning);
  return learning.client.started() && !learning.client.settled() &&
         learning.tcp.seen(stream::Peer::kServer);
}

FlowIndex FlowStage::InsertOrEvict(const Wanted& wanted, const Now& now) {
  const FlowIndex index = worker_.flows.Insert(wanted.key, wanted.hash);
  if (index != flow::kNone) return index;
  const FlowIndex victim = worker_.flows.Victim(wanted.hash);
  if (victim == flow::kNone) return flow::kNone;
  const bool established = !worker_.flows.hot(victim).Has(flow::kEmbryonic);
  if (established && worker_.options.drop_when_table_full) return flow::kNone;
  Close(victim, now, EndReason::kEvicted);
  worker_.flows.mutable_counters().evicted.Add();
  return worker_.flows.Insert(wanted.key, wanted.hash);
}

FlowIndex FlowStage::Begin(const packet::Packet& packet, const Wanted& wanted, const Now& now,
                           const fragments::Charge& charge) {
  const FlowIndex index = InsertOrEvict(wanted, now);
  if (index == flow::kNone) {
    worker_.counters.flows_refused.Add();
    return index;
  }
  SetParity(worker_.flows.hot(index), RefreshClock(refresh_us(), now.us).ParityOf(index));
  Describe(index, packet, wanted.sender, now);
  SetTimes(index, now, charge);
  if (!StartLearningOf(index) && worker_.must_read()) {
    worker_.flows.Erase(index);
    return flow::kNone;
  }
  return index;
}

bool FlowStage::StartLearningOf(FlowIndex index) {
  if (!StartLearning(worker_, index)) return false;
  worker_.learning.at(worker_.flows.cold(index).learning).slot = worker_.classifier.Open();
  return true;
}

void FlowStage::Describe(FlowIndex index, const packet::Packet& packet, Endpoint sender,
                         const Now& now) {
  flow::HotFlow& hot = worker_.flows.hot(index);
  flow::ColdFlow& cold = worker_.flows.cold(index);
  // Whoever sent the first packet began the session, but a SYN with ACK answers one not seen.
  const bool answered = hot.key.protocol == kTcp && packet::IsSynAck(packet.headers);
  if ((answered ? Other(sender) : sender) == Endpoint::kHigh) hot.Set(flow::kInitiatorIsHigh);
  const Sides sides = SidesOf(packet, worker_.options);
  const auto direction =
      answered ? DirectionOf(sides.dst, sides.src) : DirectionOf(sides.src, sides.dst);
  cold.direction = static_cast<uint8_t>(direction) & 3U;
  cold.src_mac = MacAt(packet, answered ? 0 : kMacBytes);
  cold.dst_mac = MacAt(packet, answered ? kMacBytes : 0);
  cold.session_id = worker_.ids.Next(now.wall);
}

void FlowStage::SetTimes(FlowIndex index, const Now& now, const fragments::Charge& charge) {
  const int64_t start_ns = now.wall.ns - std::max<int64_t>(0, now.mono.ns - charge.first.ns);
  worker_.flows.cold(index).start_us =
      static_cast<uint64_t>(std::max<int64_t>(0, start_ns / base::kNsPerUs));
  worker_.flows.hot(index).SeenAt(UsAt(charge.last, now));
}

// A part is over when it is as long as it may be. Looked for where the cold half is touched anyway:
// when an active flow is refreshed, and when one speaks again after a silence.
bool FlowStage::NextPartIfDue(FlowIndex index, const Now& now) {
  const flow::ColdFlow& cold = worker_.flows.cold(index);
  const auto wall_us = static_cast<uint64_t>(std::max<int64_t>(0, now.wall.ns / base::kNsPerUs));
  const uint64_t part_start_us = cold.start_us + uint64_t{cold.part_start_ms} * 1000;
  const uint64_t part_us = worker_.flows.limits().part_s * kUsPerSecond;
  const bool packets_full = (cold.packets_carry[0] | cold.packets_carry[1]) & 0x80;
  if (!packets_full && (wall_us < part_start_us || wall_us - part_start_us < part_us)) return false;
  if (!NextPart(index, now)) return false;
  writer_.WriteOpen(index, now, events::LossClass::kSession);
  return true;
}

bool FlowStage::NextPart(FlowIndex index, const Now& now) {
  flow::HotFlow& hot = worker_.flows.hot(index);
  flow::ColdFlow& cold = worker_.flows.cold(index);
  if (cold.part == kPartsMax) return false;
  writer_.WriteClosed(index, now, EndReason::kActive);
  const auto wall_us = static_cast<uint64_t>(std::max<int64_t>(0, now.wall.ns / base::kNsPerUs));
  ++cold.part;
  cold.revision = 0;
  cold.part_start_ms =
      static_cast<uint32_t>((std::max(wall_us, cold.start_us) - cold.start_us) / 1000);
  hot.packets_low = hot.packets_high = 0;
  hot.bytes[0] = hot.bytes[1] = 0;
  cold.bytes_carry[0] = cold.bytes_carry[1] = 0;
  cold.packets_carry[0] = cold.packets_carry[1] = 0;
  hot.SeenAt(now.us);
  return true;
}

void FlowStage::Count(FlowIndex index, Endpoint sender, const Now& now,
                      const fragments::Charge& charge) {
  flow::HotFlow& hot = worker_.flows.hot(index);
  if (now.us - hot.last_seen_us > worker_.flows.soonest_timeout_us()) NextPartIfDue(index, now);
  const bool low = sender == Endpoint::kLow;
  const auto at = static_cast<size_t>(sender);
  hot.SeenAt(std::max<uint64_t>(hot.last_seen_us, UsAt(charge.last, now)));

  const uint64_t packets = (low ? hot.packets_low : hot.packets_high) + charge.packets;
  constexpr uint64_t kLeftMask = flow::kPacketsMustCarry - 1;
  const uint64_t packets_left = packets & kLeftMask;
  if (low) {
    hot.packets_low = packets_left & kLeftMask;
  } else {
    hot.packets_high = packets_left & kLeftMask;
  }
  const uint64_t bytes = hot.bytes[at] + charge.bytes;
  hot.bytes[at] = static_cast<uint32_t>(bytes);
  if (packets == packets_left && bytes >> 32 == 0) return;
  flow::ColdFlow& cold = worker_.flows.cold(index);
  cold.packets_carry[at] =
      static_cast<uint8_t>(cold.packets_carry[at] + (packets >> flow::kPacketsCarryBits));
  cold.bytes_carry[at] = static_cast<uint16_t>(cold.bytes_carry[at] + (bytes >> 32));
}

void FlowStage::NoteTransport(const packet::Headers& headers, FlowIndex index, Endpoint sender) {
  flow::HotFlow& hot = worker_.flows.hot(index);
  hot.tcp_flags = static_cast<uint8_t>(hot.tcp_flags | headers.tcp_flags);
  if (headers.payload_bytes > 0 && hot.Has(flow::kEmbryonic)) {
    // It had to yield its place while it was silent.
    const bool unread = hot.key.protocol == kTcp && !hot.Has(flow::kLearning);
    if (unread && !hot.Has(flow::kDrops)) static_cast<void>(StartLearningOf(index));
    worker_.flows.Mature(index);
  }
  if ((headers.tcp_flags & (kFin | kRst)) == 0) return;
  if ((headers.tcp_flags & kRst) != 0) hot.Set(flow::kReset);
  if ((headers.tcp_flags & kFin) != 0) {
    hot.Set(sender == Endpoint::kLow ? flow::kFinFromLow : flow::kFinFromHigh);
  }
}

EndReason FlowStage::ReasonOf(FlowIndex index, const Now& now, EndReason otherwise) const {
  const flow::HotFlow& hot = worker_.flows.hot(index);
  if (hot.Has(flow::kReset)) return EndReason::kRst;
  if (hot.fin_both()) return EndReason::kFin;
  return IsSilent(index, now) ? EndReason::kIdle : otherwise;
}

void FlowStage::Close(FlowIndex index, const Now& now, EndReason reason) {
  flow::ColdFlow& cold = worker_.flows.cold(index);
  const EndReason why = ReasonOf(index, now, reason);
  StopLearning(worker_, index);
  CountCoverage(worker_, index);
  writer_.WriteClosed(index, now, why);
  worker_.strings.Release(cold.name);
  worker_.strings.Release(cold.rule);
  worker_.flows.Erase(index);
}

uint64_t FlowStage::refresh_us() const { return worker_.flows.limits().refresh_s * kUsPerSecond; }

void FlowStage::Refresh(FlowIndex index, const Now& now) {
  if (now.us - worker_.flows.hot(index).last_seen_us >= refresh_us()) return;
  if (!NextPartIfDue(index, now)) writer_.WriteOpen(index, now, events::LossClass::kDetail);
}

void FlowStage::Sweep(const Now& now) {
  const uint64_t round = worker_.flows.places_used() * kSweepRoundUs;
  const uint64_t elapsed_us = std::min(now.us - swept_at_us_, kSweepRoundUs);
  swept_at_us_ = now.us;
  places_due_ = std::min(places_due_ + elapsed_us * worker_.flows.places_used(), round);
  uint32_t budget = std::min(static_cast<uint32_t>(places_due_ / kSweepRoundUs), kSweepPlacesMax);
  places_due_ -= budget * kSweepRoundUs;
  const RefreshClock refresh(refresh_us(), now.us);
  while (budget > 0) {
    const FlowIndex index = worker_.flows.Sweep(cursor_, budget);
    if (index == flow::kNone) return;
    if (IsSilent(index, now) || IsStalled(index, now)) {
      Close(index, now, EndReason::kIdle);
      worker_.flows.mutable_counters().expired.Add();
      continue;
    }
    flow::HotFlow& hot = worker_.flows.hot(index);
    const bool parity = refresh.ParityOf(index);
    if (hot.Has(flow::kMinuteParity) == parity) continue;
    SetParity(hot, parity);
    Refresh(index, now);
  }
}

void FlowStage::CloseAll(const Now& now, EndReason reason) {
  uint32_t from = 0;
  uint32_t budget = worker_.flows.places_used();
  for (;;) {
    const FlowIndex index = worker_.flows.Sweep(from, budget);
    if (index == flow::kNone) return;
    Close(index, now, reason);
  }
}

}  // namespace weir::pipeline

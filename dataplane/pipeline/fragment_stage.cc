#include "dataplane/pipeline/fragment_stage.h"

#include <algorithm>

namespace weir::pipeline {
namespace {

using fragments::Event;

// Of no tunnel, as those of its fragments need not be the same.
packet::Packet Bare(const packet::Headers& headers, fragments::Ports ports) {
  packet::Packet bare;
  bare.headers = headers;
  bare.headers.src_port = ports.src;
  bare.headers.dst_port = ports.dst;
  bare.headers.tunnel_depth = 0;
  bare.headers.tcp_flags = 0;
  bare.headers.payload_bytes = 0;
  return bare;
}

fragments::Ports PortsOf(const packet::Headers& headers, bool known) {
  if (!known) return {};
  return {headers.src_port, headers.dst_port};
}

bool LosesADatagram(Event why) {
  return why == Event::kExpired || why == Event::kOverQuota || why == Event::kStale ||
         why == Event::kBlocked;
}

}  // namespace

FragmentStage::FragmentStage(Worker& worker)
    : worker_(worker),
      limits_(worker.options.fragment_limits),
      table_(limits_, worker.secret, *this),
      buffers_(kDepthMax) {}

bool FragmentStage::Stops(Event event) const {
  if (!enforcing_) return false;
  switch (event) {
    case Event::kDuplicate:
    case Event::kClosed:
    case Event::kCorrupt:
    case Event::kOverlap:
    case Event::kIllegal:
    case Event::kTiny:
    case Event::kTooMany:
      return true;
    case Event::kNoRoom:
    case Event::kTooDeep:
      return limits_.drop_when_full;
    default:
      return false;
  }
}

FragmentStage::Taken FragmentStage::Take(packet::Packet& packet, const fragments::Charge& charge,
                                         unsigned depth) {
  fragments::Reassembler::Added added{.event = Event::kTooDeep};
  if (depth < kDepthMax) added = table_.Add(packet, charge);
  Count(added.event);
  if (Stops(added.event)) packet.Drop(packet::DropReason::kFragment);
  if (!added.charged) return Alone(packet, added);
  Taken taken;
  taken.datagram = added.datagram;
  if (added.datagram == fragments::kNoDatagram) return taken;
  const fragments::Datagram& datagram = table_.at(added.datagram);
  if (added.event == Event::kCompleted) taken.next = Next::kJudge;
  taken.ports_known = datagram.has_first;
  taken.bare = Bare(datagram.headers, PortsOf(datagram.headers, datagram.has_first));
  taken.bare.TakenOutOf(packet);
  taken.bare.data = packet.data;
  taken.bare.rx_side = packet.rx_side;
  taken.bare.time = packet.time;
  return taken;
}

FragmentStage::Taken FragmentStage::Alone(const packet::Packet& packet,
                                          const fragments::Reassembler::Added& added) const {
  const bool first = packet.headers.fragment_offset_bytes == 0;
  const bool keyed = added.event == Event::kClosed || added.event == Event::kWaved;
  Taken taken;
  taken.next = Next::kAlone;
  taken.ports_known = first;
  taken.bare = Bare(packet.headers, PortsOf(packet.headers, first));
  if (keyed && !first) {
    taken.bare = Bare(packet.headers, added.closed.ports);
    taken.bare.headers.ip_protocol = added.closed.ip_protocol;
  }
  taken.bare.TakenOutOf(packet);
  taken.bare.data = packet.data;
  taken.bare.rx_side = packet.rx_side;
  taken.bare.time = packet.time;
  return taken;
}

FragmentStage::Whole& FragmentStage::Build(const Taken& taken, const packet::Packet& piece,
                                           unsigned depth) {
  Whole& whole = wholes_[depth];
  whole.packet = packet::Packet();
  whole.packet.data = buffers_[depth].data();
  whole.packet.captured_bytes =
      static_cast<uint32_t>(table_.Build(taken.datagram, buffers_[depth]));
  whole.packet.wire_bytes = whole.packet.captured_bytes;
  whole.packet.rx_side = piece.rx_side;
  whole.packet.time = piece.time;
  whole.charge = table_.at(taken.datagram).charge;
  whole.completed = table_.Release(taken.datagram, piece.time);
  return whole;
}

void FragmentStage::Conclude(const Whole& whole) {
  const bool passed = whole.packet.action == packet::Action::kForward;
  if (!passed) Count(Event::kBlocked);
  if (table_.Conclude(whole.completed, passed, whole.packet.time)) Count(Event::kOdd);
}

void FragmentStage::Block(const Taken& taken, base::MonoTime now) {
  table_.Block(taken.datagram, now);
}

void FragmentStage::OnLost(const fragments::Datagram& datagram, Event why) {
  if (LosesADatagram(why)) Count(why);
  if (lost_count_ == kLostMax) return;
  Lost& lost = lost_[lost_count_++];
  lost.bare = Bare(datagram.headers, PortsOf(datagram.headers, datagram.has_first));
  if (datagram.follows && !datagram.has_first) {
    lost.bare = Bare(datagram.headers, datagram.passed.ports);
    lost.bare.headers.ip_protocol = datagram.passed.ip_protocol;
  }
  std::copy_n(datagram.head.begin(), lost.macs.size(), lost.macs.begin());
  lost.bare.data = lost.macs.data();
  lost.bare.rx_side = datagram.rx_side;
  lost.bare.time = datagram.charge.last;
  lost.charge = datagram.charge;
  lost.blocked = why == Event::kBlocked;
}

FragmentStage::Lost* FragmentStage::NextLost() {
  if (lost_next_ < lost_count_) return &lost_[lost_next_++];
  lost_next_ = lost_count_ = 0;
  return nullptr;
}

void FragmentStage::Expire(base::MonoTime now) { table_.Expire(now, kExpiredATick); }

bool FragmentStage::GiveUp() {
  if (table_.GiveUpOldest()) return true;
  table_.ForgetClosedKeys();
  return false;
}

}  // namespace weir::pipeline

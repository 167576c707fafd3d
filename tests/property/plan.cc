#include "tests/property/plan.h"

#include <algorithm>
#include <set>

namespace weir::property {
namespace {

using Kind = PlannedPacket::Kind;

class Planner {
 public:
  Planner(const std::vector<Range>& units, const std::vector<Op>& ops, uint32_t flight,
          uint32_t flights)
      : begin_(units.empty() ? 0 : units.front().begin),
        end_(units.empty() ? 0 : units.back().end) {
    for (const Range& unit : units) Append(unit);
    for (const Op& op : ops) {
      if (op.flight % flights == flight) ops_.push_back(&op);
    }
  }

  std::vector<PlannedPacket> Plan() {
    Each(OpKind::kAgain, [&](const Op& op) { Again(op); });
    if (!packets_.empty()) {
      Each(OpKind::kFragment, [&](const Op& op) { Pick(op).fragment = &op; });
      Each(OpKind::kFakeFragment, [&](const Op& op) { Pick(op).fake_fragment = &op; });
      Each(OpKind::kLoseBefore, [&](const Op& op) { Pick(op).lost_before = true; });
      Each(OpKind::kLoseBehind, [&](const Op& op) { Pick(op).lost_behind = true; });
      Each(OpKind::kCopy, [&](const Op& op) { Copy(op); });
      Each(OpKind::kMove, [&](const Op& op) { Move(op); });
    }
    Each(OpKind::kAck, [&](const Op& op) { Insert(op, Kind::kAck); });
    Each(OpKind::kProbe, [&](const Op& op) { Insert(op, Kind::kProbe); });
    Each(OpKind::kPause, [&](const Op& op) { Insert(op, Kind::kPause); });
    Each(OpKind::kStranger, [&](const Op& op) { Insert(op, Kind::kStranger); });
    for (const OpKind fake : {OpKind::kFakeBytes, OpKind::kFakeReset, OpKind::kFakeFin,
                              OpKind::kFakeSyn, OpKind::kFakeDatagram, OpKind::kFakeServer}) {
      Each(fake, [&](const Op& op) { Insert(op, Kind::kFake); });
    }
    return std::move(packets_);
  }

 private:
  template <typename Do>
  void Each(OpKind kind, Do&& act) {
    for (const Op* op : ops_) {
      if (op->kind == kind) act(*op);
    }
  }

  void Append(const Range& unit) {
    PlannedPacket packet;
    packet.unit = unit;
    packet.id = next_id_++;
    packets_.push_back(packet);
  }
  size_t IndexOf(const Op& op) const { return op.packet % packets_.size(); }
  PlannedPacket& Pick(const Op& op) { return packets_[IndexOf(op)]; }
  void InsertAt(size_t index, const PlannedPacket& packet) {
    packets_.insert(packets_.begin() + static_cast<ptrdiff_t>(index), packet);
  }

  void Again(const Op& op) {
    if (begin_ >= end_) return;
    PlannedPacket packet;
    packet.unit.begin = begin_ + op.a % (end_ - begin_);
    packet.unit.end = std::min(end_, packet.unit.begin + op.b);
    packet.id = next_id_++;
    InsertAt(op.packet % (packets_.size() + 1), packet);
  }

  void Copy(const Op& op) {
    const size_t from = IndexOf(op);
    packets_[from].is_copied = true;
    PlannedPacket copy = packets_[from];
    copy.lost_before = copy.lost_behind = false;
    InsertAt(std::min(packets_.size(), from + 1 + op.a), copy);
  }

  void Move(const Op& op) {
    const size_t from = IndexOf(op);
    const PlannedPacket packet = packets_[from];
    packets_.erase(packets_.begin() + static_cast<ptrdiff_t>(from));
    InsertAt(std::min(packets_.size(), from + op.a), packet);
  }

  void Insert(const Op& op, Kind kind) {
    PlannedPacket packet;
    packet.kind = kind;
    packet.op = &op;
    packet.id = next_id_++;
    InsertAt(op.packet % (packets_.size() + 1), packet);
  }

  uint32_t begin_;
  uint32_t end_;
  uint32_t next_id_ = 0;
  std::vector<const Op*> ops_;
  std::vector<PlannedPacket> packets_;
};

}  // namespace

std::vector<PlannedPacket> PlanFlight(const std::vector<Range>& units, const std::vector<Op>& ops,
                                      uint32_t flight, uint32_t flights) {
  return Planner(units, ops, flight, flights).Plan();
}

std::vector<Range> Segments(const std::vector<uint32_t>& ends, const std::vector<Op>& ops,
                            const std::vector<size_t>& flights, uint32_t flight, uint32_t from) {
  const size_t first = flights[flight];
  const size_t last = flights[flight + 1];
  const uint32_t begin = first == 0 ? 0 : ends[first - 1];
  const uint32_t end = ends[last - 1];
  std::set<uint32_t> bounds;
  for (size_t i = first; i < last; ++i) bounds.insert(ends[i]);
  for (const Op& op : ops) {
    if (op.flight % (flights.size() - 1) != flight) continue;
    if (op.kind == OpKind::kJoin && last - first > 1) {
      bounds.erase(ends[first + op.packet % (last - first - 1)]);
    }
  }
  for (const Op& op : ops) {
    if (op.flight % (flights.size() - 1) != flight) continue;
    if (op.kind == OpKind::kCut) bounds.insert(begin + op.a % (end - begin));
  }
  bounds.insert(end);
  std::vector<Range> segments;
  uint32_t at = from;
  for (const uint32_t bound : bounds) {
    if (bound > at) segments.push_back({at, bound});
    at = std::max(at, bound);
  }
  return segments;
}

}  // namespace weir::property

#include "tests/property/wire.h"

#include <algorithm>

namespace weir::property {
namespace {

constexpr size_t kMacBytes = 12;

}  // namespace

Wire::Wire(testing::PipelineHarness& bench, const std::vector<Op>& ops, bool keep)
    : bench_(bench), keep_(keep) {
  for (const Op& op : ops) {
    if (op.kind != OpKind::kVlan) continue;
    tags_.push_back({static_cast<uint16_t>(op.b), static_cast<uint16_t>(op.a)});
  }
}

bool Wire::Pass(const Bytes& frame, packet::Side from) { return Send(frame, from, tally_); }

bool Wire::PassStranger(const Bytes& frame) {
  return Send(frame, packet::Side::kInside, stranger_);
}

bool Wire::Send(const Bytes& frame, packet::Side from, Tally& tally) {
  const size_t end = from == packet::Side::kInside ? 0 : 1;
  ++tally.packets[end];
  tally.bytes[end] += frame.size() - testing::kEthernetBytes;
  const bool passed = bench_.Send(testing::WithVlans(frame, tags_), from);
  if (!passed) NoteDrop(frame, tally);
  if (passed && testing::IsFragment(frame)) forwarded_fragments_.push_back(frame);
  if (keep_) frames_.push_back({testing::WithVlans(frame, tags_), from, passed});
  for (const respond::OutFrame& answer : bench_.answers()) {
    const auto bytes = answer.frame();
    const auto macs = bytes.first(kMacBytes);
    const auto rest = bytes.subspan(kMacBytes + 4 * tags_.size());
    Bytes untagged(macs.begin(), macs.end());
    untagged.insert(untagged.end(), rest.begin(), rest.end());
    answers_[static_cast<size_t>(answer.to)].push_back(std::move(untagged));
  }
  return passed;
}

void Wire::NoteDrop(const Bytes& frame, Tally& tally) {
  using packet::DropReason;
  const DropReason reason = bench_.last_reason();
  if (reason == DropReason::kFragment &&
      std::ranges::find(forwarded_fragments_, frame) != forwarded_fragments_.end()) {
    return;
  }
  ++tally.dropped;
  const bool by_policy = reason == DropReason::kPolicy || reason == DropReason::kRejected;
  if (!by_policy && !policy_dropped_) ++early_drops_;
  policy_dropped_ = policy_dropped_ || by_policy;
}

std::vector<Bytes> Wire::TakeAnswers(packet::Side to) {
  return std::exchange(answers_[static_cast<size_t>(to)], {});
}

}  // namespace weir::property

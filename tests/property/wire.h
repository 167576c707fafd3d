// Weir between the two ends of an exchange, and a count of all that was put on the wire.
#pragma once

#include <array>
#include <vector>

#include "tests/property/ops.h"
#include "tests/support/frame_edit.h"
#include "tests/support/pipeline_harness.h"

namespace weir::property {

// By who sent it: the client's end is inside.
struct Tally {
  std::array<uint64_t, 2> packets{};
  std::array<uint64_t, 2> bytes{};  // of IP
  uint64_t dropped = 0;
};

struct WireFrame {
  Bytes frame;
  packet::Side from = packet::Side::kInside;
  bool passed = false;
};

class Wire {
 public:
  // With `keep`, all frames can be had afterwards.
  Wire(testing::PipelineHarness& bench, const std::vector<Op>& ops, bool keep);

  // An untagged frame; true when it is forwarded.
  bool Pass(const Bytes& frame, packet::Side from);
  bool PassStranger(const Bytes& frame);
  void Pause(uint32_t ms) { bench_.Advance(ms / 1000.0); }

  // What Weir itself said to one end since it was asked last, untagged.
  std::vector<Bytes> TakeAnswers(packet::Side to);

  const Tally& tally() const { return tally_; }
  const Tally& stranger() const { return stranger_; }
  // Dropped for another reason than the policy's, before the policy dropped anything. A fragment
  // that was forwarded before may be dropped the second time (RFC 8200 §4.5): it counts nowhere.
  uint64_t early_drops() const { return early_drops_; }
  const std::vector<WireFrame>& frames() const { return frames_; }

 private:
  bool Send(const Bytes& frame, packet::Side from, Tally& tally);
  void NoteDrop(const Bytes& frame, Tally& tally);

  testing::PipelineHarness& bench_;
  std::vector<testing::VlanTag> tags_;
  bool keep_;
  Tally tally_;
  Tally stranger_;
  uint64_t early_drops_ = 0;
  bool policy_dropped_ = false;
  std::vector<Bytes> forwarded_fragments_;
  std::array<std::vector<Bytes>, 3> answers_;
  std::vector<WireFrame> frames_;
};

}  // namespace weir::property

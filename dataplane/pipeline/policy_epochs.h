// Short numbers for the policies that gave verdicts, so that a flow need keep only 16 bits.
//
// A new epoch begins with a new policy version, with each turn of the bypass, and when everything
// is to be judged again; a flow of an older epoch is decided again at its next packet. Each has a
// stale twin, for single flows that are to be judged again by the same policy. Worker's thread.
#pragma once

#include <cstdint>
#include <vector>

namespace weir::pipeline {

class PolicyEpochs {
 public:
  static constexpr uint16_t kUndecided = 0;

  PolicyEpochs() : versions_(65'536, 0) {}

  // The epoch of what is in force now.
  uint16_t Current(uint32_t policy_version, bool bypass) {
    if (epoch_ == kUndecided || policy_version != versions_[epoch_] || bypass != bypass_) {
      Begin(policy_version);
      bypass_ = bypass;
    }
    return epoch_;
  }

  // The same policy, and yet what it decided no longer stands.
  void BeginAnother() {
    if (epoch_ != kUndecided) Begin(versions_[epoch_]);
  }

  // Of a flow that an epoch's policy has decided, and must decide again.
  static uint16_t StaleOf(uint16_t epoch) { return static_cast<uint16_t>(epoch - 1); }

  uint32_t VersionOf(uint16_t epoch) const { return versions_[epoch]; }  // 0 for kUndecided

 private:
  static constexpr uint16_t kFirst = 2;
  static constexpr uint16_t kLast = UINT16_MAX - 1;

  // Even ones are in force, the odd ones before them stale.
  void Begin(uint32_t policy_version) {
    epoch_ = epoch_ == kLast ? kFirst : static_cast<uint16_t>(epoch_ + 2);
    versions_[epoch_] = versions_[StaleOf(epoch_)] = policy_version;
  }

  std::vector<uint32_t> versions_;
  uint16_t epoch_ = kUndecided;
  bool bypass_ = false;
};

}  // namespace weir::pipeline

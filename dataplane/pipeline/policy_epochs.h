// Short numbers for the policies that gave verdicts, so that a flow need keep only 16 bits.
//
// A new epoch begins with a new policy version and with each turn of the bypass; a flow of an older
// epoch is decided again at its next packet. Worker's thread.
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
      epoch_ = epoch_ == UINT16_MAX ? uint16_t{1} : static_cast<uint16_t>(epoch_ + 1);
      versions_[epoch_] = policy_version;
      bypass_ = bypass;
    }
    return epoch_;
  }

  uint32_t VersionOf(uint16_t epoch) const { return versions_[epoch]; }  // 0 for kUndecided

 private:
  std::vector<uint32_t> versions_;
  uint16_t epoch_ = kUndecided;
  bool bypass_ = false;
};

}  // namespace weir::pipeline

// How often a session's interims come, where the NAS does not say: most access servers are told by
// the Access-Accept, which nobody else sees.
//
// A value; one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace weir::control::radius {

class InterimRhythm {
 public:
  // An interim has come `gap_s` behind the word before. What is known of the interval from then on,
  // in seconds, 0 for nothing; `known_s` before. Three gaps that are alike by a fifth are a rhythm;
  // interims that tell of something else come in between, and break none that is known.
  uint32_t Heard(int64_t gap_s, uint32_t known_s) {
    if (gap_s < kGapMinS || gap_s > kGapMaxS) return known_s;
    const auto gap = static_cast<uint32_t>(gap_s);
    const uint32_t difference = gap > longest_s_ ? gap - longest_s_ : longest_s_ - gap;
    const bool is_alike = gaps_ > 0 && difference <= longest_s_ / 5;
    gaps_ = is_alike ? std::min(gaps_ + 1, kGaps) : 1;
    longest_s_ = is_alike ? std::max(longest_s_, gap) : gap;
    return gaps_ == kGaps ? longest_s_ : known_s;
  }

 private:
  static constexpr int kGaps = 3;
  static constexpr int64_t kGapMinS = 60;      // RFC 2869 §5.16: less is not allowed
  static constexpr int64_t kGapMaxS = 86'400;  // three of more are past what is waited anyhow

  uint32_t longest_s_ = 0;  // of the last gaps that were alike
  int gaps_ = 0;
};

}  // namespace weir::control::radius

// Session numbers: 42 bits of milliseconds since 1970, 6 of worker, 16 of sequence.
//
// They grow with time, differ between workers, and between runs of the data plane unless the clock
// was set back over a restart.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/base/config.h"
#include "dataplane/base/time.h"

namespace weir::pipeline {

class SessionIds {
 public:
  explicit SessionIds(unsigned worker_index) : worker_(worker_index) {}

  uint64_t Next(base::WallTime now) {
    const auto ms = static_cast<uint64_t>(std::max<int64_t>(0, now.ns / base::kNsPerMs));
    if (ms > ms_) {
      ms_ = ms;
      sequence_ = 0;
    } else if (++sequence_ > kSequenceMax) {
      ++ms_;
      sequence_ = 0;
    }
    return ms_ << (kWorkerBits + kSequenceBits) | worker_ << kSequenceBits | sequence_;
  }

 private:
  static constexpr unsigned kWorkerBits = 6;
  static constexpr unsigned kSequenceBits = 16;
  static constexpr uint64_t kSequenceMax = (uint64_t{1} << kSequenceBits) - 1;
  static_assert(base::kWorkersMax <= 1U << kWorkerBits);

  uint64_t worker_;
  uint64_t ms_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace weir::pipeline

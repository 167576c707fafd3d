// Session numbers: 42 bits of milliseconds since 1970, 6 of worker, 16 of sequence.
//
// They grow with time, differ between workers, and between runs of the data plane unless the clock
// was set back over a restart.
#pragma once

#include <algorithm>
#include <cstdint>

#include "dataplane/base/time.h"

namespace weir::pipeline {

class SessionIds {
 public:
  static constexpr unsigned kWorkersMax = 64;

  explicit SessionIds(unsigned worker_index) : worker_(worker_index % kWorkersMax) {}

  uint64_t Next(base::WallTime now) {
    const auto ms = static_cast<uint64_t>(std::max<int64_t>(0, now.ns / base::kNsPerMs));
    if (ms > ms_) {
      ms_ = ms;
      sequence_ = 0;
    } else if (++sequence_ > kSequenceMax) {
      ++ms_;
      sequence_ = 0;
    }
    return ms_ << 22 | worker_ << 16 | sequence_;
  }

 private:
  static constexpr uint64_t kSequenceMax = 0xffff;
  uint64_t worker_;
  uint64_t ms_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace weir::pipeline

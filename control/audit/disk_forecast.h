// When the disk that the record lies on will be full, as it has grown in the last day.
//
// Any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

#include "dataplane/base/time.h"

namespace weir::control::audit {

class DiskForecast {
 public:
  // The bytes of the record at a moment; of moments less than a minute apart the first counts.
  void Add(base::MonoTime now, uint64_t bytes);

  // Seconds until `free_bytes` are filled. Empty: it has not grown, or was watched for less than
  // ten minutes.
  std::optional<double> FullInSeconds(uint64_t free_bytes) const;

 private:
  struct Sample {
    base::MonoTime time;
    uint64_t bytes = 0;
  };
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // guarded by mutex_
};

}  // namespace weir::control::audit

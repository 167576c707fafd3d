// Looks that one person repeats, as `weirctl top --watch` does every two seconds: the operations
// log has the first of them, and from then on one entry in ten minutes for all that came since. So
// the log stays one that people read.
//
// Any thread. Remembers a limited number of looks; beyond it each is an entry.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "control/operations/operations_log.h"
#include "dataplane/base/time.h"

namespace weir::control::api {

class RepeatedLooks {
 public:
  static constexpr int64_t kEntryEveryNs = 600 * base::kNsPerSecond;
  static constexpr size_t kKnownMax = 1000;

  // What an entry is to say: how many looks since the last one, this one too, and all their rows.
  struct Due {
    uint64_t looks = 0;
    int64_t rows = 0;
  };

  // Counts a look, `look` with who, what and why; nullopt: it is not to be written down now.
  std::optional<Due> Note(const operations::Operation& look, base::MonoTime now);
  // The entry could not be written: the next such look is a first one.
  void Forget(const operations::Operation& look);

 private:
  struct Known {
    base::MonoTime written{};
    Due since;  // looks that no entry has yet
  };

  void ForgetOld(base::MonoTime now);

  std::mutex mutex_;
  std::map<std::string, Known> known_;  // guarded by mutex_
};

}  // namespace weir::control::api

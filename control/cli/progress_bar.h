// Long work on a terminal: "[#####---] 62 %  1.2M of 2.0M records  310k/s  2s left", on stderr,
// written over itself a few times a second. Where stderr is no terminal it says nothing.
//
// One thread.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/time.h"

namespace weir::control::cli {

class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar() { Clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `done` of `of` steps (0: not known); `count` is what the rate is of.
  void Show(uint64_t done, uint64_t of, uint64_t count);
  void Clear();

 private:
  const std::string what_;  // "records"
  const bool is_terminal_;
  const base::MonoTime begun_;
  base::MonoTime shown_{};
  bool visible_ = false;
};

// What Show() writes after `seconds`, at most `columns` wide.
std::string ProgressLine(const std::string& what, uint64_t done, uint64_t of, uint64_t count,
                         double seconds, size_t columns);

}  // namespace weir::control::cli

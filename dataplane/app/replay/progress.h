// How far the replay is, on standard error, for whoever watches a long one. One thread.
#pragma once

#include <cstdint>

#include "dataplane/base/time.h"

namespace weir::replay {

class Progress {
 public:
  // Silent unless standard error is a terminal and there is much to read.
  explicit Progress(uint64_t bytes_in_all);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Show(uint64_t bytes_done);
  // Empties the line, so that a message can be written.
  void Clear();

 private:
  const uint64_t bytes_in_all_;
  const bool shown_;
  const base::MonoTime start_;
  base::MonoTime next_;
  bool on_screen_ = false;
};

}  // namespace weir::replay

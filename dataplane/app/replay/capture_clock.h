// The captures' time as the pipeline wants it: a clock that never goes back, and the date.
//
// Within a capture a packet dated before the one in front of it keeps that one's time. A capture
// that begins earlier than the one before it ended is another recording: the clock goes on, only
// the date is set back. A leap of more than a day, within a capture or from one to the next, is one
// of the date, too: the clock, which the flow table keeps in 48 bits, goes on by a day, longer than
// anything is remembered. One thread.
#pragma once

#include <cstdint>

#include "dataplane/base/time.h"

namespace weir::replay {

class CaptureClock {
 public:
  static constexpr int64_t kLeapNs = 24 * 3600 * base::kNsPerSecond;

  // At the first record of each input. True when the date went back: sessions must not go on over
  // that.
  bool BeginInput(base::WallTime first);
  // True for a record dated so late. Sessions must not go on: first the clock alone goes on, so
  // that they end in their time, then the date.
  bool IsLeap(base::WallTime record) const { return started_ && record.ns - wall().ns > kLeapNs; }
  void Leap() { mono_.ns += kLeapNs; }
  void SetDate(base::WallTime record) { wall_minus_mono_ns_ = record.ns - mono_.ns; }
  // At each record.
  void Advance(base::WallTime record);

  base::MonoTime mono() const { return mono_; }
  base::WallTime wall() const { return {mono_.ns + wall_minus_mono_ns_}; }
  int64_t wall_minus_mono_ns() const { return wall_minus_mono_ns_; }
  uint64_t records_back_in_time() const { return records_back_in_time_; }

 private:
  bool started_ = false;
  base::MonoTime mono_;
  int64_t wall_minus_mono_ns_ = 0;
  uint64_t records_back_in_time_ = 0;
};

}  // namespace weir::replay

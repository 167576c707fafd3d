// Packs the days that are over, on a thread of its own.
//
// A day that is being written is stored for speed. Once it is over it is sorted through one last
// time, and compressed as well as it goes: it is read for a year, and half as large.
#pragma once

#include "dataplane/base/repeating_thread.h"

namespace weir::control::audit {

class RocksStore;

class DayPacker {
 public:
  explicit DayPacker(RocksStore& store) : store_(store) {}
  ~DayPacker() { Stop(); }

  void Start();
  void Stop();  // a day that is being packed is left, and begun anew after the next start

 private:
  RocksStore& store_;
  base::RepeatingThread thread_;
};

}  // namespace weir::control::audit

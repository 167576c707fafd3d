// A disk that fails, between this program and the kernel.
//
// The program defines open, write, pwrite, fsync, fdatasync, ftruncate, rename and their like
// itself, so that the journal, RocksDB and SQLite all call these. They pass on to the C library,
// save in a process that has called ArmFaults(), for files below its folder, while its switch is
// on: there stretches in which all is well take turns with stretches of one trouble, each over
// after some calls. A process may also be killed within a call: before it, after it, or with a part
// of the bytes written.
//
// A write that fails has written nothing of what it did not report, as with Linux: a torn write is
// a short one that is followed by an error, or by the process's end. A failed sync of a file of the
// store or the consumer costs what was written to it since the last good one, as when the kernel
// marks the pages clean and drops them: old bytes come back, and zeros where there were none.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace weir::crash {

enum class Fault : uint8_t {
  kShortWrite,  // a part, and the number of bytes says so
  kNoSpace,     // ENOSPC of a write, a creation, a truncation, an allocation
  kWriteError,  // EIO of a write
  kSyncError,   // EIO of fsync, fdatasync, sync_file_range
  kTruncateError,
  kNameError,  // EIO of open, rename, unlink
  kKillBefore,
  kKillWithin,  // a part is written
  kKillAfter,
};
inline constexpr size_t kFaults = 9;
const char* FaultName(Fault fault);

// Lives in memory that several processes share, and outlives the one that is killed.
struct FaultState {
  std::atomic<bool> on{false};
  std::array<std::atomic<uint64_t>, kFaults> injected{};  // index: Fault
  std::atomic<uint64_t> writes_dropped{0};                // that a failed sync has cost
  std::atomic<uint64_t> calls{0};                         // while it was on
};

// Of this process from now on, once. `folder` holds folders of which `journal` is the data plane's.
void ArmFaults(const std::string& folder, FaultState& state, uint64_t seed);

// One fault in place of random ones: of the calls made while the switch is on, those numbered from
// `first` (1 is the first) fail, or the one numbered `first` ends the process.
struct OneFault {
  uint64_t first = 0;
  uint64_t calls = 1;
  int error = 0;  // 0: the process is killed; within the call, where that is a write
};
void ArmOneFault(const std::string& folder, FaultState& state, const OneFault& fault);

}  // namespace weir::crash

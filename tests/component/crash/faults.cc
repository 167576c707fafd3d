#include "faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::crash {
namespace {

// Whose file it is. What a failed sync drops is put back in those whose owner relies on a sync.
enum class Owner : uint8_t { kNone, kJournal, kStore };

enum class Call : uint8_t { kWrite, kSync, kTruncate, kAllocate, kOpen, kCreate, kName };

// What goes wrong in a stretch.
enum class Trouble : uint8_t { kNone, kShort, kTorn, kFull, kMedium, kSync, kNames };
constexpr unsigned kTroubles = 7;

constexpr useconds_t kAfterShortWriteUs = 500;

// What becomes of a call: `error` without a byte, or the first `bytes` of a write; then the end.
struct Fate {
  int error = 0;
  size_t bytes = SIZE_MAX;
  bool kill_before = false;
  bool kill_after = false;
};

Fault KindOf(Call call) {
  switch (call) {
    case Call::kWrite:
      return Fault::kWriteError;
    case Call::kSync:
      return Fault::kSyncError;
    case Call::kTruncate:
      return Fault::kTruncateError;
    case Call::kAllocate:
    case Call::kOpen:
    case Call::kCreate:
    case Call::kName:
      return Fault::kNameError;
  }
  return Fault::kNameError;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

[[noreturn]] void KillSelf() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

// What was written to a file since its last sync, and what it replaced.
struct Unsynced {
  struct Write {
    off_t offset;
    size_t bytes;
    std::vector<uint8_t> old;  // as far as the file went
  };
  std::vector<Write> writes;
  size_t bytes = 0;
};

class Disk {
 public:
  Disk(std::string folder, FaultState& state, uint64_t seed)
      : folder_(std::move(folder)), state_(state), random_(seed) {
    // Every second process is to die in a call; most are killed from outside before.
    if (Below(2) == 0) calls_to_live_ = Spread(4000);
    end_ = std::array{Fault::kKillBefore, Fault::kKillWithin, Fault::kKillAfter}[Below(3)];
    calls_left_ = Spread(300);
  }

  Disk(std::string folder, FaultState& state, const OneFault& fault)
      : folder_(std::move(folder)), state_(state), one_(fault) {}

  Owner OwnerOf(const char* path) const {
    const std::string_view name(path);
    if (!name.starts_with(folder_)) return Owner::kNone;
    return name.substr(folder_.size()).starts_with("/journal") ? Owner::kJournal : Owner::kStore;
  }
  Owner OwnerOf(int fd) const {
    return fd >= 0 && fd < kFdsMax ? owners_[static_cast<size_t>(fd)].load() : Owner::kNone;
  }
  void Opened(int fd, Owner owner) {
    if (fd >= 0 && fd < kFdsMax) owners_[static_cast<size_t>(fd)] = owner;
  }

  Fate Next(Call call, size_t bytes = 0);
  void Written(int fd, Owner owner, off_t offset, size_t bytes);
  void NoteOld(int fd, Owner owner, off_t offset, size_t bytes);
  void Synced(int fd, bool good);
  void Truncated(int fd, off_t bytes);

 private:
  static constexpr int kFdsMax = 4096;
  static constexpr size_t kUnsyncedBytesMax = 32 << 20;
  using FileId = std::pair<dev_t, ino_t>;

  uint64_t Below(uint64_t limit) { return random_() % limit; }
  // 1 … `max`, short ones as likely as long ones.
  uint64_t Spread(uint64_t max) {
    uint64_t limit = 1;
    for (uint64_t wanted = Below(17); wanted > 0 && limit < max; --wanted) limit *= 2;
    return 1 + Below(std::min(limit, max));
  }
  void Count(Fault fault) { state_.injected[static_cast<size_t>(fault)]++; }
  void TurnStretch();
  Fate TheOne(uint64_t number, Call call, size_t bytes);
  Fate Kill(Call call, size_t bytes);
  Fate Fail(Fault fault, int error) {
    Count(fault);
    return {.error = error};
  }
  Fate Shorten(size_t bytes);
  Fate InTrouble(Call call, size_t bytes);
  static FileId IdOf(int fd) {
    struct stat status {};
    return ::fstat(fd, &status) == 0 ? FileId{status.st_dev, status.st_ino} : FileId{};
  }

  const std::string folder_;
  FaultState& state_;
  const std::optional<OneFault> one_;  // in place of random ones
  std::array<std::atomic<Owner>, kFdsMax> owners_{};

  std::mutex mutex_;  // guards the rest
  std::mt19937_64 random_;
  Trouble trouble_ = Trouble::kNone;
  uint64_t calls_left_ = 0;     // of the stretch
  uint64_t calls_to_live_ = 0;  // 0: as long as it likes
  Fault end_ = Fault::kKillBefore;
  bool torn_ = false;  // the short half of a torn write is done
  std::map<FileId, Unsynced> unsynced_;
};

Disk* disk = nullptr;  // of this process; set once, before it has a second thread

Fate Disk::Next(Call call, size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!state_.on) {
    trouble_ = Trouble::kNone;
    return {};
  }
  const uint64_t number = ++state_.calls;
  if (one_) return TheOne(number, call, bytes);
  if (calls_to_live_ > 0 && --calls_to_live_ == 0) return Kill(call, bytes);
  if (calls_left_ == 0) TurnStretch();
  --calls_left_;
  return InTrouble(call, bytes);
}

Fate Disk::TheOne(uint64_t number, Call call, size_t bytes) {
  if (number < one_->first || number >= one_->first + one_->calls) return {};
  if (one_->error != 0) return Fail(KindOf(call), one_->error);
  if (call != Call::kWrite || bytes < 2) return {.kill_before = true};
  return {.bytes = bytes / 2, .kill_after = true};
}

void Disk::TurnStretch() {
  torn_ = false;
  if (trouble_ != Trouble::kNone) {
    trouble_ = Trouble::kNone;
    calls_left_ = Spread(300);
    return;
  }
  trouble_ = static_cast<Trouble>(1 + Below(kTroubles - 1));
  calls_left_ = Spread(32);
}

Fate Disk::Kill(Call call, size_t bytes) {
  if (end_ == Fault::kKillWithin && (call != Call::kWrite || bytes < 2)) {
    calls_to_live_ = 1;  // the next write, then
    return {};
  }
  Count(end_);
  switch (end_) {
    case Fault::kKillBefore:
      return {.kill_before = true};
    case Fault::kKillWithin:
      return {.bytes = 1 + Below(bytes - 1), .kill_after = true};
    default:
      return {.kill_after = true};
  }
}

Fate Disk::Shorten(size_t bytes) {
  if (bytes < 2) return {};
  Count(Fault::kShortWrite);
  return {.bytes = 1 + Below(bytes - 1)};
}

Fate Disk::InTrouble(Call call, size_t bytes) {
  const bool write = call == Call::kWrite;
  switch (trouble_) {
    case Trouble::kNone:
      return {};
    case Trouble::kShort:
      return write && Below(2) == 0 ? Shorten(bytes) : Fate{};
    case Trouble::kTorn:
      if (!write) return {};
      if (!std::exchange(torn_, true)) return Shorten(bytes);
      return Fail(Fault::kWriteError, EIO);
    case Trouble::kFull:
      if (write && !std::exchange(torn_, true)) return Shorten(bytes);  // the last room there was
      if (write || call == Call::kCreate || call == Call::kAllocate) {
        return Fail(Fault::kNoSpace, ENOSPC);
      }
      return {};
    case Trouble::kMedium:
      return Below(4) == 0 ? Fate{} : Fail(KindOf(call), EIO);
    case Trouble::kSync:
      return call == Call::kSync ? Fail(Fault::kSyncError, EIO) : Fate{};
    case Trouble::kNames: {
      const bool name = call == Call::kOpen || call == Call::kCreate || call == Call::kName;
      return name && Below(2) == 0 ? Fail(Fault::kNameError, EIO) : Fate{};
    }
  }
  return {};
}

// Before a write: what it is about to replace.
void Disk::NoteOld(int fd, Owner owner, off_t offset, size_t bytes) {
  if (owner != Owner::kStore) return;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  Unsynced::Write write{offset, bytes, {}};
  if (offset < status.st_size) {
    write.old.resize(std::min(bytes, static_cast<size_t>(status.st_size - offset)));
    const ssize_t got = ::pread(fd, write.old.data(), write.old.size(), offset);
    if (got != static_cast<ssize_t>(write.old.size())) return;  // not open for reading
  }
  const std::lock_guard lock(mutex_);
  Unsynced& unsynced = unsynced_[{status.st_dev, status.st_ino}];
  // An inode may have been another file before.
  if (status.st_size == 0) unsynced = {};
  unsynced.bytes += bytes;
  if (unsynced.bytes > kUnsyncedBytesMax) return;
  unsynced.writes.push_back(std::move(write));
}

void Disk::Synced(int fd, bool good) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  const std::lock_guard lock(mutex_);
  const auto found = unsynced_.find(IdOf(fd));
  if (found == unsynced_.end()) return;
  if (!good && OwnerOf(fd) == Owner::kStore) {
    auto& writes = found->second.writes;
    for (auto write = writes.rbegin(); write != writes.rend(); ++write) {
      write->old.resize(write->bytes);
      static_cast<void>(real(fd, write->old.data(), write->old.size(), write->offset));
      state_.writes_dropped++;
    }
  }
  unsynced_.erase(found);
}

void Disk::Truncated(int fd, off_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = unsynced_.find(IdOf(fd));
  if (found == unsynced_.end()) return;
  for (Unsynced::Write& write : found->second.writes) {
    const off_t left = std::max<off_t>(0, bytes - write.offset);
    write.bytes = std::min(write.bytes, static_cast<size_t>(left));
    write.old.resize(std::min(write.old.size(), write.bytes));
  }
}

// Runs `real` for a call on a file that is watched, or does not.
template <typename RealCall>
int Guarded(Call call, const RealCall& real) {
  const Fate fate = disk->Next(call);
  if (fate.kill_before) KillSelf();
  if (fate.error != 0) {
    errno = fate.error;
    return -1;
  }
  const int result = real();
  if (fate.kill_after) KillSelf();
  return result;
}

template <typename RealWrite>
ssize_t GuardedWrite(int fd, size_t bytes, off_t offset, const RealWrite& real) {
  const Owner owner = disk->OwnerOf(fd);
  const Fate fate = disk->Next(Call::kWrite, bytes);
  if (fate.kill_before) KillSelf();
  if (fate.error != 0) {
    errno = fate.error;
    return -1;
  }
  const size_t allowed = std::min(bytes, fate.bytes);
  disk->NoteOld(fd, owner, offset, allowed);
  const ssize_t written = real(allowed);
  if (fate.kill_after) KillSelf();
  // A disk in trouble is slow, and others look at what is there meanwhile.
  if (allowed < bytes) ::usleep(kAfterShortWriteUs);
  return written;
}

bool Watched(int fd) { return disk != nullptr && disk->OwnerOf(fd) != Owner::kNone; }
bool Watched(const char* path) { return disk != nullptr && disk->OwnerOf(path) != Owner::kNone; }

using Open = int(const char*, int, ...);

int GuardedOpen(Open* real, const char* path, int flags, mode_t mode) {
  if (!Watched(path)) return real(path, flags, mode);
  const Call call = (flags & O_CREAT) != 0 ? Call::kCreate : Call::kOpen;
  return Guarded(call, [&] {
    const int fd = real(path, flags, mode);
    disk->Opened(fd, disk->OwnerOf(path));
    return fd;
  });
}

int GuardedSync(int fd, int (*real)(int)) {
  if (!Watched(fd)) return real(fd);
  const int result = Guarded(Call::kSync, [&] { return real(fd); });
  const int error = errno;
  disk->Synced(fd, result == 0);
  errno = error;
  return result;
}

int GuardedTruncate(int fd, off_t bytes, int (*real)(int, off_t)) {
  if (!Watched(fd)) return real(fd, bytes);
  return Guarded(Call::kTruncate, [&] {
    const int result = real(fd, bytes);
    if (result == 0) disk->Truncated(fd, bytes);
    return result;
  });
}

ssize_t GuardedPwrite(int fd, const void* bytes, size_t count, off_t offset) {
  static auto* const real = Real<ssize_t(int, const void*, size_t, off_t)>("pwrite");
  if (!Watched(fd)) return real(fd, bytes, count, offset);
  return GuardedWrite(fd, count, offset,
                      [&](size_t allowed) { return real(fd, bytes, allowed, offset); });
}

mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

const char* FaultName(Fault fault) {
  constexpr std::array<const char*, kFaults> kNames = {
      "short writes", "ENOSPC",      "EIO writing",         "EIO syncing",      "EIO truncating",
      "EIO naming",   "kill before", "kill within a write", "kill after a call"};
  return kNames[static_cast<size_t>(fault)];
}

// Either lives as long as the process.
void ArmFaults(const std::string& folder, FaultState& state, uint64_t seed) {
  disk = new Disk(folder, state, seed);
}
void ArmOneFault(const std::string& folder, FaultState& state, const OneFault& fault) {
  disk = new Disk(folder, state, fault);
}

}  // namespace weir::crash

using weir::crash::Call;
using weir::crash::Real;

// The C library's names: every call of this program and of its libraries comes here first.
extern "C" {

int open(const char* path, int flags, ...) {
  static auto* const real = Real<weir::crash::Open>("open");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = weir::crash::ModeOf(flags, arguments);
  va_end(arguments);
  return weir::crash::GuardedOpen(real, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  static auto* const real = Real<weir::crash::Open>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = weir::crash::ModeOf(flags, arguments);
  va_end(arguments);
  return weir::crash::GuardedOpen(real, path, flags, mode);
}

int close(int fd) {
  static auto* const real = Real<int(int)>("close");
  if (weir::crash::disk != nullptr) {
    weir::crash::disk->Opened(fd, weir::crash::Owner::kNone);
  }
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t count) {
  static auto* const real = Real<ssize_t(int, const void*, size_t)>("write");
  if (!weir::crash::Watched(fd)) return real(fd, bytes, count);
  return weir::crash::GuardedWrite(fd, count, ::lseek(fd, 0, SEEK_CUR),
                                   [&](size_t allowed) { return real(fd, bytes, allowed); });
}

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  return weir::crash::GuardedPwrite(fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  return weir::crash::GuardedPwrite(fd, bytes, count, offset);
}

int fsync(int fd) {
  static auto* const real = Real<int(int)>("fsync");
  return weir::crash::GuardedSync(fd, real);
}

int fdatasync(int fd) {
  static auto* const real = Real<int(int)>("fdatasync");
  return weir::crash::GuardedSync(fd, real);
}

// Begins to write out and promises nothing: no reason to drop anything.
int sync_file_range(int fd, off64_t offset, off64_t bytes, unsigned flags) {
  static auto* const real = Real<int(int, off64_t, off64_t, unsigned)>("sync_file_range");
  // Without a flag it asks whether there is such a call, and no disk can make that fail.
  if (!weir::crash::Watched(fd) || flags == 0) return real(fd, offset, bytes, flags);
  return weir::crash::Guarded(Call::kSync, [&] { return real(fd, offset, bytes, flags); });
}

int ftruncate(int fd, off_t bytes) noexcept {
  static auto* const real = Real<int(int, off_t)>("ftruncate");
  return weir::crash::GuardedTruncate(fd, bytes, real);
}

int ftruncate64(int fd, off64_t bytes) noexcept {
  static auto* const real = Real<int(int, off_t)>("ftruncate64");
  return weir::crash::GuardedTruncate(fd, bytes, real);
}

int fallocate(int fd, int mode, off_t offset, off_t bytes) {
  static auto* const real = Real<int(int, int, off_t, off_t)>("fallocate");
  if (!weir::crash::Watched(fd)) return real(fd, mode, offset, bytes);
  return weir::crash::Guarded(Call::kAllocate, [&] { return real(fd, mode, offset, bytes); });
}

int rename(const char* from, const char* to) noexcept {
  static auto* const real = Real<int(const char*, const char*)>("rename");
  if (!weir::crash::Watched(from)) return real(from, to);
  return weir::crash::Guarded(Call::kName, [&] { return real(from, to); });
}

int unlink(const char* path) noexcept {
  static auto* const real = Real<int(const char*)>("unlink");
  if (!weir::crash::Watched(path)) return real(path);
  return weir::crash::Guarded(Call::kName, [&] { return real(path); });
}

}  // extern "C"

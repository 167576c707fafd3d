#include "dataplane/events/journal_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace weir::events {

int JournalFiles::Create(const std::string& path) {
  constexpr mode_t kOwnerWritesGroupReads = 0640;
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerWritesGroupReads);
}

ssize_t JournalFiles::Write(int fd, const void* bytes, size_t count, off_t offset) {
  return ::pwrite(fd, bytes, count, offset);
}

int JournalFiles::Truncate(int fd, off_t bytes) { return ::ftruncate(fd, bytes); }

int JournalFiles::Sync(int fd) { return ::fdatasync(fd); }

int JournalFiles::SyncMapping(void* memory, size_t bytes) {
  return ::msync(memory, bytes, MS_SYNC);
}

}  // namespace weir::events

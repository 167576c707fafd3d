// The few system calls by which the journal's writer changes the disk, so that tests can make them
// fail.
//
// As the system calls: -1 and errno on failure. The writer's thread only.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace weir::events {

class JournalFiles {
 public:
  virtual ~JournalFiles() = default;
  // Opens for reading and writing, made or emptied.
  virtual int Create(const std::string& path);
  virtual ssize_t Write(int fd, const void* bytes, size_t count, off_t offset);
  virtual int Truncate(int fd, off_t bytes);
  virtual int Sync(int fd);
  virtual int SyncMapping(void* memory, size_t bytes);
};

}  // namespace weir::events

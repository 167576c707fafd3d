// RocksDB's own log of warnings and errors, as the file LOG beside the database.
//
// In place of RocksDB's logger: after a failed write of that one, Debian's build, which has its
// assertions on, ends the program at the next line. A log is not worth that: lines that the disk
// does not take are dropped here. Any thread.
#pragma once

#include <rocksdb/env.h>

#include <filesystem>
#include <memory>

namespace weir::control::audit {

// Goes on behind what is in the file; a long one is set aside as LOG.old first.
std::shared_ptr<rocksdb::Logger> MakeRocksLog(const std::filesystem::path& dir);

}  // namespace weir::control::audit

// An image of data_dir at one moment: files in a folder beside the originals, so that most are hard
// links and cost nothing.
//
// The store comes first, then SQLite's databases, then the rest. What is in a database may so be
// newer than the store, which every reader of both can take (a log-in, an operation that no seal
// has yet); nothing in the store refers to what a database has not. The caller sees to it that
// nothing is sealed meanwhile: seals.log is then that of the store.
//
// One thread.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "dataplane/base/result.h"

namespace weir::control::backup {

struct ImageSources {
  std::filesystem::path data_dir;
  std::filesystem::path store;  // a folder's name in data_dir
  // Makes the folder `into` with the store as it is now.
  std::function<base::Status(const std::filesystem::path& into)> checkpoint;
  // Folders' names in data_dir whose files grow in place, and are copied. All others are replaced
  // as a whole when they change.
  std::vector<std::filesystem::path> growing;
  std::vector<std::filesystem::path> left_out;  // files and folders, as paths
};

// Where TakeImage() puts it: DATA_DIR/backup.image.
std::filesystem::path ImageFolder(const std::filesystem::path& data_dir);

// Removes what an earlier one has left. Files whose names end in .tmp, -wal, -shm or -journal are
// nobody's data, or in the databases already.
base::Status TakeImage(const ImageSources& sources);
base::Status RemoveImage(const std::filesystem::path& data_dir);

}  // namespace weir::control::backup

// What one backup is made of: every file, and which encrypted file of its set holds it.
//
// Values and pure functions, save Write and Read; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "control/backup/backup_key.h"
#include "control/backup/files.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::backup {

enum class Kind : uint8_t {
  kFull,         // the first of its set: holds every file itself
  kIncremental,  // holds what is new; the rest is held by backups before it in the set
};
std::string_view KindName(Kind kind);  // "full", "incremental"

struct Manifest {
  struct File {
    std::string path;  // in data_dir: "sessions/000012.sst"
    FileDigest digest;
    uint32_t mode = 0600;
    std::string stored;  // the encrypted file, in the set's folder

    bool operator==(const File&) const = default;
  };

  std::string set;
  std::string name;
  Kind kind = Kind::kFull;
  base::WallTime made;
  std::string sensor;
  std::string weir;  // the version that made it
  std::vector<File> files;

  uint64_t bytes() const;  // of all files, in plain
  bool operator==(const Manifest&) const = default;
};

std::string ManifestText(const Manifest& manifest);
// Refuses what would lead out of a folder, and a format that it does not know. The error is the end
// of a sentence.
base::Result<Manifest> ParseManifest(std::string_view text);

// SET_DIR/NAME.manifest, there as a whole or not at all.
base::Status WriteManifest(const Key& key, const std::filesystem::path& set_dir,
                           const Manifest& manifest);
// Authenticated, and of that set and name.
base::Result<Manifest> ReadManifest(const Key& key, const std::filesystem::path& set_dir,
                                    const std::string& name);
std::filesystem::path ManifestFile(const std::filesystem::path& set_dir, const std::string& name);

// What an encrypted file of a set is authenticated as.
std::string StoredPurpose(const std::string& set, const std::string& stored);

}  // namespace weir::control::backup

// A folder to be backed up, a folder for backups, a key.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "control/backup/backup_reader.h"
#include "control/backup/backup_sets.h"
#include "control/backup/backup_writer.h"
#include "control/backup/encrypted_file.h"

namespace weir::control::backup {

namespace fs = std::filesystem;

// 2026-11-22T02:00:00Z
inline constexpr base::WallTime kTwo{1'795'312'800'000'000'000};
inline constexpr double kHour = 3600;
inline constexpr double kDay = 86'400;

inline base::WallTime After(base::WallTime time, double seconds) {
  return {time.ns + static_cast<int64_t>(seconds * 1e9)};
}

inline bool GoOn(const Progress&) { return true; }
inline bool StepOn(uint64_t) { return true; }

inline std::string ReadBytes(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}
inline void WriteBytes(const fs::path& file, std::string_view bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}
// Not the same anywhere, so that a place mistaken for another shows.
inline std::string Noise(size_t bytes, uint32_t seed) {
  std::string text(bytes, '\0');
  for (char& c : text) {
    seed = seed * 1'664'525 + 1'013'904'223;
    c = static_cast<char>(seed >> 24);
  }
  return text;
}

// Every file below a folder, but what a restore says of itself: its path in it, and its bytes.
using Tree = std::map<std::string, std::string>;
inline Tree ReadTree(const fs::path& dir) {
  Tree tree;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file() && entry.path().filename() != kRestoredFile) {
      tree[entry.path().lexically_relative(dir)] = ReadBytes(entry.path());
    }
  }
  return tree;
}

class BackupTest : public ::testing::Test {
 protected:
  BackupTest() {
    std::string pattern = fs::temp_directory_path() / "weir-backup-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    fs::create_directory(image());
    fs::create_directory(sets());
    bool made = false;
    key_ = std::make_unique<Key>(Key::LoadOrMake(dir_ / "key", made).value());
  }
  ~BackupTest() override { fs::remove_all(dir_); }

  fs::path image() const { return dir_ / "image"; }
  fs::path sets() const { return dir_ / "sets"; }
  void Put(const std::string& path, std::string_view bytes) const {
    WriteBytes(image() / path, bytes);
  }

  base::Result<BackupOutcome> TryMake(base::WallTime now, bool full = false,
                                      const OnProgress& progress = GoOn) const {
    return MakeBackup({sets(), *key_, "gate-1", "0.1", full}, image(), now, progress);
  }
  BackupOutcome Make(base::WallTime now, bool full = false) const {
    const auto outcome = TryMake(now, full);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    return outcome.ok() ? *outcome : BackupOutcome{};
  }
  FoundBackup Find(const std::string& set = "", const std::string& name = "") const {
    const auto found = FindBackup(sets(), set, name);
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? *found : FoundBackup{};
  }
  // The files that come back; with an error, it is told and nothing is.
  Tree RestoreTree(const FoundBackup& backup) const {
    const fs::path into = dir_ / "restored";
    fs::remove_all(into);
    const auto outcome = Restore(*key_, backup, into, GoOn);
    EXPECT_TRUE(outcome.ok()) << outcome.error().message;
    return outcome.ok() ? ReadTree(into) : Tree{};
  }

  fs::path dir_;
  std::unique_ptr<Key> key_;
};

}  // namespace weir::control::backup

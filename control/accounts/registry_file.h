// The registry's file on disk: read at the start, again whenever it changes, and written by an
// import. A file that is not good never takes the place of one that was.
//
// Any thread; one at a time does something. The directory outlives this.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "control/accounts/directory.h"
#include "control/accounts/registry_past.h"
#include "dataplane/base/file_stamp.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

// How many addresses an import has changed.
struct ImportCounts {
  size_t rows = 0;
  size_t added = 0;    // are somebody's now
  size_t removed = 0;  // are nobody's any more
  size_t changed = 0;  // are somebody else's
};

class RegistryFile {
 public:
  using Log = std::function<void(std::string_view)>;
  // Of a registry that came into use, or was refused, without anybody having asked.
  using Record = std::function<void(std::string_view outcome)>;

  RegistryFile(std::filesystem::path path, Directory& directory, Log log);

  // Each registry that comes into use is kept there. Once, before Load(); outlives this.
  void Use(RegistryPast& past) { past_ = &past; }
  // Once, before Load().
  void RecordTo(Record record) { record_ = std::move(record); }

  // At the start: fails as Directory::LoadRegistry().
  base::Status Load();

  // Reads the file again when it is another than the one read last and looks as it did at the
  // previous look, so that nobody reads what is still being written. Cheap: to be called some times
  // a second. Sees to the past as well: what could not be kept is tried again, and what is too old
  // goes.
  void Look();

  // Checks the text, puts it in the file's place in one step, and in force. Fails as
  // Directory::LoadRegistry(), or when it cannot be written; then nothing has changed.
  base::Result<ImportCounts> Import(std::string_view text, std::string_view actor = {});

  struct Status {
    base::WallTime loaded;
    std::string error;         // why the file as it is now is not in use; empty: it is
    std::string past_error;    // why the registry in use is not in the past yet; empty: it is
    uint64_t past_unkept = 0;  // registries that never came into it, as the next one came before
  };
  Status status() const;
  const std::filesystem::path& path() const { return path_; }

 private:
  void Take(const std::optional<base::FileStamp>& stamp, const base::Status& outcome);
  base::Status Read(bool at_start);
  RegistryPast::Kept Install(Registry registry, RegistryOrigin origin);
  void KeepAgain(base::MonoTime now);
  void PruneNowAndThen(base::MonoTime now);

  const std::filesystem::path path_;
  Directory& directory_;
  const Log log_;
  Record record_;
  RegistryPast* past_ = nullptr;

  mutable std::mutex mutex_;  // guards all below
  std::optional<base::FileStamp> read_;
  std::optional<base::FileStamp> seen_;
  Status status_;
  std::optional<RegistryOrigin> unkept_;  // of the registry in use
  base::MonoTime tried_;
  base::MonoTime pruned_;
};

}  // namespace weir::control::accounts

// The lists of a policy, from disk: the last good copy that weir-control keeps of each, else the
// file that the rules name.
//
// A list is read again only when its file has changed. Any thread; one loads at a time.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "dataplane/base/file_stamp.h"
#include "rules/lists/list_catalog.h"
#include "rules/lists/read_list.h"

namespace weir::rules {

// Whether the list is fetched by HTTP(S).
bool IsListUrl(const std::string& source);

// Where a list comes from: its URL, or the path of its file as seen from where the rules file is.
std::string ListSource(const ListDefinition& list, const std::string& rules_file);

// Lists of one name from another source, or read as another format, have another copy: rules that
// are not in force yet must not change what those in force are compiled from.
std::filesystem::path ListCopyPath(const std::filesystem::path& copies, const std::string& name,
                                   const std::string& source, const std::string& format);

class ListFiles : public ListCatalog {
 public:
  struct Options {
    std::filesystem::path copies;  // the folder of the copies; empty: there are none
    // A URL that was not fetched yet: an empty list with a warning, or refused.
    bool wait_for_copies = false;
    // Once read a list stays as it was, whatever becomes of its file.
    bool read_once = false;
    // When entries that end at a time of their own are judged; nullopt: as they are read.
    std::optional<base::WallTime> now = std::nullopt;
    size_t bytes_max = kListBytesMax;
  };
  explicit ListFiles(Options options) : options_(std::move(options)) {}

  base::Result<LoadedList> Load(const ListDefinition& list,
                                const std::string& rules_file) const override;

  // Lets go of what was not loaded since the last call: after each policy.
  void ForgetUnused() const;

  // Of the lists that are kept to be compiled again.
  size_t memory_bytes() const;

 private:
  struct Kept {
    std::optional<base::FileStamp> stamp;
    std::string format;  // as asked for
    LoadedList list;
    bool used = true;
  };

  base::Result<LoadedList> Read(const std::string& path, const ListDefinition& list) const;

  const Options options_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Kept> kept_;  // by path
};

}  // namespace weir::rules

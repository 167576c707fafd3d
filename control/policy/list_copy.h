// The last good copy of a list on disk, with what its server said of it. One thread at a time a
// copy.
#pragma once

#include <filesystem>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::policy {

// Where a list comes from. All three together tell one from others.
struct ListSpec {
  std::string name;
  std::string source;  // a URL, or the path of a file
  std::string format;  // as the rules have it; empty: found out
  bool operator==(const ListSpec&) const = default;
};

class ListCopy {
 public:
  struct Note {
    std::string etag;
    std::string last_modified;
    std::string digest;    // SHA-256 of the bytes, in hex
    base::WallTime taken;  // when these bytes took the place of others
  };

  ListCopy(const std::filesystem::path& folder, const ListSpec& spec);

  const std::filesystem::path& path() const { return path_; }
  bool exists() const;
  Note ReadNote() const;  // empty where none can be read: the list is then fetched as if new

  // The bytes before are kept until Settle() or TakeBack().
  base::Status Replace(const std::string& bytes, const Note& note) const;
  void Settle() const;
  base::Status TakeBack() const;

  // Removes the copies in `folder` that nobody has used for as long as undo may want them.
  static void RemoveOld(const std::filesystem::path& folder, base::WallTime now);
  // It is used still.
  void Touch() const;

 private:
  std::filesystem::path With(const char* ending) const { return path_.string() + ending; }

  std::filesystem::path path_;
};

}  // namespace weir::control::policy

#include "control/policy/list_copy.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "control/policy/blocks_file.h"
#include "control/policy/json_fields.h"
#include "rules/lists/list_files.h"

namespace weir::control::policy {
namespace {

namespace fs = std::filesystem;

constexpr char kNoteEnding[] = ".json";
constexpr char kBeforeEnding[] = ".before";
constexpr int64_t kUnusedDaysMax = 30;

base::Status Renamed(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed) return base::Error{from.string() + ": " + failed.message()};
  return {};
}

void Remove(const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

ListCopy::ListCopy(const fs::path& folder, const ListSpec& spec)
    : path_(rules::ListCopyPath(folder, spec.name, spec.source, spec.format)) {}

bool ListCopy::exists() const {
  std::error_code failed;
  return fs::exists(path_, failed);
}

ListCopy::Note ListCopy::ReadNote() const {
  std::ifstream file(With(kNoteEnding));
  const auto json = nlohmann::json::parse(file, nullptr, false);
  Note note;
  if (!json.is_object()) return note;
  note.etag = JsonText(json, "etag");
  note.last_modified = JsonText(json, "last_modified");
  note.digest = JsonText(json, "digest");
  if (const auto taken = base::ParseRfc3339(JsonText(json, "taken"))) note.taken = *taken;
  return note;
}

base::Status ListCopy::Replace(const std::string& bytes, const Note& note) const {
  std::error_code failed;
  fs::create_directories(path_.parent_path(), failed);
  // Without the old note a crash between the two leaves no copy that is taken for another.
  Remove(With(kNoteEnding));
  if (exists()) {
    Remove(With(kBeforeEnding));
    fs::create_hard_link(path_, With(kBeforeEnding), failed);
    if (failed) return base::Error{With(kBeforeEnding).string() + ": " + failed.message()};
  }
  if (auto written = WriteFileAtomically(path_, bytes); !written) return written;
  const nlohmann::json json{{"etag", note.etag},
                            {"last_modified", note.last_modified},
                            {"digest", note.digest},
                            {"taken", base::FormatRfc3339(note.taken)}};
  return WriteFileAtomically(With(kNoteEnding), JsonDump(json) + "\n");
}

void ListCopy::Settle() const { Remove(With(kBeforeEnding)); }

base::Status ListCopy::TakeBack() const {
  Remove(With(kNoteEnding));
  std::error_code failed;
  if (fs::exists(With(kBeforeEnding), failed)) return Renamed(With(kBeforeEnding), path_);
  Remove(path_);
  return {};
}

// The time of its last change stays: by that the data plane sees that it is the same.
void ListCopy::Touch() const {
  const timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  ::utimensat(AT_FDCWD, path_.c_str(), times, 0);
}

void ListCopy::RemoveOld(const fs::path& folder, base::WallTime now) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    struct stat info {};
    if (entry.path().extension() != ".list" || ::stat(entry.path().c_str(), &info) != 0) continue;
    const int64_t days = (now.ns / base::kNsPerSecond - info.st_atim.tv_sec) / 86'400;
    if (days <= kUnusedDaysMax) continue;
    for (const char* ending : {"", kNoteEnding, kBeforeEnding}) {
      Remove(entry.path().string() + ending);
    }
  }
}

}  // namespace weir::control::policy

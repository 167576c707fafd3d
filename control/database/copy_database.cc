#include "control/database/copy_database.h"

#include <sqlite3.h>

#include <memory>
#include <string>

namespace weir::control::database {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)>;

Handle Open(const std::filesystem::path& path, int flags) {
  sqlite3* handle = nullptr;
  if (sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr) == SQLITE_OK) {
    sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  } else {
    sqlite3_close_v2(handle);
    handle = nullptr;
  }
  return {handle, sqlite3_close_v2};
}

}  // namespace

base::Status CopyDatabase(const std::filesystem::path& from, const std::filesystem::path& to) {
  const auto failed = [&from](const char* why) {
    return base::Error{from.string() + ": cannot be copied: " + why};
  };
  const Handle source = Open(from, SQLITE_OPEN_READWRITE);
  if (!source) return failed("it cannot be opened");
  const Handle target = Open(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!target) return failed(("cannot make " + to.string()).c_str());
  sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
  if (backup == nullptr) return failed(sqlite3_errmsg(target.get()));
  // All pages in one step are of one moment: the source is read under one lock of WAL.
  const int stepped = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE) return failed(sqlite3_errstr(stepped));
  if (finished != SQLITE_OK) return failed(sqlite3_errstr(finished));
  return {};
}

}  // namespace weir::control::database

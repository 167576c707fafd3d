// Legal holds: stretches of time whose records stay, however old they are, until the hold is
// released. Kept in SQLite; a released one stays in the list.
//
// Any thread; one at a time does something.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/session_store.h"
#include "control/database/database.h"
#include "dataplane/base/result.h"

namespace weir::control::sealing {

struct LegalHold {
  int64_t id = 0;
  audit::TimeSpan span;
  std::string reason;
  std::string request;  // the authority's number; may be empty
  std::string actor;
  base::WallTime made;
  std::optional<base::WallTime> released;
  std::string released_by;
};

class LegalHolds {
 public:
  static base::Result<std::unique_ptr<LegalHolds>> Open(const std::filesystem::path& file);

  // The id. Fails when the span is empty.
  base::Result<int64_t> Add(const LegalHold& hold);
  // Fails when there is no such hold, or it has been released.
  base::Status Release(int64_t id, const std::string& actor, base::WallTime now);
  base::Result<std::vector<LegalHold>> List();  // newest first
  base::Result<std::vector<audit::TimeSpan>> Active();

 private:
  explicit LegalHolds(std::unique_ptr<database::Database> database)
      : database_(std::move(database)) {}

  std::mutex mutex_;
  std::unique_ptr<database::Database> database_;  // guarded by mutex_
};

}  // namespace weir::control::sealing

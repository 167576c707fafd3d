// The operations log: every action of a person or a token, and every look-up of sessions with its
// reason. Append-only, save that the oldest entries may be dropped when their time is over;
// triggers in the table refuse anything else, and each entry carries the SHA-256 of itself and of
// the one before, so that a change made behind their back shows.
//
// Any thread: every call takes the log's lock. Lives as long as weir-control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/database/database.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::operations {

struct Operation {
  int64_t number = 0;  // given by the log: 1, 2, 3 …
  base::WallTime time;
  std::string actor;
  std::string via;     // "socket", "tcp", or "itself": nobody asked
  std::string action;  // "sessions", "block", "incident ack" …
  std::string target;  // what was asked for or acted on
  std::string reason;
  std::string outcome;  // "begun", "done" or "refused: …"
  int64_t rows = 0;     // handed out, of a look-up
};

// One JSON object without line feed, its keys in order: what is chained, sealed and handed out.
// Bytes that are not UTF-8 become U+FFFD.
std::string OperationToJson(const Operation& operation);

class OperationsLog {
 public:
  // What CheckChain() found.
  struct Check {
    uint64_t entries = 0;
    int64_t last_number = 0;          // 0: there is none
    std::string last_chain;           // hex; of the last entry
    std::vector<std::string> faults;  // a sentence each, at most kFaultsMax
  };
  static constexpr size_t kFaultsMax = 20;

  // An entry, and the chain up to it: hex. {0, ""} is where every log begins.
  struct Point {
    int64_t number = 0;
    std::string chain;

    bool operator==(const Point&) const = default;
  };

  static base::Result<std::unique_ptr<OperationsLog>> Open(const std::filesystem::path& path);

  base::Status Append(const Operation& operation);
  // Newest first.
  base::Result<std::vector<Operation>> List(size_t limit);

  // 0: there is none.
  base::Result<int64_t> LastNumber();
  // Those numbered `first` to `last`, in order; return false to stop. The visitor must not call the
  // log.
  base::Status Read(int64_t first, int64_t last,
                    const std::function<bool(const Operation&)>& visit);
  // The last entry that was dropped; what is there begins behind it.
  base::Result<Point> Start();
  base::Result<Point> PointAt(int64_t number);
  // Drops what is up to there, its time being over, and begins behind it from now on. Fails, and
  // drops nothing, unless the chain there is `point`'s. How many were dropped.
  base::Result<uint64_t> DropUpto(const Point& point);
  struct Extent {
    uint64_t entries = 0;
    std::optional<base::WallTime> oldest;
  };
  base::Result<Extent> Describe();
  // Reads the whole log and looks for entries that were changed, taken out, put in or moved.
  base::Result<Check> CheckChain();

 private:
  explicit OperationsLog(std::unique_ptr<database::Database> database);

  std::mutex mutex_;
  std::unique_ptr<database::Database> database_;  // guarded by mutex_
};

}  // namespace weir::control::operations

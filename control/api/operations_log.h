// The operations log: every action of a person or a token, and every look-up of sessions with its
// reason. Append-only; triggers in the table refuse anything else.
//
// Any thread: every call takes the log's lock. Lives as long as weir-control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/database/database.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::api {

struct Operation {
  int64_t number = 0;  // given by the log
  base::WallTime time;
  std::string actor;
  std::string via;     // "socket", "tcp", or "itself": nobody asked
  std::string action;  // "sessions", "block", "incident ack" …
  std::string target;  // what was asked for or acted on
  std::string reason;
  std::string outcome;  // "begun", "done" or "refused: …"
  int64_t rows = 0;     // handed out, of a look-up
};

class OperationsLog {
 public:
  static base::Result<std::unique_ptr<OperationsLog>> Open(const std::filesystem::path& path);

  base::Status Append(const Operation& operation);
  // Newest first.
  base::Result<std::vector<Operation>> List(size_t limit);

 private:
  explicit OperationsLog(std::unique_ptr<database::Database> database);

  std::mutex mutex_;
  std::unique_ptr<database::Database> database_;  // guarded by mutex_
};

}  // namespace weir::control::api

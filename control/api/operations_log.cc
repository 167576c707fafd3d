#include "control/api/operations_log.h"

#include <array>
#include <utility>

namespace weir::control::api {
namespace {

using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE operation_log(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  time_us INTEGER NOT NULL,
  actor TEXT NOT NULL,
  via TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  reason TEXT NOT NULL,
  outcome TEXT NOT NULL,
  rows INTEGER NOT NULL) STRICT;
CREATE TRIGGER operation_log_keeps BEFORE UPDATE ON operation_log
  BEGIN SELECT RAISE(ABORT, 'the operations log is append-only'); END;
CREATE TRIGGER operation_log_stays BEFORE DELETE ON operation_log
  BEGIN SELECT RAISE(ABORT, 'the operations log is append-only'); END;
)sql"};

}  // namespace

OperationsLog::OperationsLog(std::unique_ptr<database::Database> database)
    : database_(std::move(database)) {}

base::Result<std::unique_ptr<OperationsLog>> OperationsLog::Open(
    const std::filesystem::path& path) {
  auto opened = database::Database::Open(path);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("operations", kSchema); !migrated) return migrated.error();
  return std::unique_ptr<OperationsLog>(new OperationsLog(std::move(*opened)));
}

base::Status OperationsLog::Append(const Operation& operation) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  database_->Exec(
      "INSERT INTO operation_log(time_us, actor, via, action, target, reason, outcome, rows) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
      operation.time, operation.actor, operation.via, operation.action, operation.target,
      operation.reason, operation.outcome, operation.rows);
  return transaction.Commit();
}

base::Result<std::vector<Operation>> OperationsLog::List(size_t limit) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<Operation> operations;
  {
    database::Rows rows = database_->Query(
        "SELECT number, time_us, actor, via, action, target, reason, outcome, rows "
        "FROM operation_log ORDER BY number DESC LIMIT ?",
        limit);
    while (rows.Next()) {
      operations.push_back({rows.Int(0), rows.Time(1), rows.Text(2), rows.Text(3), rows.Text(4),
                            rows.Text(5), rows.Text(6), rows.Text(7), rows.Int(8)});
    }
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return operations;
}

}  // namespace weir::control::api

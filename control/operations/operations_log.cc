#include "control/operations/operations_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "dataplane/base/sha256.h"

namespace weir::control::operations {
namespace {

using database::Database;
using database::Rows;
using database::Transaction;

// An entry from before the second step has no chain of its own: the first one that has vouches for
// all of them.
constexpr std::array<const char*, 3> kSchema{
    R"sql(
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
)sql",
    R"sql(
ALTER TABLE operation_log ADD COLUMN chain TEXT NOT NULL DEFAULT '';
)sql",
    // The last entry that was dropped, its time being over.
    R"sql(
CREATE TABLE operation_start(
  one INTEGER PRIMARY KEY CHECK(one = 1),
  number INTEGER NOT NULL,
  chain TEXT NOT NULL) STRICT;
INSERT INTO operation_start VALUES(1, 0, '');
DROP TRIGGER operation_log_stays;
CREATE TRIGGER operation_log_stays BEFORE DELETE ON operation_log
  WHEN OLD.number > (SELECT number FROM operation_start)
  BEGIN SELECT RAISE(ABORT, 'the operations log is append-only'); END;
)sql"};

constexpr std::string_view kColumns =
    "SELECT number, time_us, actor, via, action, target, reason, outcome, rows, chain "
    "FROM operation_log ";
constexpr int kChainColumn = 9;

Operation OperationOf(const Rows& rows) {
  return {rows.Int(0),  rows.Time(1), rows.Text(2), rows.Text(3), rows.Text(4),
          rows.Text(5), rows.Text(6), rows.Text(7), rows.Int(8)};
}

std::string Chain(const std::string& previous, const Operation& operation) {
  return base::Sha256Hex(previous + "\n" + OperationToJson(operation) + "\n");
}

using Point = OperationsLog::Point;

Point StartOf(Database& database) {
  Rows rows = database.Query("SELECT number, chain FROM operation_start");
  return rows.Next() ? Point{rows.Int(0), rows.Text(1)} : Point{};
}

// The chain up to the entry numbered `last`, which has none of its own.
std::string ChainOfUnchained(Database& database, int64_t last) {
  std::string chain = StartOf(database).chain;
  Rows rows = database.Query(std::string(kColumns) + "WHERE number <= ? ORDER BY number", last);
  while (rows.Next()) chain = Chain(chain, OperationOf(rows));
  return chain;
}

// The newest entry not above `last`.
Point PointUpto(Database& database, int64_t last) {
  Point point = StartOf(database);
  {
    Rows rows = database.Query(
        "SELECT number, chain FROM operation_log WHERE number <= ? ORDER BY number DESC LIMIT 1",
        last);
    if (!rows.Next()) return point;
    point = {rows.Int(0), rows.Text(1)};
  }
  if (point.chain.empty()) point.chain = ChainOfUnchained(database, point.number);
  return point;
}

}  // namespace

std::string OperationToJson(const Operation& operation) {
  const nlohmann::json json{
      {"number", operation.number}, {"time", base::FormatRfc3339(operation.time)},
      {"actor", operation.actor},   {"via", operation.via},
      {"action", operation.action}, {"target", operation.target},
      {"reason", operation.reason}, {"outcome", operation.outcome},
      {"rows", operation.rows}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

OperationsLog::OperationsLog(std::unique_ptr<Database> database) : database_(std::move(database)) {}

base::Result<std::unique_ptr<OperationsLog>> OperationsLog::Open(
    const std::filesystem::path& path) {
  auto opened = Database::Open(path);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("operations", kSchema); !migrated) return migrated.error();
  return std::unique_ptr<OperationsLog>(new OperationsLog(std::move(*opened)));
}

base::Status OperationsLog::Append(const Operation& operation) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const Point tail = PointUpto(*database_, std::numeric_limits<int64_t>::max());
  Operation entry = operation;
  entry.number = tail.number + 1;
  entry.time = database::FromUs(database::ToUs(operation.time));
  database_->Exec(
      "INSERT INTO operation_log(number, time_us, actor, via, action, target, reason, outcome, "
      "rows, chain) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      entry.number, entry.time, entry.actor, entry.via, entry.action, entry.target, entry.reason,
      entry.outcome, entry.rows, Chain(tail.chain, entry));
  return transaction.Commit();
}

base::Result<std::vector<Operation>> OperationsLog::List(size_t limit) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<Operation> operations;
  {
    Rows rows = database_->Query(std::string(kColumns) + "ORDER BY number DESC LIMIT ?", limit);
    while (rows.Next()) operations.push_back(OperationOf(rows));
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return operations;
}

base::Result<int64_t> OperationsLog::LastNumber() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  int64_t number = 0;
  {
    Rows rows = database_->Query("SELECT MAX(number) FROM operation_log");
    if (rows.Next()) number = rows.Int(0);
  }
  number = std::max(number, StartOf(*database_).number);
  if (auto done = transaction.Commit(); !done) return done.error();
  return number;
}

base::Result<Point> OperationsLog::Start() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  Point start = StartOf(*database_);
  if (auto done = transaction.Commit(); !done) return done.error();
  return start;
}

base::Result<Point> OperationsLog::PointAt(int64_t number) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  Point point = PointUpto(*database_, number);
  if (auto done = transaction.Commit(); !done) return done.error();
  if (point.number != number) return base::Error{fmt::format("there is no operation {}", number)};
  return point;
}

base::Result<uint64_t> OperationsLog::DropUpto(const Point& point) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const Point start = StartOf(*database_);
  if (point.number <= start.number) return uint64_t{0};
  const Point there = PointUpto(*database_, point.number);
  if (there != point) {
    return base::Error{
        fmt::format("operations are not dropped: the chain at {} is not the one that was sealed",
                    point.number)};
  }
  database_->Exec("UPDATE operation_start SET number = ?, chain = ?", point.number, point.chain);
  database_->Exec("DELETE FROM operation_log WHERE number <= ?", point.number);
  if (auto done = transaction.Commit(); !done) return done.error();
  return static_cast<uint64_t>(point.number - start.number);
}

base::Result<OperationsLog::Extent> OperationsLog::Describe() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  Extent extent;
  {
    Rows rows =
        database_->Query("SELECT number, time_us FROM operation_log ORDER BY number LIMIT 1");
    if (rows.Next()) {
      const int64_t last = PointUpto(*database_, std::numeric_limits<int64_t>::max()).number;
      extent.entries = static_cast<uint64_t>(last - rows.Int(0) + 1);
      extent.oldest = rows.Time(1);
    }
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return extent;
}

base::Status OperationsLog::Read(int64_t first, int64_t last,
                                 const std::function<bool(const Operation&)>& visit) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(
        std::string(kColumns) + "WHERE number BETWEEN ? AND ? ORDER BY number", first, last);
    while (rows.Next()) {
      if (!visit(OperationOf(rows))) break;
    }
  }
  return transaction.Commit();
}

base::Result<OperationsLog::Check> OperationsLog::CheckChain() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  Check check;
  const Point start = StartOf(*database_);
  check.last_number = start.number;
  check.last_chain = start.chain;
  const auto fault = [&check](std::string text) {
    if (check.faults.size() < kFaultsMax) check.faults.push_back(std::move(text));
  };
  bool chained = false;
  {
    Rows rows = database_->Query(std::string(kColumns) + "ORDER BY number");
    while (rows.Next()) {
      const Operation entry = OperationOf(rows);
      const std::string stored = rows.Text(kChainColumn);
      if (entry.number != check.last_number + 1) {
        fault(fmt::format("operations {} to {} are missing", check.last_number + 1,
                          entry.number - 1));
      }
      const std::string chain = Chain(check.last_chain, entry);
      if (stored.empty() && chained) {
        fault(fmt::format("operation {} was put in behind the log's back", entry.number));
      } else if (!stored.empty() && stored != chain) {
        fault(fmt::format("operation {} is not what was written, or one before it is not",
                          entry.number));
      }
      chained = chained || !stored.empty();
      // From here on as it was written, so that one change is one fault.
      check.last_chain = stored.empty() ? chain : stored;
      check.last_number = entry.number;
      check.entries++;
    }
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return check;
}

}  // namespace weir::control::operations

// SQLite for what is small and relational: incidents, blocks, the operations log.
//
// WAL, synchronous=FULL, foreign keys on: what Commit() said is there after a power cut.
// Errors are sticky, as a Cursor's are: a statement that fails ends like one without rows, the
// Database keeps the first message, and the Transaction's Commit() rolls back and returns it. So
// every statement runs inside a Transaction and nobody looks at the result of each.
//
// One thread at a time: whoever owns a Database guards it. Several Databases may be open on one
// file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace weir::control::database {

// Times are kept as microseconds since 1970, UTC.
int64_t ToUs(base::WallTime time);
base::WallTime FromUs(int64_t us);

class Database;

// The rows of one statement, read in order. Gives the statement back when it goes.
class Rows {
 public:
  Rows(Rows&& other) noexcept;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  // Moves to the next row; false at the end and on an error, which Commit() then returns.
  bool Next();

  // Column `index` of the row, from 0. NULL reads as 0 and "".
  int64_t Int(int index) const;
  std::string Text(int index) const;
  bool IsNull(int index) const;
  std::optional<int64_t> OptionalInt(int index) const;
  base::WallTime Time(int index) const { return FromUs(Int(index)); }

 private:
  friend class Database;
  Rows(Database& database, sqlite3_stmt* statement);

  Database& database_;
  sqlite3_stmt* statement_;  // nullptr: could not be prepared
};

class Database {
 public:
  // Makes the file when it is not there. `path` names a file in a directory that exists.
  static base::Result<std::unique_ptr<Database>> Open(const std::filesystem::path& path);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Brings the tables of `component` up to date: runs the steps after the version recorded for it,
  // all or none. Refuses a file written by a newer Weir.
  base::Status Migrate(std::string_view component, std::span<const char* const> steps);

  // A statement with its `?` filled in order, or `?1` and so on by number, by integers, text,
  // optionals of them and WallTimes.
  template <typename... Args>
  Rows Query(std::string_view sql, const Args&... args) {
    Rows rows(*this, Prepare(sql));
    int index = 0;
    (Bind(rows.statement_, ++index, args), ...);
    return rows;
  }

  // Runs a statement to its end; returns the rows it changed.
  template <typename... Args>
  int64_t Exec(std::string_view sql, const Args&... args) {
    Rows rows = Query(sql, args...);
    while (rows.Next()) {
    }
    return Changes();
  }

  int64_t LastInsertId() const;
  bool failed() const { return error_.has_value(); }

 private:
  friend class Rows;
  friend class Transaction;
  explicit Database(sqlite3* handle, std::string name);

  sqlite3_stmt* Prepare(std::string_view sql);
  void Bind(sqlite3_stmt* statement, int index, int64_t value);
  void Bind(sqlite3_stmt* statement, int index, std::string_view value);
  void Bind(sqlite3_stmt* statement, int index, base::WallTime value) {
    Bind(statement, index, ToUs(value));
  }
  void Bind(sqlite3_stmt* statement, int index, const std::string& value) {
    Bind(statement, index, std::string_view(value));
  }
  void Bind(sqlite3_stmt* statement, int index, const char* value) {
    Bind(statement, index, std::string_view(value));
  }
  template <std::integral T>
  requires(!std::same_as<T, int64_t>) void Bind(sqlite3_stmt* statement, int index, T value) {
    Bind(statement, index, static_cast<int64_t>(value));
  }
  template <typename T>
  void Bind(sqlite3_stmt* statement, int index, const std::optional<T>& value) {
    if (value) {
      Bind(statement, index, *value);
    } else {
      BindNull(statement, index);
    }
  }
  void BindNull(sqlite3_stmt* statement, int index);
  int64_t Changes() const;
  void Fail();

  sqlite3* handle_;
  std::string name_;  // of the file, for messages
  std::map<std::string, sqlite3_stmt*, std::less<>> prepared_;
  std::optional<base::Error> error_;  // the first since Begin
};

// Begin in the constructor; what was not committed is rolled back.
class Transaction {
 public:
  enum class Kind { kRead, kWrite };
  Transaction(Database& database, Kind kind);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Fails with the first error of any statement since the beginning; then nothing was changed.
  base::Status Commit();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace weir::control::database

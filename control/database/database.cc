#include "control/database/database.h"

#include <sqlite3.h>

#include <utility>

namespace weir::control::database {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

// What every connection is set to before its first statement.
constexpr const char* kSettings =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=FULL;"
    "PRAGMA foreign_keys=ON;"
    "PRAGMA trusted_schema=OFF;";

}  // namespace

int64_t ToUs(base::WallTime time) { return time.ns / base::kNsPerUs; }
base::WallTime FromUs(int64_t us) { return {us * base::kNsPerUs}; }

Rows::Rows(Database& database, sqlite3_stmt* statement)
    : database_(database), statement_(statement) {}

Rows::Rows(Rows&& other) noexcept
    : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}

Rows::~Rows() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Rows::Next() {
  if (statement_ == nullptr || database_.failed()) return false;
  const int outcome = sqlite3_step(statement_);
  if (outcome == SQLITE_ROW) return true;
  if (outcome != SQLITE_DONE) database_.Fail();
  return false;
}

int64_t Rows::Int(int index) const { return sqlite3_column_int64(statement_, index); }

std::string Rows::Text(int index) const {
  const unsigned char* text = sqlite3_column_text(statement_, index);
  if (text == nullptr) return {};
  const auto bytes = static_cast<size_t>(sqlite3_column_bytes(statement_, index));
  return std::string(text, text + bytes);
}

bool Rows::IsNull(int index) const { return sqlite3_column_type(statement_, index) == SQLITE_NULL; }

std::optional<int64_t> Rows::OptionalInt(int index) const {
  if (IsNull(index)) return std::nullopt;
  return Int(index);
}

Database::Database(sqlite3* handle, std::string name) : handle_(handle), name_(std::move(name)) {}

Database::~Database() {
  for (const auto& [sql, statement] : prepared_) sqlite3_finalize(statement);
  sqlite3_close_v2(handle_);
}

base::Result<std::unique_ptr<Database>> Database::Open(const std::filesystem::path& path) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int opened = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle, path.string()));
  if (opened != SQLITE_OK) {
    return base::Error{path.string() + ": cannot be opened: " + sqlite3_errstr(opened)};
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  if (sqlite3_exec(handle, kSettings, nullptr, nullptr, nullptr) != SQLITE_OK) {
    return base::Error{path.string() + ": cannot be used: " + sqlite3_errmsg(handle)};
  }
  return database;
}

base::Status Database::Migrate(std::string_view component, std::span<const char* const> steps) {
  Transaction transaction(*this, Transaction::Kind::kWrite);
  Exec(
      "CREATE TABLE IF NOT EXISTS schema_version("
      "component TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT");
  size_t version = 0;
  {
    Rows rows = Query("SELECT version FROM schema_version WHERE component=?", component);
    if (rows.Next()) version = static_cast<size_t>(rows.Int(0));
  }
  if (version > steps.size()) {
    return base::Error{name_ + ": the tables of " + std::string(component) + " are version " +
                       std::to_string(version) + ", written by a newer Weir; this one knows " +
                       std::to_string(steps.size())};
  }
  for (size_t step = version; step < steps.size() && !failed(); ++step) {
    if (sqlite3_exec(handle_, steps[step], nullptr, nullptr, nullptr) != SQLITE_OK) Fail();
  }
  Exec(
      "INSERT INTO schema_version(component, version) VALUES(?, ?) "
      "ON CONFLICT(component) DO UPDATE SET version=excluded.version",
      component, steps.size());
  return transaction.Commit();
}

sqlite3_stmt* Database::Prepare(std::string_view sql) {
  if (failed()) return nullptr;
  const auto known = prepared_.find(sql);
  if (known != prepared_.end()) return known->second;
  sqlite3_stmt* statement = nullptr;
  const int prepared = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (prepared != SQLITE_OK) {
    Fail();
    return nullptr;
  }
  prepared_.emplace(sql, statement);
  return statement;
}

void Database::Bind(sqlite3_stmt* statement, int index, int64_t value) {
  if (statement != nullptr && sqlite3_bind_int64(statement, index, value) != SQLITE_OK) Fail();
}

void Database::Bind(sqlite3_stmt* statement, int index, std::string_view value) {
  if (statement == nullptr) return;
  const char* text = value.data() == nullptr ? "" : value.data();  // a null pointer would bind NULL
  if (sqlite3_bind_text64(statement, index, text, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8) !=
      SQLITE_OK) {
    Fail();
  }
}

void Database::BindNull(sqlite3_stmt* statement, int index) {
  if (statement != nullptr && sqlite3_bind_null(statement, index) != SQLITE_OK) Fail();
}

int64_t Database::Changes() const { return sqlite3_changes64(handle_); }
int64_t Database::LastInsertId() const { return sqlite3_last_insert_rowid(handle_); }

void Database::Fail() {
  if (!error_) error_ = base::Error{name_ + ": " + sqlite3_errmsg(handle_)};
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  database_.error_.reset();
  const char* begin = kind == Kind::kWrite ? "BEGIN IMMEDIATE" : "BEGIN";
  if (sqlite3_exec(database_.handle_, begin, nullptr, nullptr, nullptr) != SQLITE_OK) {
    database_.Fail();
    return;
  }
  open_ = true;
}

Transaction::~Transaction() {
  if (open_) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

base::Status Transaction::Commit() {
  if (!database_.failed() && open_ &&
      sqlite3_exec(database_.handle_, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK) {
    open_ = false;
    return {};
  }
  if (!database_.failed()) database_.Fail();
  if (open_) sqlite3_exec(database_.handle_, "ROLLBACK", nullptr, nullptr, nullptr);
  open_ = false;
  return *database_.error_;
}

}  // namespace weir::control::database

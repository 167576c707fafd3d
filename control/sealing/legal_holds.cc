#include "control/sealing/legal_holds.h"

#include <fmt/format.h>

#include <array>

namespace weir::control::sealing {
namespace {

using database::Rows;
using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE legal_hold(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  from_us INTEGER NOT NULL,
  to_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  request TEXT NOT NULL,
  actor TEXT NOT NULL,
  made_us INTEGER NOT NULL,
  released_us INTEGER,
  released_by TEXT NOT NULL DEFAULT '') STRICT;
)sql"};

}  // namespace

base::Result<std::unique_ptr<LegalHolds>> LegalHolds::Open(const std::filesystem::path& file) {
  auto opened = database::Database::Open(file);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("legal_holds", kSchema); !migrated) {
    return migrated.error();
  }
  return std::unique_ptr<LegalHolds>(new LegalHolds(std::move(*opened)));
}

base::Result<int64_t> LegalHolds::Add(const LegalHold& hold) {
  if (hold.span.from >= hold.span.to) return base::Error{"the hold ends before it begins"};
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  database_->Exec(
      "INSERT INTO legal_hold(from_us, to_us, reason, request, actor, made_us) "
      "VALUES(?, ?, ?, ?, ?, ?)",
      hold.span.from, hold.span.to, hold.reason, hold.request, hold.actor, hold.made);
  const int64_t id = database_->LastInsertId();
  if (auto done = transaction.Commit(); !done) return done.error();
  return id;
}

base::Status LegalHolds::Release(int64_t id, const std::string& actor, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const int64_t released = database_->Exec(
      "UPDATE legal_hold SET released_us = ?, released_by = ? WHERE id = ? AND released_us IS NULL",
      now, actor, id);
  if (auto done = transaction.Commit(); !done) return done;
  if (released == 1) return {};
  return base::Error{fmt::format("there is no hold {} that could be released", id)};
}

base::Result<std::vector<LegalHold>> LegalHolds::List() {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<LegalHold> holds;
  {
    Rows rows = database_->Query(
        "SELECT id, from_us, to_us, reason, request, actor, made_us, released_us, released_by "
        "FROM legal_hold ORDER BY id DESC");
    while (rows.Next()) {
      LegalHold& hold = holds.emplace_back();
      hold.id = rows.Int(0);
      hold.span = {rows.Time(1), rows.Time(2)};
      hold.reason = rows.Text(3);
      hold.request = rows.Text(4);
      hold.actor = rows.Text(5);
      hold.made = rows.Time(6);
      if (!rows.IsNull(7)) hold.released = rows.Time(7);
      hold.released_by = rows.Text(8);
    }
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return holds;
}

base::Result<std::vector<audit::TimeSpan>> LegalHolds::Active() {
  const auto holds = List();
  if (!holds.ok()) return holds.error();
  std::vector<audit::TimeSpan> active;
  for (const LegalHold& hold : *holds) {
    if (!hold.released) active.push_back(hold.span);
  }
  return active;
}

}  // namespace weir::control::sealing

#include "control/policy/rules_history.h"

#include <array>
#include <utility>

namespace weir::control::policy {
namespace {

using database::Rows;
using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE rules_set(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  role TEXT NOT NULL CHECK(role IN ('before','held')),
  actor TEXT NOT NULL,
  replaced_us INTEGER NOT NULL,
  bytes INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX rules_set_held ON rules_set(role) WHERE role='held';
CREATE TABLE rules_file(
  set_number INTEGER NOT NULL REFERENCES rules_set(number) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(set_number, position)) STRICT;
CREATE TABLE rules_waiting(
  one INTEGER PRIMARY KEY CHECK(one=1),
  actor TEXT NOT NULL,
  typed_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  seconds INTEGER NOT NULL) STRICT;
)sql"};

}  // namespace

RulesHistory::RulesHistory(std::unique_ptr<database::Database> database)
    : database_(std::move(database)) {}

base::Result<std::unique_ptr<RulesHistory>> RulesHistory::Open(const std::filesystem::path& path) {
  auto opened = database::Database::Open(path);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("rules_history", kSchema); !migrated) {
    return migrated.error();
  }
  return std::unique_ptr<RulesHistory>(new RulesHistory(std::move(*opened)));
}

base::Result<std::optional<RuleSources>> RulesHistory::Held() {
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::optional<int64_t> set;
  {
    Rows rows = database_->Query("SELECT number FROM rules_set WHERE role='held'");
    if (rows.Next()) set = rows.Int(0);
  }
  std::optional<RuleSources> held;
  if (set) held = Read(*set);
  if (auto done = transaction.Commit(); !done) return done.error();
  return held;
}

base::Result<std::optional<Waiting>> RulesHistory::WaitingNow() {
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::optional<Waiting> waiting;
  {
    Rows rows = database_->Query("SELECT actor, typed_us, until_us, seconds FROM rules_waiting");
    if (rows.Next()) waiting = {rows.Text(0), rows.Time(1), rows.Time(2), rows.Int(3)};
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return waiting;
}

base::Result<std::optional<HistoryStep>> RulesHistory::Newest() {
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::optional<HistoryStep> step;
  int64_t set = 0;
  {
    Rows rows = database_->Query(
        "SELECT number, actor, replaced_us FROM rules_set WHERE role='before' "
        "ORDER BY number DESC LIMIT 1");
    if (rows.Next()) {
      set = rows.Int(0);
      step = HistoryStep{{}, rows.Text(1), rows.Time(2)};
    }
  }
  if (step) step->sources = Read(set);
  if (auto done = transaction.Commit(); !done) return done.error();
  return step;
}

base::Result<int64_t> RulesHistory::Steps() {
  Transaction transaction(*database_, Transaction::Kind::kRead);
  int64_t steps = 0;
  {
    Rows rows = database_->Query("SELECT count(*) FROM rules_set WHERE role='before'");
    if (rows.Next()) steps = rows.Int(0);
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return steps;
}

base::Status RulesHistory::Push(const HistoryStep* before, const RuleSources* held,
                                const std::optional<Waiting>& waiting) {
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  if (before != nullptr) Save("before", *before);
  Hold(held);
  Trim();
  database_->Exec("DELETE FROM rules_waiting");
  if (waiting) {
    database_->Exec(
        "INSERT INTO rules_waiting(one, actor, typed_us, until_us, seconds) VALUES(1, ?, ?, ?, ?)",
        waiting->actor, waiting->typed, waiting->until, waiting->seconds);
  }
  return transaction.Commit();
}

base::Status RulesHistory::Pop(const RuleSources* held) {
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  database_->Exec(
      "DELETE FROM rules_set WHERE number=(SELECT max(number) FROM rules_set WHERE role='before')");
  Hold(held);
  database_->Exec("DELETE FROM rules_waiting");
  return transaction.Commit();
}

base::Status RulesHistory::Confirm() {
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  Hold(nullptr);
  database_->Exec("DELETE FROM rules_waiting");
  return transaction.Commit();
}

void RulesHistory::Save(std::string_view role, const HistoryStep& step) {
  size_t bytes = 0;
  for (const rules::PolicySource& source : step.sources) bytes += source.text.size();
  database_->Exec("INSERT INTO rules_set(role, actor, replaced_us, bytes) VALUES(?, ?, ?, ?)", role,
                  step.actor, step.replaced, bytes);
  const int64_t set = database_->LastInsertId();
  size_t position = 0;
  for (const rules::PolicySource& source : step.sources) {
    database_->Exec("INSERT INTO rules_file(set_number, position, name, text) VALUES(?, ?, ?, ?)",
                    set, position++, source.name, source.text);
  }
}

void RulesHistory::Hold(const RuleSources* held) {
  database_->Exec("DELETE FROM rules_set WHERE role='held'");
  if (held != nullptr) Save("held", {*held, "", {}});
}

void RulesHistory::Trim() {
  // Of each step: how many bytes it takes together with all that are newer.
  database_->Exec(
      "DELETE FROM rules_set WHERE number IN ("
      "SELECT number FROM (SELECT number, row_number() OVER newest AS place, "
      "sum(bytes) OVER newest AS bytes_to_here FROM rules_set WHERE role='before' "
      "WINDOW newest AS (ORDER BY number DESC)) "
      "WHERE place > ? OR (place > 1 AND bytes_to_here > ?))",
      kHistoryStepsMax, kHistoryBytesMax);
}

RuleSources RulesHistory::Read(int64_t set) {
  RuleSources sources;
  Rows rows = database_->Query(
      "SELECT name, text FROM rules_file WHERE set_number=? ORDER BY position", set);
  while (rows.Next()) sources.push_back({rows.Text(0), rows.Text(1)});
  return sources;
}

}  // namespace weir::control::policy

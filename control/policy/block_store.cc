#include "control/policy/block_store.h"

#include <array>
#include <charconv>
#include <unordered_set>
#include <utility>

namespace weir::control::policy {
namespace {

using database::Rows;
using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE block(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,
  value TEXT NOT NULL,
  rule TEXT NOT NULL,
  actor TEXT NOT NULL,
  reason TEXT NOT NULL,
  notice TEXT NOT NULL,
  incident TEXT NOT NULL,
  state TEXT NOT NULL CHECK(state IN ('typed','installed','removing','removed')),
  typed_us INTEGER NOT NULL,
  until_us INTEGER,
  installed_us INTEGER,
  removed_us INTEGER,
  removed_by TEXT NOT NULL DEFAULT '',
  policy_version INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE UNIQUE INDEX block_active ON block(kind, value) WHERE state IN ('typed','installed');
CREATE INDEX block_not_removed ON block(state) WHERE state <> 'removed';
)sql"};

constexpr std::string_view kColumns =
    "SELECT number, kind, value, rule, actor, reason, notice, incident, state, typed_us, until_us, "
    "installed_us, removed_us, removed_by, policy_version FROM block ";

BlockState StateOf(const std::string& name) {
  for (const BlockState state :
       {BlockState::kTyped, BlockState::kInstalled, BlockState::kRemoving}) {
    if (BlockStateName(state) == name) return state;
  }
  return BlockState::kRemoved;
}

std::optional<base::WallTime> OptionalTime(const Rows& row, int index) {
  if (row.IsNull(index)) return std::nullopt;
  return row.Time(index);
}

Block FromRow(const Rows& row) {
  Block block;
  block.number = row.Int(0);
  block.kind = row.Text(1);
  block.value = row.Text(2);
  block.rule = row.Text(3);
  block.actor = row.Text(4);
  block.reason = row.Text(5);
  block.notice = row.Text(6);
  block.incident = row.Text(7);
  block.state = StateOf(row.Text(8));
  block.typed = row.Time(9);
  block.until = OptionalTime(row, 10);
  block.installed = OptionalTime(row, 11);
  block.removed = OptionalTime(row, 12);
  block.removed_by = row.Text(13);
  block.policy_version = row.Int(14);
  return block;
}

std::vector<Block> ReadAll(Rows rows) {
  std::vector<Block> blocks;
  while (rows.Next()) blocks.push_back(FromRow(rows));
  return blocks;
}

// "block-12" -> 12.
std::optional<int64_t> NumberOf(std::string_view id) {
  constexpr std::string_view kPrefix = "block-";
  if (!id.starts_with(kPrefix)) return std::nullopt;
  id.remove_prefix(kPrefix.size());
  int64_t number = 0;
  const auto [after, failed] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (failed != std::errc() || after != id.data() + id.size()) return std::nullopt;
  return number;
}

}  // namespace

BlockStore::BlockStore(std::unique_ptr<database::Database> database)
    : database_(std::move(database)) {}

base::Result<std::unique_ptr<BlockStore>> BlockStore::Open(const std::filesystem::path& path) {
  auto opened = database::Database::Open(path);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("blocks", kSchema); !migrated) return migrated.error();
  return std::unique_ptr<BlockStore>(new BlockStore(std::move(*opened)));
}

base::Result<int64_t> BlockStore::NextNumber() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  int64_t last = 0;
  {
    Rows rows = database_->Query("SELECT coalesce(max(number), 0) FROM block");
    if (rows.Next()) last = rows.Int(0);
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return last + 1;
}

base::Status BlockStore::Add(const Block& block) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  {
    Rows same = database_->Query(
        "SELECT number FROM block WHERE kind=? AND value=? AND state IN ('typed','installed')",
        block.kind, block.value);
    if (same.Next()) {
      return base::Error{block.kind + " " + block.value + " is blocked already, by block-" +
                         std::to_string(same.Int(0))};
    }
  }
  {
    Rows count =
        database_->Query("SELECT count(*) FROM block WHERE state IN ('typed','installed')");
    if (count.Next() && count.Int(0) >= static_cast<int64_t>(kActiveBlocksMax)) {
      return base::Error{"there are " + std::to_string(kActiveBlocksMax) +
                         " blocks already, the most there may be: put them into a list"};
    }
  }
  database_->Exec(
      "INSERT INTO block(number, kind, value, rule, actor, reason, notice, incident, state, "
      "typed_us, "
      "until_us) VALUES(?, ?, ?, ?, ?, ?, ?, ?, 'typed', ?, ?)",
      block.number, block.kind, block.value, block.rule, block.actor, block.reason, block.notice,
      block.incident, block.typed, block.until);
  return transaction.Commit();
}

base::Result<std::vector<Block>> BlockStore::Active() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  static const std::string kSql =
      std::string(kColumns) + "WHERE state IN ('typed','installed') ORDER BY number";
  auto blocks = ReadAll(database_->Query(kSql));
  if (auto done = transaction.Commit(); !done) return done.error();
  return blocks;
}

base::Result<std::vector<Block>> BlockStore::List(bool with_removed, size_t limit) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  static const std::string kSql =
      std::string(kColumns) + "WHERE ? OR state<>'removed' ORDER BY number DESC LIMIT ?";
  auto blocks = ReadAll(database_->Query(kSql, with_removed, limit));
  if (auto done = transaction.Commit(); !done) return done.error();
  return blocks;
}

base::Result<std::optional<Block>> BlockStore::Find(std::string_view id) {
  std::optional<Block> block;
  const auto number = NumberOf(id);
  if (!number) return block;
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    static const std::string kSql = std::string(kColumns) + "WHERE number=?";
    Rows rows = database_->Query(kSql, *number);
    if (rows.Next()) block = FromRow(rows);
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return block;
}

base::Status BlockStore::Remove(int64_t number, std::string_view by, base::WallTime when) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const int64_t changed = database_->Exec(
      "UPDATE block SET state='removing', removed_us=?, removed_by=? "
      "WHERE number=? AND state IN ('typed','installed')",
      when, by, number);
  if (!database_->failed() && changed == 0) {
    return base::Error{"block-" + std::to_string(number) + " is not in force"};
  }
  return transaction.Commit();
}

base::Result<int64_t> BlockStore::Expire(base::WallTime now) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const int64_t changed = database_->Exec(
      "UPDATE block SET state='removing', removed_us=until_us, removed_by='expired' "
      "WHERE state IN ('typed','installed') AND until_us<=?",
      now);
  if (auto done = transaction.Commit(); !done) return done.error();
  return changed;
}

base::Status BlockStore::MarkInstalled(const std::vector<int64_t>& in_force, int64_t version,
                                       base::WallTime when) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  for (const int64_t number : in_force) {
    database_->Exec(
        "UPDATE block SET installed_us=coalesce(installed_us, ?), "
        "policy_version=iif(policy_version=0, ?, policy_version), "
        "state=iif(state='typed', 'installed', state) WHERE number=?",
        when, version, number);
  }
  // One that was taken back after the policy was sent is still in force there: it stays removing.
  const std::unordered_set<int64_t> present(in_force.begin(), in_force.end());
  std::vector<int64_t> gone;
  {
    Rows removing = database_->Query("SELECT number FROM block WHERE state='removing'");
    while (removing.Next()) {
      if (!present.contains(removing.Int(0))) gone.push_back(removing.Int(0));
    }
  }
  for (const int64_t number : gone) {
    database_->Exec("UPDATE block SET state='removed' WHERE number=?", number);
  }
  return transaction.Commit();
}

base::Result<int64_t> BlockStore::CountPending() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  int64_t pending = 0;
  {
    Rows rows = database_->Query("SELECT count(*) FROM block WHERE state IN ('typed','removing')");
    if (rows.Next()) pending = rows.Int(0);
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return pending;
}

}  // namespace weir::control::policy

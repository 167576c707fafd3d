#include "control/registry/registry_history.h"

#include <algorithm>
#include <array>

namespace weir::control::registry {
namespace {

using accounts::Binding;
using accounts::BindingSource;
using accounts::Registry;
using accounts::RegistryOrigin;
using accounts::RegistryRow;
using database::Rows;
using database::Transaction;

constexpr int64_t kAlwaysUs = 0;              // of the first registry's rows
constexpr int64_t kPrunedAtOnceMax = 20'000;  // rows; other writers wait for so many
constexpr int64_t kDayUs = int64_t{86'400} * 1'000'000;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE registry_version(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  since_us INTEGER NOT NULL,
  how TEXT NOT NULL,
  actor TEXT NOT NULL) STRICT;
CREATE TABLE registry_row(
  id INTEGER PRIMARY KEY,
  ip TEXT NOT NULL,
  mac TEXT NOT NULL,
  account TEXT NOT NULL,
  team TEXT NOT NULL,
  room TEXT NOT NULL,
  seat TEXT NOT NULL,
  begun INTEGER NOT NULL,
  from_us INTEGER NOT NULL,
  ended INTEGER,
  until_us INTEGER) STRICT;
CREATE INDEX registry_row_ip ON registry_row(ip, from_us) WHERE ip <> '';
CREATE INDEX registry_row_mac ON registry_row(mac, from_us) WHERE mac <> '';
CREATE INDEX registry_row_account ON registry_row(account, from_us);
CREATE INDEX registry_row_until ON registry_row(until_us);
)sql"};

constexpr std::string_view kRowRemoved = "row-removed";
constexpr std::string_view kHeldAt = "from_us <= ? AND (until_us IS NULL OR until_us > ?)";

std::string TextOf(const base::IpAddress& ip) { return ip.is_unspecified() ? "" : ip.ToString(); }
std::string TextOf(const base::MacAddress& mac) { return mac.is_zero() ? "" : mac.ToString(); }

Binding BindingOf(const Rows& rows, int first) {
  Binding binding;
  binding.account = rows.Text(first);
  binding.group = rows.Text(first + 1);
  binding.room = rows.Text(first + 2);
  binding.seat = rows.Text(first + 3);
  binding.source = BindingSource::kRegistry;
  return binding;
}

// ip, mac, account, team, room, seat from column `first` on.
RegistryRow RowOf(const Rows& rows, int first) {
  RegistryRow row;
  if (const auto ip = base::IpAddress::Parse(rows.Text(first))) row.ip = *ip;
  if (const auto mac = base::MacAddress::Parse(rows.Text(first + 1))) row.mac = *mac;
  row.binding = BindingOf(rows, first + 2);
  return row;
}

// Indexes of a registry's rows, in the order of the rows; each row once.
std::vector<uint32_t> SortedOnce(const Registry& registry) {
  std::vector<uint32_t> indexes(registry.rows());
  for (uint32_t i = 0; i < indexes.size(); ++i) indexes[i] = i;
  std::sort(indexes.begin(), indexes.end(),
            [&](uint32_t a, uint32_t b) { return registry.row(a) < registry.row(b); });
  const auto same = [&](uint32_t a, uint32_t b) { return registry.row(a) == registry.row(b); };
  indexes.erase(std::unique(indexes.begin(), indexes.end(), same), indexes.end());
  return indexes;
}

}  // namespace

struct RegistryHistory::Changes {
  std::vector<int64_t> gone;             // rows of the table
  std::vector<uint32_t> come;            // rows of the registry
  std::optional<int64_t> last_since_us;  // not there: it is the first registry
  bool any() const { return !last_since_us || !gone.empty() || !come.empty(); }
};

base::Result<std::unique_ptr<RegistryHistory>> RegistryHistory::Open(
    const std::filesystem::path& file, uint32_t keep_days) {
  auto writer = Database::Open(file);
  if (!writer) return writer.error();
  if (auto made = (*writer)->Migrate("registry", kSchema); !made) return made.error();
  auto reader = Database::Open(file);
  if (!reader) return reader.error();
  return std::unique_ptr<RegistryHistory>(
      new RegistryHistory(std::move(*writer), std::move(*reader), keep_days));
}

RegistryHistory::Changes RegistryHistory::Compare(const Registry& registry) {
  Changes changes;
  {
    Rows last = writer_->Query("SELECT MAX(since_us) FROM registry_version");
    if (last.Next()) changes.last_since_us = last.OptionalInt(0);
  }
  const std::vector<uint32_t> indexes = SortedOnce(registry);
  std::vector<bool> known(indexes.size(), false);
  Rows rows = writer_->Query(
      "SELECT id, ip, mac, account, team, room, seat FROM registry_row WHERE until_us IS NULL");
  while (rows.Next()) {
    const RegistryRow row = RowOf(rows, 1);
    const auto found = std::lower_bound(
        indexes.begin(), indexes.end(), row,
        [&](uint32_t index, const RegistryRow& wanted) { return registry.row(index) < wanted; });
    if (found != indexes.end() && registry.row(*found) == row) {
      known[static_cast<size_t>(found - indexes.begin())] = true;
    } else {
      changes.gone.push_back(rows.Int(0));
    }
  }
  for (size_t i = 0; i < indexes.size(); ++i) {
    if (!known[i]) changes.come.push_back(indexes[i]);
  }
  return changes;
}

base::WallTime RegistryHistory::Write(const Registry& registry, const Changes& changes,
                                      RegistryOrigin origin) {
  // Also where the clock was set back: the newest registry counts for the newest times.
  const int64_t since_us =
      std::max(database::ToUs(origin.time), changes.last_since_us.value_or(-1) + 1);
  writer_->Exec("INSERT INTO registry_version(since_us, how, actor) VALUES(?, ?, ?)", since_us,
                origin.how, origin.actor);
  const int64_t version = writer_->LastInsertId();
  for (const int64_t id : changes.gone) {
    writer_->Exec("UPDATE registry_row SET ended = ?, until_us = ? WHERE id = ?", version, since_us,
                  id);
  }
  const int64_t from_us = changes.last_since_us ? since_us : kAlwaysUs;
  for (const uint32_t index : changes.come) {
    const RegistryRow& row = registry.row(index);
    const Binding& binding = row.binding;
    writer_->Exec(
        "INSERT INTO registry_row(ip, mac, account, team, room, seat, begun, from_us) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        TextOf(row.ip), TextOf(row.mac), binding.account, binding.group, binding.room, binding.seat,
        version, from_us);
  }
  return database::FromUs(since_us);
}

base::Result<accounts::RegistryPast::Kept> RegistryHistory::Keep(const Registry& registry,
                                                                 const RegistryOrigin& origin) {
  const std::scoped_lock lock(write_mutex_);
  Transaction transaction(*writer_, Transaction::Kind::kWrite);
  const Changes changes = Compare(registry);
  Kept kept;
  kept.since =
      changes.any() ? Write(registry, changes, origin) : database::FromUs(*changes.last_since_us);
  kept.rows_added = changes.come.size();
  kept.rows_removed = changes.gone.size();
  if (auto committed = transaction.Commit(); !committed) return committed.error();
  return kept;
}

bool RegistryHistory::Prune(base::WallTime now) {
  const std::scoped_lock lock(write_mutex_);
  const int64_t before_us = database::ToUs(now) - int64_t{keep_days_} * kDayUs;
  Transaction transaction(*writer_, Transaction::Kind::kWrite);
  const int64_t gone = writer_->Exec(
      "DELETE FROM registry_row WHERE id IN (SELECT id FROM registry_row WHERE until_us < ? "
      "LIMIT ?)",
      before_us, kPrunedAtOnceMax);
  const bool more = gone == kPrunedAtOnceMax;
  if (gone > 0 && !more) {
    writer_->Exec(
        "DELETE FROM registry_version WHERE since_us < ? AND id NOT IN (SELECT begun FROM "
        "registry_row UNION SELECT ended FROM registry_row WHERE ended IS NOT NULL UNION SELECT "
        "MAX(id) FROM registry_version)",
        before_us);
  }
  if (transaction.Commit()) return more;
  not_pruned_.Add();
  return false;
}

std::optional<Binding> RegistryHistory::BindingAt(const base::IpAddress& ip,
                                                  const base::MacAddress& mac,
                                                  base::WallTime at) const {
  const std::scoped_lock lock(read_mutex_);
  Transaction transaction(*reader_, Transaction::Kind::kRead);
  std::optional<Binding> found;
  const auto look = [&](std::string_view column, const std::string& address) {
    if (found || address.empty()) return;
    std::string sql = "SELECT account, team, room, seat, until_us FROM registry_row WHERE ";
    sql.append(column).append(" = ? AND ").append(column).append(" <> '' AND ").append(kHeldAt);
    Rows rows = reader_->Query(sql + " ORDER BY from_us DESC, id LIMIT 1", address, at, at);
    if (!rows.Next()) return;
    found = BindingOf(rows, 0);
    if (rows.IsNull(4)) return;
    found->until = rows.Time(4);
    found->cause = kRowRemoved;
  };
  look("ip", TextOf(ip));
  look("mac", TextOf(mac));
  if (transaction.Commit()) return found;
  unreadable_.Add();
  return std::nullopt;
}

std::vector<base::IpAddress> RegistryHistory::AddressesOf(std::string_view account,
                                                          base::WallTime at) const {
  return OfAccount<base::IpAddress>("ip", account, at);
}

std::vector<base::MacAddress> RegistryHistory::MacsOf(std::string_view account,
                                                      base::WallTime at) const {
  return OfAccount<base::MacAddress>("mac", account, at);
}

template <typename Address>
std::vector<Address> RegistryHistory::OfAccount(std::string_view column, std::string_view account,
                                                base::WallTime at) const {
  const std::scoped_lock lock(read_mutex_);
  Transaction transaction(*reader_, Transaction::Kind::kRead);
  std::vector<Address> addresses;
  {
    const std::string name(column);
    std::string sql =
        "SELECT " + name + " FROM registry_row WHERE account = ? AND " + name + " <> '' AND ";
    Rows rows = reader_->Query(sql.append(kHeldAt), account, at, at);
    while (rows.Next()) {
      if (const auto address = Address::Parse(rows.Text(0))) addresses.push_back(*address);
    }
  }
  if (!transaction.Commit()) {
    unreadable_.Add();
    return {};
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

base::Result<std::vector<KeptRow>> RegistryHistory::HistoryOf(std::string_view what, size_t limit,
                                                              const accounts::Period& time) const {
  std::string column = "account";
  std::string wanted(what);
  if (const auto ip = base::IpAddress::Parse(what)) {
    column = "ip <> '' AND ip";
    wanted = ip->ToString();
  } else if (const auto mac = base::MacAddress::Parse(what)) {
    column = "mac <> '' AND mac";
    wanted = mac->ToString();
  }
  const std::scoped_lock lock(read_mutex_);
  Transaction transaction(*reader_, Transaction::Kind::kRead);
  std::vector<KeptRow> history;
  {
    Rows rows = reader_->Query(
        "SELECT ip, mac, account, team, room, seat, from_us, until_us, b.since_us, b.how, b.actor, "
        "e.since_us, e.how, e.actor FROM registry_row AS r LEFT JOIN registry_version AS b ON b.id "
        "= r.begun LEFT JOIN registry_version AS e ON e.id = r.ended WHERE " +
            column +
            " = ? AND from_us < ? AND (until_us IS NULL OR until_us > ?) "
            "ORDER BY from_us DESC, r.id DESC LIMIT ?",
        wanted, time.to, time.from, limit);
    while (rows.Next()) {
      KeptRow& kept = history.emplace_back();
      kept.row = RowOf(rows, 0);
      if (rows.Int(6) != kAlwaysUs) kept.from = rows.Time(6);
      if (!rows.IsNull(7)) kept.until = rows.Time(7);
      kept.begun = {rows.Time(8), rows.Text(9), rows.Text(10)};
      if (kept.until) kept.ended = {rows.Time(11), rows.Text(12), rows.Text(13)};
    }
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return history;
}

}  // namespace weir::control::registry

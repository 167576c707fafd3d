#include "control/dhcp/lease_book.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace weir::control::dhcp {
namespace {

using accounts::Lease;
using database::Database;
using database::Rows;
using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE lease(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  ip TEXT NOT NULL,
  bits INTEGER NOT NULL,
  client TEXT NOT NULL,
  mac TEXT NOT NULL,
  duid TEXT NOT NULL,
  server TEXT NOT NULL,
  relay TEXT NOT NULL,
  vlan INTEGER NOT NULL,
  circuit TEXT NOT NULL,
  remote TEXT NOT NULL,
  since_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  seen_us INTEGER NOT NULL,
  cause TEXT NOT NULL) STRICT;
CREATE INDEX lease_at ON lease(ip, bits, since_us);
CREATE INDEX lease_by ON lease(mac, since_us);
CREATE INDEX lease_ended ON lease(until_us) WHERE cause <> '';
CREATE INDEX lease_running ON lease(id) WHERE cause = '';
CREATE TABLE lease_change(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  lease INTEGER NOT NULL) STRICT;
CREATE TRIGGER lease_begins AFTER INSERT ON lease
  BEGIN INSERT INTO lease_change(lease) VALUES(NEW.id); END;
CREATE TRIGGER lease_changes AFTER UPDATE ON lease
  WHEN OLD.cause IS NOT NEW.cause OR (NEW.cause <> '' AND OLD.until_us IS NOT NEW.until_us)
  BEGIN INSERT INTO lease_change(lease) VALUES(NEW.id); END;
)sql"};

constexpr std::string_view kColumns =
    "id, ip, bits, mac, duid, server, relay, vlan, circuit, remote, since_us, until_us, cause";
constexpr int kColumnCount = 13;

constexpr std::string_view kExpired = "expired";
constexpr std::string_view kReleased = "released";
constexpr std::string_view kSuperseded = "superseded";
constexpr std::string_view kMoved = "moved";
constexpr base::WallTime kNever{int64_t{1} << 62};
constexpr int64_t kEndsKeptNs = 24 * 3600 * base::kNsPerSecond;
constexpr int64_t kForgetEveryNs = 3600 * base::kNsPerSecond;

// The lease of address ?1 and length ?2 that holds the time ?3. A lease ends where the next one of
// its address begins, at the latest: so of all that began by then only the last can hold it, and
// what an address went through before is not read.
constexpr std::string_view kHolds =
    "ip = ?1 AND bits = ?2 AND until_us > ?3 AND since_us = (SELECT MAX(since_us) FROM lease WHERE "
    "ip = ?1 AND bits = ?2 AND since_us <= ?3)";

std::string Select(std::string_view rest) {
  return "SELECT " + std::string(kColumns) + " FROM lease " + std::string(rest);
}

base::IpPrefix PrefixOf(const Rows& rows, int ip_column) {
  return {base::IpAddress::Parse(rows.Text(ip_column)).value(),
          static_cast<unsigned>(rows.Int(ip_column + 1))};
}

Lease LeaseOf(const Rows& rows) {
  Lease lease;
  lease.ip = PrefixOf(rows, 1);
  if (const auto mac = base::MacAddress::Parse(rows.Text(3)); mac.ok()) lease.mac = *mac;
  lease.duid = rows.Text(4);
  lease.server = base::IpAddress::Parse(rows.Text(5)).value();
  lease.relay = base::IpAddress::Parse(rows.Text(6)).value();
  lease.vlan = static_cast<uint16_t>(rows.Int(7));
  lease.circuit = rows.Text(8);
  lease.remote = rows.Text(9);
  lease.since = rows.Time(10);
  lease.until = rows.Time(11);
  lease.cause = rows.Text(12);
  return lease;
}

// To the microsecond, as the file has it.
base::WallTime Cut(base::WallTime time) { return database::FromUs(database::ToUs(time)); }

base::WallTime EndOf(const events::LeaseEvent& event) {
  if (event.lease_s == events::kLeaseForever) return Cut(kNever);
  return Cut({event.time.ns + event.lease_s * base::kNsPerSecond});
}

std::string ClientOf(const Lease& lease) {
  return lease.duid.empty() ? lease.mac.ToString() : lease.duid;
}

std::string MacText(const base::MacAddress& mac) { return mac.is_zero() ? "" : mac.ToString(); }

Lease LeaseOf(const events::LeaseEvent& event) {
  Lease lease;
  lease.ip = base::IpPrefix(event.ip, event.prefix_bits);
  lease.mac = event.mac;
  lease.duid = events::BytesText(event.client_id);
  lease.server = event.server;
  lease.relay = event.relay;
  lease.vlan = event.vlan;
  lease.circuit = events::LeaseText(event.circuit);
  lease.remote = events::LeaseText(event.remote);
  lease.since = Cut(event.time);
  lease.until = EndOf(event);
  return lease;
}

}  // namespace

base::Result<std::unique_ptr<LeaseBook>> LeaseBook::Open(const std::filesystem::path& file,
                                                         size_t running_max) {
  auto database = Database::Open(file);
  if (!database) return database.error();
  if (auto migrated = (*database)->Migrate("leases", kSchema); !migrated) return migrated.error();
  std::unique_ptr<LeaseBook> book(new LeaseBook(std::move(*database), running_max));
  if (auto loaded = book->Reload(); !loaded) return loaded.error();
  return book;
}

// From the file, which knows what was committed. Where it cannot be read, what is in memory stays
// as it is until it can: without it nobody would have an address.
base::Status LeaseBook::Reload() {
  decltype(running_) running;
  decltype(lengths_) lengths;
  decltype(ended_at_) ended_at;
  const base::WallTime ended_since{base::WallNow().ns - kEndsKeptNs};
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(Select("WHERE cause = ''"));
    while (rows.Next()) {
      Lease lease = LeaseOf(rows);
      const base::IpPrefix ip = lease.ip;
      running[ip] = {rows.Int(0), std::move(lease)};
    }
  }
  {
    Rows rows = database_->Query("SELECT DISTINCT bits FROM lease WHERE bits < 128");
    while (rows.Next()) lengths.insert(static_cast<uint8_t>(rows.Int(0)));
  }
  {
    Rows rows = database_->Query(
        "SELECT ip, bits, MAX(until_us) FROM lease WHERE cause <> '' AND until_us >= ? "
        "GROUP BY ip, bits",
        ended_since);
    while (rows.Next()) ended_at[PrefixOf(rows, 0)] = rows.Time(2);
  }
  const auto read = transaction.Commit();
  stale_ = !read.ok();
  if (!stale_) {
    running_ = std::move(running);
    lengths_ = std::move(lengths);
    ended_at_ = std::move(ended_at);
    ended_since_ = ended_since;
  }
  generation_.fetch_add(1, std::memory_order_release);
  return read;
}

base::Status LeaseBook::Consume(std::span<const events::LeaseEvent> leases) {
  const std::lock_guard lock(mutex_);
  if (stale_) {
    if (auto reloaded = Reload(); !reloaded) return reloaded;
  }
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  for (const events::LeaseEvent& event : leases) {
    if (database_->failed()) break;  // then all is undone
    Apply(event);
  }
  const auto committed = transaction.Commit();
  if (committed) return {};
  if (auto reloaded = Reload(); !reloaded) return reloaded;
  return committed;
}

void LeaseBook::Apply(const events::LeaseEvent& event) {
  const std::string client =
      event.client_id.empty() ? event.mac.ToString() : events::BytesText(event.client_id);
  event.state == events::LeaseState::kBound ? Bind(event, client) : Release(event, client);
}

// The client's lease of that address which holds that time.
struct LeaseBook::Known {
  int64_t id = 0;
  base::WallTime seen;
  Lease lease;

  bool is_guessed_over() const { return lease.cause == kExpired; }
};

std::optional<LeaseBook::Known> LeaseBook::Find(const events::LeaseEvent& event,
                                                const std::string& client) {
  const base::WallTime time = Cut(event.time);
  Rows rows =
      database_->Query("SELECT " + std::string(kColumns) +
                           ", seen_us FROM lease WHERE client = ?4 AND " + std::string(kHolds),
                       event.ip.ToString(), int64_t{event.prefix_bits}, time, client);
  if (!rows.Next()) return std::nullopt;
  return Known{rows.Int(0), rows.Time(kColumnCount), LeaseOf(rows)};
}

void LeaseBook::Bind(const events::LeaseEvent& event, const std::string& client) {
  const auto known = Find(event, client);
  if (!known) return Begin(event, kSuperseded);
  const bool runs = known->lease.cause.empty() || known->is_guessed_over();
  if (!runs || known->seen >= Cut(event.time)) return;
  const bool moved =
      !event.circuit.empty() && events::LeaseText(event.circuit) != known->lease.circuit;
  moved ? Begin(event, kMoved) : Renew(event, *known);
}

void LeaseBook::Renew(const events::LeaseEvent& event, const Known& known) {
  Lease lease = known.lease;
  lease.until = EndOf(event);
  lease.cause.clear();
  EndWhereNextBegins(lease);
  database_->Exec("UPDATE lease SET until_us = ?, cause = ?, seen_us = ? WHERE id = ?", lease.until,
                  lease.cause, event.time, known.id);
  if (database_->failed()) return;  // in memory it is as it was, too
  if (known.is_guessed_over()) generation_.fetch_add(1, std::memory_order_release);
  if (!lease.cause.empty()) return NoteEnd(lease.ip, lease.until);
  const base::IpPrefix ip = lease.ip;
  running_[ip] = {known.id, std::move(lease)};
}

void LeaseBook::Begin(const events::LeaseEvent& event, std::string_view why_others_end) {
  Lease lease = LeaseOf(event);
  if (running_.size() >= running_max_ && !running_.contains(lease.ip)) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  EndOthersAt(lease.ip, lease.since, why_others_end);
  EndWhereNextBegins(lease);
  const base::WallTime seen = lease.since;
  Insert(std::move(lease), seen);
}

void LeaseBook::Insert(Lease lease, base::WallTime seen) {
  const auto bits = static_cast<uint8_t>(lease.ip.length_bits());
  database_->Exec(
      "INSERT INTO lease(ip, bits, client, mac, duid, server, relay, vlan, circuit, remote, "
      "since_us, until_us, seen_us, cause) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      lease.ip.address().ToString(), int64_t{bits}, ClientOf(lease), MacText(lease.mac), lease.duid,
      lease.server.ToString(), lease.relay.ToString(), int64_t{lease.vlan}, lease.circuit,
      lease.remote, lease.since, lease.until, seen, lease.cause);
  if (database_->failed()) return;  // it has no number of its own
  if (bits < events::kLeaseBitsMax) lengths_.insert(bits);
  generation_.fetch_add(1, std::memory_order_release);
  if (!lease.cause.empty()) return NoteEnd(lease.ip, lease.until);
  const base::IpPrefix ip = lease.ip;
  running_[ip] = {database_->LastInsertId(), std::move(lease)};
}

// Whoever was there before, up to then. Who has been given the address again since has it again
// from there on.
void LeaseBook::EndOthersAt(const base::IpPrefix& ip, base::WallTime time, std::string_view why) {
  const auto found = running_.find(ip);
  if (found != running_.end() && found->second.lease.since <= time) {
    Lease again = found->second.lease;
    const base::WallTime seen = SeenOf(found->second.id);
    again.until <= time ? End(ip, again.until, kExpired) : End(ip, time, why);
    if (seen > time) {
      again.since = seen;
      Insert(std::move(again), seen);
    }
  }
  database_->Exec("UPDATE lease SET until_us = ?3, cause = ?4 WHERE " + std::string(kHolds),
                  ip.address().ToString(), int64_t{ip.length_bits()}, time, why);
}

base::WallTime LeaseBook::SeenOf(int64_t id) {
  Rows rows = database_->Query("SELECT seen_us FROM lease WHERE id = ?", id);
  return rows.Next() ? rows.Time(0) : base::WallTime{};
}

void LeaseBook::Release(const events::LeaseEvent& event, const std::string& client) {
  const auto known = Find(event, client);
  const base::WallTime time = Cut(event.time);
  if (!known || known->seen > time) return;
  const auto running = running_.find(known->lease.ip);
  if (running != running_.end() && running->second.id == known->id) {
    return End(known->lease.ip, time, kReleased);
  }
  database_->Exec("UPDATE lease SET until_us = ?, cause = ? WHERE id = ?", time, kReleased,
                  known->id);
}

void LeaseBook::End(const base::IpPrefix& ip, base::WallTime time, std::string_view cause) {
  const auto found = running_.find(ip);
  database_->Exec("UPDATE lease SET until_us = ?, cause = ? WHERE id = ?", time, cause,
                  found->second.id);
  if (database_->failed()) return;
  running_.erase(found);
  NoteEnd(ip, time);
  generation_.fetch_add(1, std::memory_order_release);
}

void LeaseBook::NoteEnd(const base::IpPrefix& ip, base::WallTime time) {
  base::WallTime& ended = ended_at_[ip];
  ended = std::max(ended, time);
}

// A lease that another one follows does not run any more, whatever its time.
void LeaseBook::EndWhereNextBegins(Lease& lease) {
  Rows rows =
      database_->Query("SELECT MIN(since_us) FROM lease WHERE ip = ? AND bits = ? AND since_us > ?",
                       lease.ip.address().ToString(), int64_t{lease.ip.length_bits()}, lease.since);
  if (!rows.Next() || rows.IsNull(0)) return;
  lease.cause = lease.until <= rows.Time(0) ? kExpired : kSuperseded;
  lease.until = std::min(lease.until, rows.Time(0));
}

base::Result<size_t> LeaseBook::Expire(base::WallTime now, base::WallTime forget_before) {
  const std::lock_guard lock(mutex_);
  if (stale_) {
    if (auto reloaded = Reload(); !reloaded) return reloaded.error();
  }
  std::vector<base::IpPrefix> over;
  for (const auto& [ip, row] : running_) {
    if (row.lease.until <= now) over.push_back(ip);
  }
  const bool forgets = now.ns - forgot_at_.ns >= kForgetEveryNs;
  if (over.empty() && !forgets) return size_t{0};
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  for (const base::IpPrefix& ip : over) End(ip, running_.at(ip).lease.until, kExpired);
  if (forgets) {
    database_->Exec("DELETE FROM lease WHERE cause <> '' AND until_us < ?", forget_before);
  }
  if (const auto committed = transaction.Commit(); !committed) {
    if (auto reloaded = Reload(); !reloaded) return reloaded.error();
    return committed.error();
  }
  if (!forgets) return over.size();
  forgot_at_ = now;
  ended_since_ = std::max(ended_since_, base::WallTime{now.ns - kEndsKeptNs});
  std::erase_if(ended_at_, [&](const auto& one) { return one.second < ended_since_; });
  return over.size();
}

// With mutex_ held. Fails where the file cannot be read.
base::Result<std::optional<Lease>> LeaseBook::Find(const base::IpPrefix& ip,
                                                   base::WallTime at) const {
  std::optional<Lease> found;
  const auto running = running_.find(ip);
  if (running != running_.end() && running->second.lease.since <= at) {
    if (at < running->second.lease.until) found = running->second.lease;
    return found;
  }
  if (at >= ended_since_) {
    const auto ended = ended_at_.find(ip);
    if (ended == ended_at_.end() || ended->second <= at) return found;
  }
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(Select("WHERE " + std::string(kHolds)), ip.address().ToString(),
                                 int64_t{ip.length_bits()}, at);
    if (rows.Next()) found = LeaseOf(rows);
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return found;
}

std::optional<Lease> LeaseBook::LeaseAt(const base::IpPrefix& ip, base::WallTime at) const {
  const std::lock_guard lock(mutex_);
  auto found = Find(ip, at);
  for (auto bits = lengths_.begin(); found && !*found && bits != lengths_.end(); ++bits) {
    if (*bits < ip.length_bits()) found = Find(base::IpPrefix(ip.address(), *bits), at);
  }
  if (found) return std::move(*found);
  unreadable_.Add();  // not whoever has the prefix around it
  return std::nullopt;
}

std::vector<base::IpPrefix> LeaseBook::AddressesOf(const base::MacAddress& mac,
                                                   base::WallTime at) const {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<base::IpPrefix> addresses;
  {
    Rows rows = database_->Query(Select("WHERE mac = ? AND since_us <= ? AND until_us > ?"),
                                 MacText(mac), at, at);
    while (rows.Next()) addresses.push_back(LeaseOf(rows).ip);
  }
  if (!transaction.Commit()) {
    unreadable_.Add();
    return {};
  }
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

// With mutex_ held.
template <typename... Args>
base::Result<std::vector<Lease>> LeaseBook::Read(std::string_view rest, const Args&... args) const {
  std::vector<Lease> leases;
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(Select(rest), args...);
    while (rows.Next()) leases.push_back(LeaseOf(rows));
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return leases;
}

base::Result<std::vector<Lease>> LeaseBook::HistoryOf(const base::IpPrefix& ip, size_t limit,
                                                      const accounts::Period& time) const {
  const std::lock_guard lock(mutex_);
  std::vector<base::IpPrefix> holders{ip};
  for (const uint8_t bits : lengths_) {
    if (bits < ip.length_bits()) holders.emplace_back(ip.address(), bits);
  }
  std::vector<Lease> all;
  for (const base::IpPrefix& holder : holders) {
    auto of_holder = Read(
        "WHERE ip = ? AND bits = ? AND since_us < ? AND until_us > ? "
        "ORDER BY since_us DESC, id DESC LIMIT ?",
        holder.address().ToString(), int64_t{holder.length_bits()}, time.to, time.from, limit);
    if (!of_holder) return of_holder;
    std::move(of_holder->begin(), of_holder->end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Lease& one, const Lease& other) { return one.since > other.since; });
  if (all.size() > limit) all.resize(limit);
  return all;
}

base::Result<std::vector<Lease>> LeaseBook::HistoryOf(const base::MacAddress& mac, size_t limit,
                                                      const accounts::Period& time) const {
  const std::lock_guard lock(mutex_);
  return Read(
      "WHERE mac = ? AND since_us < ? AND until_us > ? ORDER BY since_us DESC, id DESC LIMIT ?",
      mac.ToString(), time.to, time.from, limit);
}

std::vector<std::pair<base::IpPrefix, base::MacAddress>> LeaseBook::PresentLeases() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<base::IpPrefix, base::MacAddress>> present;
  present.reserve(running_.size());
  for (const auto& [ip, row] : running_) {
    if (!row.lease.mac.is_zero()) present.emplace_back(ip, row.lease.mac);
  }
  return present;
}

base::Result<std::vector<LeaseChange>> LeaseBook::ChangesAfter(int64_t after, size_t limit) const {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<LeaseChange> changes;
  {
    Rows rows = database_->Query(
        "SELECT " + std::string(kColumns) +
            ", last FROM (SELECT lease, MAX(number) AS last FROM (SELECT number, lease FROM "
            "lease_change WHERE number > ? ORDER BY number LIMIT ?) GROUP BY lease) JOIN lease "
            "ON lease.id = lease ORDER BY last",
        after, limit);
    while (rows.Next()) changes.push_back({rows.Int(kColumnCount), rows.Int(0), LeaseOf(rows)});
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return changes;
}

base::Status LeaseBook::ForgetChanges(int64_t number) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  database_->Exec("DELETE FROM lease_change WHERE number <= ?", number);
  return transaction.Commit();
}

size_t LeaseBook::running() const {
  const std::lock_guard lock(mutex_);
  return running_.size();
}

}  // namespace weir::control::dhcp

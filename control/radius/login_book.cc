#include "control/radius/login_book.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "control/radius/login_schema.h"

namespace weir::control::radius {
namespace {

using database::Database;
using database::Rows;
using database::Transaction;

constexpr std::string_view kColumns =
    "id, ip, account, mac, nas, nas_name, session, port, login_us, logout_us, cause, last_seen_us, "
    "interim_s, source, begun_unseen";

constexpr int64_t kWithoutWordS = 86'400;
constexpr int64_t kClocksDifferS = 300;
constexpr int64_t kInterimsMissed = 3;
constexpr int64_t kRetrySlackS = 2;
// So long behind a stop its session's start may be sent again by who does not say when it was.
constexpr int64_t kSentAgainS = 60;
// As long as a clock may be behind.
constexpr int64_t kLateS = 7 * 86'400;
// So many log-ins of an address, the newest, are asked who had it before.
constexpr int64_t kPredecessors = 64;
constexpr int64_t kEndsKeptNs = 24 * 3600 * base::kNsPerSecond;
constexpr int64_t kForgetEveryNs = 3600 * base::kNsPerSecond;
constexpr int64_t kForgottenAtOnce = 10'000;
constexpr std::string_view kSuperseded = "superseded";
constexpr std::string_view kNasRestart = "nas-restart";
constexpr std::string_view kMissedStop = "missed-stop";
constexpr std::string_view kAddressChanged = "address-changed";
constexpr std::string_view kOfMac = "mac = ? AND mac <> ''";  // as the index has it

std::string Select(std::string_view rest) {
  return "SELECT " + std::string(kColumns) + " FROM login " + std::string(rest);
}

Login LoginOf(const Rows& rows) {
  Login login;
  login.ip = base::IpPrefix::Parse(rows.Text(1)).value();
  login.account = rows.Text(2);
  if (const auto mac = base::MacAddress::Parse(rows.Text(3)); mac.ok()) login.mac = *mac;
  login.nas = rows.Text(4);
  login.nas_name = rows.Text(5);
  login.session = rows.Text(6);
  login.port = rows.Text(7);
  login.login_time = rows.Time(8);
  if (!rows.IsNull(9)) login.logout_time = rows.Time(9);
  login.cause = rows.Text(10);
  login.last_seen = rows.Time(11);
  login.interim_s = static_cast<uint32_t>(rows.Int(12));
  login.source = static_cast<accounts::BindingSource>(rows.Int(13));
  login.begun_unseen = rows.Int(14) != 0;
  return login;
}

bool IsOf(const AccountingEvent& event, const Login& login) {
  return event.account.empty() || event.account == login.account;
}

// Whether the session does not name the address any more. A request that names none at all says
// nothing about them.
bool GivesUp(const AccountingEvent& event, const Login& login) {
  const auto& named = event.addresses;
  return !named.empty() && std::find(named.begin(), named.end(), login.ip) == named.end();
}

// To the microsecond, as the file has it.
base::WallTime Cut(base::WallTime time) { return database::FromUs(database::ToUs(time)); }

// Whether the event tells of later than is known already. A start that comes twice does not.
bool IsNews(const AccountingEvent& event, const Login& login) {
  const base::WallTime time = Cut(event.time);
  return event.status == AccountingStatus::kStart ? time > login.last_seen
                                                  : time >= login.last_seen;
}

}  // namespace

accounts::Confidence ConfidenceOf(const Login& login) {
  const std::string_view cause = login.cause;
  const bool is_guessed_over = cause == kSuperseded || cause == kMissedStop ||
                               cause == kAddressChanged || cause == kNasRestart;
  return login.begun_unseen || is_guessed_over ? accounts::Confidence::kDerived
                                               : accounts::Confidence::kTold;
}

base::Result<std::unique_ptr<LoginBook>> LoginBook::Open(const std::filesystem::path& file) {
  auto database = Database::Open(file);
  if (!database) return database.error();
  if (auto migrated = (*database)->Migrate("accounts", kLoginSchema); !migrated)
    return migrated.error();
  std::unique_ptr<LoginBook> book(new LoginBook(std::move(*database)));
  if (auto loaded = book->Reload(); !loaded) return loaded.error();
  return book;
}

// From the file, which knows what was committed. Where it cannot be read, what is in memory stays
// as it is until it can: without it nobody would be logged in.
base::Status LoginBook::Reload() {
  auto kept = std::tuple(open_, open_at_, open_of_, ended_at_, lengths_);
  const auto& heard = std::get<0>(kept);
  open_.clear();
  open_at_.clear();
  open_of_.clear();
  ended_at_.clear();
  lengths_.clear();
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(Select("WHERE logout_us IS NULL"));
    while (rows.Next()) {
      const auto known = heard.find(rows.Int(0));
      Insert({rows.Int(0), LoginOf(rows),
              known == heard.end() ? base::WallTime{} : known->second.heard});
    }
  }
  {
    Rows rows = database_->Query("SELECT bits FROM prefix_length");
    while (rows.Next()) lengths_.insert(static_cast<unsigned>(rows.Int(0)));
  }
  ended_since_ = {base::WallNow().ns - kEndsKeptNs};
  {
    Rows rows = database_->Query(
        "SELECT ip, MAX(logout_us) FROM login WHERE logout_us >= ? GROUP BY +ip", ended_since_);
    while (rows.Next()) {
      NoteEnd(base::IpPrefix::Parse(rows.Text(0)).value(), rows.Time(1));
    }
  }
  const auto read = transaction.Commit();
  stale_ = !read.ok();
  if (stale_) std::tie(open_, open_at_, open_of_, ended_at_, lengths_) = std::move(kept);
  generation_.fetch_add(1, std::memory_order_release);
  return read;
}

void LoginBook::Insert(Row row) {
  const int64_t id = row.id;
  open_at_[row.login.ip] = id;
  open_of_.emplace(SessionKey(row.login.nas, row.login.session), id);
  open_.emplace(id, std::move(row));
}

void LoginBook::NoteEnd(const base::IpPrefix& ip, base::WallTime time) {
  base::WallTime& ended = ended_at_[ip];
  ended = std::max(ended, time);
}

void LoginBook::NoteLength(const base::IpPrefix& ip) {
  if (ip.is_one_address() || !lengths_.insert(ip.length_bits()).second) return;
  database_->Exec("INSERT OR IGNORE INTO prefix_length(bits) VALUES(?)", ip.length_bits());
}

base::Status LoginBook::Apply(std::span<const AccountingEvent> events) {
  const std::lock_guard lock(mutex_);
  if (stale_) {
    if (auto reloaded = Reload(); !reloaded) return reloaded;
  }
  {
    Transaction transaction(*database_, Transaction::Kind::kWrite);
    for (const AccountingEvent& event : events) {
      if (database_->failed()) break;  // then all is undone
      ApplyOne(event);
    }
    const auto committed = transaction.Commit();
    if (committed) {
      generation_.fetch_add(1, std::memory_order_release);
      return {};
    }
    if (auto reloaded = Reload(); !reloaded) return reloaded;
    return committed;
  }
}

void LoginBook::ApplyOne(const AccountingEvent& event) {
  switch (event.status) {
    case AccountingStatus::kStart:
    case AccountingStatus::kInterim:
      return Start(event);
    case AccountingStatus::kStop:
      return Stop(event);
    case AccountingStatus::kOn:
    case AccountingStatus::kOff:
      return EndAllOf(event);
    case AccountingStatus::kOther:
      return;
  }
}

void LoginBook::Start(const AccountingEvent& event) {
  const std::vector<int64_t> open = OpenOf({event.nas, event.session});
  const auto last_word = LastWordOf(event, open);
  for (const int64_t id : open) {
    Row& row = open_.at(id);
    if (!IsOf(event, row.login)) {
      if (Cut(event.login) > row.login.login_time) End(id, Cut(event.login), kSuperseded);
    } else if (!GivesUp(event, row.login)) {
      Refresh(row, event);
    } else if (IsNews(event, row.login)) {
      End(id, Cut(event.time), kAddressChanged);
    }
  }
  BeginUnknown(event, last_word, std::nullopt);
}

void LoginBook::Stop(const AccountingEvent& event) {
  const std::vector<int64_t> open = OpenOf({event.nas, event.session});
  const auto last_word = LastWordOf(event, open);
  for (const int64_t id : open) {
    const Login& login = open_.at(id).login;
    if (!IsMeant(event, login)) continue;
    // One of another account, that began later: this one was over by then at the latest, and its
    // own stop may still say when.
    const bool began_later =
        !IsOf(event, login) && event.login > Earlier(login.login_time, -kRetrySlackS);
    began_later ? End(id, Cut(event.login), kSuperseded) : End(id, Cut(event.time), event.cause);
  }
  Amend(event);
  // A portal's line says nothing of how long it was, and its session may be no more than an
  // address.
  if (event.source == accounts::BindingSource::kPortal) return;
  database_->Exec(
      "INSERT INTO session_end(nas, session, account, end_us, cause) VALUES(?, ?, ?, ?, ?) "
      "ON CONFLICT DO UPDATE SET end_us = MAX(end_us, excluded.end_us), cause = excluded.cause",
      event.nas, event.session, event.account, Cut(event.time), event.cause);
  BeginUnknown(event, last_word, Ending{event.time, event.cause});
}

// Whether a stop is that of the session that is there now by this name, and not, told late, that of
// one that had the name before. Where it names another account, it is so if its own was never there
// and the log-in is older than it by more than its clock may differ.
bool LoginBook::IsMeant(const AccountingEvent& stop, const Login& login) {
  const bool is_own = IsOf(stop, login);
  if (stop.source == accounts::BindingSource::kPortal) {
    return is_own && login.login_time <= stop.time;
  }
  const base::WallTime begun_by = Earlier(stop.time, is_own ? -kRetrySlackS : kRetrySlackS);
  if (login.login_time > begun_by) return false;
  if (is_own) return true;
  Rows rows = database_->Query("SELECT 1 FROM login WHERE nas = ? AND session = ? AND account = ?",
                               stop.nas, stop.session, stop.account);
  return !rows.Next();
}

// What the event tells of addresses that are not known yet. A session without an account is
// nobody's. Nothing begins by what is sent again behind the session's stop.
void LoginBook::BeginUnknown(const AccountingEvent& event, std::optional<base::WallTime> last_word,
                             std::optional<Ending> end) {
  if (event.account.empty()) return;
  const bool is_stop = end.has_value();
  if (!is_stop) {
    end = EndToldOf(event);
    if (end && end->time < Cut(event.time)) return;
  }
  for (const base::IpPrefix& ip : event.addresses) {
    if (Knows(event, ip)) continue;
    const base::WallTime beginning = BeginningAt(event, ip, last_word);
    if (!is_stop && !end && GoesOn(event, ip, beginning)) continue;
    Begin(event, ip, beginning, end);
  }
}

// What was told already, before the event, of how its session ended: by its own stop, or with its
// server. An end before the event's own time means that it is sent again: who does not say when
// something was sends it with the time at which it comes.
std::optional<LoginBook::Ending> LoginBook::EndToldOf(const AccountingEvent& event) {
  if (event.source == accounts::BindingSource::kPortal) return std::nullopt;
  const base::WallTime time = Cut(event.time);
  const std::string sender = event.nas.substr(0, event.nas.find(' '));
  std::optional<Ending> told;
  {
    // Behind a restart of the server the name is another session's.
    Rows rows = database_->Query(
        "SELECT end_us, cause FROM session_end WHERE nas = ? AND session = ? AND account IN (?, "
        "'') "
        "AND end_us >= ? AND (end_us >= ? OR NOT EXISTS(SELECT 1 FROM nas_restart WHERE "
        "nas_restart.nas IN (?, ?) AND at_us >= end_us AND at_us <= ?)) ORDER BY end_us",
        event.nas, event.session, event.account,
        event.time_is_told ? time : Cut(Earlier(time, kSentAgainS)), time, event.nas, sender, time);
    if (rows.Next()) told = Ending{rows.Time(0), rows.Text(1)};
  }
  Rows rows = database_->Query(
      "SELECT MIN(at_us) FROM nas_restart WHERE at_us > ? AND (nas = ? OR (nas = ? AND NOT "
      "names_nas))",
      time, event.nas, sender);
  if (rows.Next() && !rows.IsNull(0) && (!told || rows.Time(0) < told->time)) {
    told = Ending{rows.Time(0), std::string(kNasRestart)};
  }
  return told;
}

// When the event's session was last heard of before; empty: it is not known, or the event is older.
std::optional<base::WallTime> LoginBook::LastWordOf(const AccountingEvent& event,
                                                    const std::vector<int64_t>& open) const {
  std::optional<base::WallTime> last;
  for (const int64_t id : open) {
    const Login& login = open_.at(id).login;
    if (!IsOf(event, login)) continue;
    last = std::max(last.value_or(login.last_seen), login.last_seen);
  }
  return last && *last <= Cut(event.time) ? last : std::nullopt;
}

// Since when an address is the session's that the event is the first to name. A start says so. The
// others say that it is by now: it was not yet when the session was last heard of, nor while
// another's own words have it as that one's. (Of one that logged in later, and said so, they are
// none of this session's concern: it will end where that one begins.)
base::WallTime LoginBook::BeginningAt(const AccountingEvent& event, const base::IpPrefix& ip,
                                      std::optional<base::WallTime> last_word) {
  base::WallTime beginning = Cut(event.login);
  if (event.status == AccountingStatus::kStart) return beginning;
  if (last_word) beginning = std::max(beginning, *last_word);
  Rows rows = database_->Query(
      "SELECT MAX(IIF(logout_us IS NULL OR cause IN (?, ?), last_seen_us, logout_us)) FROM "
      "(SELECT * FROM login WHERE ip = ? AND login_us <= ? ORDER BY login_us DESC LIMIT ?) "
      "WHERE (begun_unseen OR login_us <= ?) AND NOT (nas = ? AND session = ? AND account = ?)",
      kSuperseded, kMissedStop, ip.ToString(), Cut(event.time), kPredecessors, beginning, event.nas,
      event.session, event.account);
  if (rows.Next() && !rows.IsNull(0)) beginning = std::max(beginning, rows.Time(0));
  return std::min(beginning, Cut(event.time));
}

// The session's own stop, told late, goes before what its end was taken for meanwhile.
void LoginBook::Amend(const AccountingEvent& event) {
  struct Guess {
    int64_t id;
    base::IpPrefix ip;
    base::WallTime login;
  };
  std::vector<Guess> guesses;
  // Not one that had the same Acct-Session-Id long ago.
  const bool knows_login = event.login < event.time;
  const base::WallTime heard = Earlier(event.time, kWithoutWordS);
  const base::WallTime earliest =
      knows_login ? Earlier(event.login, kClocksDifferS) : base::WallTime{};
  {
    Rows rows = database_->Query(
        "SELECT id, ip, login_us FROM login WHERE nas = ? AND session = ? AND login_us <= ? AND "
        "login_us >= ? AND last_seen_us >= ? AND (account = ? OR ? = '') AND cause IN (?, ?)",
        event.nas, event.session, Cut(event.time), Cut(earliest), Cut(heard), event.account,
        event.account, kSuperseded, kMissedStop);
    while (rows.Next()) {
      guesses.push_back({rows.Int(0), base::IpPrefix::Parse(rows.Text(1)).value(), rows.Time(2)});
    }
  }
  for (const Guess& guess : guesses) {
    const auto next = NextLoginAt(guess.ip, guess.login);
    const bool is_own = !next || Cut(event.time) <= *next;
    const base::WallTime logout = is_own ? Cut(event.time) : *next;
    database_->Exec("UPDATE login SET logout_us = ?, cause = ? WHERE id = ?", logout,
                    is_own ? std::string_view(event.cause) : kSuperseded, guess.id);
    NoteEnd(guess.ip, logout);
  }
}

// Whether the event tells of a log-in that is known: the session has this address at its time, or
// had it up to then. What another log-in has ended is not begun again by the first one's later
// words. A request that is sent again may be taken for some other second: Acct-Delay-Time has whole
// ones.
bool LoginBook::Knows(const AccountingEvent& event, const base::IpPrefix& ip) {
  const bool is_start = event.status == AccountingStatus::kStart;
  const bool is_stop = event.status == AccountingStatus::kStop;
  const base::WallTime begun_by = Earlier(event.time, is_start ? -kRetrySlackS : 0);
  const base::WallTime ended_from = Earlier(event.time, is_stop ? kRetrySlackS : 0);
  // "+": by its session, and not through all that an account ever had.
  Rows rows = database_->Query(
      "SELECT 1 FROM login WHERE nas = ? AND session = ? AND ip = ? AND +account = ? AND "
      "login_us <= ? AND (logout_us IS NULL OR logout_us >= ? OR (cause = ? AND NOT ?))",
      event.nas, event.session, ip.ToString(), event.account, Cut(begun_by), Cut(ended_from),
      kSuperseded, is_start ? 1 : 0);
  return rows.Next();
}

// A session that was silent for too long, and goes on: its log-in is open again, unless somebody
// has had the address since. False: there is none.
bool LoginBook::GoesOn(const AccountingEvent& event, const base::IpPrefix& ip,
                       base::WallTime beginning) {
  int64_t id = 0;
  base::WallTime login_time;
  {
    Rows rows = database_->Query(
        "SELECT id, login_us FROM login WHERE nas = ? AND session = ? AND ip = ? AND +account = ? "
        "AND cause = ? ORDER BY login_us DESC",
        event.nas, event.session, ip.ToString(), event.account, kMissedStop);
    if (!rows.Next()) return false;
    id = rows.Int(0);
    login_time = rows.Time(1);
  }
  const bool knows_login = event.login < event.time;
  const bool is_same = event.status == AccountingStatus::kInterim &&
                       (!knows_login || event.login <= Earlier(login_time, -kClocksDifferS));
  if (!is_same && beginning > login_time) return false;
  if (NextLoginAt(ip, login_time)) return false;
  const base::WallTime since = std::min(beginning, login_time);
  if (since < login_time && NextLoginAt(ip, since) != login_time) return false;
  EndOthersAt(ip, since);
  database_->Exec(
      "UPDATE login SET logout_us = NULL, cause = '', login_us = ?, last_seen_us = "
      "MAX(last_seen_us, ?) WHERE id = ?",
      since, Cut(event.time), id);
  Rows rows = database_->Query(Select("WHERE id = ?"), id);
  if (rows.Next()) Insert({id, LoginOf(rows), event.heard});
  return true;
}

void LoginBook::Begin(const AccountingEvent& event, const base::IpPrefix& ip,
                      base::WallTime beginning, const std::optional<Ending>& end) {
  Row row;
  Login& login = row.login;
  login.account = event.account;
  login.ip = ip;
  login.mac = event.mac;
  login.nas = event.nas;
  login.nas_name = event.nas_name;
  login.session = event.session;
  login.port = event.port;
  login.login_time = beginning;
  login.begun_unseen = event.status != AccountingStatus::kStart;
  login.last_seen = Cut(event.time);
  login.interim_s = event.interim_s;
  login.source = event.source;
  if (end) {
    login.logout_time = std::max(Cut(end->time), beginning);
    login.cause = end->cause;
  }
  row.heard = event.heard;
  EndOthersAt(ip, login.login_time);
  for (const auto& next : {NextLoginAt(ip, beginning), NextUseOf(event, beginning)}) {
    if (!next || (login.logout_time && *login.logout_time <= *next)) continue;
    login.logout_time = next;
    login.cause = kSuperseded;
  }
  std::optional<int64_t> logout_us;
  if (login.logout_time) logout_us = database::ToUs(*login.logout_time);
  database_->Exec(
      "INSERT INTO login(ip, account, mac, nas, nas_name, session, port, login_us, logout_us, "
      "cause, last_seen_us, interim_s, source, begun_unseen) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      ip.ToString(), login.account, login.mac.is_zero() ? std::string() : login.mac.ToString(),
      login.nas, login.nas_name, login.session, login.port, login.login_time, logout_us,
      login.cause, login.last_seen, login.interim_s, static_cast<int64_t>(login.source),
      login.begun_unseen ? 1 : 0);
  if (database_->failed()) return;  // it has no number of its own
  row.id = database_->LastInsertId();
  NoteLength(ip);
  if (!login.logout_time) return Insert(std::move(row));
  NoteEnd(ip, *login.logout_time);
}

// Whoever was there before, up to then. Log-ins of an address do not overlap: only those that began
// last can still be there.
void LoginBook::EndOthersAt(const base::IpPrefix& ip, base::WallTime time) {
  const auto open = open_at_.find(ip);
  if (open != open_at_.end() && open_.at(open->second).login.login_time <= time) {
    End(open->second, time, kSuperseded);
  }
  database_->Exec(
      "UPDATE login SET logout_us = ?, cause = ? WHERE ip = ? AND login_us = (SELECT MAX(login_us) "
      "FROM login WHERE ip = ? AND login_us <= ?) AND logout_us > ?",
      time, kSuperseded, ip.ToString(), ip.ToString(), time, time);
}

std::optional<base::WallTime> LoginBook::NextLoginAt(const base::IpPrefix& ip,
                                                     base::WallTime after) {
  Rows rows = database_->Query("SELECT MIN(login_us) FROM login WHERE ip = ? AND login_us > ?",
                               ip.ToString(), after);
  if (!rows.Next() || rows.IsNull(0)) return std::nullopt;
  return rows.Time(0);
}

// When the NAS took the session's name for another account, behind `after`.
std::optional<base::WallTime> LoginBook::NextUseOf(const AccountingEvent& event,
                                                   base::WallTime after) {
  if (event.source == accounts::BindingSource::kPortal) return std::nullopt;
  Rows rows = database_->Query(
      "SELECT MIN(login_us) FROM login WHERE nas = ? AND session = ? AND account <> ? AND "
      "login_us > ?",
      event.nas, event.session, event.account, after);
  if (!rows.Next() || rows.IsNull(0)) return std::nullopt;
  return rows.Time(0);
}

void LoginBook::Refresh(Row& row, const AccountingEvent& event) {
  Login& login = row.login;
  row.heard = std::max(row.heard, event.heard);
  if (event.time <= login.last_seen) return;
  const int64_t gap_s = (event.time.ns - login.last_seen.ns) / base::kNsPerSecond;
  login.last_seen = Cut(event.time);
  if (event.interim_s != 0) {
    login.interim_s = event.interim_s;
  } else if (event.status == AccountingStatus::kInterim) {
    login.interim_s = row.rhythm.Heard(gap_s, login.interim_s);
  }
  database_->Exec("UPDATE login SET last_seen_us = ?, interim_s = ? WHERE id = ?", login.last_seen,
                  login.interim_s, row.id);
}

void LoginBook::End(int64_t id, base::WallTime time, std::string_view cause) {
  const auto found = open_.find(id);
  const Login login = std::move(found->second.login);
  open_.erase(found);
  if (const auto at = open_at_.find(login.ip); at != open_at_.end() && at->second == id) {
    open_at_.erase(at);
  }
  auto [begin, end] = open_of_.equal_range({login.nas, login.session});
  open_of_.erase(std::find_if(begin, end, [id](const auto& one) { return one.second == id; }));
  const base::WallTime logout = std::max(time, login.login_time);
  database_->Exec("UPDATE login SET logout_us = ?, cause = ? WHERE id = ?", logout, cause, id);
  NoteEnd(login.ip, logout);
}

// A sender that names no server means all that it sends for.
void LoginBook::EndAllOf(const AccountingEvent& event) {
  const base::WallTime time = Cut(event.time);
  std::vector<int64_t> ending;
  for (auto at = open_of_.lower_bound({event.nas, ""}); at != open_of_.end(); ++at) {
    const std::string& nas = at->first.first;
    if (nas != event.nas && (event.names_nas || !nas.starts_with(event.nas + " "))) break;
    // What began later is told late by the NAS, and is none of those that it has forgotten.
    if (open_.at(at->second).login.login_time <= time) ending.push_back(at->second);
  }
  for (const int64_t id : ending) End(id, time, kNasRestart);
  database_->Exec("INSERT OR IGNORE INTO nas_restart(nas, at_us, names_nas) VALUES(?, ?, ?)",
                  event.nas, time, event.names_nas ? 1 : 0);
}

std::vector<int64_t> LoginBook::OpenOf(const SessionKey& session) const {
  std::vector<int64_t> ids;
  const auto [begin, end] = open_of_.equal_range(session);
  for (auto at = begin; at != end; ++at) ids.push_back(at->second);
  return ids;
}

base::Result<size_t> LoginBook::Expire(base::WallTime now, base::WallTime listening_since) {
  const std::lock_guard lock(mutex_);
  if (stale_) {
    if (auto reloaded = Reload(); !reloaded) return reloaded.error();
  }
  std::vector<int64_t> silent;
  for (const auto& [id, row] : open_) {
    const int64_t allowed_s =
        row.login.interim_s == 0 ? kWithoutWordS : kInterimsMissed * row.login.interim_s;
    const base::WallTime silent_since = std::max({row.login.last_seen, row.heard, listening_since});
    if (now.ns - silent_since.ns > allowed_s * base::kNsPerSecond) silent.push_back(id);
  }
  if (silent.empty()) return size_t{0};
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  for (const int64_t id : silent) End(id, open_.at(id).login.last_seen, kMissedStop);
  if (const auto committed = transaction.Commit(); !committed) {
    if (auto reloaded = Reload(); !reloaded) return reloaded.error();
    return committed.error();
  }
  generation_.fetch_add(1, std::memory_order_release);
  return silent.size();
}

// Once an hour, as many at once as do not keep others waiting. What the record is yet to be told of
// stays.
base::Status LoginBook::Forget(base::WallTime now, base::WallTime before) {
  const std::lock_guard lock(mutex_);
  if (now.ns - forgot_at_.ns < kForgetEveryNs) return {};
  int64_t forgotten = 0;
  {
    Transaction transaction(*database_, Transaction::Kind::kWrite);
    forgotten = database_->Exec(
        "DELETE FROM login WHERE id IN (SELECT id FROM login WHERE logout_us < ? AND id NOT IN "
        "(SELECT login FROM login_change) LIMIT ?)",
        before, kForgottenAtOnce);
    database_->Exec("DELETE FROM session_end WHERE end_us < ?", Earlier(now, kLateS));
    database_->Exec("DELETE FROM nas_restart WHERE at_us < ?", Earlier(now, kLateS));
    if (const auto committed = transaction.Commit(); !committed) return committed;
  }
  if (forgotten < kForgottenAtOnce) forgot_at_ = now;
  ended_since_ = std::max(ended_since_, base::WallTime{now.ns - kEndsKeptNs});
  std::erase_if(ended_at_, [&](const auto& one) { return one.second < ended_since_; });
  return {};
}

// The log-ins that are asked for, up to `limit`. With mutex_ held.
template <typename... Args>
base::Result<std::vector<Login>> LoginBook::TryRead(std::string_view rest, size_t limit,
                                                    const Args&... args) const {
  std::vector<Login> logins;
  Transaction transaction(*database_, Transaction::Kind::kRead);
  {
    Rows rows = database_->Query(Select(rest), args...);
    while (logins.size() < limit && rows.Next()) logins.push_back(LoginOf(rows));
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return logins;
}

// None, and counted, where the file cannot be read.
template <typename... Args>
std::vector<Login> LoginBook::Read(std::string_view rest, size_t limit, const Args&... args) const {
  auto logins = TryRead(rest, limit, args...);
  if (logins) return std::move(*logins);
  unreadable_.Add();
  return {};
}

// With mutex_ held, as the next. Null: nobody who still is.
const Login* LoginBook::PresentAt(const base::IpPrefix& ip, base::WallTime at) const {
  const auto open = open_at_.find(ip);
  if (open == open_at_.end()) return nullptr;
  const Login& login = open_.at(open->second).login;
  return login.login_time <= at ? &login : nullptr;
}

std::optional<Login> LoginBook::PastAt(const base::IpPrefix& ip, base::WallTime at) const {
  if (at >= ended_since_) {
    const auto ended = ended_at_.find(ip);
    if (ended == ended_at_.end() || ended->second <= at) return std::nullopt;
  }
  std::vector<Login> found = Read(
      "WHERE ip = ? AND login_us = (SELECT MAX(login_us) FROM login WHERE ip = ? AND "
      "login_us <= ?) AND logout_us > ?",
      1, ip.ToString(), ip.ToString(), at, at);
  if (found.empty()) return std::nullopt;
  return std::move(found.front());
}

// The address or prefix itself, then all prefixes which hold it, the longest first, of those that
// there ever was a log-in of. With mutex_ held.
std::vector<base::IpPrefix> LoginBook::HoldersOf(const base::IpPrefix& ip) const {
  std::vector<base::IpPrefix> holders{ip};
  if (ip.address().is_v4()) return holders;  // IPv4 has no prefixes here
  for (const unsigned bits : lengths_) {
    if (bits < ip.length_bits()) holders.emplace_back(ip.address(), bits);
  }
  return holders;
}

// What `make` makes of the log-in of `ip`, else of that of the longest prefix which holds it.
template <typename Make>
auto LoginBook::Search(const base::IpPrefix& ip, base::WallTime at, const Make& make) const
    -> std::optional<decltype(make(Login()))> {
  const std::lock_guard lock(mutex_);
  std::optional<decltype(make(Login()))> found;
  const auto look = [&](const base::IpPrefix& holder) {
    if (const Login* present = PresentAt(holder, at)) {
      found = make(*present);
    } else if (const auto past = PastAt(holder, at)) {
      found = make(*past);
    }
    return found.has_value();
  };
  if (look(ip) || ip.address().is_v4()) return found;  // IPv4 has no prefixes here
  for (const unsigned bits : lengths_) {
    if (bits < ip.length_bits() && look(base::IpPrefix(ip.address(), bits))) break;
  }
  return found;
}

std::optional<Login> LoginBook::Find(const base::IpPrefix& ip, base::WallTime at) const {
  return Search(ip, at, [](const Login& login) { return login; });
}

std::optional<accounts::Bound> LoginBook::BindingAt(const base::IpPrefix& ip,
                                                    base::WallTime at) const {
  return Search(ip, at, [](const Login& login) {
    accounts::Bound bound;
    bound.ip = login.ip;
    bound.binding.account = login.account;
    bound.binding.source = login.source;
    bound.binding.login_time = login.login_time;
    bound.binding.until = login.logout_time;
    bound.binding.cause = login.cause;
    bound.binding.confidence = ConfidenceOf(login);
    return bound;
  });
}

std::vector<base::IpPrefix> LoginBook::AddressesOf(std::string_view account,
                                                   base::WallTime at) const {
  return AddressesWhere("account = ?", account, at);
}

std::vector<base::IpPrefix> LoginBook::AddressesOf(const base::MacAddress& mac,
                                                   base::WallTime at) const {
  return AddressesWhere(kOfMac, mac.ToString(), at);
}

std::vector<base::IpPrefix> LoginBook::AddressesWhere(std::string_view condition,
                                                      std::string_view value,
                                                      base::WallTime at) const {
  const std::lock_guard lock(mutex_);
  std::vector<base::IpPrefix> addresses;
  std::string rest = "WHERE ";
  rest.append(condition).append(" AND login_us <= ? AND (logout_us IS NULL OR logout_us > ?)");
  for (const Login& login : Read(rest, SIZE_MAX, value, at, at)) addresses.push_back(login.ip);
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

base::Result<std::vector<Login>> LoginBook::HistoryOf(const base::IpPrefix& ip, size_t limit,
                                                      const accounts::Period& time) const {
  const std::lock_guard lock(mutex_);
  std::vector<Login> all;
  for (const base::IpPrefix& holder : HoldersOf(ip)) {
    auto of_holder = HistoryWhere("ip = ?", holder.ToString(), limit, time);
    if (!of_holder) return of_holder;
    std::move(of_holder->begin(), of_holder->end(), std::back_inserter(all));
  }
  std::stable_sort(all.begin(), all.end(), [](const Login& one, const Login& other) {
    return one.login_time > other.login_time;
  });
  if (all.size() > limit) all.resize(limit);
  return all;
}

base::Result<std::vector<Login>> LoginBook::HistoryOf(std::string_view account, size_t limit,
                                                      const accounts::Period& time) const {
  const std::lock_guard lock(mutex_);
  return HistoryWhere("account = ?", account, limit, time);
}

base::Result<std::vector<Login>> LoginBook::HistoryOf(const base::MacAddress& mac, size_t limit,
                                                      const accounts::Period& time) const {
  const std::lock_guard lock(mutex_);
  return HistoryWhere(kOfMac, mac.ToString(), limit, time);
}

// With mutex_ held.
base::Result<std::vector<Login>> LoginBook::HistoryWhere(std::string_view condition,
                                                         std::string_view value, size_t limit,
                                                         const accounts::Period& time) const {
  std::string rest = "WHERE ";
  rest.append(condition).append(
      " AND login_us < ? AND (logout_us IS NULL OR logout_us > ?) "
      "ORDER BY login_us DESC, id DESC");
  return TryRead(rest, limit, value, time.to, time.from);
}

base::Result<std::vector<LoginChange>> LoginBook::ChangesAfter(int64_t after, size_t limit) const {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<LoginChange> changes;
  {
    Rows rows = database_->Query(
        "SELECT " + std::string(kColumns) +
            ", last FROM (SELECT login, MAX(number) AS last FROM (SELECT number, login FROM "
            "login_change WHERE number > ? ORDER BY number LIMIT ?) GROUP BY login) JOIN login "
            "ON login.id = login ORDER BY last",
        after, limit);
    constexpr int kNumberColumn = 15;
    while (rows.Next()) {
      changes.push_back({rows.Int(kNumberColumn), rows.Int(0), LoginOf(rows)});
    }
  }
  if (auto read = transaction.Commit(); !read) return read.error();
  return changes;
}

base::Status LoginBook::ForgetChanges(int64_t number) {
  const std::lock_guard lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  database_->Exec("DELETE FROM login_change WHERE number <= ?", number);
  return transaction.Commit();
}

std::vector<accounts::Present> LoginBook::PresentBindings() const {
  const std::lock_guard lock(mutex_);
  std::vector<accounts::Present> present;
  for (const auto& [ip, id] : open_at_) present.push_back({ip, open_.at(id).login.account});
  return present;
}

size_t LoginBook::present() const {
  const std::lock_guard lock(mutex_);
  return open_.size();
}

}  // namespace weir::control::radius

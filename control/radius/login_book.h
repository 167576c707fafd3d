// Who was logged in at which address, and when: what RADIUS accounting and portals have told, kept
// in SQLite.
//
// Rules, in the order in which they count:
//  - A session is a NAS, its Acct-Session-Id and the account. Each of its addresses and prefixes is
//    bound from the log-in to the log-out. What comes again changes nothing. Where another account
//    comes by the same Acct-Session-Id, the NAS counts anew, and the first one's session is over.
//  - An address that lies in several of them is that of the longest.
//  - An interim, or a stop, of a session whose start was never seen begins it where
//    Acct-Session-Time says. An address that a session no longer names in an interim is its no more
//    from there on. One that it names for the first time is its own since it was heard of last.
//    Such a beginning never reaches back to where another's own words have the address as that
//    one's.
//  - An address is one session's at a time. A later log-in ends the earlier one's where it begins;
//    an earlier one that is told late ends where the later begins.
//  - What was guessed of an end, by one of these rules or the last, its own stop sets right. A stop
//    that comes before its start, or without an address, ends what begins late; so does -On or
//    -Off. A stop is its own account's, and never that of who came later by the same name.
//  - Accounting-On and -Off end all sessions of their NAS.
//  - Without any word for three interim intervals a session has ended with its last word: its stop
//    was missed, and when it is heard again the same log-in goes on. Silence is measured by this
//    machine's clock. The interval is what the NAS says, else what its interims keep to; where it
//    is not known, a day.
//
// Any thread; one at a time does something. What Apply() said is there after a power cut.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/accounts/login_changes.h"
#include "control/accounts/login_source.h"
#include "control/database/database.h"
#include "control/radius/accounting_event.h"
#include "control/radius/interim_rhythm.h"
#include "dataplane/base/counter.h"

namespace weir::control::radius {

using accounts::Login;
using accounts::LoginChange;

// kDerived where a rule above has set the beginning or the end, else kTold.
accounts::Confidence ConfidenceOf(const Login& login);

class LoginBook final : public accounts::LoginSource, public accounts::LoginChanges {
 public:
  static base::Result<std::unique_ptr<LoginBook>> Open(const std::filesystem::path& file);

  // All of them, in order, or none: then the error says why, and nobody may be answered.
  base::Status Apply(std::span<const AccountingEvent> events);

  // Ends what has not been heard of for too long; how many. While nobody listened, before
  // `listening_since`, nothing could be heard.
  base::Result<size_t> Expire(base::WallTime now, base::WallTime listening_since);

  // Forgets log-ins that ended before `before`. To be called every so often: it does its work in
  // parts.
  base::Status Forget(base::WallTime now, base::WallTime before);

  // Who was logged in there at that moment, or with the longest prefix which holds it.
  std::optional<Login> Find(const base::IpPrefix& ip, base::WallTime at) const;
  std::optional<accounts::Bound> BindingAt(const base::IpPrefix& ip,
                                           base::WallTime at) const override;
  std::vector<base::IpPrefix> AddressesOf(std::string_view account,
                                          base::WallTime at) const override;
  std::vector<base::IpPrefix> AddressesOf(const base::MacAddress& mac,
                                          base::WallTime at) const override;
  // Every log-in of a time, the newest first, up to `limit`: of an address or prefix and of all
  // that hold it, of an account, or of a machine by the MAC address that the NAS has named.
  base::Result<std::vector<Login>> HistoryOf(const base::IpPrefix& ip, size_t limit,
                                             const accounts::Period& time = {}) const;
  base::Result<std::vector<Login>> HistoryOf(std::string_view account, size_t limit,
                                             const accounts::Period& time = {}) const;
  base::Result<std::vector<Login>> HistoryOf(const base::MacAddress& mac, size_t limit,
                                             const accounts::Period& time = {}) const;

  accounts::BindingSource source() const override { return accounts::BindingSource::kRadius; }
  base::Result<std::vector<LoginChange>> ChangesAfter(int64_t after, size_t limit) const override;
  base::Status ForgetChanges(int64_t number) override;

  // Every address and prefix at which somebody is logged in, by address.
  std::vector<accounts::Present> PresentBindings() const override;
  size_t present() const;

  // Questions that were answered by nobody, as the file could not be read.
  uint64_t unreadable() const { return unreadable_.value(); }

  // Rises whenever PresentBindings() may have become another one.
  uint64_t generation() const override { return generation_.load(std::memory_order_acquire); }

 private:
  using SessionKey = std::pair<std::string, std::string>;  // NAS and Acct-Session-Id
  struct Row {
    int64_t id = 0;
    Login login;
    base::WallTime heard;  // when its last word came, by this machine's clock
    InterimRhythm rhythm = {};
  };
  struct Ending {
    base::WallTime time;
    std::string cause;
  };

  explicit LoginBook(std::unique_ptr<database::Database> database)
      : database_(std::move(database)) {}

  base::Status Reload();
  void ApplyOne(const AccountingEvent& event);
  void Start(const AccountingEvent& event);
  void Stop(const AccountingEvent& event);
  void Amend(const AccountingEvent& event);
  bool Knows(const AccountingEvent& event, const base::IpPrefix& ip);
  std::optional<base::WallTime> LastWordOf(const AccountingEvent& event,
                                           const std::vector<int64_t>& open) const;
  base::WallTime BeginningAt(const AccountingEvent& event, const base::IpPrefix& ip,
                             std::optional<base::WallTime> last_word);
  bool IsMeant(const AccountingEvent& stop, const Login& login);
  void BeginUnknown(const AccountingEvent& event, std::optional<base::WallTime> last_word,
                    std::optional<Ending> end);
  std::optional<Ending> EndToldOf(const AccountingEvent& event);
  bool GoesOn(const AccountingEvent& event, const base::IpPrefix& ip, base::WallTime beginning);
  void Begin(const AccountingEvent& event, const base::IpPrefix& ip, base::WallTime beginning,
             const std::optional<Ending>& end);
  void EndOthersAt(const base::IpPrefix& ip, base::WallTime time);
  void EndAllOf(const AccountingEvent& event);
  void Refresh(Row& row, const AccountingEvent& event);
  void End(int64_t id, base::WallTime time, std::string_view cause);
  std::optional<base::WallTime> NextLoginAt(const base::IpPrefix& ip, base::WallTime after);
  std::optional<base::WallTime> NextUseOf(const AccountingEvent& event, base::WallTime after);
  void Insert(Row row);
  void NoteEnd(const base::IpPrefix& ip, base::WallTime time);
  void NoteLength(const base::IpPrefix& ip);
  const Login* PresentAt(const base::IpPrefix& ip, base::WallTime at) const;
  std::optional<Login> PastAt(const base::IpPrefix& ip, base::WallTime at) const;
  template <typename Make>
  auto Search(const base::IpPrefix& ip, base::WallTime at, const Make& make) const
      -> std::optional<decltype(make(Login()))>;
  std::vector<int64_t> OpenOf(const SessionKey& session) const;
  std::vector<base::IpPrefix> HoldersOf(const base::IpPrefix& ip) const;
  template <typename... Args>
  base::Result<std::vector<Login>> TryRead(std::string_view rest, size_t limit,
                                           const Args&... args) const;
  template <typename... Args>
  std::vector<Login> Read(std::string_view rest, size_t limit, const Args&... args) const;
  std::vector<base::IpPrefix> AddressesWhere(std::string_view condition, std::string_view value,
                                             base::WallTime at) const;
  base::Result<std::vector<Login>> HistoryWhere(std::string_view condition, std::string_view value,
                                                size_t limit, const accounts::Period& time) const;

  mutable std::mutex mutex_;  // guards all below
  std::unique_ptr<database::Database> database_;
  // Those that are logged in, by number; and how to find them.
  std::map<int64_t, Row> open_;
  std::map<base::IpPrefix, int64_t> open_at_;
  std::multimap<SessionKey, int64_t> open_of_;
  // When the last log-in of an address ended, of those that did since `ended_since_`: who asks for
  // later than that need not ask the file.
  std::map<base::IpPrefix, base::WallTime> ended_at_;
  base::WallTime ended_since_;
  base::WallTime forgot_at_;
  // The lengths of prefixes there have been, beside single addresses.
  std::set<unsigned, std::greater<>> lengths_;
  bool stale_ = false;  // what is in memory may be of a transaction that failed
  std::atomic<uint64_t> generation_{1};
  mutable base::Counter unreadable_;
};

}  // namespace weir::control::radius

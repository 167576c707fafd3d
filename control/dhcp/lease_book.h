// Which machine had which address by DHCP, and when: what the data plane saw, kept in SQLite.
//
// Rules, in the order in which they count:
//  - A lease is a client's (its DUID, else its MAC address) at an address or prefix, from the
//    answer that first gave it until its time is over. What gives it again while it runs sets its
//    end anew; also where its time was held to be over because that word came late. From another
//    circuit it is another lease: the client has moved.
//  - An address is one client's at a time. A later lease ends the earlier one's where it begins; an
//    earlier one that is told late ends where the later begins, or where the client that it takes
//    the address from was given it again.
//  - Only the client itself gives back what it has; so does its server with a lifetime of 0.
//  - What is older than the newest word of a lease changes nothing of it. So the same events may
//    come again, as they do when ingest was stopped behind them: they change nothing.
//
// Any thread; one at a time does something. What Consume() took is there after a power cut.
#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string_view>

#include "control/accounts/binding.h"
#include "control/accounts/lease_source.h"
#include "control/database/database.h"
#include "control/ingest/consumer.h"
#include "dataplane/base/counter.h"
#include "dataplane/events/lease_event.h"

namespace weir::control::dhcp {

inline constexpr size_t kRunningMax = 1'000'000;

struct LeaseChange {
  int64_t number = 0;  // grows with every change of any lease
  int64_t id = 0;      // of the lease
  accounts::Lease lease;
};

class LeaseBook final : public accounts::LeaseSource, public ingest::LeaseConsumer {
 public:
  // Of leases beyond `running_max` at a time none is begun; they are counted.
  static base::Result<std::unique_ptr<LeaseBook>> Open(const std::filesystem::path& file,
                                                       size_t running_max = kRunningMax);

  // All of them, in order, or none: then the error says why.
  base::Status Consume(std::span<const events::LeaseEvent> leases) override;

  // Ends what is over by now, and forgets what ended before `forget_before`; how many have ended.
  base::Result<size_t> Expire(base::WallTime now, base::WallTime forget_before);

  std::optional<accounts::Lease> LeaseAt(const base::IpPrefix& ip,
                                         base::WallTime at) const override;
  std::vector<base::IpPrefix> AddressesOf(const base::MacAddress& mac,
                                          base::WallTime at) const override;
  std::vector<std::pair<base::IpPrefix, base::MacAddress>> PresentLeases() const override;
  // Every lease of a time, the newest first, up to `limit`: of an address or prefix and of all that
  // hold it, or of a machine.
  base::Result<std::vector<accounts::Lease>> HistoryOf(const base::IpPrefix& ip, size_t limit,
                                                       const accounts::Period& time = {}) const;
  base::Result<std::vector<accounts::Lease>> HistoryOf(const base::MacAddress& mac, size_t limit,
                                                       const accounts::Period& time = {}) const;
  uint64_t generation() const override { return generation_.load(std::memory_order_acquire); }

  // The leases that began, ended or were told otherwise since change `after`, each once, in the
  // order of their last changes; of the first `limit` changes.
  base::Result<std::vector<LeaseChange>> ChangesAfter(int64_t after, size_t limit) const;
  base::Status ForgetChanges(int64_t number);

  size_t running() const;
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  // Questions that were answered by nobody, as the file could not be read.
  uint64_t unreadable() const { return unreadable_.value(); }

 private:
  struct Row {
    int64_t id = 0;
    accounts::Lease lease;
  };

  LeaseBook(std::unique_ptr<database::Database> database, size_t running_max)
      : running_max_(running_max), database_(std::move(database)) {}

  base::Status Reload();
  void Apply(const events::LeaseEvent& event);
  void Bind(const events::LeaseEvent& event, const std::string& client);
  void Begin(const events::LeaseEvent& event, std::string_view why_others_end);
  void Insert(accounts::Lease lease, base::WallTime seen);
  void EndOthersAt(const base::IpPrefix& ip, base::WallTime time, std::string_view why);
  base::WallTime SeenOf(int64_t id);
  void Release(const events::LeaseEvent& event, const std::string& client);
  struct Known;
  std::optional<Known> Find(const events::LeaseEvent& event, const std::string& client);
  void Renew(const events::LeaseEvent& event, const Known& known);
  void End(const base::IpPrefix& ip, base::WallTime time, std::string_view cause);
  void NoteEnd(const base::IpPrefix& ip, base::WallTime time);
  void EndWhereNextBegins(accounts::Lease& lease);
  base::Result<std::optional<accounts::Lease>> Find(const base::IpPrefix& ip,
                                                    base::WallTime at) const;
  template <typename... Args>
  base::Result<std::vector<accounts::Lease>> Read(std::string_view rest, const Args&... args) const;

  const size_t running_max_;
  std::atomic<uint64_t> generation_{1};
  std::atomic<uint64_t> refused_{0};

  mutable std::mutex mutex_;  // guards all below
  std::unique_ptr<database::Database> database_;
  std::map<base::IpPrefix, Row> running_;
  // The lengths of prefixes that there ever was a lease of, beside single addresses.
  std::set<uint8_t, std::greater<>> lengths_;
  // When the last lease of an address ended, of those since `ended_since_`: who asks for later
  // than that need not ask the file.
  std::map<base::IpPrefix, base::WallTime> ended_at_;
  base::WallTime ended_since_;
  base::WallTime forgot_at_{};
  bool stale_ = false;  // what is in memory may be of a transaction that failed
  mutable base::Counter unreadable_;
};

}  // namespace weir::control::dhcp

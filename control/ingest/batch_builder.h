// Turns journal frames into a batch for the store: decodes, joins accounts, counts. Leases are
// handed on before accounts are joined: a host's first session comes right behind its lease.
//
// The ingest's thread. The batch and all it points to stay valid until Clear().
#pragma once

#include <deque>
#include <optional>

#include "control/accounts/directory.h"
#include "control/audit/session_store.h"
#include "control/ingest/arena.h"
#include "control/ingest/ingest.h"
#include "dataplane/events/journal_format.h"
#include "dataplane/events/journal_reader.h"
#include "dataplane/events/lease_event.h"

namespace weir::control::ingest {

class BatchBuilder {
 public:
  explicit BatchBuilder(const accounts::Directory& directory) : directory_(directory) {}

  // Takes the frame, or counts it as undecodable. False for the latter.
  bool Add(const events::Frame& frame);

  // What the journal could not give up to the last frame added, by its reader's counters since the
  // batch before. With the frames that were skipped it becomes a record of the batch, if there is
  // anything. Once a batch, before it is committed.
  void TellLosses(const events::ReaderCounters& read, uint64_t boot_id);

  // Says whose the sessions and findings of the batch are. Once a batch, before it is committed.
  void JoinAccounts();

  audit::Batch& batch() { return batch_; }
  std::span<const events::LeaseEvent> leases() const { return leases_; }
  size_t frames() const { return frames_; }
  uint64_t last_seq() const { return last_seq_; }
  // The time in the last event added.
  std::optional<base::WallTime> last_time() const { return last_time_; }

  // What the batch brings, and adding it, once it is committed.
  const Counters& counted() const { return counted_; }
  void AddTo(Counters& counters) const;
  void Clear();

 private:
  bool AddSession(std::span<const uint8_t> payload);
  bool AddFinding(std::span<const uint8_t> payload);
  bool AddHealth(std::span<const uint8_t> payload);
  bool AddLease(std::span<const uint8_t> payload);
  template <typename Event>
  audit::Identity IdentityOf(const Event& event, base::WallTime at);
  audit::Identity Join(const base::IpAddress& ip, const base::MacAddress& mac, base::WallTime at);

  const accounts::Directory& directory_;
  audit::Batch batch_;
  std::vector<events::LeaseEvent> leases_;
  Arena arena_;
  std::deque<accounts::Binding> bindings_;  // what the identities of the batch point to
  size_t frames_ = 0;
  uint64_t last_seq_ = 0;
  std::optional<base::WallTime> last_time_;
  Counters counted_;
};

}  // namespace weir::control::ingest

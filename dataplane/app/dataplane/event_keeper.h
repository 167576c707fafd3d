// Events on their way from the workers' rings, and from the main thread itself, into the journal.
//
// Main thread only. For each loss class, once the rings are empty and the journal is flushed:
//     produced = stored + lost
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/events/event_ring.h"
#include "dataplane/events/journal_writer.h"

namespace weir::appliance {

// Where a worker's events come from: its ring, and the sink that counts what the ring refuses.
struct EventSource {
  events::EventRing* ring = nullptr;
  const events::RingEventSink* sink = nullptr;
};

class EventKeeper {
 public:
  // Fails when the journal's directory cannot be had, or is another process's.
  static base::Result<std::unique_ptr<EventKeeper>> Open(const base::Config& config,
                                                         uint64_t boot_id);

  // Takes what the rings hold, up to a bound so that the main loop comes round, and flushes. True
  // when there may be more.
  bool Drain(std::span<const EventSource> workers, base::WallTime wall, base::MonoTime now);

  void TellHealth(events::HealthKind kind, uint64_t value, std::string_view detail);

  // At the end: flushed, every loss announced that there is room to announce, and synced.
  void Close();

  events::LossClassCounts produced() const { return produced_; }
  events::LossClassCounts stored() const { return journal_->counters().stored; }
  // In the rings and in the journal.
  events::LossClassCounts lost() const;
  uint64_t lost_total() const;
  const events::JournalCounters& journal_counters() const { return journal_->counters(); }
  uint64_t journal_bytes() const { return journal_->bytes_on_disk(); }
  uint64_t journal_bytes_max() const { return journal_->max_bytes(); }
  bool journal_failing() const { return journal_->failing(); }

  // Sessions that ended, by nDPI's category in lower case; "unknown" for none.
  const std::map<std::string, uint64_t>& sessions_by_category() const { return by_category_; }

 private:
  explicit EventKeeper(std::unique_ptr<events::JournalWriter> journal, uint64_t boot_id);
  void Take(events::EventType type, events::LossClass loss_class, std::span<const uint8_t> payload);
  void CountCategory(std::span<const uint8_t> payload);
  void NoteRingLosses(std::span<const EventSource> workers);

  std::unique_ptr<events::JournalWriter> journal_;
  uint64_t boot_id_;
  uint64_t health_events_ = 0;
  events::LossClassCounts produced_{};
  events::LossClassCounts lost_in_rings_{};
  std::map<std::string, uint64_t> by_category_;
  base::MonoTime cleaned_at_;
};

}  // namespace weir::appliance

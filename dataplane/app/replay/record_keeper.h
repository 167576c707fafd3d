// Takes the events of a pipeline and keeps what the outputs need: the newest snapshot of each
// session part, every finding, every lease, every piece of news.
//
// One thread. Memory grows with the number of sessions (about 400 bytes each): outputs are in the
// order of the sessions' starts, which is known only at the end.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/events/event.h"

namespace weir::replay {

class RecordKeeper final : public events::EventSink {
 public:
  struct Kept {
    base::WallTime time;  // a session part's start, an event's time
    uint64_t session_id = 0;
    uint32_t part = 0;
    events::EventType type = events::EventType::kSession;
    std::vector<uint8_t> encoded;
  };

  // What is not kept is only counted.
  RecordKeeper(bool keep_sessions, bool keep_events)
      : keep_sessions_(keep_sessions), keep_events_(keep_events) {}

  bool Push(events::EventType type, events::LossClass loss_class,
            std::span<const uint8_t> encoded) override;

  const std::vector<Kept>& sessions() const { return sessions_; }
  const std::vector<Kept>& events() const { return events_; }
  uint64_t undecodable() const { return undecodable_; }

 private:
  void KeepSession(std::span<const uint8_t> encoded);
  void KeepFinding(std::span<const uint8_t> encoded);
  void KeepHealth(std::span<const uint8_t> encoded);
  void KeepLease(std::span<const uint8_t> encoded);

  const bool keep_sessions_;
  const bool keep_events_;
  std::vector<Kept> sessions_;
  std::vector<Kept> events_;
  // (session, part) to its place in sessions_.
  std::map<std::pair<uint64_t, uint32_t>, size_t> places_;
  uint64_t undecodable_ = 0;
};

}  // namespace weir::replay

#include "dataplane/app/replay/record_keeper.h"

#include "dataplane/events/lease_event.h"

namespace weir::replay {

bool RecordKeeper::Push(events::EventType type, events::LossClass /*loss_class*/,
                        std::span<const uint8_t> encoded) {
  switch (type) {
    case events::EventType::kSession:
      if (keep_sessions_) KeepSession(encoded);
      break;
    case events::EventType::kFinding:
      if (keep_events_) KeepFinding(encoded);
      break;
    case events::EventType::kHealth:
      if (keep_events_) KeepHealth(encoded);
      break;
    case events::EventType::kLease:
      if (keep_events_) KeepLease(encoded);
      break;
  }
  return true;
}

void RecordKeeper::KeepSession(std::span<const uint8_t> encoded) {
  const auto event = events::DecodeSession(encoded);
  if (!event.ok()) {
    ++undecodable_;
    return;
  }
  const auto [place, is_new] =
      places_.try_emplace({event->session_id, event->part}, sessions_.size());
  if (is_new) sessions_.emplace_back();
  sessions_[place->second] = {event->start,
                              event->session_id,
                              event->part,
                              events::EventType::kSession,
                              {encoded.begin(), encoded.end()}};
}

void RecordKeeper::KeepFinding(std::span<const uint8_t> encoded) {
  const auto event = events::DecodeFinding(encoded);
  if (!event.ok()) {
    ++undecodable_;
    return;
  }
  events_.push_back({event->time,
                     event->session_id,
                     0,
                     events::EventType::kFinding,
                     {encoded.begin(), encoded.end()}});
}

void RecordKeeper::KeepHealth(std::span<const uint8_t> encoded) {
  const auto event = events::DecodeHealth(encoded);
  if (!event.ok()) {
    ++undecodable_;
    return;
  }
  events_.push_back(
      {event->time, 0, 0, events::EventType::kHealth, {encoded.begin(), encoded.end()}});
}

void RecordKeeper::KeepLease(std::span<const uint8_t> encoded) {
  const auto event = events::DecodeLease(encoded);
  if (!event.ok()) {
    ++undecodable_;
    return;
  }
  events_.push_back(
      {event->time, 0, 0, events::EventType::kLease, {encoded.begin(), encoded.end()}});
}

}  // namespace weir::replay

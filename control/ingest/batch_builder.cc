#include "control/ingest/batch_builder.h"

#include <algorithm>

namespace weir::control::ingest {
namespace {

// A time that a working clock shows: from 1970 to 2116. Others come of damaged bytes.
bool IsPlausible(base::WallTime time) { return time.ns >= 0 && time.ns < int64_t{1} << 62; }

std::optional<size_t> LossClassOf(std::string_view name) {
  for (size_t i = 0; i < events::kLossClasses; i++) {
    if (events::LossClassName(static_cast<events::LossClass>(i)) == name) return i;
  }
  return std::nullopt;
}

}  // namespace

bool BatchBuilder::Add(const events::Frame& frame) {
  frames_++;
  last_seq_ = frame.seq;
  const auto payload = arena_.Keep(frame.payload);
  bool good = false;
  switch (frame.type) {
    case events::EventType::kSession:
      good = AddSession(payload);
      break;
    case events::EventType::kFinding:
      good = AddFinding(payload);
      break;
    case events::EventType::kHealth:
      good = AddHealth(payload);
      break;
    case events::EventType::kLease:
      good = AddLease(payload);
      break;
  }
  if (!good) counted_.undecodable++;
  return good;
}

bool BatchBuilder::AddSession(std::span<const uint8_t> payload) {
  const auto event = events::DecodeSession(payload);
  if (!event.ok()) return false;
  if (!IsPlausible(event->session_start) || !IsPlausible(event->start)) return false;
  if (!IsPlausible(event->end)) return false;
  batch_.sessions.push_back({*event, {}});
  last_time_ = event->end;
  counted_.sessions++;
  return true;
}

bool BatchBuilder::AddFinding(std::span<const uint8_t> payload) {
  const auto event = events::DecodeFinding(payload);
  if (!event.ok() || !IsPlausible(event->time)) return false;
  batch_.findings.push_back({*event, {}});
  last_time_ = event->time;
  counted_.findings++;
  return true;
}

bool BatchBuilder::AddHealth(std::span<const uint8_t> payload) {
  const auto event = events::DecodeHealth(payload);
  if (!event.ok() || !IsPlausible(event->time)) return false;
  batch_.health.push_back(*event);
  last_time_ = event->time;
  counted_.health++;
  if (event->kind == events::HealthKind::kEventsLost) {
    if (const auto index = LossClassOf(event->detail)) counted_.events_lost[*index] += event->value;
  }
  return true;
}

bool BatchBuilder::AddLease(std::span<const uint8_t> payload) {
  const auto event = events::DecodeLease(payload);
  if (!event.ok() || !IsPlausible(event->time)) return false;
  leases_.push_back(*event);
  last_time_ = event->time;
  counted_.leases++;
  return true;
}

void BatchBuilder::TellLosses(const events::ReaderCounters& read, uint64_t boot_id) {
  counted_.missing_frames = read.missing_frames;
  counted_.damaged_places = read.damaged_places;
  counted_.journals_replaced = read.journals_replaced;
  const uint64_t events = counted_.missing_frames + counted_.undecodable;
  const bool damaged = read.damaged_places + read.damaged_segments + read.journals_replaced > 0;
  if (events == 0 && !damaged) return;
  batch_.health.push_back({last_time_.value_or(base::WallNow()), events::HealthKind::kEventsLost,
                           boot_id, events, audit::kLostInJournal});
}

void BatchBuilder::JoinAccounts() {
  for (auto& session : batch_.sessions) {
    session.identity = IdentityOf(session.event, session.event.start);
    session.identity.account.empty() ? counted_.accounts_unknown++ : counted_.accounts_joined++;
  }
  for (auto& finding : batch_.findings) {
    finding.identity = IdentityOf(finding.event, finding.event.time);
  }
}

// Of the end inside; where that is not known, of the source, else of the destination.
template <typename Event>
audit::Identity BatchBuilder::IdentityOf(const Event& event, base::WallTime at) {
  const bool inbound = event.direction == events::Direction::kInbound;
  audit::Identity identity =
      inbound ? Join(event.dst_ip, event.dst_mac, at) : Join(event.src_ip, event.src_mac, at);
  if (identity.account.empty() && event.direction == events::Direction::kUnknown) {
    identity = Join(event.dst_ip, event.dst_mac, at);
  }
  return identity;
}

audit::Identity BatchBuilder::Join(const base::IpAddress& ip, const base::MacAddress& mac,
                                   base::WallTime at) {
  auto found = directory_.Lookup(ip, mac, at);
  if (!found) return {};
  const auto& binding = bindings_.emplace_back(std::move(*found));
  return {binding.account, binding.group, static_cast<uint8_t>(binding.source), binding.login_time};
}

void BatchBuilder::AddTo(Counters& counters) const {
  counters.sessions += counted_.sessions;
  counters.findings += counted_.findings;
  counters.health += counted_.health;
  counters.leases += counted_.leases;
  counters.undecodable += counted_.undecodable;
  counters.missing_frames += counted_.missing_frames;
  counters.damaged_places += counted_.damaged_places;
  counters.journals_replaced += counted_.journals_replaced;
  counters.accounts_joined += counted_.accounts_joined;
  counters.accounts_unknown += counted_.accounts_unknown;
  for (size_t i = 0; i < events::kLossClasses; i++) {
    counters.events_lost[i] += counted_.events_lost[i];
  }
}

void BatchBuilder::Clear() {
  batch_.Clear();
  leases_.clear();
  bindings_.clear();
  arena_.Clear();
  frames_ = 0;
  counted_ = {};
}

}  // namespace weir::control::ingest

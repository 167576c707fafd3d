#include "dataplane/app/replay/record_files.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "dataplane/app/replay/event_json.h"
#include "dataplane/events/session_json.h"

namespace weir::replay {
namespace {

using control::accounts::Binding;
using control::accounts::Directory;
using Kept = RecordKeeper::Kept;

// By time, then session and part; what is equal in these stays as each worker made it.
template <typename Records>
std::vector<const Kept*> InOrder(std::span<const RecordKeeper* const> keepers, Records records) {
  std::vector<const Kept*> ordered;
  for (const RecordKeeper* keeper : keepers) {
    for (const Kept& kept : records(*keeper)) ordered.push_back(&kept);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const Kept* a, const Kept* b) {
    return std::tie(a->time, a->session_id, a->part) < std::tie(b->time, b->session_id, b->part);
  });
  return ordered;
}

// Of the inside end at the session's start. Where no end is known to be inside, the initiator is
// asked first.
std::optional<Binding> AccountOf(const Directory& directory, const events::SessionEvent& event) {
  const auto src = [&] {
    return directory.Lookup(event.src_ip, event.src_mac, event.session_start);
  };
  const auto dst = [&] {
    return directory.Lookup(event.dst_ip, event.dst_mac, event.session_start);
  };
  if (event.direction == events::Direction::kInbound) return dst();
  if (auto binding = src()) return binding;
  return event.direction == events::Direction::kUnknown ? dst() : std::nullopt;
}

}  // namespace

void WriteSessions(std::span<const RecordKeeper* const> keepers, const Directory* directory,
                   std::string_view sensor, TextOutput& out) {
  const auto of = [](const RecordKeeper& keeper) -> const auto& { return keeper.sessions(); };
  for (const Kept* kept : InOrder(keepers, of)) {
    // Decoded before when it was kept.
    const events::SessionEvent event = events::DecodeSession(kept->encoded).value();
    const std::optional<Binding> binding =
        directory == nullptr ? std::nullopt : AccountOf(*directory, event);
    events::AccountFields account;
    if (binding) account = {binding->account, binding->group, binding->login_time};
    out.WriteLine(events::SessionToJson(event, sensor, account));
  }
}

void WriteEvents(std::span<const RecordKeeper* const> keepers, std::string_view sensor,
                 TextOutput& out) {
  const auto of = [](const RecordKeeper& keeper) -> const auto& { return keeper.events(); };
  for (const Kept* kept : InOrder(keepers, of)) {
    switch (kept->type) {
      case events::EventType::kFinding:
        out.WriteLine(FindingToJson(events::DecodeFinding(kept->encoded).value(), sensor));
        break;
      case events::EventType::kHealth:
        out.WriteLine(HealthToJson(events::DecodeHealth(kept->encoded).value(), sensor));
        break;
      case events::EventType::kLease:
        out.WriteLine(LeaseToJson(events::DecodeLease(kept->encoded).value(), sensor));
        break;
      case events::EventType::kSession:
        break;  // not among them
    }
  }
}

}  // namespace weir::replay

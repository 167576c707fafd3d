// A session as one JSON object: the record of INTERFACES.md, the same in replay, store, API and
// export.
//
// Which fields are left out when is docs/formats/session.md. Any thread; allocates.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/time.h"
#include "dataplane/events/event.h"

namespace weir::events {

// What the control plane, or replay's registry, knows about the session's account; empty: unknown.
struct AccountFields {
  std::string_view account;
  std::string_view group;
  std::optional<base::WallTime> login_time;
};

// One line without its line feed.
std::string SessionToJson(const SessionEvent& event, std::string_view sensor,
                          const AccountFields& account);

// 16 lower-case hex digits, as a session's number is written everywhere.
std::string SessionIdText(uint64_t session_id);

// Community ID flow hash, version 1, seed 0: "1:…", the same for both directions of a flow.
std::string CommunityId(const SessionEvent& event);

}  // namespace weir::events

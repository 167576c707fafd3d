// What can be asked of the session store, and the answer's frame.
//
// Values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/audit/record.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/time.h"
#include "dataplane/events/event.h"

namespace weir::control::audit {

inline constexpr uint64_t kNoLimit = UINT64_MAX;

// All that is given must hold. Sessions come in the order of (start, session_id, part).
struct Query {  // `{}` lets a caller name only the members he means
  std::optional<uint64_t> session_id{};
  std::string account{};                // exactly; empty: any
  std::optional<base::IpAddress> ip{};  // of either end
  std::string name{};  // exactly, or with a leading dot the name and all below it; any case
  std::optional<uint16_t> port{};  // of either end, of TCP, UDP and SCTP

  // Sessions with any moment in [from, to): those that began before and went on count.
  std::optional<base::WallTime> from{};
  std::optional<base::WallTime> to{};
  bool by_start = false;  // only those that began in [from, to)
  // Sessions with any moment in the second that `at` falls into, for who asks knows seconds.
  std::optional<base::WallTime> at{};

  std::optional<events::SessionState> state{};
  std::optional<events::Verdict> verdict{};
  std::string rule{};  // id, exactly; empty: any

  bool newest_first = false;
  uint64_t limit = kNoLimit;  // records visited
  std::string cursor{};       // QueryResult::next_cursor of an earlier answer to the same query
};

struct QueryResult {
  uint64_t visited = 0;   // records handed to the visitor
  uint64_t examined = 0;  // records read for it
  std::string
      next_cursor;  // where to go on after the limit or a visitor that stopped; empty: at end
};

}  // namespace weir::control::audit

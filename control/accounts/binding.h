// Who had an address during a stretch of time, and how that is known.
//
// A value; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/time.h"

namespace weir::control::accounts {

// Numbers are stored in session records: they never change their meaning.
enum class BindingSource : uint8_t {
  kNone = 0,
  kRegistry = 1,
  kRadius = 2,
  kDhcp = 3,
  kPortal = 4,  // a portal's syslog
};

// "registry", "radius", "dhcp", "portal"; "" for kNone.
std::string_view BindingSourceName(BindingSource source);

// How sure it is that the account had the address from its beginning to its end.
enum class Confidence : uint8_t {
  kStanding,  // a row of the registry: it holds as long as it is there; nobody said who sat there
  kDerived,   // the beginning, the end or the person follows by a rule from what was told
  kTold,      // the source itself has told the beginning and, if it is over, the end
};

// "standing", "derived", "told".
std::string_view ConfidenceName(Confidence confidence);

struct Binding {
  std::string account;
  std::string group;
  std::string room;
  std::string seat;
  BindingSource source = BindingSource::kNone;
  std::optional<base::WallTime> login_time;  // a registry knows of no log-in
  std::optional<base::WallTime> until = {};  // not any more at this moment; not there: no end yet
  std::string cause = {};                    // of the end
  Confidence confidence = Confidence::kStanding;

  bool operator==(const Binding&) const = default;
};

// A stretch of time: what began before `to` and was not over by `from` lies in it.
struct Period {
  base::WallTime from = {};
  base::WallTime to = {std::numeric_limits<int64_t>::max()};
};

// A binding and what it is of: one address, or a prefix.
struct Bound {
  base::IpPrefix ip;
  Binding binding;
};

// One address, or a prefix, that somebody has now.
struct Present {
  base::IpPrefix ip;
  std::string account;

  bool operator==(const Present&) const = default;
};

// Calls `visit(before, after)` for each address or prefix that is not the same account's in both,
// in order; null: nobody's. Both are sorted by address, each address once.
template <typename Visit>
void ForEachDifference(std::span<const Present> before, std::span<const Present> after,
                       Visit visit) {
  auto was = before.begin();
  auto is = after.begin();
  while (was != before.end() || is != after.end()) {
    if (is == after.end() || (was != before.end() && was->ip < is->ip)) {
      visit(&*was++, static_cast<const Present*>(nullptr));
    } else if (was == before.end() || is->ip < was->ip) {
      visit(static_cast<const Present*>(nullptr), &*is++);
    } else {
      if (was->account != is->account) visit(&*was, &*is);
      ++was;
      ++is;
    }
  }
}

}  // namespace weir::control::accounts

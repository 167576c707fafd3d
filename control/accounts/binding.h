// Who had an address during a stretch of time, and how that is known.
//
// A value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/time.h"

namespace weir::control::accounts {

// Numbers are stored in session records: they never change their meaning.
enum class BindingSource : uint8_t {
  kNone = 0,
  kRegistry = 1,
};

// "registry"; "" for kNone.
std::string_view BindingSourceName(BindingSource source);

struct Binding {
  std::string account;
  std::string group;
  std::string room;
  std::string seat;
  BindingSource source = BindingSource::kNone;
  std::optional<base::WallTime> login_time;  // a registry knows of no log-in

  bool operator==(const Binding&) const = default;
};

}  // namespace weir::control::accounts

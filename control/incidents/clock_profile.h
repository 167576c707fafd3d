// The clocks an incident runs against: data files that an operator can edit, several at once.
//
// A profile is a small TOML file (docs/formats is for programs; this is for people):
//   id = "cn-police-24h"
//   title = "Report to the police within 24 hours of discovery"
//   recipient = "police"
//   unit = "hours"            # hours run on, whatever the calendar
//   report_within = 24        # from discovery
// Read once at start; immutable after, so any thread may hold them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::incidents {

inline constexpr int64_t kReportWithinHoursMax = 24 * 366;

struct ClockProfile {
  std::string id;
  std::string title;
  std::string recipient;
  int64_t report_within_hours = 0;

  // UTC; hours run on across nights, holidays and clock changes.
  base::WallTime DueAfter(base::WallTime discovery) const;
};

// Parses one profile. `file` names it in messages: "clocks/x.toml:3:1: …".
base::Result<ClockProfile> ParseClockProfile(std::string_view text, const std::string& file);

// Finds each of `ids` as `<id>.toml` in the first of `directories` that has it. A shipped profile
// that is in none of them is written into the last one, for the operator to read and edit.
base::Result<std::vector<ClockProfile>> LoadClockProfiles(
    std::span<const std::string> ids, std::span<const std::filesystem::path> directories);

}  // namespace weir::control::incidents

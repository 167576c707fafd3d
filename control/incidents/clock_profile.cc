#include "control/incidents/clock_profile.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

// As in dataplane/base/config_value.h: the two ways of toml++ must not meet in one program.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace weir::control::incidents {
namespace {

constexpr int64_t kNsPerHour = 3600 * base::kNsPerSecond;

struct ShippedProfile {
  std::string_view id;
  std::string_view text;
};

constexpr std::array kShipped{
    ShippedProfile{"cn-police-24h",
                   R"(# A report clock: when a report is due after an incident was found.
# Edit it and restart weir-control; incidents that are open keep the deadlines they were given.
id = "cn-police-24h"
title = "Report to the police within 24 hours of discovery, original records kept"
recipient = "police"
unit = "hours"          # hours run on, whatever the calendar
report_within = 24      # counted from discovery, the time of the first finding
)"}};

// Profiles that INTERFACES names and this Weir cannot run yet.
constexpr std::array<std::string_view, 4> kNotYet{"cn-cac-2025", "cn-virus", "cn-spam", "custom"};

base::Error At(const std::string& file, const toml::source_position& where,
               const std::string& message) {
  return {file + ":" + std::to_string(where.line) + ":" + std::to_string(where.column) + ": " +
          message};
}

bool IsKnownKey(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys{"id", "title", "recipient", "unit",
                                                  "report_within"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

base::Result<ClockProfile> FromTable(const toml::table& table, const std::string& file) {
  for (const auto& [key, node] : table) {
    if (!IsKnownKey(key.str())) {
      return At(file, key.source().begin,
                "unknown key '" + std::string(key.str()) +
                    "'; a clock has id, title, recipient, unit, report_within");
    }
  }
  ClockProfile profile;
  profile.id = table["id"].value_or(std::string());
  profile.title = table["title"].value_or(std::string());
  profile.recipient = table["recipient"].value_or(std::string());
  if (profile.id.empty() || profile.title.empty() || profile.recipient.empty()) {
    return base::Error{file + ": id, title and recipient must be text and not empty"};
  }
  const std::string unit = table["unit"].value_or(std::string());
  if (unit == "working-days") {
    return At(file, table["unit"].node()->source().begin,
              "working-day clocks are not supported yet");
  }
  if (unit != "hours") return base::Error{file + ": unit must be \"hours\""};
  const auto hours = table["report_within"].value<int64_t>();
  if (!hours || *hours < 1 || *hours > kReportWithinHoursMax) {
    return base::Error{file + ": report_within must be a number of hours from 1 to " +
                       std::to_string(kReportWithinHoursMax)};
  }
  profile.report_within_hours = *hours;
  return profile;
}

std::optional<std::string> ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

base::Status WriteShipped(const std::filesystem::path& path, std::string_view text) {
  std::error_code failed;
  std::filesystem::create_directories(path.parent_path(), failed);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) return base::Error{path.string() + ": cannot be written"};
  return {};
}

base::Result<ClockProfile> LoadOne(const std::string& id,
                                   std::span<const std::filesystem::path> directories) {
  for (const auto& directory : directories) {
    const auto path = directory / (id + ".toml");
    const auto text = ReadFile(path);
    if (!text) continue;
    auto profile = ParseClockProfile(*text, path.string());
    if (profile.ok() && profile->id != id) {
      return base::Error{path.string() + ": holds the clock '" + profile->id +
                         "'; a clock's file is named after its id"};
    }
    return profile;
  }
  for (const ShippedProfile& shipped : kShipped) {
    if (shipped.id != id) continue;
    const auto path = directories.back() / (id + ".toml");
    if (auto written = WriteShipped(path, shipped.text); !written) return written.error();
    return ParseClockProfile(shipped.text, path.string());
  }
  if (std::find(kNotYet.begin(), kNotYet.end(), id) != kNotYet.end()) {
    return base::Error{"[incidents] profiles: the clock '" + id + "' is not supported yet"};
  }
  return base::Error{"[incidents] profiles: no clock '" + id +
                     "': " + (directories.back() / (id + ".toml")).string() + " does not exist"};
}

}  // namespace

base::WallTime ClockProfile::DueAfter(base::WallTime discovery) const {
  return {discovery.ns + report_within_hours * kNsPerHour};
}

base::Result<ClockProfile> ParseClockProfile(std::string_view text, const std::string& file) {
  const toml::parse_result parsed = toml::parse(text, file);
  if (parsed.failed()) {
    return At(file, parsed.error().source().begin, std::string(parsed.error().description()));
  }
  return FromTable(parsed.table(), file);
}

base::Result<std::vector<ClockProfile>> LoadClockProfiles(
    std::span<const std::string> ids, std::span<const std::filesystem::path> directories) {
  std::vector<ClockProfile> profiles;
  for (const std::string& id : ids) {
    // An id is a file name's stem: it must not lead anywhere else.
    if (id.empty() || id.find_first_of("/\\") != std::string::npos || id.front() == '.') {
      return base::Error{"[incidents] profiles: '" + id + "' is not a clock's name"};
    }
    auto profile = LoadOne(id, directories);
    if (!profile) return profile.error();
    profiles.push_back(std::move(*profile));
  }
  if (profiles.empty()) {
    return base::Error{"[incidents] profiles is empty: an incident needs at least one clock"};
  }
  return profiles;
}

}  // namespace weir::control::incidents

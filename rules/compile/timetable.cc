#include "rules/compile/timetable.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include "rules/model/suggest.h"

namespace weir::rules {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr int64_t kDaysAhead = 8;  // a week, and a day for what runs over midnight

date::sys_seconds SecondsOf(base::WallTime time) {
  return date::floor<seconds>(
      date::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(time.ns)));
}

base::WallTime WallTimeOf(date::sys_seconds time) {
  return {std::chrono::nanoseconds(time.time_since_epoch()).count()};
}

// Monday bit 0.
bool IsOn(const TimeSpan& span, date::local_days day) {
  return (span.days >> (date::weekday(day).iso_encoding() - 1) & 1) != 0;
}

bool RunsOverMidnight(const TimeSpan& span) { return span.last_minute <= span.first_minute; }

bool Holds(const TimeSpan& span, date::local_seconds time) {
  const date::local_days day = date::floor<date::days>(time);
  const auto minute = date::floor<minutes>(time - day).count();
  if (!RunsOverMidnight(span)) {
    return IsOn(span, day) && span.first_minute <= minute && minute < span.last_minute;
  }
  return (IsOn(span, day) && span.first_minute <= minute) ||
         (IsOn(span, day - date::days(1)) && minute < span.last_minute);
}

// When the clock on the wall shows `time`: once, twice, or never, and then the change that leaves
// it out.
void AddInstants(const date::time_zone& zone, date::local_seconds time,
                 std::vector<date::sys_seconds>& out) {
  const date::local_info info = zone.get_info(time);
  if (info.result == date::local_info::nonexistent) {
    out.push_back(info.first.end);
    return;
  }
  out.emplace_back(time.time_since_epoch() - info.first.offset);
  if (info.result == date::local_info::ambiguous) {
    out.emplace_back(time.time_since_epoch() - info.second.offset);
  }
}

std::vector<std::string> ZoneNames() {
  std::vector<std::string> names;
  for (const date::time_zone& zone : date::get_tzdb().zones) names.push_back(zone.name());
  return names;
}

const date::time_zone* OwnZone() {
  if (const char* name = std::getenv("TZ"); name != nullptr && *name != '\0') {
    return date::locate_zone(*name == ':' ? name + 1 : name);
  }
  std::error_code unused;
  if (!std::filesystem::exists("/etc/localtime", unused)) return date::locate_zone("Etc/UTC");
  return date::current_zone();
}

// The library throws for a name that it does not know.
const date::time_zone* FindZone(const std::string& name, ZoneFault& fault) {
  try {
    return name.empty() ? OwnZone() : date::locate_zone(name);
  } catch (const std::runtime_error&) {
    if (name.empty()) {
      fault = {"",
               "this machine does not say what its time zone is; 'zone Asia/Shanghai' would do"};
      return nullptr;
    }
    const auto nearest = Nearest(name, ZoneNames());
    fault = {name, nearest ? fmt::format("'{}' would do", *nearest)
                           : "a time zone such as Asia/Shanghai would do"};
    return nullptr;
  }
}

}  // namespace

std::optional<Timetable> Timetable::Make(const TimeDefinition& definition, ZoneFault& fault) {
  const date::time_zone* const zone = FindZone(definition.zone, fault);
  if (zone == nullptr) return std::nullopt;
  return Timetable(zone, definition.spans);
}

Timetable::Timetable(const date::time_zone* zone, std::vector<TimeSpan> spans)
    : zone_(zone), spans_(std::move(spans)) {}

bool Timetable::HoldsAt(base::WallTime time) const {
  const date::local_seconds local = zone_->to_local(SecondsOf(time));
  return std::ranges::any_of(spans_, [&](const TimeSpan& span) { return Holds(span, local); });
}

// It can only change where a span begins or ends, or where the clock itself is changed.
std::optional<base::WallTime> Timetable::NextChange(base::WallTime now) const {
  const date::sys_seconds from = SecondsOf(now);
  const date::local_days today = date::floor<date::days>(zone_->to_local(from));
  std::vector<date::sys_seconds> candidates;
  for (int64_t ahead = -1; ahead <= kDaysAhead; ++ahead) {
    const date::local_days day = today + date::days(ahead);
    for (const TimeSpan& span : spans_) {
      if (!IsOn(span, day)) continue;
      const date::local_days last_day = RunsOverMidnight(span) ? day + date::days(1) : day;
      AddInstants(*zone_, day + minutes(span.first_minute), candidates);
      AddInstants(*zone_, last_day + minutes(span.last_minute), candidates);
    }
  }
  candidates.push_back(zone_->get_info(from).end);
  std::ranges::sort(candidates);
  const bool holds = HoldsAt(now);
  const date::sys_seconds until = from + date::days(kDaysAhead);
  for (const date::sys_seconds candidate : candidates) {
    if (candidate <= from || candidate > until) continue;
    if (HoldsAt(WallTimeOf(candidate)) != holds) return WallTimeOf(candidate);
  }
  return std::nullopt;
}

}  // namespace weir::rules

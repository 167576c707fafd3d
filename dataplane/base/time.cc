#include "dataplane/base/time.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

namespace weir::base {
namespace {

// The whole years that nanoseconds in 64 bits can hold.
constexpr int kYearMin = 1678;
constexpr int kYearMax = 2261;

int64_t FloorDivide(int64_t value, int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// Reads `count` digits at the front of `text`; -1 when there are not that many.
int TakeDigits(std::string_view& text, size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool TakeAny(std::string_view& text, std::string_view wanted) {
  if (text.empty() || wanted.find(text[0]) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".123456789" at the front, in nanoseconds; -1 when it is not a fraction.
int64_t TakeFraction(std::string_view& text) {
  if (!TakeAny(text, ".")) return 0;
  int64_t ns = 0;
  int digits = 0;
  for (; !text.empty() && text[0] >= '0' && text[0] <= '9' && digits < 9; ++digits) {
    ns = ns * 10 + (text[0] - '0');
    text.remove_prefix(1);
  }
  if (digits == 0) return -1;
  for (; digits < 9; ++digits) ns *= 10;
  return ns;
}

// "Z" or "+08:00" at the front, in minutes east of UTC; false when it is neither.
bool TakeOffset(std::string_view& text, int& minutes_east) {
  if (TakeAny(text, "Zz")) {
    minutes_east = 0;
    return true;
  }
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return false;
  const int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const int hours = TakeDigits(text, 2);
  if (hours < 0 || hours > 23 || !TakeAny(text, ":")) return false;
  const int minutes = TakeDigits(text, 2);
  if (minutes < 0 || minutes > 59) return false;
  minutes_east = sign * (hours * 60 + minutes);
  return true;
}

WallTime FromClock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return WallTime{now.tv_sec * kNsPerSecond + now.tv_nsec};
}

}  // namespace

std::string FormatRfc3339(WallTime time) {
  const int64_t seconds = FloorDivide(time.ns, kNsPerSecond);
  const int64_t rest_ns = time.ns % kNsPerSecond;  // negative before 1970
  const int64_t us = (rest_ns < 0 ? rest_ns + kNsPerSecond : rest_ns) / kNsPerUs;
  const time_t since_epoch = seconds;
  tm utc{};
  gmtime_r(&since_epoch, &utc);
  return fmt::format(FMT_COMPILE("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z"), utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, us);
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  const Error bad{fmt::format("'{}' is not a time; 2026-12-31T18:00:00+08:00 would do", text)};
  std::string_view rest = text;
  const int year = TakeDigits(rest, 4);
  if (year < kYearMin || year > kYearMax || !TakeAny(rest, "-")) return bad;
  const int month = TakeDigits(rest, 2);
  if (month < 0 || !TakeAny(rest, "-")) return bad;
  const int day = TakeDigits(rest, 2);
  if (day < 0 || !TakeAny(rest, "Tt ")) return bad;
  const int hour = TakeDigits(rest, 2);
  if (hour < 0 || hour > 23 || !TakeAny(rest, ":")) return bad;
  const int minute = TakeDigits(rest, 2);
  if (minute < 0 || minute > 59) return bad;
  int second = 0;  // rules write "18:00+08:00"
  if (TakeAny(rest, ":")) second = TakeDigits(rest, 2);
  const int64_t fraction_ns = TakeFraction(rest);
  int minutes_east = 0;
  if (second < 0 || second > 60 || fraction_ns < 0 || !TakeOffset(rest, minutes_east)) return bad;
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (!rest.empty() || !date.ok()) return bad;
  const int64_t days = std::chrono::sys_days{date}.time_since_epoch().count();
  const int64_t seconds = ((days * 24 + hour) * 60 + minute - minutes_east) * 60 + second;
  return WallTime{seconds * kNsPerSecond + fraction_ns};
}

WallTime WallNow() { return FromClock(CLOCK_REALTIME); }

MonoTime MonoNow() { return MonoTime{FromClock(CLOCK_MONOTONIC).ns}; }

}  // namespace weir::base

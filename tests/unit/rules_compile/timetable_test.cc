#include "rules/compile/timetable.h"

#include <gtest/gtest.h>
#include <time.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "rules/model/parse.h"

namespace weir::rules {
namespace {

constexpr int64_t kNsPerMinute = 60 * base::kNsPerSecond;

base::WallTime At(const std::string& text) {
  const auto time = base::ParseRfc3339(text);
  EXPECT_TRUE(time.ok()) << text;
  return time.ok() ? *time : base::WallTime{};
}

TimeDefinition Defined(const std::string& times) {
  const std::vector<PolicySource> sources = {{"t.rules", "time t = " + times + "\n"}};
  const auto policy = ParsePolicy(sources);
  EXPECT_TRUE(policy.ok()) << (policy.ok() ? "" : policy.error().message);
  return policy.ok() ? policy->times.at(0) : TimeDefinition{};
}

Timetable Table(const std::string& times) {
  ZoneFault fault;
  auto table = Timetable::Make(Defined(times), fault);
  EXPECT_TRUE(table.has_value()) << fault.word << ": " << fault.advice;
  return *table;
}

std::string Change(const Timetable& table, const std::string& now) {
  const auto change = table.NextChange(At(now));
  return change ? base::FormatRfc3339(*change) : "never";
}

TEST(Timetable, HoldsByTheClockOfItsZone) {
  const Timetable lessons = Table("Mon-Fri 08:00-12:00, 14:00-17:30 zone Asia/Shanghai");
  // 2026-06-01 is a Monday.
  EXPECT_FALSE(lessons.HoldsAt(At("2026-06-01T07:59:59+08:00")));
  EXPECT_TRUE(lessons.HoldsAt(At("2026-06-01T08:00:00+08:00")));
  EXPECT_TRUE(lessons.HoldsAt(At("2026-06-01T11:59:59+08:00")));
  EXPECT_FALSE(lessons.HoldsAt(At("2026-06-01T12:00:00+08:00")));
  EXPECT_TRUE(lessons.HoldsAt(At("2026-06-05T17:29:59+08:00")));
  EXPECT_FALSE(lessons.HoldsAt(At("2026-06-06T09:00:00+08:00")));
  EXPECT_EQ(Change(lessons, "2026-06-01T07:00:00+08:00"), "2026-06-01T00:00:00.000000Z");
  EXPECT_EQ(Change(lessons, "2026-06-01T08:00:00+08:00"), "2026-06-01T04:00:00.000000Z");
  // Over the weekend.
  EXPECT_EQ(Change(lessons, "2026-06-05T18:00:00+08:00"), "2026-06-08T00:00:00.000000Z");
}

TEST(Timetable, RunsOverMidnightFromTheDaysOnWhichItBegins) {
  const Timetable nights = Table("Fri, Sat 22:00-02:00 zone UTC");
  EXPECT_FALSE(nights.HoldsAt(At("2026-06-05T01:00:00Z")));  // a Friday
  EXPECT_TRUE(nights.HoldsAt(At("2026-06-05T22:00:00Z")));
  EXPECT_TRUE(nights.HoldsAt(At("2026-06-06T01:59:59Z")));
  EXPECT_FALSE(nights.HoldsAt(At("2026-06-06T02:00:00Z")));
  EXPECT_TRUE(nights.HoldsAt(At("2026-06-07T01:00:00Z")));
  EXPECT_FALSE(nights.HoldsAt(At("2026-06-07T23:00:00Z")));
  EXPECT_EQ(Change(nights, "2026-06-05T23:00:00Z"), "2026-06-06T02:00:00.000000Z");
}

// In Berlin, 02:00 to 03:00 is left out on 2026-03-29 and comes twice on 2026-10-25, both Sundays.
TEST(Timetable, FollowsTheChangesOfTheClock) {
  const Timetable left_out = Table("Sun 02:15-02:45 zone Europe/Berlin");
  EXPECT_EQ(Change(left_out, "2026-03-28T12:00:00Z"), "2026-04-05T00:15:00.000000Z");
  const Timetable cut = Table("Sun 01:30-02:30 zone Europe/Berlin");
  EXPECT_EQ(Change(cut, "2026-03-28T12:00:00Z"), "2026-03-29T00:30:00.000000Z");
  EXPECT_EQ(Change(cut, "2026-03-29T00:30:00Z"), "2026-03-29T01:00:00.000000Z");
  const Timetable twice = Table("Sun 02:15-02:45 zone Europe/Berlin");
  EXPECT_EQ(Change(twice, "2026-10-24T12:00:00Z"), "2026-10-25T00:15:00.000000Z");
  EXPECT_EQ(Change(twice, "2026-10-25T00:15:00Z"), "2026-10-25T00:45:00.000000Z");
  EXPECT_EQ(Change(twice, "2026-10-25T00:45:00Z"), "2026-10-25T01:15:00.000000Z");
  EXPECT_EQ(Change(twice, "2026-10-25T01:15:00Z"), "2026-10-25T01:45:00.000000Z");
}

TEST(Timetable, OfAllTheWeekNeverChanges) {
  const Timetable always = Table("Mon-Sun zone Europe/Berlin");
  EXPECT_TRUE(always.HoldsAt(At("2026-03-29T00:30:00Z")));
  EXPECT_EQ(Change(always, "2026-03-28T12:00:00Z"), "never");
}

TEST(Timetable, AnswersAtTheEndsOfTime) {
  const Timetable lessons = Table("Mon-Fri 08:00-12:00 zone Asia/Shanghai");
  const base::WallTime first{std::numeric_limits<int64_t>::min()};
  lessons.HoldsAt(first);
  const auto change = lessons.NextChange(first);
  ASSERT_TRUE(change.has_value());
  EXPECT_NE(lessons.HoldsAt(*change), lessons.HoldsAt(first));
}

TEST(Timetable, SuggestsAZone) {
  ZoneFault fault;
  EXPECT_FALSE(Timetable::Make(Defined("Mon zone Asia/Shangai"), fault).has_value());
  EXPECT_EQ(fault.word, "Asia/Shangai");
  EXPECT_EQ(fault.advice, "'Asia/Shanghai' would do");
  EXPECT_FALSE(Timetable::Make(Defined("Mon zone Xyzzyxyzzy"), fault).has_value());
  EXPECT_EQ(fault.advice, "a time zone such as Asia/Shanghai would do");
}

// The C library's idea of the zone, for as long as this lives.
class LibcZone {
 public:
  explicit LibcZone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~LibcZone() {
    ::unsetenv("TZ");
    ::tzset();
  }
  LibcZone(const LibcZone&) = delete;
  LibcZone& operator=(const LibcZone&) = delete;
};

bool HoldsByLibc(const TimeDefinition& definition, base::WallTime time) {
  const time_t seconds = time.ns / base::kNsPerSecond;
  tm local{};
  ::localtime_r(&seconds, &local);
  const int day = (local.tm_wday + 6) % 7;  // Monday 0
  const int minute = local.tm_hour * 60 + local.tm_min;
  for (const TimeSpan& span : definition.spans) {
    const bool over_midnight = span.last_minute < span.first_minute;
    const bool today = (span.days >> day & 1) != 0;
    const bool yesterday = (span.days >> ((day + 6) % 7) & 1) != 0;
    if (today && minute >= span.first_minute && (over_midnight || minute < span.last_minute)) {
      return true;
    }
    if (over_midnight && yesterday && minute < span.last_minute) return true;
  }
  return false;
}

// Minute after minute through the weeks around a change of the clock, in zones whose clocks are
// changed by an hour, by half an hour, at midnight, or never.
TEST(Timetable, AgreesWithTheCLibraryMinuteByMinute) {
  struct Stretch {
    const char* zone;
    const char* around;
  };
  constexpr std::array<Stretch, 5> kStretches = {{{"Europe/Berlin", "2026-03-29T01:00:00Z"},
                                                  {"America/New_York", "2026-11-01T06:00:00Z"},
                                                  {"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},
                                                  {"America/Santiago", "2026-09-06T04:00:00Z"},
                                                  {"Asia/Shanghai", "2026-06-01T00:00:00Z"}}};
  std::mt19937_64 random(20'260'601);
  for (const Stretch& stretch : kStretches) {
    const LibcZone zone(stretch.zone);
    for (int round = 0; round < 6; ++round) {
      TimeDefinition definition;
      definition.zone = stretch.zone;
      for (uint64_t spans = 1 + random() % 3; spans > 0; --spans) {
        TimeSpan span;
        span.days = static_cast<uint8_t>(1 + random() % 127);
        span.first_minute = static_cast<uint16_t>(random() % 1440);
        span.last_minute = static_cast<uint16_t>(1 + random() % 1440);
        if (span.first_minute != span.last_minute) definition.spans.push_back(span);
      }
      if (definition.spans.empty()) continue;
      ZoneFault fault;
      const auto table = Timetable::Make(definition, fault);
      ASSERT_TRUE(table.has_value());
      const base::WallTime begin{At(stretch.around).ns - 5 * 24 * 60 * kNsPerMinute};
      auto change = table->NextChange(begin);
      bool held = table->HoldsAt(begin);
      for (int64_t minute = 0; minute < 10 * 24 * 60; ++minute) {
        const base::WallTime now{begin.ns + minute * kNsPerMinute};
        const bool holds = table->HoldsAt(now);
        ASSERT_EQ(holds, HoldsByLibc(definition, now)) << base::FormatRfc3339(now);
        if (holds != held) {
          ASSERT_TRUE(change.has_value());
          ASSERT_EQ(change->ns, now.ns) << base::FormatRfc3339(now);
          change = table->NextChange(now);
          held = holds;
        }
        if (change) {
          ASSERT_GT(change->ns, now.ns);
        }
      }
    }
  }
}

TEST(Timetable, WithoutAZoneTakesTheAppliancesOwn) {
  const LibcZone zone("Asia/Tokyo");
  const Timetable table = Table("Mon-Sun 08:00-09:00");
  EXPECT_TRUE(table.HoldsAt(At("2026-06-01T08:30:00+09:00")));
  EXPECT_FALSE(table.HoldsAt(At("2026-06-01T08:30:00Z")));
}

}  // namespace
}  // namespace weir::rules

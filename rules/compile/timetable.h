// When a timetable holds: days and times of day by the clock on the wall of its time zone, through
// all changes of that clock (IANA's database, as Debian's tzdata installs it).
//
// A time of day that a change of the clock leaves out is passed over; one that comes twice counts
// both times. Immutable; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/time.h"
#include "rules/model/policy_text.h"

namespace date {
class time_zone;
}

namespace weir::rules {

// What is wrong with the zone's name, and what would do.
struct ZoneFault {
  std::string word;
  std::string advice;
};

class Timetable {
 public:
  // An empty zone is the appliance's own: TZ, else /etc/localtime, else UTC.
  static std::optional<Timetable> Make(const TimeDefinition& definition, ZoneFault& fault);

  bool HoldsAt(base::WallTime time) const;

  // The first time after `now` at which it begins or ends to hold. None: it never does, as far as
  // the week that follows tells.
  std::optional<base::WallTime> NextChange(base::WallTime now) const;

 private:
  Timetable(const date::time_zone* zone, std::vector<TimeSpan> spans);

  const date::time_zone* zone_;
  std::vector<TimeSpan> spans_;
};

}  // namespace weir::rules

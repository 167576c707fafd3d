// An incident: one case with clocks, from the first finding to its close.
//
//   open -> acknowledged -> contained -> reported -> closed
//
// Containing an open incident acknowledges it as well (who blocks at night has seen it). Reporting
// needs a person who acknowledged it. Closing what was not reported is allowed with a note that
// says why no report was owed; a closed incident stays closed, and a later finding opens another.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::incidents {

enum class State : uint8_t { kOpen, kAcknowledged, kContained, kReported, kClosed };
std::string_view StateName(State state);
base::Result<State> ParseState(std::string_view name);

// Whether a person may take the step, and what is wrong with it when not.
base::Status CheckStep(State from, State to, std::string_view note);

// Whose case it is.
enum class SubjectKind : uint8_t {
  kAccount,
  kIp,    // the inside address, where no account is known
  kMany,  // the rule already has as many open incidents as it may have: all others together
};
std::string_view SubjectKindName(SubjectKind kind);

struct Deadline {
  std::string clock;  // profile id
  std::string title;  // as the profile said when the incident opened
  std::string recipient;
  base::WallTime due;                 // UTC
  std::optional<base::WallTime> met;  // when the report was made
};

struct Incident {
  std::string id;  // "I-20261122-0001": the UTC day of discovery and a number of that day
  State state = State::kOpen;
  SubjectKind subject_kind = SubjectKind::kIp;
  std::string subject;
  std::string rule;
  std::string rule_class;
  std::string severity;
  std::string reason;      // as the rule says
  std::string first_name;  // host name of the first finding, if it had one
  std::string first_peer;  // outside end of the first finding, "192.0.2.7:443/tcp"
  std::string first_verdict;
  std::string group;
  base::WallTime discovered;  // time of the first finding
  base::WallTime last_seen;
  uint64_t findings = 0;
  std::vector<Deadline> deadlines;
  std::vector<uint64_t> sessions;  // samples, the first kSampleSessionsMax
};

inline constexpr size_t kSampleSessionsMax = 100;

struct LogEntry {
  base::WallTime time;
  std::string actor;
  std::string action;  // opened acknowledged contained reported closed note
  std::string note;
};

}  // namespace weir::control::incidents

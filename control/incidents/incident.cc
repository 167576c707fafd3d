#include "control/incidents/incident.h"

#include <array>

namespace weir::control::incidents {
namespace {

constexpr std::array<std::string_view, 5> kStates{"open", "acknowledged", "contained", "reported",
                                                  "closed"};
constexpr std::array<std::string_view, 3> kSubjectKinds{"account", "ip", "many"};

bool IsLegal(State from, State to) {
  switch (to) {
    case State::kOpen:
      return false;
    case State::kAcknowledged:
      return from == State::kOpen;
    case State::kContained:
      return from == State::kOpen || from == State::kAcknowledged;
    case State::kReported:
      return from == State::kAcknowledged || from == State::kContained;
    case State::kClosed:
      return from != State::kClosed;
  }
  return false;
}

}  // namespace

std::string_view StateName(State state) { return kStates.at(static_cast<size_t>(state)); }

base::Result<State> ParseState(std::string_view name) {
  for (size_t index = 0; index < kStates.size(); ++index) {
    if (kStates[index] == name) return static_cast<State>(index);
  }
  return base::Error{"'" + std::string(name) +
                     "' is not a state; there are open, acknowledged, contained, reported, closed"};
}

base::Status CheckStep(State from, State to, std::string_view note) {
  if (!IsLegal(from, to)) {
    std::string message = "it is " + std::string(StateName(from)) + " and cannot become " +
                          std::string(StateName(to));
    if (from == State::kOpen && to == State::kReported) message += ": acknowledge it first";
    return base::Error{message};
  }
  if (to == State::kClosed && from != State::kReported && note.empty()) {
    return base::Error{"it was not reported: closing it needs a note that says why none was owed"};
  }
  return {};
}

std::string_view SubjectKindName(SubjectKind kind) {
  return kSubjectKinds.at(static_cast<size_t>(kind));
}

}  // namespace weir::control::incidents

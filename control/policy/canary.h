// Questions with known answers, put to the data plane after each swap of its policy: what a
// `protect` rule covers must pass, and the newest block must hold.
//
// The answers are derived here, from the text alone, so that a data plane that does not do what
// the text says is found out. Any thread; no state.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/policy/block.h"
#include "control/policy/dataplane_client.h"
#include "dataplane/base/time.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

inline constexpr size_t kCanaryQuestionsMax = 64;
inline constexpr int64_t kCanaryNs = 2 * base::kNsPerSecond;  // for all questions of one swap

struct CanaryQuestion {
  nlohmann::json request;  // a `why` of the data plane's control socket
  std::string about;       // "campus.rules:1: protect ip 10.0.0.53"
  bool must_pass = true;   // else: must be dropped or rejected, by whatever rule
};

struct CanaryPlan {
  std::vector<CanaryQuestion> questions;
  // What `protect` rules cover and nobody asks about: beyond the limit, or because `why` has no
  // such question (applications, exceptions, timetables).
  size_t left_out = 0;
};

// One question for each name and each end of each range of the `protect` rules, in their order.
CanaryPlan PlanCanary(const rules::PolicyText& policy, base::WallTime now);

// Nothing for a block whose time is over.
std::optional<CanaryQuestion> QuestionAbout(const Block& block, base::WallTime now);

struct CanaryResult {
  size_t asked = 0;
  std::string fault;  // the first wrong answer, in one line; empty: there was none
  bool away = false;  // the data plane stopped answering; `fault` says so
};

// Asks until the first wrong answer, or until the time is over: what was not asked then is no
// fault, and `asked` shows it.
CanaryResult AskCanary(const DataplaneClient& dataplane,
                       const std::vector<CanaryQuestion>& questions);

}  // namespace weir::control::policy

// Asks the data plane what another policy would say of live flows and of sessions of the record.
//
// Nothing is installed. The data plane keeps the policy tried for a minute after it was last asked,
// and only the last one: who tries at the same time makes the other begin again.
//
// One thread; lives as long as the question.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "control/policy/dataplane_client.h"
#include "control/policy/rules_history.h"
#include "dataplane/base/result.h"
#include "dataplane/events/event.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

inline constexpr size_t kTrialBatch =
    2'000;  // sessions of one request, as the data plane limits it
inline constexpr size_t kTrialGroupsMax = 1'000;   // of changes told apart
inline constexpr size_t kTrialPlacesMax = 200;     // told apart of a group
inline constexpr size_t kTrialPlacesShownMax = 5;  // of a group, the most frequent

// The data plane's reports, added up.
class TrialReport {
 public:
  void Merge(const nlohmann::json& report);

  uint64_t looked_at() const { return looked_at_; }
  // looked_at, same, other_rule, open, not_reproduced, undecodable, changes (from, to, rule_before,
  // rule, count, places: what and count, the most frequent first), changes_left_out.
  nlohmann::json ToJson() const;

 private:
  struct Group {
    uint64_t count = 0;
    std::map<std::string, uint64_t> places;
  };
  using Key = std::tuple<std::string, std::string, std::string, std::string>;

  void MergeChange(const nlohmann::json& change);

  uint64_t looked_at_ = 0;
  std::map<std::string, uint64_t> counts_;  // the others, by their names
  std::map<Key, Group> changes_;
};

class Trial {
 public:
  // Compiles the policy there and judges the live flows. Refused as an install would be.
  static base::Result<Trial> Begin(const DataplaneClient& dataplane, const RuleSources& sources,
                                   rules::Mode mode);

  uint64_t live_total() const { return live_total_; }
  const TrialReport& live() const { return live_; }

  // Fails when the data plane does not answer, or has let go of the policy.
  base::Status Add(const events::SessionEvent& session);
  base::Status Flush();
  const TrialReport& past() const { return past_; }

 private:
  Trial(const DataplaneClient& dataplane, uint64_t number)
      : dataplane_(&dataplane), number_(number) {}

  const DataplaneClient* dataplane_;
  uint64_t number_;
  uint64_t live_total_ = 0;
  TrialReport live_;
  TrialReport past_;
  std::vector<std::string> batch_;  // encoded, in hex
};

}  // namespace weir::control::policy

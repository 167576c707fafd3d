// What another policy would say of sessions: each is judged by the policy in force and by the one
// that is tried, from the same facts, so that only the policies differ.
//
// Known of a session is what its record holds: addresses, ports, sides, link, one name, the
// application, and whose the addresses are now. Not known, and so not judged: outer layers of
// tunnels, and further names of one flow.
//
// Main thread only; nothing of it is installed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tuple>

#include "dataplane/app/dataplane/policy_in_force.h"
#include "dataplane/classify/ndpi_names.h"
#include "dataplane/events/event.h"

namespace weir::appliance {

class PolicyTrial {
 public:
  static constexpr size_t kGroupsMax = 1'000;  // of changes; what is beyond is only counted
  static constexpr size_t kPlacesMax = 50;     // of a group: where its sessions went

  // A policy, and whose every address is in its eyes.
  struct Judging {
    PolicyPtr policy;
    identity::IdentityTablePtr identities;
  };

  PolicyTrial(Judging in_force, Judging tried, const classify::NdpiNames& names);

  // A live flow may still show a name or application, an ended session not.
  void Judge(const events::SessionEvent& session);

  // looked_at, same; other_rule (same verdict); open (may still become known); not_reproduced (the
  // policy in force, asked again, does not say what the record of that very version says); changes:
  // from, to, rule_before, rule, count, places by count; changes_left_out.
  nlohmann::ordered_json Report() const;

 private:
  struct Verdicts {
    events::Verdict verdict = events::Verdict::kPass;
    uint32_t rule = 0;
    bool open = false;
  };
  struct Group {
    uint64_t count = 0;
    std::map<std::string, uint64_t> places;
  };
  // from, to, the rule before, the rule
  using Key = std::tuple<events::Verdict, events::Verdict, std::string, std::string>;

  static Verdicts DecideBy(const Judging& judging, const events::SessionEvent& session,
                           const classify::NdpiNames& names);
  void AddChange(Key key, const events::SessionEvent& session);

  const Judging in_force_;
  const Judging tried_;
  const classify::NdpiNames& names_;
  uint64_t looked_at_ = 0;
  uint64_t same_ = 0;
  uint64_t other_rule_ = 0;
  uint64_t open_ = 0;
  uint64_t not_reproduced_ = 0;
  uint64_t changes_left_out_ = 0;
  std::map<Key, Group> changes_;
};

}  // namespace weir::appliance

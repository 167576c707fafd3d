// Answers the lines of the control socket. Main thread only.
//
// A reply is {"ok":true,…} or {"ok":false,"error":"one clear line"}; the commands are listed in
// README.md.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/app/dataplane/policy_keeper.h"
#include "dataplane/app/dataplane/statistics.h"
#include "dataplane/app/dataplane/trial_requests.h"
#include "dataplane/app/dataplane/worker.h"

namespace weir::appliance {

class Requests {
 public:
  struct Parts {
    std::span<const std::unique_ptr<Worker>> workers;
    Shared* shared = nullptr;
    PolicyKeeper* policy = nullptr;
    IdentityKeeper* identities = nullptr;
    const Statistics* statistics = nullptr;
    const classify::NdpiNames* names = nullptr;
    std::string sensor;
    std::string boot_id;
    std::function<void(bool on)> set_bypass;
  };
  using Reply = std::function<void(const std::string& line)>;

  explicit Requests(Parts parts)
      : parts_(std::move(parts)),
        trials_({parts_.workers, parts_.shared, parts_.policy, parts_.names}) {}

  // Calls `reply` exactly once: at once, or for an install or a try when it has ended.
  void Answer(std::string_view line, const Reply& reply);

 private:
  void InstallPolicy(const nlohmann::json& request, const Reply& reply);
  base::Result<Json> Flows(const nlohmann::json& request) const;
  base::Result<Json> Why(const nlohmann::json& request) const;
  base::Result<Json> UpdateIdentities(const nlohmann::json& request) const;
  base::Result<Json> Bypass(const nlohmann::json& request) const;
  Json Status() const;
  Json PolicyStatus() const;
  Json Rules() const;
  Json RuleInForce(uint32_t rule) const;

  const Parts parts_;
  TrialRequests trials_;
};

}  // namespace weir::appliance

// `policy.try` and `policy.judge`: what another policy would say of live flows and of sessions that
// are over. The policy is compiled on the helper thread; nothing is installed.
//
// The last policy tried is kept for a minute after it was last asked, and only that one. Main
// thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/app/dataplane/policy_keeper.h"
#include "dataplane/app/dataplane/policy_trial.h"
#include "dataplane/app/dataplane/request_fields.h"
#include "dataplane/app/dataplane/worker.h"

namespace weir::appliance {

class TrialRequests {
 public:
  static constexpr size_t kLiveFlowsMax = 10'000;
  static constexpr size_t kSessionsMax = 2'000;  // of one request: some milliseconds of this thread
  static constexpr int64_t kKeptNs = 60 * base::kNsPerSecond;

  struct Parts {
    std::span<const std::unique_ptr<Worker>> workers;
    const Shared* shared = nullptr;
    PolicyKeeper* policy = nullptr;
    const classify::NdpiNames* names = nullptr;
  };
  using Reply = std::function<void(const std::string& line)>;

  explicit TrialRequests(Parts parts) : parts_(parts) {}

  // {"sources", "mode"}: replies when it is compiled and the live flows are judged.
  void Try(const Request& request, const Reply& reply);
  // {"trial": N, "sessions": [hex of encoded session events]}
  base::Result<Json> Judge(const Request& request);
  // Lets go of what nobody asks about any more. Call it now and then.
  void Forget(base::MonoTime now);

 private:
  struct Trial {
    uint64_t number = 0;
    // When it was tried: all its answers compare with the same.
    PolicyTrial::Judging in_force;
    PolicyTrial::Judging tried;
    base::MonoTime asked;
  };
  Json JudgeLive();

  const Parts parts_;
  uint64_t last_number_ = 0;
  std::optional<Trial> trial_;
};

}  // namespace weir::appliance

// PolicyService: the lists of the rules, kept up to date beside them.
#include <algorithm>

#include "control/policy/json_fields.h"
#include "control/policy/policy_service.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::control::policy {

using Outcome = DataplaneReply::Outcome;

std::unique_ptr<ListKeeper> PolicyService::MakeListKeeper() {
  ListKeeper::Options options;
  options.copies = options_.lists_dir;
  options.refresh_s = options_.list_refresh_s;
  options.timeout_s = options_.list_timeout_s;
  options.bytes_max = options_.list_bytes_max;
  options.poll_ms = options_.poll_ms;
  options.changed = [this] { return ListsChanged(); };
  options.log = options_.log;
  return std::make_unique<ListKeeper>(std::move(options));
}

// What is wrong with the rules themselves is told by who checks them next.
void PolicyService::PrepareLists() {
  const auto disk = LoadDisk();
  if (!disk) return;
  const auto text = rules::ParsePolicy(*disk);
  if (text) lists_->Prepare(*text);
}

void PolicyService::KeepLists() {
  const auto& in_force = rules_->sources();
  const std::string digest = in_force ? rules::PolicyDigest(*in_force) : "";
  if (digest == kept_digest_) return;
  kept_digest_ = digest;
  const auto text = in_force ? rules::ParsePolicy(*in_force) : rules::PolicyText();
  lists_->Keep(text ? *text : rules::PolicyText());
}

// The text is the same, the lists are not: the data plane compiles it anew. While it is away that
// waits until it starts, when it reads the copies by itself.
base::Status PolicyService::ListsChanged() {
  const std::scoped_lock lock(push_mutex_);
  if (!rules_->sources()) return {};
  const PolicyCheck check = Check(*rules_->sources(), false);
  if (!check.ok()) return base::Error{check.errors.front()};
  const PushOutcome pushed = PushAnew();
  if (pushed.outcome == Outcome::kRefused) return base::Error{SplitLines(pushed.error).front()};
  if (!pushed.canary.fault.empty()) {
    dirty_ = true;  // so that the supervisor sends it again, with the copy from before
    return base::Error{"canary: " + pushed.canary.fault};
  }
  return {};
}

bool PolicyService::ListsAreCurrent(const nlohmann::json& policy) const {
  const std::vector<ListState> states = lists_->States();
  const auto& reported = JsonMember(policy, "lists");
  return std::all_of(reported.begin(), reported.end(), [&](const nlohmann::json& list) {
    const std::string name = JsonText(list, "name");
    return std::any_of(states.begin(), states.end(), [&](const ListState& state) {
      return state.spec.name == name && state.digest == JsonText(list, "digest");
    });
  });
}

}  // namespace weir::control::policy

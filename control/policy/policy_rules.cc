// PolicyService: the rules, checked, applied, confirmed, and put back.
#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "control/policy/policy_service.h"
#include "rules/model/parse.h"

namespace weir::control::policy {
namespace {

using Outcome = DataplaneReply::Outcome;

// How it ended for the operations log and for people.
std::string OutcomeText(DataplaneReply::Outcome outcome, uint64_t version,
                        const std::string& error) {
  if (outcome == Outcome::kOk) return fmt::format("done: version {}", version);
  const std::string line = SplitLines(error).front();
  return (outcome == Outcome::kAway ? "pending: " : "refused: ") + line;
}

}  // namespace

PolicyCheck PolicyService::Check(std::span<const rules::PolicySource> sources, bool strict) const {
  const auto lists = lists_->Catalog(strict);
  return CheckSources(sources, options_.mode, base::WallNow(), lists.get());
}

PolicyCheck PolicyService::CheckDisk() {
  PrepareLists();
  const std::scoped_lock lock(push_mutex_);
  const auto disk = LoadDisk();
  if (!disk) {
    PolicyCheck check;
    check.errors = SplitLines(disk.error().message);
    return check;
  }
  return Check(*disk, true);
}

DiskPolicy PolicyService::DiskWouldBe() {
  PrepareLists();
  const std::scoped_lock lock(push_mutex_);
  DiskPolicy would_be;
  auto disk = LoadDisk();
  const auto active = blocks_->Active();
  if (!disk || !active) {
    would_be.check.errors = SplitLines(disk.ok() ? active.error().message : disk.error().message);
    return would_be;
  }
  would_be.check = Check(*disk, true);
  if (!would_be.check.ok()) return would_be;
  would_be.sources = Compose(*active, *disk);
  const auto after = rules::ParsePolicy(*disk);
  const auto before = rules::ParsePolicy(rules_->sources().value_or(RuleSources()));
  if (before.ok() && after.ok()) would_be.diff = CompareRules(*before, *after);
  return would_be;
}

base::Result<RuleSources> PolicyService::WithBlock(const Block& block) {
  const std::scoped_lock lock(push_mutex_);
  auto active = blocks_->Active();
  if (!active) return active.error();
  active->push_back(block);
  return Compose(*active);
}

std::string PolicyService::WhyNotApply(const ApplyRequest& request) const {
  if (const auto& waiting = rules_->waiting()) {
    return fmt::format(
        "the rules applied by {} wait to be confirmed, for {} s more: weirctl rules confirm, or "
        "weirctl rules undo, first",
        waiting->actor, rules_->SecondsLeft(base::MonoNow()));
  }
  if (!request.confirm_seconds) return "";
  const int64_t seconds = *request.confirm_seconds;
  if (seconds < kConfirmSecondsMin || seconds > kConfirmSecondsMax) {
    return fmt::format("there are {} to {} seconds to confirm, not {}", kConfirmSecondsMin,
                       kConfirmSecondsMax, seconds);
  }
  if (!rules_->sources()) return "there are no rules in force to go back to; apply without confirm";
  return "";
}

ApplyOutcome PolicyService::ApplyDisk(const ApplyRequest& request) {
  PrepareLists();
  ApplyOutcome outcome;
  Swap swap;
  {
    const std::scoped_lock lock(push_mutex_);
    outcome.refused = WhyNotApply(request);
    if (!outcome.refused.empty()) return outcome;
    auto disk = LoadDisk();
    if (!disk) {
      outcome.check.errors = SplitLines(disk.error().message);
      return outcome;
    }
    outcome.check = Check(*disk, true);
    if (!outcome.check.ok()) return outcome;
    swap = BeginSwap();
    swap.take_back = [this, had_rules = rules_->sources().has_value(), held = rules_->held()] {
      if (!had_rules) return rules_->Forget();
      std::string unsaved;
      const auto back = rules_->GoBack(held, &unsaved);
      SetAlarm(back.ok() ? unsaved : back.error().message);
    };
    const auto replaced =
        rules_->Replace({std::move(*disk), request.actor, request.confirm_seconds}, Now());
    if (!replaced) {
      outcome.refused = replaced.error().message;
      return outcome;
    }
    EndSwap(swap, request, outcome);
  }
  if (outcome.version != 0 && request.canary) WatchSwap(swap, outcome);
  return outcome;
}

base::Status PolicyService::ConfirmRules() {
  const std::scoped_lock lock(push_mutex_);
  if (!rules_->waiting()) {
    return base::Error{"no rules wait to be confirmed"};
  }
  if (rules_->IsOver(base::MonoNow())) {
    return base::Error{"the time to confirm is over: the rules before go back in force"};
  }
  if (auto confirmed = rules_->Confirm(); !confirmed) return confirmed;
  ShowRules();
  return {};
}

ApplyOutcome PolicyService::UndoRules(const ApplyRequest& request) {
  ApplyOutcome outcome;
  Swap swap;
  {
    const std::scoped_lock lock(push_mutex_);
    const bool was_waiting = rules_->waiting().has_value();
    swap = BeginSwap();
    // Unconfirmed rules are nothing to return to, whatever the canary says of those before.
    if (!was_waiting && rules_->sources()) {
      swap.take_back = [this, left = *rules_->sources(), held = rules_->held(),
                        actor = request.actor] {
        const auto back = rules_->Replace({left, actor, std::nullopt, held}, Now());
        if (!back) SetAlarm(back.error().message);
      };
    }
    std::string unsaved;
    if (auto back = rules_->GoBack(true, &unsaved); !back) {
      outcome.refused = back.error().message;
      return outcome;
    }
    outcome.check = Check(*rules_->sources(), false);
    EndSwap(swap, request, outcome);
    if (!unsaved.empty()) SetAlarm(unsaved);
  }
  if (outcome.version != 0 && request.canary && swap.take_back) WatchSwap(swap, outcome);
  return outcome;
}

PolicyService::Swap PolicyService::BeginSwap() {
  Swap swap;
  const DataplaneReply stats = dataplane_.Call({{"cmd", "stats"}});
  if (stats.ok()) swap.before = SampleOf(stats.body, base::MonoNow());
  return swap;
}

// The rules have changed: the data plane is told, and asked.
void PolicyService::EndSwap(Swap& swap, const ApplyRequest& request, ApplyOutcome& outcome) {
  const PushOutcome pushed = PushAnew();
  swap.number = swap_number_;
  outcome.canary_asked = pushed.canary.asked;
  const bool may_wait = pushed.outcome == Outcome::kAway && !request.confirm_seconds;
  if (may_wait || !swap.take_back) {
    outcome.version = pushed.version;
    outcome.pending = pushed.error;
  } else if (pushed.outcome != Outcome::kOk) {
    swap.take_back();
    ++swap_number_;
    dirty_ = true;
    outcome.refused = pushed.error;
  } else if (request.canary && !pushed.canary.fault.empty()) {
    TakeBack(swap, pushed.canary.fault, outcome);
  } else {
    outcome.version = pushed.version;
    outcome.waiting = rules_->waiting();
  }
  if (outcome.refused.empty()) {
    const std::scoped_lock lock(status_mutex_);
    status_.rolled_back.clear();
  }
  ShowRules();
}

void PolicyService::TakeBack(const Swap& swap, const std::string& why, ApplyOutcome& outcome) {
  swap.take_back();
  const PushOutcome pushed = PushAnew();
  const std::string back = pushed.outcome == Outcome::kOk
                               ? fmt::format("in force again, as version {}", pushed.version)
                               : "not in force again yet: " + SplitLines(pushed.error).front();
  outcome.version = 0;
  outcome.waiting.reset();
  outcome.refused = "canary: " + why + "; the rules before are " + back;
  Log(outcome.refused);
  const std::scoped_lock lock(status_mutex_);
  status_.rolled_back = outcome.refused;
  ++status_.rollbacks;
}

void PolicyService::WatchSwap(const Swap& swap, ApplyOutcome& outcome) {
  if (swap.before.boot_id.empty() || options_.watch_ms == 0) return;
  if (!supervisor_.WaitFor(std::chrono::milliseconds(options_.watch_ms))) return;
  const DataplaneReply stats = dataplane_.Call({{"cmd", "stats"}});
  if (!stats.ok()) return;  // the supervisor brings it up to date when it answers
  const TrafficSample now = SampleOf(stats.body, base::MonoNow());
  const std::scoped_lock lock(push_mutex_);
  if (swap_number_ != swap.number) return;  // somebody was faster
  const auto stopped = traffic_.StoppedSince(swap.before, now);
  if (!stopped) return;
  {
    const std::scoped_lock status_lock(status_mutex_);
    ++status_.canary_faults;
  }
  TakeBack(swap, *stopped, outcome);
  ShowRules();
}

// --- by itself ---

void PolicyService::RollBackIfOver() {
  if (!rules_->IsOver(base::MonoNow())) return;
  const Waiting waiting = *rules_->waiting();
  std::string unsaved;
  if (auto back = rules_->GoBack(true, &unsaved); !back) {
    SetAlarm("the rules cannot go back: " + back.error().message);
    return;
  }
  const PushOutcome pushed = PushAnew();
  const std::string how = OutcomeText(pushed.outcome, pushed.version, pushed.error);
  const std::string why =
      fmt::format("nobody confirmed the rules of {} within {} s", waiting.actor, waiting.seconds);
  Log(why + ": back to the rules before, " + how);
  if (options_.record) options_.record("rules rollback", why + "; " + how);
  if (!unsaved.empty()) SetAlarm(unsaved);
  const std::scoped_lock lock(status_mutex_);
  status_.rolled_back = why;
  ++status_.rollbacks;
}

void PolicyService::ShowRules() {
  KeepLists();
  const std::scoped_lock lock(status_mutex_);
  status_.held = rules_->held();
  status_.waiting = rules_->waiting();
  status_.undo_steps = rules_->steps();
  waiting_until_ = rules_->until();
}

}  // namespace weir::control::policy

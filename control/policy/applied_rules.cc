#include "control/policy/applied_rules.h"

#include <algorithm>
#include <utility>

namespace weir::control::policy {
namespace {

int64_t SecondsRoundedUp(int64_t ns) {
  return ns <= 0 ? 0 : (ns + base::kNsPerSecond - 1) / base::kNsPerSecond;
}

}  // namespace

Moment Now() { return {base::WallNow(), base::MonoNow()}; }

AppliedRules::AppliedRules(std::unique_ptr<RulesHistory> history) : history_(std::move(history)) {}

base::Result<std::unique_ptr<AppliedRules>> AppliedRules::Open(
    const std::filesystem::path& database, const Moment& now) {
  auto history = RulesHistory::Open(database);
  if (!history) return history.error();
  std::unique_ptr<AppliedRules> rules(new AppliedRules(std::move(*history)));
  if (auto loaded = rules->Load(now); !loaded) return loaded.error();
  return rules;
}

base::Status AppliedRules::Load(const Moment& now) {
  auto held = history_->Held();
  if (!held) return held.error();
  auto waiting = history_->WaitingNow();
  if (!waiting) return waiting.error();
  const auto steps = history_->Steps();
  if (!steps) return steps.error();
  sources_ = std::move(*held);
  held_ = sources_.has_value();
  waiting_ = std::move(*waiting);
  steps_ = *steps;
  if (!waiting_) return {};
  auto newest = history_->Newest();
  if (!newest) return newest.error();
  if (*newest) previous_ = std::move((*newest)->sources);
  const int64_t given_ns = waiting_->seconds * base::kNsPerSecond;
  const int64_t left_ns = std::clamp(waiting_->until.ns - now.wall.ns, int64_t{0}, given_ns);
  until_mono_ = {now.mono.ns + left_ns};
  return {};
}

int64_t AppliedRules::SecondsLeft(base::MonoTime now) const {
  return SecondsRoundedUp(until_mono_.ns - now.ns);
}

void AppliedRules::Follow(RuleSources disk) { sources_ = std::move(disk); }

base::Status AppliedRules::Replace(Next next, const Moment& now) {
  std::optional<Waiting> waiting;
  if (next.confirm_seconds) {
    const int64_t length_ns = *next.confirm_seconds * base::kNsPerSecond;
    waiting = {next.actor, now.wall, {now.wall.ns + length_ns}, *next.confirm_seconds};
  }
  const bool hold = next.hold || waiting;
  std::optional<HistoryStep> before;
  if (sources_) before = HistoryStep{*sources_, next.actor, now.wall};
  auto saved = history_->Push(before ? &*before : nullptr, hold ? &next.sources : nullptr, waiting);
  if (!saved) return saved;
  if (const auto steps = history_->Steps(); steps.ok()) steps_ = *steps;
  waiting_ = std::move(waiting);
  if (waiting_) {
    until_mono_ = {now.mono.ns + waiting_->seconds * base::kNsPerSecond};
    if (before) previous_ = std::move(before->sources);
  }
  sources_ = std::move(next.sources);
  held_ = hold;
  return {};
}

base::Status AppliedRules::Confirm() {
  if (auto saved = history_->Confirm(); !saved) return saved;
  waiting_.reset();
  previous_.reset();
  held_ = false;
  return {};
}

base::Status AppliedRules::GoBack(bool hold, std::string* unsaved) {
  unsaved->clear();
  std::optional<RuleSources> previous = std::move(previous_);
  previous_.reset();
  if (!previous) {
    auto newest = history_->Newest();
    if (!newest) return newest.error();
    if (!*newest) return base::Error{"there is nothing to go back to: no rules were replaced yet"};
    previous = std::move((*newest)->sources);
  }
  const auto saved = history_->Pop(hold ? &*previous : nullptr);
  if (!saved) *unsaved = saved.error().message;
  sources_ = std::move(previous);
  held_ = hold;
  waiting_.reset();
  if (saved.ok()) steps_ = std::max<int64_t>(steps_ - 1, 0);
  return {};
}

}  // namespace weir::control::policy

// PolicyService: blocks, typed and taken back.
#include <utility>

#include "control/policy/block_rule.h"
#include "control/policy/policy_service.h"
#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

using Outcome = DataplaneReply::Outcome;

}  // namespace

base::Result<Block> PolicyService::PrepareBlock(const BlockRequest& request) {
  const auto number = blocks_->NextNumber();
  if (!number) return number.error();
  Block block;
  block.number = *number;
  auto rule = MakeBlockRule(request, block.id());
  if (!rule) return rule.error();
  std::vector<rules::PolicySource> sources;
  if (rules_->sources()) sources = *rules_->sources();
  const auto policy = rules::ParsePolicy(sources);
  if (policy.ok()) {
    if (const auto protect = FindProtect(*policy, *rule)) {
      return base::Error{"protected: " + *protect};
    }
  }
  block.kind = request.kind;
  block.value = request.value;
  block.rule = rules::ToText(*rule);
  block.actor = request.actor;
  block.reason = request.reason;
  block.notice = request.notice;
  block.incident = request.incident;
  block.typed = request.typed;
  if (rule->until) block.until = rule->until->time;
  const std::vector<rules::PolicySource> alone{{"block", block.rule + "\n"}};
  const PolicyCheck check = CheckSources(alone, options_.mode, base::WallNow(), nullptr);
  if (!check.ok()) return base::Error{check.errors.front()};
  return block;
}

base::Result<BlockOutcome> PolicyService::AddBlock(const BlockRequest& request, bool dry_run) {
  const std::scoped_lock lock(push_mutex_);
  const auto block = PrepareBlock(request);
  if (!block) return block.error();
  if (dry_run) return BlockOutcome{*block, true, ""};
  if (auto added = blocks_->Add(*block); !added) return added.error();
  const std::string known_alarm = status().alarm;
  dirty_ = true;
  const PushOutcome pushed = PushAll();
  std::string refused;
  if (pushed.outcome == Outcome::kRefused) refused = pushed.error;
  // A fault that was there before is not this block's.
  const bool canary_fails = !pushed.canary.fault.empty() && !pushed.canary.away;
  if (canary_fails && "canary: " + pushed.canary.fault != known_alarm) {
    refused = "canary: " + pushed.canary.fault;
  }
  if (refused.empty()) return Finish(*block, pushed);
  // Not kept for later: whoever typed it must learn now that it does nothing.
  const auto removed =
      blocks_->Remove(block->number, "refused: " + SplitLines(refused).front(), base::WallNow());
  if (!removed) return removed.error();
  dirty_ = true;
  static_cast<void>(PushAll());
  return base::Error{canary_fails ? refused : "refused by the data plane: " + refused};
}

base::Result<BlockOutcome> PolicyService::Unblock(std::string_view id, std::string_view actor,
                                                  base::WallTime now) {
  const std::scoped_lock lock(push_mutex_);
  const auto block = blocks_->Find(id);
  if (!block) return block.error();
  if (!*block) return base::Error{"there is no block '" + std::string(id) + "'"};
  if (auto removed = blocks_->Remove((*block)->number, actor, now); !removed) {
    return removed.error();
  }
  dirty_ = true;
  return Finish(**block, PushAll());
}

BlockOutcome PolicyService::Finish(const Block& block, const PushOutcome& pushed) {
  BlockOutcome outcome{block, false, pushed.error};
  auto stored = blocks_->Find(block.id());
  if (stored.ok() && *stored) outcome.block = **stored;
  return outcome;
}

}  // namespace weir::control::policy

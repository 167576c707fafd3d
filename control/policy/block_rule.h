// The rule of a block: made from what a responder typed, through the same parser as any rules file.
//
// Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "control/policy/block.h"
#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

// "drop <kind> <value> …" with this id. Refuses a kind that cannot be blocked yet, and any value
// that is not exactly one of its kind, so that nothing typed can become a second word or rule.
base::Result<rules::Rule> MakeBlockRule(const BlockRequest& request, const std::string& id);

// The `protect` rule of the policy under which all of the block lies, as "file:line: text". Such a
// block would do nothing. Rules with several conditions, `except` or `during` protect a part only
// and are not looked at here: they win where they hold.
std::optional<std::string> FindProtect(const rules::PolicyText& policy, const rules::Rule& block);

}  // namespace weir::control::policy

// The policy of --rules at the captures' time. One thread.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "control/accounts/binding.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/classify/ndpi_names.h"
#include "dataplane/identity/identity_table.h"
#include "rules/compile/compiled_policy.h"
#include "rules/lists/list_files.h"
#include "rules/model/policy_text.h"

namespace weir::replay {

class ReplayPolicy {
 public:
  // Without files there are no rules: everything passes. The error has a line for each fault,
  // "file:line:column: …".
  static base::Result<std::unique_ptr<ReplayPolicy>> Load(
      std::span<const std::string> files, std::shared_ptr<const classify::NdpiNames> names);

  // The policy as of `now`: rules whose `until` has passed are out, and in again when a later
  // capture is an older recording.
  const rules::CompiledPolicy& At(base::WallTime now) {
    if (now < valid_from_ || now >= valid_until_) Recompile(now);
    return *compiled_;
  }
  const rules::CompiledPolicy& last() const { return *compiled_; }

  // Whose the addresses are, for all of the captures; before the first packet.
  void Know(std::span<const control::accounts::Present> present);
  // In the eyes of the policy that At() gave last.
  const identity::IdentityTable& identities() const { return *identities_; }

 private:
  ReplayPolicy(rules::PolicyText text, std::shared_ptr<const classify::NdpiNames> names);
  base::Status Compile(base::WallTime now);
  void Recompile(base::WallTime now);

  const rules::PolicyText text_;
  const std::shared_ptr<const classify::NdpiNames> names_;
  // Entries of lists that end at a time of their own count as if they did not: the captures may be
  // from before.
  const rules::ListFiles lists_{{.copies = {}, .read_once = true, .now = base::WallTime{}}};
  uint32_t version_ = 0;
  std::shared_ptr<const rules::CompiledPolicy> compiled_;
  identity::IdentityTablePtr identities_;
  base::WallTime valid_from_;
  base::WallTime valid_until_;
};

}  // namespace weir::replay

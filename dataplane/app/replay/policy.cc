#include "dataplane/app/replay/policy.h"

#include <cstdlib>
#include <limits>

#include "dataplane/identity/account_resolver.h"
#include "dataplane/pipeline/ndpi_catalog.h"
#include "rules/compile/compile.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::replay {
namespace {

constexpr base::WallTime kAlwaysBefore{std::numeric_limits<int64_t>::min()};
// Fixed, as nobody else chooses the registry's addresses.
constexpr base::HashKey kTableSecret{1, 2};

constexpr base::WallTime kNever{std::numeric_limits<int64_t>::max()};

}  // namespace

base::Result<std::unique_ptr<ReplayPolicy>> ReplayPolicy::Load(
    std::span<const std::string> files, std::shared_ptr<const classify::NdpiNames> names) {
  std::vector<rules::PolicySource> sources;
  if (!files.empty()) {
    auto loaded = rules::LoadPolicySources("", files, "");
    if (!loaded.ok()) return loaded.error();
    sources = std::move(*loaded);
  }
  auto text = rules::ParsePolicy(sources);
  if (!text.ok()) return text.error();
  std::unique_ptr<ReplayPolicy> policy(new ReplayPolicy(std::move(*text), std::move(names)));
  // With nothing expired first, so that every rule is checked before a packet is read.
  const base::Status compiled = policy->Compile(kAlwaysBefore);
  if (!compiled.ok()) return compiled.error();
  return policy;
}

ReplayPolicy::ReplayPolicy(rules::PolicyText text, std::shared_ptr<const classify::NdpiNames> names)
    : text_(std::move(text)),
      names_(std::move(names)),
      identities_(std::make_shared<const identity::IdentityTable>(kTableSecret, true)) {}

void ReplayPolicy::Know(std::span<const control::accounts::Present> present) {
  identity::AccountResolver resolver(compiled_->parts().accounts);
  std::vector<identity::IdentityTable::Change> changes;
  for (const auto& [ip, account] : present) changes.push_back({ip, resolver.Get(account)});
  identities_ = identities_->With(changes, true);
}

base::Status ReplayPolicy::Compile(base::WallTime now) {
  const pipeline::NdpiCatalog catalog(*names_);
  rules::CompileOptions options;
  options.version = ++version_;
  options.now = now;
  options.apps = &catalog;
  options.lists = &lists_;
  auto compiled = rules::Compile(text_, options);
  if (!compiled.ok()) return compiled.error();
  if (compiled_ != nullptr) (*compiled)->InheritHits(*compiled_);
  compiled_ = std::move(*compiled);
  identity::AccountResolver resolver(compiled_->parts().accounts);
  identities_ = identities_->Resolved(resolver);
  valid_from_ = now;
  valid_until_ = compiled_->next_change().value_or(kNever);
  return {};
}

void ReplayPolicy::Recompile(base::WallTime now) {
  // The same text compiled before; that it no longer does is a bug.
  if (!Compile(now).ok()) std::abort();
}

}  // namespace weir::replay

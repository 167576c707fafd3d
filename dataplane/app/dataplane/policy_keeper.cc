#include "dataplane/app/dataplane/policy_keeper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "dataplane/events/event.h"
#include "dataplane/pipeline/ndpi_catalog.h"
#include "rules/compile/compile.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::appliance {
namespace {

// A clock that goes back by less is being adjusted.
constexpr int64_t kSetBackNs = 5 * base::kNsPerSecond;
// Where the same rules are refused now, as a list's file is gone, they may do later.
constexpr int64_t kRetryNs = 10 * base::kNsPerSecond;

rules::Mode ModeOf(const base::Config& config) {
  return config.policy.mode == base::PolicyMode::kEnforce ? rules::Mode::kEnforce
                                                          : rules::Mode::kMonitor;
}

rules::UnknownAddress UnknownOf(const base::Config& config) {
  switch (config.accounts.unknown) {
    case base::UnknownAddress::kAllow:
      return rules::UnknownAddress::kAllow;
    case base::UnknownAddress::kDrop:
      return rules::UnknownAddress::kDrop;
    case base::UnknownAddress::kReject:
      return rules::UnknownAddress::kReject;
    case base::UnknownAddress::kPortal:
      return rules::UnknownAddress::kPortal;
  }
  return rules::UnknownAddress::kAllow;
}

// The word of weir_verdicts_total for flows that a rule decided.
std::string_view VerdictWord(const rules::RuleInfo& rule) {
  const bool enforced = rule.mode == rules::Mode::kEnforce;
  switch (rule.verb) {
    case rules::Verb::kDrop:
      return events::VerdictName(enforced ? events::Verdict::kDrop : events::Verdict::kWouldDrop);
    case rules::Verb::kReject:
      return events::VerdictName(enforced ? events::Verdict::kReject
                                          : events::Verdict::kWouldReject);
    case rules::Verb::kProtect:
    case rules::Verb::kAllow:
    case rules::Verb::kMonitor:
      break;
  }
  return events::VerdictName(events::Verdict::kPass);
}

}  // namespace

PolicyKeeper::PolicyKeeper(const base::Config& config,
                           std::shared_ptr<const classify::NdpiNames> names,
                           PolicyInForce& in_force, IdentityKeeper& identities)
    : config_(config),
      names_(std::move(names)),
      in_force_(in_force),
      identities_(identities),
      version_file_(config.journal.dir / "policy_version"),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      lists_({.copies = config.control.data_dir / "lists",
              .wait_for_copies = true,
              .bytes_max = config.lists.max_bytes}) {
  in_force_.OnLeaving(
      [this](const rules::CompiledPolicy& policy, const std::vector<uint64_t>& inherited_hits) {
        AddVerdicts(policy, inherited_hits, verdicts_before_);
      });
}

PolicyKeeper::~PolicyKeeper() {
  if (compiling_.valid()) compiling_.wait();
}

// On the helper thread, or at start on the main thread: touches nothing that changes.
PolicyKeeper::Outcome PolicyKeeper::Compile(Attempt attempt, uint32_t version,
                                            identity::IdentityTablePtr identities) const {
  Outcome outcome;
  outcome.sources = std::move(attempt.sources);
  if (attempt.from_files) {
    auto loaded = rules::LoadPolicySources((config_.control.data_dir / "blocks.rules").string(),
                                           config_.policy.rules, "");
    if (!loaded) {
      outcome.policy = loaded.error();
      return outcome;
    }
    outcome.sources = std::move(*loaded);
  }
  outcome.policy = CompileSources(outcome.sources, attempt.mode, version);
  if (outcome.policy) {
    outcome.identities = IdentityKeeper::Resolve(std::move(identities), **outcome.policy);
  }
  return outcome;
}

base::Result<PolicyPtr> PolicyKeeper::CompileSources(
    const std::vector<rules::PolicySource>& sources, rules::Mode mode, uint32_t version) const {
  const auto text = rules::ParsePolicy(sources);
  if (!text) return text.error();
  const pipeline::NdpiCatalog catalog(*names_);
  rules::CompileOptions options;
  options.mode = mode;
  options.version = version;
  options.now = base::WallNow();
  options.apps = &catalog;
  options.lists = &lists_;
  options.unknown = UnknownOf(config_);
  auto policy = rules::Compile(*text, options);
  if (policy) lists_.ForgetUnused();
  return policy;
}

base::Result<PolicyPtr> PolicyKeeper::LoadFirst() {
  state_.version = ReadVersion();
  Outcome outcome =
      Compile({{}, true, ModeOf(config_), {}}, state_.version + 1, identities_.table());
  if (!outcome.policy) return outcome.policy.error();
  Accept(outcome);
  identities_.Adopt(std::move(outcome.identities));
  return *outcome.policy;
}

void PolicyKeeper::ReloadFiles(Done done) {
  Enqueue({{}, true, ModeOf(config_), std::move(done), {}});
}

void PolicyKeeper::Install(std::vector<rules::PolicySource> sources,
                           std::optional<rules::Mode> mode, Done done) {
  Enqueue({std::move(sources), false, mode.value_or(ModeOf(config_)), std::move(done), {}});
}

void PolicyKeeper::Try(std::vector<rules::PolicySource> sources, std::optional<rules::Mode> mode,
                       Tried tried) {
  Enqueue({std::move(sources), false, mode.value_or(ModeOf(config_)), {}, std::move(tried)});
}

void PolicyKeeper::Enqueue(Attempt attempt) {
  waiting_.push_back(std::move(attempt));
  StartNext();
}

void PolicyKeeper::StartNext() {
  if (compiling_.valid() || waiting_.empty()) return;
  Attempt next = std::move(waiting_.front());
  waiting_.pop_front();
  running_done_ = std::move(next.done);
  running_tried_ = std::move(next.tried);
  compiling_ =
      std::async(std::launch::async, [this, next = std::move(next), version = state_.version + 1,
                                      identities = identities_.table()]() mutable {
        Outcome outcome = Compile(std::move(next), version, std::move(identities));
        const uint64_t one = 1;
        static_cast<void>(!::write(wake_.get(), &one, sizeof one));
        return outcome;
      });
}

void PolicyKeeper::Work(base::WallTime now) {
  in_force_.Settle();
  uint64_t ignored = 0;
  if (compiling_.valid() && ::read(wake_.get(), &ignored, sizeof ignored) > 0) {
    Take(compiling_.get());
    StartNext();
  }
  const auto change = in_force_.current()->next_change();
  // A clock that was set back may have gone over a change once more.
  const bool set_back = now.ns < state_.installed.ns - kSetBackNs;
  const bool may_retry = now >= retry_at_ || now.ns < retry_at_.ns - kRetryNs;
  const bool is_due = change && (now >= *change || set_back) && may_retry;
  if (is_due && !compiling_.valid() && waiting_.empty()) {
    retry_at_ = {now.ns + kRetryNs};
    Install(sources_, state_.mode, [](const base::Status&) {});
  }
}

void PolicyKeeper::Take(Outcome outcome) {
  if (running_tried_) return running_tried_(outcome.policy);
  if (!outcome.policy) {
    state_.last_refusal = outcome.policy.error().message;
    if (on_refused) on_refused(state_.last_refusal);
    running_done_(outcome.policy.error());
    return;
  }
  Accept(outcome);
  StoreVersion();
  in_force_.Replace(*outcome.policy, identities_.Adopt(std::move(outcome.identities)),
                    [done = std::move(running_done_)] { done(base::Status()); });
  if (on_installed) on_installed(state_.version);
}

void PolicyKeeper::Accept(const Outcome& outcome) {
  const rules::CompiledPolicy& policy = **outcome.policy;
  state_ = {policy.version(),
            base::WallNow(),
            policy.rule_count(),
            policy.mode(),
            rules::PolicyDigest(outcome.sources),
            policy.memory_bytes(),
            policy.parts().lists,
            ""};
  sources_ = outcome.sources;
  for (const std::string& warning : policy.warnings()) spdlog::warn("{}", warning);
}

// Versions never repeat, also over restarts: records name them.
uint32_t PolicyKeeper::ReadVersion() const {
  uint32_t version = 0;
  std::ifstream(version_file_) >> version;
  return version;
}

void PolicyKeeper::StoreVersion() {
  const std::filesystem::path fresh = version_file_.string() + ".new";
  std::error_code error;
  std::filesystem::create_directories(version_file_.parent_path(), error);
  std::ofstream file(fresh, std::ios::trunc);
  file << state_.version << '\n';
  file.close();
  if (file) std::filesystem::rename(fresh, version_file_, error);
  const bool failed = !file || error;
  if (failed && !version_file_failed_) {
    spdlog::warn("{} cannot be written: after a restart policy versions may repeat",
                 version_file_.string());
  }
  version_file_failed_ = failed;
}

void PolicyKeeper::AddVerdicts(const rules::CompiledPolicy& policy,
                               const std::vector<uint64_t>& inherited_hits, VerdictCounts& counts) {
  for (uint32_t rule = 0; rule < policy.rule_count(); ++rule) {
    const uint64_t hits = policy.hits(rule) - std::min(policy.hits(rule), inherited_hits[rule]);
    if (hits == 0) continue;
    const rules::RuleInfo& info = policy.info(rule);
    counts[{std::string(VerdictWord(info)), info.rule_class}] += hits;
  }
}

PolicyKeeper::VerdictCounts PolicyKeeper::verdicts() const {
  VerdictCounts counts = verdicts_before_;
  AddVerdicts(*in_force_.current(), in_force_.inherited_hits(), counts);
  return counts;
}

}  // namespace weir::appliance

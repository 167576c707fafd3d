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
                           PolicyInForce& in_force)
    : config_(config),
      names_(std::move(names)),
      in_force_(in_force),
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
PolicyKeeper::Outcome PolicyKeeper::Compile(std::vector<rules::PolicySource> sources,
                                            bool from_files, rules::Mode mode,
                                            uint32_t version) const {
  Outcome outcome;
  outcome.sources = std::move(sources);
  if (from_files) {
    auto loaded = rules::LoadPolicySources((config_.control.data_dir / "blocks.rules").string(),
                                           config_.policy.rules, "");
    if (!loaded) {
      outcome.policy = loaded.error();
      return outcome;
    }
    outcome.sources = std::move(*loaded);
  }
  auto text = rules::ParsePolicy(outcome.sources);
  if (!text) {
    outcome.policy = text.error();
    return outcome;
  }
  const pipeline::NdpiCatalog catalog(*names_);
  rules::CompileOptions options;
  options.mode = mode;
  options.version = version;
  options.now = base::WallNow();
  options.apps = &catalog;
  options.lists = &lists_;
  outcome.policy = rules::Compile(*text, options);
  if (outcome.policy) lists_.ForgetUnused();
  return outcome;
}

base::Result<PolicyPtr> PolicyKeeper::LoadFirst() {
  state_.version = ReadVersion();
  Outcome outcome = Compile({}, true, ModeOf(config_), state_.version + 1);
  if (!outcome.policy) return outcome.policy.error();
  Accept(outcome);
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
  running_ = std::move(waiting_.front());
  waiting_.pop_front();
  const uint32_t version = state_.version + 1;
  compiling_ = std::async(std::launch::async, [this, sources = std::move(running_.sources),
                                               from_files = running_.from_files,
                                               mode = running_.mode, version]() mutable {
    Outcome outcome = Compile(std::move(sources), from_files, mode, version);
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
  if (running_.tried) return running_.tried(outcome.policy);
  if (!outcome.policy) {
    state_.last_refusal = outcome.policy.error().message;
    if (on_refused) on_refused(state_.last_refusal);
    running_.done(outcome.policy.error());
    return;
  }
  Accept(outcome);
  StoreVersion();
  in_force_.Replace(*outcome.policy, [done = std::move(running_.done)] { done(base::Status()); });
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

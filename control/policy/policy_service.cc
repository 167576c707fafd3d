#include "control/policy/policy_service.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "control/policy/blocks_file.h"
#include "control/policy/json_fields.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::control::policy {
namespace {

using Outcome = DataplaneReply::Outcome;

constexpr int kTicksADiskLook = 10;

// The data plane puts these under "policy" in some replies and at the top in others.
const nlohmann::json& PolicyPart(const nlohmann::json& reply) {
  const nlohmann::json& part = JsonMember(reply, "policy");
  return part.is_object() ? part : reply;
}

}  // namespace

PolicyService::PolicyService(Options options, std::unique_ptr<BlockStore> blocks,
                             std::unique_ptr<AppliedRules> rules)
    : options_(std::move(options)),
      blocks_(std::move(blocks)),
      dataplane_(options_.dataplane_socket, options_.dataplane_timeout_ms),
      rules_(std::move(rules)),
      lists_(MakeListKeeper()) {}

PolicyService::~PolicyService() { Stop(); }

base::Result<std::unique_ptr<PolicyService>> PolicyService::Open(Options options) {
  auto blocks = BlockStore::Open(options.database);
  if (!blocks) return blocks.error();
  auto applied = AppliedRules::Open(options.database, Now());
  if (!applied) return applied.error();
  std::unique_ptr<PolicyService> service(
      new PolicyService(std::move(options), std::move(*blocks), std::move(*applied)));
  const std::scoped_lock lock(service->push_mutex_);
  const auto active = service->blocks_->Active();
  if (!active) return active.error();
  // The file may be older than the store, when a machine stopped between the two.
  if (auto written = service->WriteBlocks(*active); !written) return written.error();
  if (!service->rules_->held()) {
    if (auto loaded = service->ReloadDisk(); !loaded) service->Log(loaded.error().message);
  }
  service->ShowRules();
  return service;
}

void PolicyService::Start() {
  supervisor_.Start(std::chrono::milliseconds(options_.poll_ms), [this] { Tick(); });
  lists_->Start();
}

void PolicyService::Stop() {
  lists_->Stop();
  supervisor_.Stop();
}

void PolicyService::Log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// --- the supervisor ---

void PolicyService::Tick() {
  const std::scoped_lock lock(push_mutex_);
  RollBackIfOver();
  const auto expired = blocks_->Expire(base::WallNow());
  if (!expired) Log(expired.error().message);
  if (expired.ok() && *expired > 0) {
    Log(std::to_string(*expired) + " block(s) have run out");
    dirty_ = true;
  }
  const DataplaneReply reply = dataplane_.Call({{"cmd", "policy.status"}});
  const nlohmann::json& policy = PolicyPart(reply.body);
  const Installed reported{JsonText(reply.body, "boot_id"), JsonCount(policy, "version"),
                           JsonText(policy, "digest")};
  LookAtDisk();
  const bool was_up = [&] {
    const std::scoped_lock status_lock(status_mutex_);
    const bool was = status_.dataplane_up;
    status_.dataplane_up = reply.ok();
    status_.dataplane_error = reply.error;
    status_.version = reported.version;
    status_.rules = JsonCount(policy, "rules");
    status_.installed = JsonText(policy, "installed");
    status_.mode = JsonText(policy, "mode");
    status_.boot_id = reported.boot_id;
    if (!reply.ok()) status_.in_step = false;
    return was;
  }();
  if (was_up != reply.ok()) Log(reply.ok() ? "the data plane answers" : reply.error);
  if (!reply.ok()) {
    refused_digest_.clear();  // one that starts again is asked again
    return;
  }
  SampleTraffic();
  if (installed_ && installed_->boot_id != reported.boot_id && !rules_->held()) {
    // It has read the files as they are now, and so do we.
    if (auto loaded = ReloadDisk(); !loaded) Log(loaded.error().message);
    refused_digest_.clear();
  }
  if (!installed_ && ListsAreCurrent(policy)) AdoptIfSame(reported);
  const bool in_step = LooksInStep(reported) || PushAll().outcome == Outcome::kOk;
  const std::scoped_lock status_lock(status_mutex_);
  status_.in_step = in_step;
}

// After a start of our own the data plane may run the very same policy: then nothing is sent.
void PolicyService::AdoptIfSame(const Installed& reported) {
  const auto active = blocks_->Active();
  if (!active || !rules_->sources() || reported.digest.empty()) return;
  if (reported.digest != rules::PolicyDigest(Compose(*active))) return;
  std::vector<int64_t> in_force;
  for (const Block& block : *active) in_force.push_back(block.number);
  const auto marked =
      blocks_->MarkInstalled(in_force, static_cast<int64_t>(reported.version), base::WallNow());
  if (!marked) return;
  installed_ = reported;
  dirty_ = false;
}

// Rules files may be large: they are compared with what was applied every tenth time only.
void PolicyService::LookAtDisk() {
  if (ticks_to_disk_look_-- > 0) return;
  ticks_to_disk_look_ = kTicksADiskLook - 1;
  const auto disk = LoadDisk();
  const auto& in_force = rules_->sources();
  const bool differs =
      !disk.ok() || !in_force || rules::PolicyDigest(*disk) != rules::PolicyDigest(*in_force);
  const std::scoped_lock lock(status_mutex_);
  status_.disk_differs = differs;
}

bool PolicyService::LooksInStep(const Installed& reported) const {
  if (dirty_ || !installed_ || installed_->boot_id != reported.boot_id) return false;
  // A data plane compiles again when a rule runs out: another version of the same text.
  if (!reported.digest.empty()) return reported.digest == installed_->digest;
  return reported.version == installed_->version;
}

// --- text and files ---

base::Result<std::vector<rules::PolicySource>> PolicyService::LoadDisk() const {
  return rules::LoadPolicySources("", options_.rule_globs, "");
}

base::Status PolicyService::ReloadDisk() {
  auto disk = LoadDisk();
  base::Status status = disk.ok() ? base::Status() : base::Status(disk.error());
  if (disk.ok()) {
    const PolicyCheck check = Check(*disk, false);
    if (check.ok()) {
      rules_->Follow(std::move(*disk));
      applied_error_.clear();
      dirty_ = true;
      KeepLists();
      return {};
    }
    status = base::Error{check.errors.front()};
  }
  if (!rules_->sources()) applied_error_ = status.error().message;
  const std::scoped_lock lock(status_mutex_);
  status_.refused = status.error().message;
  return status;
}

base::Status PolicyService::WriteBlocks(const std::vector<Block>& blocks) const {
  return WriteFileAtomically(options_.blocks_file, RenderBlocksFile(blocks));
}

std::vector<rules::PolicySource> PolicyService::Compose(const std::vector<Block>& blocks) const {
  return Compose(blocks, rules_->sources().value_or(RuleSources()));
}

RuleSources PolicyService::Compose(const std::vector<Block>& blocks,
                                   const RuleSources& rules) const {
  RuleSources sources{{options_.blocks_file.string(), RenderBlocksFile(blocks)}};
  sources.insert(sources.end(), rules.begin(), rules.end());
  return sources;
}

// --- sending ---

PolicyService::PushOutcome PolicyService::PushAll() {
  const auto active = blocks_->Active();
  if (!active) return {Outcome::kAway, active.error().message, 0, {}};
  if (auto written = WriteBlocks(*active); !written) {
    return {Outcome::kAway, written.error().message, 0, {}};
  }
  if (!rules_->sources()) {
    return {Outcome::kAway, "the rules files are not good: " + applied_error_, 0, {}};
  }
  const auto sources = Compose(*active);
  const std::string digest = rules::PolicyDigest(sources);
  if (digest == refused_digest_) {
    const std::scoped_lock lock(status_mutex_);
    return {Outcome::kRefused, status_.refused, 0, {}};
  }
  PushOutcome pushed = Send(sources);
  NotePushed(pushed);
  if (pushed.outcome == Outcome::kRefused) refused_digest_ = digest;
  if (pushed.outcome != Outcome::kOk) return pushed;
  refused_digest_.clear();
  std::vector<int64_t> in_force;
  for (const Block& block : *active) in_force.push_back(block.number);
  const auto marked =
      blocks_->MarkInstalled(in_force, static_cast<int64_t>(pushed.version), base::WallNow());
  dirty_ = !marked.ok();
  if (!marked) Log(marked.error().message);
  // After the mark: the canary costs a block no time until it counts as installed.
  pushed.canary = AskAbout(*active);
  return pushed;
}

PolicyService::PushOutcome PolicyService::PushAnew() {
  ++swap_number_;
  dirty_ = true;
  refused_digest_.clear();
  ticks_to_disk_look_ = 0;
  ShowRules();
  return PushAll();
}

// The answers to what is known of the policy just installed.
CanaryResult PolicyService::AskAbout(const std::vector<Block>& active) {
  const std::string digest = rules::PolicyDigest(*rules_->sources());
  if (digest != planned_digest_) {
    const auto policy = rules::ParsePolicy(*rules_->sources());
    plan_ = policy.ok() ? PlanCanary(*policy, base::WallNow()) : CanaryPlan();
    planned_digest_ = digest;
  }
  std::vector<CanaryQuestion> questions = plan_.questions;
  if (!active.empty()) {
    // First, as the block is what was typed just now.
    if (auto question = QuestionAbout(active.back(), base::WallNow())) {
      questions.insert(questions.begin(), std::move(*question));
    }
  }
  CanaryResult result = AskCanary(dataplane_, questions);
  SetAlarm(result.fault.empty() ? "" : "canary: " + result.fault);
  if (result.fault.empty()) return result;
  const std::scoped_lock lock(status_mutex_);
  ++status_.canary_faults;
  return result;
}

void PolicyService::SampleTraffic() {
  const DataplaneReply stats = dataplane_.Call({{"cmd", "stats"}});
  if (stats.ok()) traffic_.Add(SampleOf(stats.body, base::MonoNow()));
}

void PolicyService::SetAlarm(const std::string& alarm) {
  const std::scoped_lock lock(status_mutex_);
  if (!alarm.empty() && alarm != status_.alarm) Log(alarm);
  status_.alarm = alarm;
}

PolicyService::PushOutcome PolicyService::Send(const std::vector<rules::PolicySource>& sources) {
  nlohmann::json request{{"cmd", "policy.install"},
                         {"mode", rules::ModeName(options_.mode)},
                         {"digest", rules::PolicyDigest(sources)},
                         {"sources", nlohmann::json::array()}};
  for (const rules::PolicySource& source : sources) {
    request["sources"].push_back({{"name", source.name}, {"text", source.text}});
  }
  const DataplaneReply reply = dataplane_.Call(request, options_.install_timeout_ms);
  if (!reply.ok()) return {reply.outcome, reply.error, 0, {}};
  // What counts is what it decides with now, so it is asked once more.
  const DataplaneReply now = dataplane_.Call({{"cmd", "policy.status"}});
  if (!now.ok()) return {now.outcome, now.error, 0, {}};
  const nlohmann::json& policy = PolicyPart(now.body);
  installed_ = Installed{JsonText(now.body, "boot_id"), JsonCount(policy, "version"),
                         JsonText(policy, "digest")};
  return {Outcome::kOk, "", installed_->version, {}};
}

void PolicyService::NotePushed(const PushOutcome& pushed) {
  const std::scoped_lock lock(status_mutex_);
  if (pushed.outcome == Outcome::kOk) {
    status_.version = pushed.version;
    status_.refused.clear();
    status_.in_step = true;
    Log("policy version " + std::to_string(pushed.version) + " is installed");
  } else if (pushed.outcome == Outcome::kRefused && status_.refused != pushed.error) {
    status_.refused = pushed.error;
    Log("the data plane refused the policy: " + SplitLines(pushed.error).front());
  }
}

PolicyStatus PolicyService::status() {
  const auto pending = blocks_->CountPending();
  const std::scoped_lock lock(status_mutex_);
  PolicyStatus status = status_;
  status.blocks_pending = pending.ok() ? *pending : -1;
  if (status.waiting) {
    const Moment now = Now();
    const int64_t left_ns = std::max<int64_t>(waiting_until_.ns - now.mono.ns, 0);
    status.seconds_left = (left_ns + base::kNsPerSecond - 1) / base::kNsPerSecond;
    // By the clock on the wall as it goes now, not as it went when the apply was typed.
    status.waiting->until = {now.wall.ns + left_ns};
  }
  if (status.blocks_pending != 0) status.in_step = false;
  return status;
}

}  // namespace weir::control::policy

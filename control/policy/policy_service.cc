#include "control/policy/policy_service.h"

#include <chrono>
#include <utility>

#include "control/policy/block_rule.h"
#include "control/policy/blocks_file.h"
#include "control/policy/json_fields.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"
#include "rules/model/print.h"

namespace weir::control::policy {
namespace {

using Outcome = DataplaneReply::Outcome;

constexpr int kTicksADiskLook = 10;

// The data plane puts these under "policy" in some replies and at the top in others.
const nlohmann::json& PolicyPart(const nlohmann::json& reply) {
  const nlohmann::json& part = JsonMember(reply, "policy");
  return part.is_object() ? part : reply;
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

PolicyService::PolicyService(Options options, std::unique_ptr<BlockStore> blocks)
    : options_(std::move(options)),
      blocks_(std::move(blocks)),
      dataplane_(options_.dataplane_socket, options_.dataplane_timeout_ms) {}

PolicyService::~PolicyService() { Stop(); }

base::Result<std::unique_ptr<PolicyService>> PolicyService::Open(Options options) {
  auto blocks = BlockStore::Open(options.database);
  if (!blocks) return blocks.error();
  std::unique_ptr<PolicyService> service(new PolicyService(std::move(options), std::move(*blocks)));
  const std::scoped_lock lock(service->push_mutex_);
  const auto active = service->blocks_->Active();
  if (!active) return active.error();
  // The file may be older than the store, when a machine stopped between the two.
  if (auto written = service->WriteBlocks(*active); !written) return written.error();
  if (auto loaded = service->ReloadDisk(); !loaded) service->Log(loaded.error().message);
  return service;
}

void PolicyService::Start() {
  supervisor_ = std::thread([this] { Run(); });
}

void PolicyService::Stop() {
  {
    const std::scoped_lock lock(stop_mutex_);
    stopping_ = true;
  }
  stop_wakes_.notify_all();
  if (supervisor_.joinable()) supervisor_.join();
}

void PolicyService::Run() {
  std::unique_lock lock(stop_mutex_);
  while (!stopping_) {
    lock.unlock();
    Tick();
    lock.lock();
    stop_wakes_.wait_for(lock, std::chrono::milliseconds(options_.poll_ms),
                         [this] { return stopping_; });
  }
}

void PolicyService::Log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// --- the supervisor ---

void PolicyService::Tick() {
  const std::scoped_lock lock(push_mutex_);
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
  if (installed_ && installed_->boot_id != reported.boot_id) {
    // It has read the files as they are now, and so do we.
    if (auto loaded = ReloadDisk(); !loaded) Log(loaded.error().message);
    refused_digest_.clear();
  }
  if (!installed_) AdoptIfSame(reported);
  const bool in_step = LooksInStep(reported) || PushAll().outcome == Outcome::kOk;
  const std::scoped_lock status_lock(status_mutex_);
  status_.in_step = in_step;
}

// After a start of our own the data plane may run the very same policy: then nothing is sent.
void PolicyService::AdoptIfSame(const Installed& reported) {
  const auto active = blocks_->Active();
  if (!active || !applied_ || reported.digest.empty()) return;
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
  const bool differs =
      !disk.ok() || !applied_ || rules::PolicyDigest(*disk) != rules::PolicyDigest(*applied_);
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
    const PolicyCheck check = CheckSources(*disk, options_.mode, base::WallNow());
    if (check.ok()) {
      applied_ = std::move(*disk);
      applied_error_.clear();
      dirty_ = true;
      return {};
    }
    status = base::Error{check.errors.front()};
  }
  if (!applied_) applied_error_ = status.error().message;
  const std::scoped_lock lock(status_mutex_);
  status_.refused = status.error().message;
  return status;
}

base::Status PolicyService::WriteBlocks(const std::vector<Block>& blocks) const {
  return WriteFileAtomically(options_.blocks_file, RenderBlocksFile(blocks));
}

std::vector<rules::PolicySource> PolicyService::Compose(const std::vector<Block>& blocks) const {
  std::vector<rules::PolicySource> sources;
  sources.push_back({options_.blocks_file.string(), RenderBlocksFile(blocks)});
  if (applied_) sources.insert(sources.end(), applied_->begin(), applied_->end());
  return sources;
}

// --- sending ---

PolicyService::PushOutcome PolicyService::PushAll() {
  const auto active = blocks_->Active();
  if (!active) return {Outcome::kAway, active.error().message, 0};
  if (auto written = WriteBlocks(*active); !written) {
    return {Outcome::kAway, written.error().message, 0};
  }
  if (!applied_) return {Outcome::kAway, "the rules files are not good: " + applied_error_, 0};
  const auto sources = Compose(*active);
  const std::string digest = rules::PolicyDigest(sources);
  if (digest == refused_digest_) {
    const std::scoped_lock lock(status_mutex_);
    return {Outcome::kRefused, status_.refused, 0};
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
  return pushed;
}

PolicyService::PushOutcome PolicyService::Send(const std::vector<rules::PolicySource>& sources) {
  nlohmann::json request{{"cmd", "policy.install"},
                         {"mode", rules::ModeName(options_.mode)},
                         {"digest", rules::PolicyDigest(sources)},
                         {"sources", nlohmann::json::array()}};
  for (const rules::PolicySource& source : sources) {
    request["sources"].push_back({{"name", source.name}, {"text", source.text}});
  }
  const DataplaneReply reply = dataplane_.Call(request);
  if (!reply.ok()) return {reply.outcome, reply.error, 0};
  // What counts is what it decides with now, so it is asked once more.
  const DataplaneReply now = dataplane_.Call({{"cmd", "policy.status"}});
  if (!now.ok()) return {now.outcome, now.error, 0};
  const nlohmann::json& policy = PolicyPart(now.body);
  installed_ = Installed{JsonText(now.body, "boot_id"), JsonCount(policy, "version"),
                         JsonText(policy, "digest")};
  return {Outcome::kOk, "", installed_->version};
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
    Log("the data plane refused the policy: " + FirstLine(pushed.error));
  }
}

// --- blocks ---

base::Result<Block> PolicyService::PrepareBlock(const BlockRequest& request) {
  const auto number = blocks_->NextNumber();
  if (!number) return number.error();
  Block block;
  block.number = *number;
  auto rule = MakeBlockRule(request, block.id());
  if (!rule) return rule.error();
  std::vector<rules::PolicySource> sources;
  if (applied_) sources = *applied_;
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
  const PolicyCheck check = CheckSources(alone, options_.mode, base::WallNow());
  if (!check.ok()) return base::Error{check.errors.front()};
  return block;
}

base::Result<BlockOutcome> PolicyService::AddBlock(const BlockRequest& request, bool dry_run) {
  const std::scoped_lock lock(push_mutex_);
  const auto block = PrepareBlock(request);
  if (!block) return block.error();
  if (dry_run) return BlockOutcome{*block, true, ""};
  if (auto added = blocks_->Add(*block); !added) return added.error();
  dirty_ = true;
  const PushOutcome pushed = PushAll();
  if (pushed.outcome == Outcome::kRefused) {
    // Not kept for later: whoever typed it must learn now that it does nothing.
    const auto removed =
        blocks_->Remove(block->number, "refused: " + FirstLine(pushed.error), base::WallNow());
    if (!removed) return removed.error();
    static_cast<void>(PushAll());
    return base::Error{"refused by the data plane: " + pushed.error};
  }
  return Finish(*block, pushed);
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

// --- rules files ---

PolicyCheck PolicyService::CheckDisk() {
  const std::scoped_lock lock(push_mutex_);
  const auto disk = LoadDisk();
  if (!disk) {
    PolicyCheck check;
    check.errors = SplitLines(disk.error().message);
    return check;
  }
  return CheckSources(*disk, options_.mode, base::WallNow());
}

ApplyOutcome PolicyService::ApplyDisk() {
  const std::scoped_lock lock(push_mutex_);
  ApplyOutcome outcome;
  auto disk = LoadDisk();
  if (!disk) {
    outcome.check.errors = SplitLines(disk.error().message);
    return outcome;
  }
  outcome.check = CheckSources(*disk, options_.mode, base::WallNow());
  if (!outcome.check.ok()) return outcome;
  auto before = std::exchange(applied_, std::move(*disk));
  dirty_ = true;
  refused_digest_.clear();
  const PushOutcome pushed = PushAll();
  ticks_to_disk_look_ = 0;
  outcome.version = pushed.version;
  outcome.refused = pushed.error;
  if (pushed.outcome == Outcome::kRefused) applied_ = std::move(before);
  return outcome;
}

PolicyStatus PolicyService::status() {
  const auto pending = blocks_->CountPending();
  const std::scoped_lock lock(status_mutex_);
  PolicyStatus status = status_;
  status.blocks_pending = pending.ok() ? *pending : -1;
  if (status.blocks_pending != 0) status.in_step = false;
  return status;
}

}  // namespace weir::control::policy

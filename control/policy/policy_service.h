// Owns what the data plane decides with: the rules files as last applied, and the blocks in front.
//
// A block's way: typed (SQLite) -> blocks.rules -> sent to the data plane -> installed, when the
// data plane reports the new version. When the data plane is away or was started again, the
// supervisor thread brings it up to date, looking once a second. Blocks go with the rules files as
// they were last applied, not with what somebody is half-way through editing.
//
// Rules change by apply, undo, and when nobody confirms in time (applied_rules.h). After each swap
// the data plane is asked questions with known answers (canary.h), and after apply and undo its
// counters are looked at (traffic_watch.h): if either is wrong, what was there before goes back in
// force.
//
// Any thread. Sending is serialised; reading what is known never waits for the data plane.
// policy_service.cc holds the supervisor and the sending, policy_blocks.cc and policy_rules.cc what
// people ask for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/policy/applied_rules.h"
#include "control/policy/block.h"
#include "control/policy/block_store.h"
#include "control/policy/canary.h"
#include "control/policy/dataplane_client.h"
#include "control/policy/list_keeper.h"
#include "control/policy/policy_files.h"
#include "control/policy/rules_diff.h"
#include "control/policy/traffic_watch.h"
#include "dataplane/base/repeating_thread.h"
#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

struct BlockOutcome {
  Block block;
  bool dry_run = false;
  // Why the data plane does not have it yet; empty: it has.
  std::string pending;
};

// The rules files on disk with the blocks in front, as apply would send them.
struct DiskPolicy {
  PolicyCheck check;  // not good: nothing below
  RuleSources sources;
  RulesDiff diff;  // against the rules in force
};

struct ApplyRequest {
  std::string actor;
  // kConfirmSecondsMin to kConfirmSecondsMax; empty: no confirmation is waited for.
  std::optional<int64_t> confirm_seconds;
  // False for who means to stop everything: nothing is asked and no counter is looked at.
  bool canary = true;
};

struct ApplyOutcome {
  PolicyCheck check;
  uint64_t version = 0;            // 0: not installed
  std::string refused;             // why not: then nothing has changed
  std::string pending;             // why the data plane does not have it yet
  std::optional<Waiting> waiting;  // that it is confirmed
  size_t canary_asked = 0;
};

// What the supervisor saw last.
struct PolicyStatus {
  bool dataplane_up = false;
  std::string dataplane_error;  // why not
  uint64_t version = 0;         // as the data plane says, like all up to boot_id
  uint64_t rules = 0;
  std::string installed;
  std::string mode;
  std::string boot_id;
  bool in_step = false;       // the data plane has the applied rules and all blocks
  std::string refused;        // why it is not, when the policy itself is the reason
  bool disk_differs = false;  // the rules files are others than those in force
  int64_t blocks_pending = 0;

  bool held = false;  // the rules are in force whatever the files on disk say
  std::optional<Waiting> waiting;
  int64_t seconds_left = 0;  // to confirm, when something waits
  int64_t undo_steps = 0;    // that there are
  std::string rolled_back;   // why the rules before went back by themselves; until the next change
  std::string alarm;         // what the canary found last, or why the history cannot be kept
  uint64_t rollbacks = 0;    // since the start: not confirmed, or the canary
  uint64_t canary_faults = 0;  // since the start
};

class PolicyService {
 public:
  struct Options {
    std::filesystem::path database;
    std::filesystem::path blocks_file;
    std::vector<std::string> rule_globs;
    std::filesystem::path lists_dir;  // the last good copies of lists
    uint32_t list_refresh_s = 3600;
    uint32_t list_timeout_s = 60;
    uint64_t list_bytes_max = rules::kListBytesMax;
    rules::Mode mode = rules::Mode::kMonitor;
    std::filesystem::path dataplane_socket;
    int dataplane_timeout_ms = kDataplaneTimeoutMs;
    int install_timeout_ms = 60'000;  // a list of millions takes seconds
    int poll_ms = 1000;
    int watch_ms = 2000;  // that the counters are looked at after a swap of the rules
    std::function<void(std::string_view)> log;  // one line when something changes
    // What was done without anybody asking, for the operations log.
    std::function<void(std::string_view action, std::string_view outcome)> record;
  };

  // Opens the store and reads the rules files. Files that are not good do not stop it: the data
  // plane keeps what it runs, and status().refused says what is wrong.
  static base::Result<std::unique_ptr<PolicyService>> Open(Options options);
  ~PolicyService();
  PolicyService(const PolicyService&) = delete;
  PolicyService& operator=(const PolicyService&) = delete;

  void Start();  // the supervisor
  void Stop();   // idempotent

  base::Result<BlockOutcome> AddBlock(const BlockRequest& request, bool dry_run);
  base::Result<BlockOutcome> Unblock(std::string_view id, std::string_view actor,
                                     base::WallTime now);
  BlockStore& blocks() { return *blocks_; }
  ListKeeper& lists() { return *lists_; }

  // The files on disk, checked; the data plane is asked too when it is up.
  PolicyCheck CheckDisk();
  // The files on disk become the policy, or nothing changes. Waits until the counters were looked
  // at, without keeping anybody from anything.
  ApplyOutcome ApplyDisk(const ApplyRequest& request = {});
  // What waits to be confirmed stays. Fails when nothing does.
  base::Status ConfirmRules();
  // The rules before the last apply are in force again, as a new version.
  ApplyOutcome UndoRules(const ApplyRequest& request = {});

  // What apply would install; nothing changes.
  DiskPolicy DiskWouldBe();
  // What is in force, with one block more.
  base::Result<RuleSources> WithBlock(const Block& block);
  rules::Mode mode() const { return options_.mode; }

  PolicyStatus status();
  const DataplaneClient& dataplane() const { return dataplane_; }

 private:
  // What the data plane was told last, and how it calls that.
  struct Installed {
    std::string boot_id;
    uint64_t version = 0;
    std::string digest;
    bool operator==(const Installed&) const = default;
  };
  struct PushOutcome {
    DataplaneReply::Outcome outcome = DataplaneReply::Outcome::kAway;
    std::string error;
    uint64_t version = 0;
    CanaryResult canary;
  };
  // A change of the rules that may have to be taken back.
  struct Swap {
    uint64_t number = 0;
    TrafficSample before;             // the counters as it happened
    std::function<void()> take_back;  // in rules_; empty: it is not taken back
  };

  PolicyService(Options options, std::unique_ptr<BlockStore> blocks,
                std::unique_ptr<AppliedRules> rules);

  void Tick();
  void Log(const std::string& line) const;

  // policy_lists.cc. push_mutex_ not held, as lists may have to be fetched.
  std::unique_ptr<ListKeeper> MakeListKeeper();
  void PrepareLists();
  base::Status ListsChanged();
  // `policy`: as the data plane tells it. Whether its lists are the copies that are there.
  bool ListsAreCurrent(const nlohmann::json& policy) const;

  // All below: push_mutex_ held.
  base::Result<std::vector<rules::PolicySource>> LoadDisk() const;
  base::Status ReloadDisk();
  PolicyCheck Check(std::span<const rules::PolicySource> sources, bool strict) const;
  void KeepLists();  // those of the rules in force
  base::Status WriteBlocks(const std::vector<Block>& blocks) const;
  std::vector<rules::PolicySource> Compose(const std::vector<Block>& blocks) const;
  RuleSources Compose(const std::vector<Block>& blocks, const RuleSources& rules) const;
  PushOutcome PushAll();
  PushOutcome PushAnew();  // after the rules have changed
  PushOutcome Send(const std::vector<rules::PolicySource>& sources);
  void NotePushed(const PushOutcome& pushed);
  CanaryResult AskAbout(const std::vector<Block>& active);
  void RollBackIfOver();
  Swap BeginSwap();
  void EndSwap(Swap& swap, const ApplyRequest& request, ApplyOutcome& outcome);
  void TakeBack(const Swap& swap, const std::string& why, ApplyOutcome& outcome);
  std::string WhyNotApply(const ApplyRequest& request) const;
  void SampleTraffic();
  void SetAlarm(const std::string& alarm);
  void ShowRules();  // into status_
  base::Result<Block> PrepareBlock(const BlockRequest& request);
  BlockOutcome Finish(const Block& block, const PushOutcome& pushed);
  bool LooksInStep(const Installed& reported) const;
  void AdoptIfSame(const Installed& reported);
  void LookAtDisk();

  // Without push_mutex_: waits for options_.watch_ms.
  void WatchSwap(const Swap& swap, ApplyOutcome& outcome);

  const Options options_;
  const std::unique_ptr<BlockStore> blocks_;
  const DataplaneClient dataplane_;

  std::mutex push_mutex_;                      // taken before status_mutex_
  const std::unique_ptr<AppliedRules> rules_;  // without sources: never were any good
  std::string applied_error_;                  // why, then
  std::optional<Installed> installed_;         // nullopt: nothing was told yet
  bool dirty_ = true;                          // blocks or rules changed since
  std::string refused_digest_;                 // of what the data plane refused
  std::string kept_digest_;                    // of the rules whose lists are kept
  int ticks_to_disk_look_ = 0;
  uint64_t swap_number_ = 0;  // of changes of the rules
  CanaryPlan plan_;
  std::string planned_digest_;  // of the rules that plan_ is made from
  TrafficWatch traffic_;

  const std::unique_ptr<ListKeeper> lists_;

  std::mutex status_mutex_;
  PolicyStatus status_;
  base::MonoTime waiting_until_;  // of status_.waiting

  base::RepeatingThread supervisor_;
};

}  // namespace weir::control::policy

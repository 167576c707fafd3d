// Owns what the data plane decides with: the rules files as last applied, and the blocks in front.
//
// A block's way: typed (SQLite) -> blocks.rules -> sent to the data plane -> installed, when the
// data plane reports the new version. When the data plane is away or was started again, the
// supervisor thread brings it up to date, looking once a second. Blocks go with the rules files as
// they were last applied, not with what somebody is half-way through editing.
//
// Any thread. Sending is serialised; reading what is known never waits for the data plane.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "control/policy/block.h"
#include "control/policy/block_store.h"
#include "control/policy/dataplane_client.h"
#include "control/policy/policy_files.h"
#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

struct BlockOutcome {
  Block block;
  bool dry_run = false;
  // Why the data plane does not have it yet; empty: it has.
  std::string pending;
};

struct ApplyOutcome {
  PolicyCheck check;
  uint64_t version = 0;  // 0: not installed
  std::string refused;   // by the data plane, or why it could not be asked
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
  bool disk_differs = false;  // the rules files were edited since they were applied
  int64_t blocks_pending = 0;
};

class PolicyService {
 public:
  struct Options {
    std::filesystem::path database;
    std::filesystem::path blocks_file;
    std::vector<std::string> rule_globs;
    rules::Mode mode = rules::Mode::kMonitor;
    std::filesystem::path dataplane_socket;
    int dataplane_timeout_ms = kDataplaneTimeoutMs;
    int poll_ms = 1000;
    std::function<void(std::string_view)> log;  // one line when something changes
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

  // The files on disk, checked; the data plane is asked too when it is up.
  PolicyCheck CheckDisk();
  // The files on disk become the policy, or nothing changes.
  ApplyOutcome ApplyDisk();

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
  };

  PolicyService(Options options, std::unique_ptr<BlockStore> blocks);

  void Run();
  void Tick();
  void Log(const std::string& line) const;

  // All below: push_mutex_ held.
  base::Result<std::vector<rules::PolicySource>> LoadDisk() const;
  base::Status ReloadDisk();
  base::Status WriteBlocks(const std::vector<Block>& blocks) const;
  std::vector<rules::PolicySource> Compose(const std::vector<Block>& blocks) const;
  PushOutcome PushAll();
  PushOutcome Send(const std::vector<rules::PolicySource>& sources);
  void NotePushed(const PushOutcome& pushed);
  base::Result<Block> PrepareBlock(const BlockRequest& request);
  BlockOutcome Finish(const Block& block, const PushOutcome& pushed);
  bool LooksInStep(const Installed& reported) const;
  void AdoptIfSame(const Installed& reported);
  void LookAtDisk();

  const Options options_;
  const std::unique_ptr<BlockStore> blocks_;
  const DataplaneClient dataplane_;

  std::mutex push_mutex_;                                    // taken before status_mutex_
  std::optional<std::vector<rules::PolicySource>> applied_;  // nullopt: never were any good
  std::string applied_error_;                                // why, then
  std::optional<Installed> installed_;                       // nullopt: nothing was told yet
  bool dirty_ = true;                                        // blocks or rules changed since
  std::string refused_digest_;                               // of what the data plane refused
  int ticks_to_disk_look_ = 0;

  std::mutex status_mutex_;
  PolicyStatus status_;

  std::mutex stop_mutex_;
  std::condition_variable stop_wakes_;
  bool stopping_ = false;
  std::thread supervisor_;
};

}  // namespace weir::control::policy

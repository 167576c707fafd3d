// From rule sources to the policy in force: compiled on a helper thread, installed by the main
// thread, numbered for good.
//
// One compilation at a time, in the order of the requests; the workers go on with what they have.
// All calls from the main thread.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/app/dataplane/identity_keeper.h"
#include "dataplane/app/dataplane/policy_in_force.h"
#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/classify/ndpi_names.h"
#include "rules/lists/list_files.h"
#include "rules/model/policy_text.h"

namespace weir::appliance {

struct PolicyState {
  uint32_t version = 0;
  base::WallTime installed;
  uint32_t rules = 0;
  rules::Mode mode = rules::Mode::kMonitor;
  std::string digest;
  size_t memory_bytes = 0;  // of the compiled policy
  std::vector<rules::PolicyList> lists;
  std::string last_refusal;  // empty when the newest attempt was installed
};

class PolicyKeeper {
 public:
  // What became of an attempt; called once every worker decides by the new policy, or at once when
  // it is refused.
  using Done = std::function<void(const base::Status& outcome)>;

  PolicyKeeper(const base::Config& config, std::shared_ptr<const classify::NdpiNames> names,
               PolicyInForce& in_force, IdentityKeeper& identities);
  ~PolicyKeeper();

  // At start, on this thread: the files of the configuration. Fails with a line for each fault.
  base::Result<PolicyPtr> LoadFirst();

  // Writes the version down, so that no later start uses it again. Once the journal's directory is
  // this process's own.
  void StoreVersion();

  // The same files again (SIGHUP), or sources that were handed over. An attempt without a mode has
  // that of the configuration.
  void ReloadFiles(Done done);
  void Install(std::vector<rules::PolicySource> sources, std::optional<rules::Mode> mode,
               Done done);

  // Compiles sources and hands the policy over, or says what is wrong; nothing changes.
  using Tried = std::function<void(const base::Result<PolicyPtr>& policy)>;
  void Try(std::vector<rules::PolicySource> sources, std::optional<rules::Mode> mode, Tried tried);

  // Readable when a compilation has ended.
  int wake_fd() const { return wake_.get(); }

  // Takes what the helper has made, compiles again what has run out, starts what waits. Call it
  // every round of the main loop.
  void Work(base::WallTime now);

  const PolicyState& state() const { return state_; }
  // Lists that are kept to be compiled again, in bytes; not the policy's own tables.
  size_t list_bytes() const { return lists_.memory_bytes(); }

  // Called for each attempt that ends, before its Done: installed versions, and refusals.
  std::function<void(uint32_t version)> on_installed;
  std::function<void(const std::string& why)> on_refused;

  // Decided flows so far, by verdict and class: {"drop", "harmful"} → 3. Of all policies since the
  // start.
  using VerdictCounts = std::map<std::pair<std::string, std::string>, uint64_t>;
  VerdictCounts verdicts() const;

 private:
  struct Attempt {
    std::vector<rules::PolicySource> sources;  // empty with from_files: read them first
    bool from_files = false;
    rules::Mode mode = rules::Mode::kMonitor;
    Done done;
    Tried tried{};  // instead of done: not installed
  };
  struct Outcome {
    std::vector<rules::PolicySource> sources;
    base::Result<PolicyPtr> policy = base::Error{};
    IdentityKeeper::Resolved identities;  // where there is a policy
  };

  Outcome Compile(Attempt attempt, uint32_t version, identity::IdentityTablePtr identities) const;
  base::Result<PolicyPtr> CompileSources(const std::vector<rules::PolicySource>& sources,
                                         rules::Mode mode, uint32_t version) const;
  void Enqueue(Attempt attempt);
  void StartNext();
  void Take(Outcome outcome);
  void Accept(const Outcome& outcome);
  uint32_t ReadVersion() const;
  static void AddVerdicts(const rules::CompiledPolicy& policy,
                          const std::vector<uint64_t>& inherited_hits, VerdictCounts& counts);

  const base::Config& config_;
  const std::shared_ptr<const classify::NdpiNames> names_;
  PolicyInForce& in_force_;
  IdentityKeeper& identities_;
  const std::filesystem::path version_file_;
  base::UniqueFd wake_;

  const rules::ListFiles lists_;

  std::vector<rules::PolicySource> sources_;  // of the policy in force
  PolicyState state_;
  std::deque<Attempt> waiting_;
  Done running_done_;               // of the attempt under way
  Tried running_tried_;             // the same, where nothing is to be installed
  std::future<Outcome> compiling_;  // valid while one runs
  base::WallTime retry_at_;         // what has run out is not compiled anew before
  VerdictCounts verdicts_before_;   // of the policies that are gone
  bool version_file_failed_ = false;
};

}  // namespace weir::appliance

// The rules in force without the blocks: which they are, and the ways from one to the next.
//
//     disk --Follow--> in force                     a start of either program
//     in force --Replace--> next                    apply; what was in force goes into the history
//     next --Confirm--> next                        the files on disk count again
//     next --GoBack--> what was in force            undo, or the time to confirm is over
//
// Rules that went back, or wait to be confirmed, are held: they are in force whatever the files on
// disk say, over restarts of both programs, until the next Replace or Confirm.
//
// The time to confirm is counted on the monotonic clock while weir-control runs, so that a step of
// the wall clock neither shortens nor stretches it. Over a restart it is the wall clock's: a passed
// moment counts as over, and never is more time left than was given.
//
// One thread at a time (PolicyService's push_mutex_).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "control/policy/rules_history.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::policy {

inline constexpr int64_t kConfirmSecondsMin = 5;
inline constexpr int64_t kConfirmSecondsMax = 86'400;

struct Moment {
  base::WallTime wall;
  base::MonoTime mono;
};
Moment Now();

class AppliedRules {
 public:
  // With what the history holds; without it there are no rules until Follow().
  static base::Result<std::unique_ptr<AppliedRules>> Open(const std::filesystem::path& database,
                                                          const Moment& now);

  const std::optional<RuleSources>& sources() const { return sources_; }
  bool held() const { return held_; }
  const std::optional<Waiting>& waiting() const { return waiting_; }
  // Of what waits: until then, in seconds rounded up; 0: over.
  int64_t SecondsLeft(base::MonoTime now) const;
  base::MonoTime until() const { return until_mono_; }  // of what waits
  bool IsOver(base::MonoTime now) const { return waiting_ && now >= until_mono_; }
  int64_t steps() const { return steps_; }  // that GoBack() can go

  void Follow(RuleSources disk);

  struct Next {
    RuleSources sources;
    std::string actor;
    std::optional<int64_t> confirm_seconds;  // empty: no confirmation is waited for
    bool hold = false;                       // even so
  };
  // Durable before it returns; after a failure nothing has changed.
  base::Status Replace(Next next, const Moment& now);
  base::Status Confirm();
  // The newest step of the history is in force. Fails when there is none, or it cannot be read. A
  // history that cannot be written does not stop it: `*unsaved` then says why; whoever starts
  // weir-control anew must see it go back once more.
  base::Status GoBack(bool hold, std::string* unsaved);
  // After a Replace from no rules at all.
  void Forget() { sources_.reset(); }

 private:
  explicit AppliedRules(std::unique_ptr<RulesHistory> history);
  base::Status Load(const Moment& now);

  std::unique_ptr<RulesHistory> history_;
  std::optional<RuleSources> sources_;
  bool held_ = false;
  std::optional<Waiting> waiting_;
  base::MonoTime until_mono_;            // of waiting_
  std::optional<RuleSources> previous_;  // while something waits: going back needs no disk
  int64_t steps_ = 0;
};

}  // namespace weir::control::policy

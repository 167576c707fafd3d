// Whose every address is, as control tells it: kept between updates, put in force beside the
// policy.
//
// Updates of one publisher are numbered. One that does not follow the one before, or comes from a
// publisher that was started again, is not taken: the answer says "again", and the publisher begins
// anew with all there is. Until it has ended that, what was told before stays in force; so it does
// when the publisher is gone.
//
// All calls from the main thread, but for Resolve().
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/app/dataplane/identity_update.h"
#include "dataplane/app/dataplane/policy_in_force.h"
#include "dataplane/identity/account_resolver.h"

namespace weir::appliance {

class IdentityKeeper {
 public:
  struct Settings {
    size_t addresses_max = 0;  // with prefixes: a prefix is one, however many addresses it holds
    // Whether every address is somebody's or unknown before anybody has told anything.
    bool complete_at_start = false;
  };

  IdentityKeeper(const Settings& settings, const base::HashKey& secret, PolicyInForce& in_force);

  // What a policy makes of the accounts there are. Takes time; any thread.
  struct Resolved {
    identity::IdentityTablePtr before;
    identity::IdentityTablePtr after;
    std::shared_ptr<identity::AccountResolver> resolver;
  };
  static Resolved Resolve(identity::IdentityTablePtr table, const rules::CompiledPolicy& policy);

  // The table for that policy, with what has changed since; the policy must go in force with it.
  identity::IdentityTablePtr Adopt(Resolved resolved);

  const identity::IdentityTablePtr& table() const { return table_; }

  // False: it does not follow what was taken before, and the publisher must begin anew.
  bool Take(const IdentityUpdate& update);

  // `rechecked`: the generation that all workers are done with.
  void Settle(uint64_t rechecked);

  struct Counters {
    uint64_t updates = 0;
    uint64_t again = 0;             // updates that did not follow
    uint64_t refused = 0;           // bindings for which there was no room
    uint64_t prefixes_refused = 0;  // bindings of prefixes that nobody can have
    uint64_t changes_told = 0;      // sets of changed addresses given to the workers
  };
  const Counters& counters() const { return counters_; }
  const Settings& settings() const { return settings_; }
  size_t memory_bytes() const;

 private:
  using Change = identity::IdentityTable::Change;

  // So many lengths of prefixes may a family have, host prefixes aside: an address that is nobody's
  // is looked for at each.
  static constexpr unsigned kLengthsMax = 16;
  // The workers may have so many sets of changes before them; what comes then waits.
  static constexpr size_t kToldMax = 16;

  // Addresses and prefixes that have changed hands, or all.
  struct Moved {
    std::vector<base::IpPrefix> prefixes;
    bool everything = false;

    bool empty() const { return prefixes.empty() && !everything; }
    void Add(const Moved& more);
  };
  // What may still be bound.
  struct Room {
    size_t bindings = 0;
    identity::PrefixLengths lengths;  // those there are
  };
  struct Told {
    ChangedPtr changed;
    Moved own;  // what was new in it
  };

  // Takes the room for one more binding; false where there is none.
  static bool TakeRoom(const base::IpPrefix& prefix, Room& room);
  bool MayBeBound(const base::IpPrefix& prefix);
  void Stage(const IdentityUpdate& update);
  void TakeChanges(const IdentityUpdate& update);
  void TakeAll();
  void Put(const std::vector<Change>& changes, bool complete);
  bool Matters(const identity::Account* before, const identity::Account* after) const;
  void Tell();

  const Settings settings_;
  PolicyInForce& in_force_;
  std::shared_ptr<identity::AccountResolver> resolver_;
  identity::IdentityTablePtr table_;

  std::string publisher_;  // empty: none yet
  uint64_t seq_ = 0;
  bool staging_ = false;
  std::vector<Change> staged_;
  Room staging_room_;

  uint64_t generation_ = 0;
  Moved waiting_;
  std::deque<Told> told_;  // oldest first
  ChangedPtr changed_;
  Counters counters_;
};

}  // namespace weir::appliance

// A policy that decides: an immutable snapshot, shared by all workers until the next one replaces
// it.
//
// Made by Compile; dataplane/verdict asks it. The only thing in it that changes are the hit
// counters, relaxed atomics. Lives until the last worker has left it (the owner's business).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/time.h"
#include "rules/compile/account_sets.h"
#include "rules/compile/rule_index.h"
#include "rules/compile/set_tables.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

inline constexpr uint32_t kNoRule = 0xffffffff;
inline constexpr uint32_t kNoList = 0xffffffff;

// What is told about a rule, to people and in records.
struct RuleInfo {
  std::string id;
  Verb verb = Verb::kDrop;
  Mode mode = Mode::kEnforce;  // its own, else the policy's
  std::string rule_class;      // empty: a hit is no finding
  Severity severity = Severity::kNone;
  std::string reason;
  std::optional<base::WallTime> until;
  std::string during;  // the timetable's name; empty: always
  std::string source;  // the file's name
  uint32_t line = 0;
  bool to_portal = false;  // a rejected HTTP request is sent there
  std::string text;        // the rule in its canonical form; long lists of values are cut short
};

// A group that is defined, and its number among the sets of Aspect::kGroup.
struct GroupInfo {
  std::string name;
  uint32_t set = 0;
};

inline constexpr uint32_t kNoSet = 0xffffffff;

// Holds for a flow that lies in `set`, or is on one of the sides.
struct CompiledCondition {
  Selector selector = Selector::kAny;
  Aspect aspect = Aspect::kIp;
  uint8_t sides = 0;      // from, to: kInsideBit, kOutsideBit
  uint32_t set = kNoSet;  // of the aspect; kNoSet: sides alone; of kList: into list_choices
};

// A list as it was when the policy was compiled; numbered as defined.
struct PolicyList {
  std::string name;
  std::string source;  // as the rules file has it: a path or a URL
  bool used = false;   // any rule is about it; else the rest is not known
  std::string digest;  // SHA-256 of its bytes, in hex
  ListFormat format = ListFormat::kDomains;
  uint64_t names = 0;
  uint64_t ranges = 0;
  uint64_t endpoints = 0;
  uint64_t skipped = 0;
};

// The lists of one condition: it holds when the flow is in any of them.
struct ListChoice {
  std::vector<uint32_t> lists;  // ascending
  bool has_names = false;       // any of them
  bool has_endpoints = false;
};

struct CompiledConjunction {
  uint32_t first_condition = 0;
  uint32_t condition_count = 0;
};

struct CompiledRule {
  Verb verb = Verb::kDrop;
  Mode mode = Mode::kEnforce;
  bool active = true;  // false outside of its timetable: then it is as if it were not there
  CompiledConjunction match;
  uint32_t first_exception = 0;
  uint32_t exception_count = 0;
};

struct PolicyParts {
  uint32_t version = 0;
  Mode mode = Mode::kEnforce;
  bool complete = true;
  std::vector<RuleInfo> infos;      // of each rule
  std::vector<CompiledRule> rules;  // protect first, then as written: the order in which they count
  std::vector<CompiledConjunction> exceptions;
  std::vector<CompiledCondition> conditions;
  std::vector<PolicyList> lists;
  std::vector<ListChoice> list_choices;
  SetTables sets;
  std::shared_ptr<const AccountSets> accounts = std::make_shared<const AccountSets>();
  std::vector<GroupInfo> groups;
  std::optional<base::WallTime> next_change;
  std::vector<std::string> warnings;
};

class CompiledPolicy {
 public:
  explicit CompiledPolicy(PolicyParts parts);

  uint32_t version() const { return parts_.version; }
  Mode mode() const { return parts_.mode; }

  // False for a policy compiled without a catalog that names applications: not to be installed.
  bool complete() const { return parts_.complete; }

  // Whether any active rule asks for a name, or a keyword, or for an application or category. Where
  // none does, the pipeline need not wait for one on the policy's account.
  bool asks_for_names() const {
    return asks_for(Aspect::kHost) || asks_for(Aspect::kDomain) || lists_ask_for_names_ ||
           asks_for(Aspect::kKeyword);
  }
  bool asks_for_apps() const { return asks_for(Aspect::kApp) || asks_for(Aspect::kCategory); }
  // Null: no active rule looks for any.
  const KeywordTable* keywords() const {
    return asks_for(Aspect::kKeyword) ? parts_.sets.keywords.get() : nullptr;
  }
  bool lists_ask_for_names() const { return lists_ask_for_names_; }
  bool lists_ask_for_endpoints() const { return lists_ask_for_endpoints_; }
  bool asks_for(Aspect aspect) const {
    return (aspects_ >> static_cast<unsigned>(aspect) & 1) != 0;
  }

  // Whether any active rule asks who has an address.
  bool asks_for_accounts() const {
    return asks_for(Aspect::kAccount) ||
           (asks_for(Aspect::kGroup) && parts_.accounts->has_groups());
  }

  // Whether any rule asks for addresses inside that are nobody's.
  bool judges_unknown() const { return judges_unknown_; }

  // Whether any active rule drops or rejects in enforce mode. Where none does, nothing at all may
  // be dropped on the policy's account.
  bool blocks() const { return blocks_; }

  // When the first of the rules expires, or begins or ends to be active; the owner compiles again
  // then.
  std::optional<base::WallTime> next_change() const { return parts_.next_change; }

  // Rules left out as expired, shadowed or redundant: a line each, "file:line:column: …".
  const std::vector<std::string>& warnings() const { return parts_.warnings; }

  uint32_t rule_count() const { return static_cast<uint32_t>(parts_.rules.size()); }
  const RuleInfo& info(uint32_t rule) const { return parts_.infos[rule]; }
  uint32_t FindRule(std::string_view id) const;  // kNoRule when there is none

  // What it takes: the rules with what is told about them, the tables and the index.
  size_t memory_bytes() const;

  // For dataplane/verdict.
  const PolicyParts& parts() const { return parts_; }
  const RuleIndex& index() const { return index_; }

  // One decided flow. Any worker.
  void CountHit(uint32_t rule, base::WallTime now) const;
  uint64_t hits(uint32_t rule) const;
  std::optional<base::WallTime> last_hit(uint32_t rule) const;  // nullopt: never

  // Adds the counts of the rules with the same ids. Called once, after the last worker has left
  // `previous`: then no hit is lost or counted twice, while workers may already count here.
  void InheritHits(const CompiledPolicy& previous) const;

 private:
  struct HitCounter {
    std::atomic<uint64_t> hits{0};
    std::atomic<int64_t> last_ns{0};  // 0: never
  };
  void NoteAspects(const CompiledConjunction& conjunction);
  static void RaiseTo(std::atomic<int64_t>& last_ns, int64_t ns);

  const PolicyParts parts_;
  const RuleIndex index_;
  std::vector<uint32_t> by_id_;  // all rules, by their ids
  uint32_t aspects_ = 0;         // a bit for each that any condition of an active rule is about
  bool blocks_ = false;
  bool lists_ask_for_names_ = false;
  bool lists_ask_for_endpoints_ = false;
  bool judges_unknown_ = false;
  std::unique_ptr<HitCounter[]> hits_;
};

}  // namespace weir::rules

#include "rules/compile/compile.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rules/compile/condition_compiler.h"
#include "rules/compile/set_catalog.h"
#include "rules/compile/shadow.h"
#include "rules/compile/timetable.h"
#include "rules/model/fault_list.h"
#include "rules/model/print.h"

namespace weir::rules {
namespace {

base::Result<base::HashKey> DrawSecret() {
  std::array<uint8_t, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return base::Error{"the kernel gives no random bytes for the policy's table of names"};
  }
  return base::HashKey::FromBytes(bytes);
}

class Compiler {
 public:
  Compiler(const PolicyText& text, const CompileOptions& options, const base::HashKey& secret)
      : text_(text),
        options_(options),
        catalog_(secret),
        conditions_(text, options, parts_, catalog_, faults_) {
    parts_.version = options.version;
    parts_.mode = options.mode;
  }

  base::Result<std::shared_ptr<const CompiledPolicy>> Run() {
    MakeTimetables();
    for (const Rule* rule : InOrder()) AddRule(*rule);
    conditions_.WarnOfUnusedLists();
    AddUnknownAddress();
    if (!faults_.empty()) return faults_.ToError(text_);
    if (const size_t names = catalog_.CountNames(); names > options_.names_max) {
      return base::Error{fmt::format("the policy has {} different names; up to {} would do", names,
                                     options_.names_max)};
    }
    if (const size_t words = catalog_.CountKeywords(); words > kKeywordsMax) {
      return base::Error{fmt::format("the policy has {} different keywords; up to {} would do",
                                     words, kKeywordsMax)};
    }
    auto tables = catalog_.MakeTables();
    if (!tables) return tables.error();
    parts_.sets = std::move(tables).value();
    TakeIdentities();
    // Without a catalog the sets of applications are empty, and would seem to lie in any other.
    if (parts_.complete) {
      std::vector<std::string> shadowed = FindShadowed(parts_, catalog_);
      std::move(shadowed.begin(), shadowed.end(), std::back_inserter(parts_.warnings));
    }
    return std::make_shared<const CompiledPolicy>(std::move(parts_));
  }

 private:
  // `protect` before all others.
  std::vector<const Rule*> InOrder() {
    std::vector<const Rule*> rules;
    for (const Rule& rule : text_.rules) rules.push_back(&rule);
    std::stable_partition(rules.begin(), rules.end(),
                          [](const Rule* rule) { return rule->verb == Verb::kProtect; });
    return rules;
  }

  void AddRule(const Rule& rule) {
    if (rule.until && rule.until->time <= options_.now) {
      parts_.warnings.push_back(fmt::format("{}: rule '{}' expired at {} and is left out",
                                            ToText(text_, rule.where), rule.id,
                                            base::FormatRfc3339(rule.until->time)));
      return;
    }
    if (rule.until) ChangesAt(rule.until->time);
    if (rule.severity != Severity::kNone && conditions_.ClassOf(rule).empty()) {
      parts_.warnings.push_back(fmt::format(
          "{}: rule '{}' has a severity and no class: its hits are no findings, so nobody sees it",
          ToText(text_, rule.where), rule.id));
    }
    CompiledRule compiled;
    compiled.verb = rule.verb;
    compiled.mode = rule.mode.value_or(options_.mode);
    compiled.active = IsActive(rule);
    compiled.match = conditions_.Add(rule.match);
    compiled.first_exception = static_cast<uint32_t>(parts_.exceptions.size());
    compiled.exception_count = static_cast<uint32_t>(rule.exceptions.size());
    for (const Conjunction& exception : rule.exceptions) {
      parts_.exceptions.push_back(conditions_.Add(exception));
    }
    parts_.rules.push_back(compiled);
    parts_.infos.push_back(Describe(rule, compiled));
  }

  // Where an end inside is nobody's, a rule as if it were written behind all others. With a portal
  // it waits, on HTTP's port, for the request: for a name that is in no set.
  void AddUnknownAddress() {
    if (options_.unknown == UnknownAddress::kAllow) return;
    for (const Rule& rule : text_.rules) {
      if (rule.id != kUnknownAddressId) continue;
      faults_.Add(rule.where, rule.id, "another id would do: [accounts] unknown has this one");
    }
    CompiledRule compiled;
    compiled.verb = options_.unknown == UnknownAddress::kDrop ? Verb::kDrop : Verb::kReject;
    compiled.mode = options_.mode;
    compiled.match = {static_cast<uint32_t>(parts_.conditions.size()), 1};
    parts_.conditions.push_back({Selector::kAccount, Aspect::kAccount, 0, kUnknownAddressSet});
    compiled.first_exception = static_cast<uint32_t>(parts_.exceptions.size());
    if (options_.unknown == UnknownAddress::kPortal) {
      compiled.exception_count = 1;
      parts_.exceptions.push_back({static_cast<uint32_t>(parts_.conditions.size()), 2});
      const uint32_t http = PortKey(IPPROTO_TCP, 80);
      parts_.conditions.push_back(
          {Selector::kPort, Aspect::kPort, 0, catalog_.AddPorts(NumberSet({{http, http}}))});
      parts_.conditions.push_back(
          {Selector::kHost, Aspect::kHost, 0, catalog_.AddNames({}, false)});
    }
    parts_.rules.push_back(compiled);
    RuleInfo info;
    info.id = kUnknownAddressId;
    info.verb = compiled.verb;
    info.mode = compiled.mode;
    info.source = "[accounts] unknown";
    info.text = std::string(VerbName(info.verb)) + " whoever has an address that is nobody's";
    info.to_portal = options_.unknown == UnknownAddress::kPortal;
    parts_.infos.push_back(std::move(info));
  }

  // What a timetable says now. Of all definitions, used or not: one that cannot be right is told at
  // once. Asked once, however many rules go by it.
  struct Hours {
    bool hold;
    std::optional<base::WallTime> change;
  };

  void TakeIdentities() {
    parts_.accounts = catalog_.identities().MakeAccountSets();
    for (const auto& [name, set] : conditions_.groups()) parts_.groups.push_back({name, set});
  }

  void MakeTimetables() {
    for (const TimeDefinition& definition : text_.times) {
      ZoneFault fault;
      if (const auto timetable = Timetable::Make(definition, fault)) {
        const Hours now{timetable->HoldsAt(options_.now), timetable->NextChange(options_.now)};
        hours_.emplace(definition.name, now);
      } else {
        faults_.Add(definition.where, fault.word, fault.advice);
      }
    }
  }

  void ChangesAt(base::WallTime time) {
    if (!parts_.next_change || time < *parts_.next_change) parts_.next_change = time;
  }

  bool IsActive(const Rule& rule) {
    if (!rule.during) return true;
    const auto hours = hours_.find(rule.during->time.word);
    if (hours == hours_.end()) return false;  // its zone is a fault already
    if (hours->second.change) ChangesAt(*hours->second.change);
    return hours->second.hold;
  }

  RuleInfo Describe(const Rule& rule, const CompiledRule& compiled) const {
    RuleInfo info;
    info.id = rule.id;
    info.verb = rule.verb;
    info.mode = compiled.mode;
    info.rule_class = conditions_.ClassOf(rule);
    info.severity = rule.severity;
    info.reason = rule.reason;
    if (rule.until) info.until = rule.until->time;
    if (rule.during) info.during = rule.during->time.word;
    info.source = text_.source_names[rule.where.source];
    info.line = rule.where.line;
    info.text = ToShortText(rule);
    return info;
  }

  const PolicyText& text_;
  const CompileOptions& options_;
  PolicyParts parts_;
  FaultList faults_;
  SetCatalog catalog_;
  ConditionCompiler conditions_;
  std::unordered_map<std::string_view, Hours> hours_;
};

}  // namespace

base::Result<std::shared_ptr<const CompiledPolicy>> Compile(const PolicyText& text,
                                                            const CompileOptions& options) {
  if (options.name_secret) return Compiler(text, options, *options.name_secret).Run();
  const auto secret = DrawSecret();
  if (!secret) return secret.error();
  return Compiler(text, options, *secret).Run();
}

}  // namespace weir::rules

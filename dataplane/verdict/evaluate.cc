#include "dataplane/verdict/evaluate.h"

#include <algorithm>
#include <tuple>

#include "dataplane/base/host_address.h"

namespace weir::verdict {
namespace {

using rules::Aspect;
using rules::CompiledCondition;
using rules::CompiledPolicy;
using rules::FoundSets;
using rules::kInsideBit;
using rules::kOutsideBit;
using rules::PolicyParts;

uint8_t BitOf(packet::Side side) {
  switch (side) {
    case packet::Side::kInside:
      return kInsideBit;
    case packet::Side::kOutside:
      return kOutsideBit;
    case packet::Side::kUnknown:
      return 0;
  }
  return 0;
}

uint8_t ResponderBit(const Facts& facts) {
  if (facts.responder_side != packet::Side::kUnknown) return BitOf(facts.responder_side);
  switch (facts.initiator_side) {
    case packet::Side::kInside:
      return kOutsideBit;
    case packet::Side::kOutside:
      return kInsideBit;
    case packet::Side::kUnknown:
      return 0;
  }
  return 0;
}

// The sets of sides that a side is in, by its bit.
std::span<const uint32_t> SideSets(uint8_t bit) {
  static constexpr uint32_t kOfInside[] = {kInsideBit, kInsideBit | kOutsideBit};
  static constexpr uint32_t kOfOutside[] = {kOutsideBit, kInsideBit | kOutsideBit};
  if (bit == kInsideBit) return kOfInside;
  if (bit == kOutsideBit) return kOfOutside;
  return {};
}

void FindSetsOfAddresses(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  const rules::SetTables& sets = policy.parts().sets;
  found.Add(Aspect::kFrom, SideSets(BitOf(facts.initiator_side)));
  found.Add(Aspect::kTo, SideSets(ResponderBit(facts)));
  if (policy.asks_for(Aspect::kFrom)) {
    sets.FindAddress(facts.initiator_ip, Aspect::kFrom, found);
  }
  if (policy.asks_for(Aspect::kTo)) sets.FindAddress(facts.responder_ip, Aspect::kTo, found);
  if (policy.asks_for(Aspect::kIp)) {
    sets.FindAddress(facts.initiator_ip, Aspect::kIp, found);
    sets.FindAddress(facts.responder_ip, Aspect::kIp, found);
  }
}

// An endpoint of a list is one end with its own port, whichever of the two began.
void FindListsOfAddresses(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  found.address_lists().Clear();
  if (!policy.asks_for(Aspect::kList)) return;
  const rules::ListAddresses& lists = policy.parts().sets.list_addresses;
  if (lists.empty()) return;
  const auto find = [&](const base::IpAddress& address, uint16_t port) {
    const uint32_t key = rules::PortKey(facts.ip_protocol, port);
    lists.Find(address, facts.ports_open ? nullptr : &key, found.address_lists());
  };
  find(facts.responder_ip, facts.responder_port);
  find(facts.initiator_ip, facts.initiator_port);
}

// Of one end's account. True: the end is inside, and nobody has its address.
bool FindSetsOfAccount(const identity::IdentityTable& identities, const base::IpAddress& ip,
                       bool inside, FoundSets& found) {
  const identity::Account* account = identities.Find(ip);
  if (account == nullptr) {
    return inside && identities.complete() && base::MayBeSomebodys(ip);
  }
  found.Add(Aspect::kAccount, account->sets.accounts);
  found.Add(Aspect::kGroup, account->sets.groups);
  return false;
}

void FindSetsOfIdentities(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  static constexpr uint32_t kUnknown[] = {rules::kUnknownAddressSet};
  if (policy.asks_for(Aspect::kGroup)) {
    policy.parts().sets.FindGroups(facts.initiator_ip, found);
    policy.parts().sets.FindGroups(facts.responder_ip, found);
  }
  if (facts.identities == nullptr || !policy.asks_for_accounts()) return;
  const bool inside = BitOf(facts.initiator_side) == kInsideBit;
  const bool other_inside = ResponderBit(facts) == kInsideBit;
  const bool unknown = FindSetsOfAccount(*facts.identities, facts.initiator_ip, inside, found);
  if (FindSetsOfAccount(*facts.identities, facts.responder_ip, other_inside, found) || unknown) {
    found.Add(Aspect::kAccount, kUnknown);
  }
}

void FindSetsOfLink(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  const rules::SetTables& sets = policy.parts().sets;
  if (policy.asks_for(Aspect::kMac) && facts.macs_known) {
    for (const base::MacAddress& mac : facts.macs) sets.FindMac(mac, found);
  }
  if (policy.asks_for(Aspect::kVlan) && facts.vlans_known) {
    for (uint8_t i = 0; i < facts.vlan_count; ++i) sets.FindVlan(facts.vlans[i], found);
  }
}

void FindSetsOfPorts(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  if (facts.ports_open) {
    found.SetOpen(Aspect::kPort);
    found.SetOpen(Aspect::kSourcePort);
    return;
  }
  const rules::SetTables& sets = policy.parts().sets;
  if (policy.asks_for(Aspect::kPort)) {
    sets.FindPort(facts.ip_protocol, facts.responder_port, Aspect::kPort, found);
  }
  if (policy.asks_for(Aspect::kSourcePort)) {
    sets.FindPort(facts.ip_protocol, facts.initiator_port, Aspect::kSourcePort, found);
  }
}

void FindSetsOfApp(const CompiledPolicy& policy, const Facts& facts, FoundSets& found) {
  if (facts.app_state == Knowledge::kOpen) {
    found.SetOpen(Aspect::kApp);
    found.SetOpen(Aspect::kCategory);
  }
  if (facts.app_state != Knowledge::kKnown) return;
  const rules::SetTables& sets = policy.parts().sets;
  sets.FindApp(facts.app_master, found);
  if (facts.app_sub != facts.app_master) sets.FindApp(facts.app_sub, found);
  sets.FindCategory(facts.category, found);
}

// One list that holds is enough, whatever is still open.
Truth EvaluateLists(const rules::ListChoice& choice, const FoundSets& found) {
  for (const uint32_t list : choice.lists) {
    if (found.Contains(Aspect::kList, list)) return Truth::kYes;
  }
  const bool open = (choice.has_names && found.open(Aspect::kDomain)) ||
                    (choice.has_endpoints && found.open(Aspect::kPort));
  return open ? Truth::kOpen : Truth::kNo;
}

// Of a name alone something may still be open.
Truth EvaluateKeywords(const PolicyParts& parts, uint32_t set, const FoundSets& found) {
  if (found.Contains(Aspect::kKeyword, set)) return Truth::kYes;
  const bool open = found.open(Aspect::kKeyword) && parts.sets.keywords->asks_for_names(set);
  return open ? Truth::kOpen : Truth::kNo;
}

void FindKeywordsOf(const PolicyParts& parts, const rules::CompiledConjunction& conjunction,
                    rules::KeywordSets& sets) {
  const uint32_t end = conjunction.first_condition + conjunction.condition_count;
  for (uint32_t i = conjunction.first_condition; i < end; ++i) {
    if (parts.conditions[i].aspect == Aspect::kKeyword) sets.Add(parts.conditions[i].set);
  }
}

void FindSetsOfKeywords(const CompiledPolicy& policy, const Facts& facts, const NameView& name,
                        FoundSets& found) {
  found.Clear(Aspect::kKeyword);
  const rules::KeywordTable* keywords = policy.keywords();
  if (keywords == nullptr) return;
  rules::KeywordSets& sets = found.keyword_sets();
  sets.Clear();
  for (const rules::KeywordId id : facts.keywords) sets.Add(keywords->SetsOf(id));
  if (!facts.judged_by.empty()) {
    const uint32_t rule = policy.FindRule(facts.judged_by);
    if (rule != rules::kNoRule) {
      FindKeywordsOf(policy.parts(), policy.parts().rules[rule].match, sets);
    }
  }
  if (name.state == Knowledge::kKnown) {
    keywords->FindInName(name.name, facts.names_are_http_hosts, sets);
  }
  if (name.state == Knowledge::kOpen && keywords->asks_for_names()) {
    found.SetOpen(Aspect::kKeyword);
  }
  found.Add(Aspect::kKeyword, sets.all());
}

events::Verdict VerdictOf(const rules::CompiledRule& rule) {
  const bool enforce = rule.mode == rules::Mode::kEnforce;
  switch (rule.verb) {
    case rules::Verb::kDrop:
      return enforce ? events::Verdict::kDrop : events::Verdict::kWouldDrop;
    case rules::Verb::kReject:
      return enforce ? events::Verdict::kReject : events::Verdict::kWouldReject;
    case rules::Verb::kProtect:
    case rules::Verb::kAllow:
    case rules::Verb::kMonitor:
      return events::Verdict::kPass;
  }
  return events::Verdict::kPass;
}

Decision DecideFor(const CompiledPolicy& policy, const FoundSets& found) {
  const PolicyParts& parts = policy.parts();
  Decision decision;
  const uint32_t rule = policy.index().First(found, [&](uint32_t candidate) {
    const Truth truth = Evaluate(parts, parts.rules[candidate], found);
    if (truth != Truth::kNo) decision.open = truth == Truth::kOpen;
    return truth != Truth::kNo;
  });
  if (rule == rules::RuleIndex::kNone || decision.open) return decision;
  decision.verdict = VerdictOf(parts.rules[rule]);
  decision.rule = rule;
  const ListLine found_at = FindListLine(parts, parts.rules[rule], found);
  decision.list = found_at.list;
  decision.list_line = found_at.line;
  return decision;
}

// Lower is stricter. A block stands whatever else may become known; a trial block does not.
int RankOf(const Decision& decision) {
  if (decision.open) return 1;
  switch (decision.verdict) {
    case events::Verdict::kDrop:
    case events::Verdict::kReject:
      return 0;
    case events::Verdict::kWouldDrop:
    case events::Verdict::kWouldReject:
      return 2;
    case events::Verdict::kPass:
      return 3;
  }
  return 3;
}

}  // namespace

void FindSets(const CompiledPolicy& policy, const Facts& facts, const NameView& name,
              FoundSets& found) {
  FindSetsOfAddresses(policy, facts, found);
  FindListsOfAddresses(policy, facts, found);
  FindSetsOfIdentities(policy, facts, found);
  FindSetsOfLink(policy, facts, found);
  FindSetsOfPorts(policy, facts, found);
  FindSetsOfApp(policy, facts, found);
  FindSetsOfName(policy, facts, name, found);
}

void FindSetsOfName(const CompiledPolicy& policy, const Facts& facts, const NameView& name,
                    FoundSets& found) {
  for (const Aspect aspect : {Aspect::kHost, Aspect::kDomain}) {
    found.Clear(aspect);
    if (name.state == Knowledge::kOpen) found.SetOpen(aspect);
  }
  found.Clear(Aspect::kList);
  found.name_lists().Clear();
  found.Add(Aspect::kList, found.address_lists().lists());
  const bool name_may_list = name.state == Knowledge::kOpen && policy.lists_ask_for_names();
  const bool port_may_list = found.open(Aspect::kPort) && policy.lists_ask_for_endpoints();
  if (name_may_list || port_may_list) found.SetOpen(Aspect::kList);
  if (name.state == Knowledge::kKnown) policy.parts().sets.FindName(name.name, found);
  FindSetsOfKeywords(policy, facts, name, found);
}

ListLine FindListLine(const PolicyParts& parts, const rules::CompiledRule& rule,
                      const FoundSets& found) {
  const uint32_t end = rule.match.first_condition + rule.match.condition_count;
  for (uint32_t i = rule.match.first_condition; i < end; ++i) {
    const CompiledCondition& condition = parts.conditions[i];
    if (condition.aspect != Aspect::kList) continue;
    for (const uint32_t list : parts.list_choices[condition.set].lists) {
      if (const uint32_t line = found.LineIn(list); line != 0) return {list, line};
    }
  }
  return {};
}

Truth Evaluate(const PolicyParts& parts, const CompiledCondition& condition,
               const FoundSets& found) {
  if (condition.aspect == Aspect::kList) {
    return EvaluateLists(parts.list_choices[condition.set], found);
  }
  if (condition.aspect == Aspect::kKeyword) return EvaluateKeywords(parts, condition.set, found);
  if (found.open(condition.aspect)) return Truth::kOpen;
  const bool holds = (condition.sides != 0 && found.Contains(condition.aspect, condition.sides)) ||
                     found.Contains(condition.aspect, condition.set);
  return holds ? Truth::kYes : Truth::kNo;
}

Truth Evaluate(const PolicyParts& parts, const rules::CompiledConjunction& conjunction,
               const FoundSets& found) {
  Truth all = Truth::kYes;
  const uint32_t end = conjunction.first_condition + conjunction.condition_count;
  for (uint32_t i = conjunction.first_condition; i < end; ++i) {
    all = std::min(all, Evaluate(parts, parts.conditions[i], found));
    if (all == Truth::kNo) break;
  }
  return all;
}

Truth Evaluate(const PolicyParts& parts, const rules::CompiledRule& rule, const FoundSets& found) {
  Truth truth = Evaluate(parts, rule.match, found);
  const uint32_t end = rule.first_exception + rule.exception_count;
  for (uint32_t i = rule.first_exception; i < end && truth != Truth::kNo; ++i) {
    const Truth excepted = Evaluate(parts, parts.exceptions[i], found);
    if (excepted == Truth::kYes) return Truth::kNo;
    if (excepted == Truth::kOpen) truth = Truth::kOpen;
  }
  return truth;
}

Judgement Judge(const CompiledPolicy& policy, const Facts& facts) {
  FoundSets found;
  if (facts.name_state != Knowledge::kKnown || facts.names.empty() || !policy.asks_for_names()) {
    const bool open = facts.name_state == Knowledge::kOpen;
    const NameView name{open ? Knowledge::kOpen : Knowledge::kNone, {}};
    FindSets(policy, facts, name, found);
    return {DecideFor(policy, found), name};
  }
  Judgement strictest;
  for (size_t i = 0; i < facts.names.size(); ++i) {
    const NameView name{Knowledge::kKnown, facts.names[i]};
    if (i == 0) {
      FindSets(policy, facts, name, found);
    } else {
      FindSetsOfName(policy, facts, name, found);
    }
    const Decision decision = DecideFor(policy, found);
    const auto rank = std::make_tuple(RankOf(decision), decision.rule);
    if (i == 0 || rank < std::make_tuple(RankOf(strictest.decision), strictest.decision.rule)) {
      strictest = {decision, name};
    }
  }
  return strictest;
}

}  // namespace weir::verdict

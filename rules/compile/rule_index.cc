#include "rules/compile/rule_index.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "rules/compile/compiled_policy.h"

namespace weir::rules {
namespace {

constexpr uint64_t kPortsFiledMax = 64;     // a rule about more ports is as well asked always
constexpr size_t kPrefixesFiledMax = 4096;  // as is one about an odd mass of ranges
constexpr unsigned kMappedPrefixBits = 96;

const CompiledCondition* FindCondition(const PolicyParts& parts, const CompiledRule& rule,
                                       Selector selector) {
  const auto conditions =
      std::span(parts.conditions).subspan(rule.match.first_condition, rule.match.condition_count);
  const auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const CompiledCondition& known) {
        return known.selector == selector && known.sides == 0;
      });
  return found == conditions.end() ? nullptr : &*found;
}

template <typename Table, typename Key>
void AddFound(const Table& table, const Key& key, Candidates& out) {
  const auto found = table.find(key);
  if (found != table.end()) out.Add(found->second);
}

// Rules are filed in ascending order, so only the last can be the same.
void AppendOnce(std::vector<uint32_t>& rules, uint32_t rule) {
  if (rules.empty() || rules.back() != rule) rules.push_back(rule);
}

std::array<uint64_t, 2> MaskOf(unsigned length_bits) {
  base::IpAddress ones;
  ones.mutable_bytes().fill(0xff);
  std::array<uint64_t, 2> mask;
  std::memcpy(mask.data(), base::IpPrefix(ones, length_bits).address().bytes().data(), sizeof mask);
  return mask;
}

base::IpAddress Masked(base::IpAddress address, const std::array<uint64_t, 2>& mask) {
  std::array<uint64_t, 2> halves;
  std::memcpy(halves.data(), address.bytes().data(), sizeof halves);
  halves[0] &= mask[0];
  halves[1] &= mask[1];
  std::memcpy(address.mutable_bytes().data(), halves.data(), sizeof halves);
  return address;
}

}  // namespace

void Candidates::Add(std::span<const uint32_t> ascending) {
  if (!ascending.empty()) {
    runs_[run_count_++] = {ascending.data(), ascending.data() + ascending.size()};
  }
}

uint32_t Candidates::Next() {
  uint32_t next = kNone;
  for (size_t i = 0; i < run_count_; ++i) next = std::min(next, *runs_[i].next);
  for (size_t i = 0; i < run_count_;) {
    if (*runs_[i].next == next) ++runs_[i].next;
    if (runs_[i].next == runs_[i].end) {
      runs_[i] = runs_[--run_count_];
    } else {
      ++i;
    }
  }
  return next;
}

size_t RuleIndex::AddressHash::operator()(const base::IpAddress& address) const {
  uint64_t halves[2];
  std::memcpy(halves, address.bytes().data(), sizeof halves);
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  const uint64_t mixed = (halves[0] * kOdd) ^ std::rotl(halves[1] * kOdd, 32) ^ halves[1];
  return mixed ^ (mixed >> 29);
}

RuleIndex::RuleIndex(const PolicyParts& parts) {
  for (uint32_t rule = 0; rule < parts.rules.size(); ++rule) File(parts, rule);
}

// Under the first of these that the rule has, and that is about few enough values.
void RuleIndex::File(const PolicyParts& parts, uint32_t rule) {
  const auto find = [&](Selector selector) {
    return FindCondition(parts, parts.rules[rule], selector);
  };
  for (const Selector selector : {Selector::kHost, Selector::kDomain}) {
    const CompiledCondition* names = find(selector);
    if (names != nullptr) return FileNames(parts.names[names->table], rule);
  }
  for (const Selector selector : {Selector::kIp, Selector::kFrom, Selector::kTo}) {
    const CompiledCondition* addresses = find(selector);
    if (addresses == nullptr) continue;
    const std::vector<base::IpPrefix> prefixes = parts.addresses[addresses->table].Prefixes();
    if (prefixes.size() > kPrefixesFiledMax) continue;
    if (selector != Selector::kTo) FileAddresses(prefixes, initiator_, rule);
    if (selector != Selector::kFrom) FileAddresses(prefixes, responder_, rule);
    return;
  }
  for (const Selector selector : {Selector::kPort, Selector::kSourcePort}) {
    const CompiledCondition* ports = find(selector);
    if (ports == nullptr || parts.numbers[ports->table].size() > kPortsFiledMax) continue;
    ported_.push_back(rule);
    return FileNumbers(parts.numbers[ports->table],
                       selector == Selector::kPort ? responder_port_ : initiator_port_, rule);
  }
  for (const Selector selector : {Selector::kApp, Selector::kCategory}) {
    const CompiledCondition* apps = find(selector);
    if (apps == nullptr) continue;
    apps_.push_back(rule);
    return FileNumbers(parts.numbers[apps->table],
                       selector == Selector::kApp ? by_app_ : by_category_, rule);
  }
  always_.push_back(rule);
}

void RuleIndex::FileNames(const NameSet& names, uint32_t rule) {
  named_.push_back(rule);
  for (const std::string& name : names.names()) {
    AppendOnce((names.with_subdomains() ? below_ : exact_)[name], rule);
  }
}

void RuleIndex::FileAddresses(std::span<const base::IpPrefix> prefixes, PrefixTable& table,
                              uint32_t rule) {
  for (const base::IpPrefix& prefix : prefixes) table.File(prefix, rule);
}

void RuleIndex::FileNumbers(const NumberSet& numbers, ByNumber& table, uint32_t rule) {
  for (const auto& [first, last] : numbers.ranges()) {
    for (uint64_t number = first; number <= last; ++number) {
      AppendOnce(table[static_cast<uint32_t>(number)], rule);
    }
  }
}

void RuleIndex::PrefixTable::File(const base::IpPrefix& prefix, uint32_t rule) {
  const auto at =
      std::lower_bound(lengths.begin(), lengths.end(), prefix.length_bits(),
                       [](const Length& length, unsigned bits) { return length.bits < bits; });
  const bool known = at != lengths.end() && at->bits == prefix.length_bits();
  Length& length =
      known ? *at
            : *lengths.insert(at, Length{prefix.length_bits(), MaskOf(prefix.length_bits()), {}});
  AppendOnce(length.rules[prefix.address()], rule);
}

void RuleIndex::PrefixTable::AddTo(const base::IpAddress& address, Candidates& out) const {
  const bool v4 = address.is_v4();
  for (const Length& length : lengths) {
    if (v4 && length.bits < kMappedPrefixBits) continue;  // a shorter one is about IPv6
    AddFound(length.rules, Masked(address, length.mask), out);
  }
}

void RuleIndex::AddByName(std::string_view name, Candidates& out) const {
  AddFound(exact_, name, out);
  if (below_.empty()) return;
  AnyOfNameAndParents(name, [&](std::string_view part) {
    AddFound(below_, part, out);
    return false;
  });
}

void RuleIndex::AddByAddresses(const base::IpAddress& initiator, const base::IpAddress& responder,
                               Candidates& out) const {
  initiator_.AddTo(initiator, out);
  responder_.AddTo(responder, out);
}

void RuleIndex::AddByPort(uint8_t ip_protocol, uint16_t initiator_port, uint16_t responder_port,
                          Candidates& out) const {
  AddFound(initiator_port_, PortKey(ip_protocol, initiator_port), out);
  AddFound(responder_port_, PortKey(ip_protocol, responder_port), out);
}

void RuleIndex::AddByApp(uint16_t app_master, uint16_t app_sub, uint16_t category,
                         Candidates& out) const {
  AddFound(by_app_, app_master, out);
  AddFound(by_app_, app_sub, out);
  AddFound(by_category_, category, out);
}

}  // namespace weir::rules

// Finds, for a flow, the few rules that may match it at all, so that a decision does not look at
// every rule. Immutable; any thread; asking allocates nothing.
//
// Each rule is filed under one of its conditions, the one that rules out most flows: names, else
// addresses, else ports (where they are few), else applications; else it is in `always`. A rule is
// thus in the answer whenever it could match, and often when it does not: the caller tests it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "rules/compile/tables.h"

namespace weir::rules {

struct PolicyParts;
struct CompiledCondition;

// Ascending rule numbers from several places, read as one ascending sequence without doubles.
class Candidates {
 public:
  static constexpr uint32_t kNone = 0xffffffff;
  // The most that one flow can find: `always`; its name, exactly; the 127 labels that the longest
  // name in a rule can have; each address under 129 lengths of prefix; two ports; two applications
  // and a category.
  static constexpr size_t kRunsMax = 1 + 1 + 127 + 2 * 129 + 2 + 3;

  Candidates() {}  // leaves runs_ as it is: one is made for every decision

  void Add(std::span<const uint32_t> ascending);
  uint32_t Next();  // kNone at the end

 private:
  struct Run {
    const uint32_t* next;
    const uint32_t* end;
  };
  std::array<Run, kRunsMax> runs_;
  size_t run_count_ = 0;
};

class RuleIndex {
 public:
  RuleIndex() = default;
  explicit RuleIndex(const PolicyParts& parts);

  void AddAlways(Candidates& out) const { out.Add(always_); }
  void AddByName(std::string_view name, Candidates& out) const;
  void AddAllNamed(Candidates& out) const { out.Add(named_); }  // the name is not known yet
  void AddAllPorts(Candidates& out) const { out.Add(ported_); }
  void AddByAddresses(const base::IpAddress& initiator, const base::IpAddress& responder,
                      Candidates& out) const;
  void AddByPort(uint8_t ip_protocol, uint16_t initiator_port, uint16_t responder_port,
                 Candidates& out) const;
  void AddByApp(uint16_t app_master, uint16_t app_sub, uint16_t category, Candidates& out) const;
  void AddAllApps(Candidates& out) const { out.Add(apps_); }

 private:
  using RuleNumbers = std::vector<uint32_t>;
  using ByText = std::unordered_map<std::string, RuleNumbers, TextHash, std::equal_to<>>;
  using ByNumber = std::unordered_map<uint32_t, RuleNumbers>;

  struct AddressHash {
    size_t operator()(const base::IpAddress& address) const;
  };
  struct PrefixTable {
    struct Length {
      unsigned bits = 0;
      std::array<uint64_t, 2> mask{};  // of the address's halves as they lie in memory
      std::unordered_map<base::IpAddress, RuleNumbers, AddressHash> rules;
    };
    std::vector<Length> lengths;

    void File(const base::IpPrefix& prefix, uint32_t rule);
    void AddTo(const base::IpAddress& address, Candidates& out) const;
  };

  void File(const PolicyParts& parts, uint32_t rule);
  void FileNames(const NameSet& names, uint32_t rule);
  static void FileAddresses(std::span<const base::IpPrefix> prefixes, PrefixTable& table,
                            uint32_t rule);
  static void FileNumbers(const NumberSet& numbers, ByNumber& table, uint32_t rule);

  RuleNumbers always_;
  RuleNumbers named_;   // every rule in exact_ or below_
  RuleNumbers ported_;  // every rule in initiator_port_ or responder_port_
  RuleNumbers apps_;    // every rule in by_app_ or by_category_
  ByText exact_;
  ByText below_;
  PrefixTable initiator_;
  PrefixTable responder_;
  ByNumber initiator_port_;
  ByNumber responder_port_;
  ByNumber by_app_;
  ByNumber by_category_;
};

}  // namespace weir::rules

// Random policies and random flows: Decide says what the reference interpreter says.
#include "tests/unit/dataplane_verdict/reference.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "dataplane/identity/account_resolver.h"
#include "dataplane/verdict/explain.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "rules/model/values.h"
#include "tests/unit/rules_compile/fake_catalog.h"
#include "tests/unit/rules_compile/fake_lists.h"

namespace weir::verdict {
namespace {

// Small worlds, so that rules and flows meet often.
constexpr std::string_view kNames[] = {"example",       "a.example",  "b.example",  "x.a.example",
                                       "y.x.a.example", "xa.example", "other.test", "test"};
constexpr std::string_view kAddresses[] = {
    "10.0.0.1",        "10.0.0.2", "10.0.1.1",    "192.0.2.7",      "0.0.0.0",
    "255.255.255.255", "::1",      "2001:db8::1", "2001:db8::ffff", "::"};
constexpr std::string_view kRanges[] = {"10.0.0.1",
                                        "10.0.0.0/24",
                                        "10.0.0.0/8",
                                        "0.0.0.0/0",
                                        "10.0.0.2-10.0.1.0",
                                        "192.0.2.0-255.255.255.255",
                                        "::/0",
                                        "2001:db8::/32",
                                        "2001:db8::-2001:db8::fffe",
                                        "@one",
                                        "@two"};
constexpr std::string_view kPorts[] = {"tcp/80",      "tcp/443", "udp/443",     "tcp/1-1000",
                                       "udp/0-65535", "sctp/80", "tcp/440-450", "tcp/443-65535"};
constexpr std::string_view kMacs[] = {"02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03",
                                      "ff:ff:ff:ff:ff:ff"};
constexpr std::string_view kVlans[] = {"0", "7", "7-100", "99-4094", "4094"};
constexpr std::string_view kApps[] = {"TLS", "YouTube", "BitTorrent", "QUIC"};
constexpr std::string_view kCategories[] = {"Web", "VPN"};
constexpr std::string_view kLists[] = {"names", "mixed", "addresses"};
constexpr std::string_view kAccounts[] = {"anna", "ben", "s20230017", "s2023001x", "t1"};
constexpr std::string_view kDelegated[] = {"10.0.0.0/30",   "10.0.0.0/16",    "192.0.2.0/24",
                                           "2001:db8::/32", "2001:db8::/112", "::/127"};
constexpr std::string_view kGroups[] = {"nets", "named", "students", "mixed", "empty"};
constexpr std::string_view kKeywords[] = {"example", "x.", "ab", "st", "zz"};
constexpr rules::KeywordField kFields[] = {
    rules::KeywordField::kName, rules::KeywordField::kHttpHost, rules::KeywordField::kHttpUrl,
    rules::KeywordField::kHttpHeader, rules::KeywordField::kHttpBody};
constexpr std::string_view kSides[] = {"inside", "outside"};

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  std::string Policy() {
    std::string text =
        "set one = 10.0.0.1, 2001:db8::/64\nset two = 192.0.2.0/24\n"
        "list names from \"n\"\nlist mixed from \"m\"\nlist addresses from \"a\"\n"
        "time work = Mon-Fri 08:00-12:00, 14:00-17:30 zone UTC\n"
        "time night = 22:00-06:00 zone UTC\n"
        "time weekend = Sat, Sun, Fri 18:00-24:00 zone UTC\n"
        "group nets = 10.0.0.0/24, 2001:db8::1, 192.0.2.0/25\n"
        "group named = account:anna, account:t1\n"
        "group students = account:/^s[0-9]{8}$/\n"
        "group mixed = 10.0.0.2, account:ben, account:/^s2/, account:/n/\n"
        "group empty = 203.0.113.0/24, account:nobody, account:/^$/\n";
    for (uint32_t rules = 1 + Below(12); rules > 0; --rules) text += Rule() + "\n";
    return text;
  }

  // What the lists of the policy hold: of names alone, of addresses alone, of both.
  rules::ListContent List(std::string_view name) {
    rules::ListContent list;
    if (name != "addresses") {
      for (uint32_t line = 1 + Below(3); line > 0; --line) AddName(list);
    }
    if (name == "names") return list;
    for (uint32_t line = Below(3); line > 0; --line) {
      rules::ListRange entry{{}, line};
      const std::string_view word = kRanges[Below(std::size(kRanges) - 2)];  // no sets
      EXPECT_EQ(rules::ParseAddressRange(word, entry.range), "");
      list.ranges.push_back(entry);
    }
    for (uint32_t line = Below(4); line > 0; --line) {
      list.endpoints.push_back(
          {*base::IpAddress::Parse(Pick(kAddresses)), FlowProtocol(), FlowPort(), line});
    }
    return list;
  }

  Facts Flow() {
    Facts facts;
    facts.initiator_ip = *base::IpAddress::Parse(Pick(kAddresses));
    facts.responder_ip = *base::IpAddress::Parse(Pick(kAddresses));
    facts.initiator_port = FlowPort();
    facts.responder_port = FlowPort();
    facts.ip_protocol = FlowProtocol();
    facts.ports_open = Below(8) == 0;
    for (base::MacAddress& mac : facts.macs) mac = *base::MacAddress::Parse(Pick(kMacs));
    constexpr std::array<uint16_t, 6> kTags = {0, 6, 7, 99, 100, 4094};
    facts.vlan_count = static_cast<uint8_t>(Below(3));
    for (uint16_t& vlan : facts.vlans) vlan = kTags[Below(kTags.size())];
    facts.initiator_side = static_cast<packet::Side>(Below(3));
    if (Below(4) == 0) facts.responder_side = static_cast<packet::Side>(Below(3));
    facts.name_state = static_cast<Knowledge>(Below(3));
    if (facts.name_state == Knowledge::kKnown) facts.names = Names();
    facts.names_are_http_hosts = Below(2) == 0;
    facts.app_state = static_cast<Knowledge>(Below(3));
    if (facts.app_state == Knowledge::kKnown) SetApp(facts);
    return facts;
  }

  // What was found in a request; names are searched by Decide itself.
  ReferenceKeywords Keywords() {
    ReferenceKeywords keywords;
    for (uint32_t more = Below(3); more > 0; --more) {
      keywords.emplace(kFields[2 + Below(3)], Pick(kKeywords));
    }
    return keywords;
  }

  // What is open becomes known or will never be.
  Facts Resolved(Facts facts) {
    facts.ports_open = false;
    if (facts.name_state == Knowledge::kOpen) {
      facts.name_state = Below(2) == 0 ? Knowledge::kNone : Knowledge::kKnown;
      names_[0] = Pick(kNames);
      facts.names = std::span(names_).first(1);
    }
    if (facts.app_state == Knowledge::kOpen) {
      facts.app_state = Below(2) == 0 ? Knowledge::kNone : Knowledge::kKnown;
      SetApp(facts);
    }
    return facts;
  }

  // Of some addresses and prefixes somebody's.
  std::map<base::IpPrefix, std::string> Accounts() {
    std::map<base::IpPrefix, std::string> accounts;
    for (const std::string_view address : kAddresses) {
      if (Below(2) == 0) accounts[*base::IpPrefix::Parse(address)] = Pick(kAccounts);
    }
    const bool has_prefixes = Below(2) == 0;
    for (const std::string_view prefix : kDelegated) {
      if (has_prefixes && Below(2) == 0) {
        accounts[*base::IpPrefix::Parse(prefix)] = Pick(kAccounts);
      }
    }
    return accounts;
  }

  // In 2026.
  base::WallTime Now() {
    constexpr int64_t kBegin = 1'767'225'600;
    return {(kBegin + int64_t{Below(365 * 86'400)}) * base::kNsPerSecond};
  }

  rules::UnknownAddress Unknown() {
    return Below(2) == 0 ? rules::UnknownAddress::kAllow
                         : static_cast<rules::UnknownAddress>(Below(4));
  }

  rules::Mode Mode() { return static_cast<rules::Mode>(Below(2)); }

 private:
  uint32_t Below(size_t end) {
    return std::uniform_int_distribution<uint32_t>(0, static_cast<uint32_t>(end - 1))(random_);
  }
  template <size_t kCount>
  std::string_view Pick(const std::string_view (&words)[kCount]) {
    return words[Below(kCount)];
  }

  uint16_t FlowPort() {
    constexpr std::array<uint16_t, 8> kFlowPorts = {0, 1, 80, 442, 443, 450, 1000, 65535};
    return kFlowPorts[Below(kFlowPorts.size())];
  }
  uint8_t FlowProtocol() {
    constexpr std::array<uint8_t, 4> kProtocols = {6, 17, 132, 1};
    return kProtocols[Below(kProtocols.size())];
  }

  void AddName(rules::ListContent& list) {
    const auto reach = static_cast<rules::NameReach>(Below(3));
    list.AddName(
        {Pick(kNames), reach, Below(4) == 0, static_cast<uint32_t>(list.name_count() + 1)});
  }

  std::span<const std::string_view> Names() {
    for (std::string_view& name : names_) name = Pick(kNames);
    return std::span(names_).first(Below(4) == 0 ? Below(names_.size() + 1) : 1);
  }

  void SetApp(Facts& facts) {
    facts.app_master = static_cast<uint16_t>(Below(5));
    facts.app_sub = static_cast<uint16_t>(Below(5));
    facts.category = static_cast<uint16_t>(Below(3));
  }

  template <size_t kCount>
  std::string Values(const std::string_view (&words)[kCount]) {
    std::string values(Pick(words));
    for (uint32_t more = Below(3); more > 0; --more) values += ", " + std::string(Pick(words));
    return values;
  }

  // A selector or some, or any; perhaps with from and to.
  std::string Match(bool may_be_any) {
    std::string match;
    const uint32_t first = Below(may_be_any ? kSelectors + 1 : kSelectors);
    for (uint32_t selector = 0; selector < kSelectors; ++selector) {
      if (selector == first || (first != kSelectors && Below(8) == 0)) match += Selector(selector);
    }
    if (first == kSelectors) match += " any";
    for (const char* end : {" from ", " to "}) {
      if (Below(4) != 0) continue;
      match += end + (Below(2) == 0 ? Values(kSides) : Values(kRanges));
    }
    return match;
  }

  std::string Selector(uint32_t selector) {
    switch (selector) {
      case 0:
        return " host " + Values(kNames);
      case 1:
        return " domain " + Values(kNames);
      case 2:
        return " ip " + Values(kRanges);
      case 3:
        return " port " + Values(kPorts);
      case 4:
        return " port src " + Values(kPorts);
      case 5:
        return " app " + Values(kApps);
      case 6:
        return " mac " + Values(kMacs);
      case 7:
        return " vlan " + Values(kVlans);
      case 8:
        return " list " + Values(kLists);
      case 9:
        return " account " + Values(kAccounts);
      case 10:
        return " group " + Values(kGroups);
      case 11:
        return " keyword " + Values(kKeywords) + Fields();
      default:
        return " category " + Values(kCategories);
    }
  }

  std::string Fields() {
    std::string fields;
    for (uint32_t more = Below(4); more > 0; --more) {
      fields += (fields.empty() ? " in " : ", ");
      fields += rules::KeywordFieldName(kFields[Below(std::size(kFields))]);
    }
    return fields;
  }

  std::string Rule() {
    constexpr std::string_view kVerbs[] = {"protect", "allow", "drop", "drop", "reject", "monitor"};
    const std::string_view verb = Pick(kVerbs);
    std::string rule = std::string(verb) + Match(true);
    for (uint32_t exceptions = Below(4) == 0 ? 1 + Below(2) : 0; exceptions > 0; --exceptions) {
      rule += " except" + Match(false);
    }
    constexpr std::string_view kTimes[] = {"work", "night", "weekend"};
    if (Below(4) == 0) rule += " during " + std::string(Pick(kTimes));
    const bool blocks = verb == "drop" || verb == "reject";
    if (blocks && Below(5) == 0) rule += Below(2) == 0 ? " mode monitor" : " mode enforce";
    return rule;
  }

  static constexpr uint32_t kSelectors = 13;

  std::mt19937_64 random_;
  std::array<std::string_view, 3> names_;
};

identity::IdentityTablePtr TableOf(const std::map<base::IpPrefix, std::string>& accounts,
                                   const rules::CompiledPolicy& policy) {
  identity::AccountResolver resolver(policy.parts().accounts);
  std::vector<identity::IdentityTable::Change> changes;
  for (const auto& [prefix, account] : accounts) {
    changes.push_back({prefix, resolver.Get(account)});
  }
  return identity::IdentityTable({1, 2}, true).With(changes, true);
}

bool Blocks(const Decision& decision) {
  return decision.verdict == events::Verdict::kDrop || decision.verdict == events::Verdict::kReject;
}

ReferenceDecision Named(const rules::CompiledPolicy& policy, const Decision& decision) {
  return {decision.open, decision.verdict,
          decision.rule == rules::kNoRule ? "" : policy.info(decision.rule).id,
          decision.list == rules::kNoList ? "" : policy.parts().lists[decision.list].name};
}

std::string Described(const std::string& text, const Facts& facts) {
  std::string out = text + facts.initiator_ip.ToString() + ":" +
                    std::to_string(facts.initiator_port) + " > " + facts.responder_ip.ToString() +
                    ":" + std::to_string(facts.responder_port) + " protocol " +
                    std::to_string(facts.ip_protocol) + (facts.ports_open ? " ports open" : "") +
                    " sides " + std::to_string(static_cast<int>(facts.initiator_side)) +
                    std::to_string(static_cast<int>(facts.responder_side)) + " name state " +
                    std::to_string(static_cast<int>(facts.name_state)) + " app state " +
                    std::to_string(static_cast<int>(facts.app_state)) + " app " +
                    std::to_string(facts.app_master) + "." + std::to_string(facts.app_sub) +
                    " category " + std::to_string(facts.category) + " names";
  for (const std::string_view name : facts.names) out += " " + std::string(name);
  return out + (facts.names_are_http_hosts ? " of HTTP; " : "; ") +
         std::to_string(facts.keywords.size()) + " keywords";
}

void CheckPair(const ReferencePolicy& reference, const rules::CompiledPolicy& policy,
               const Facts& facts, const Facts& later, const ReferenceKeywords& keywords) {
  const Decision decision = Decide(policy, facts);
  ASSERT_EQ(Named(policy, decision), DecideByReference(reference, facts, keywords));

  // A list that holds already is named; one that comes to hold later may have been defined first.
  const auto without_list = [&](const Decision& about) {
    ReferenceDecision named = Named(policy, about);
    named.list.clear();
    return named;
  };

  // A decision that is not open holds whatever becomes known later. Of several names one is enough
  // for a block; what another name waits for may then be a block by another rule.
  const Decision then = Decide(policy, later);
  ASSERT_FALSE(then.open);
  if (!decision.open && facts.names.size() < 2) {
    ASSERT_EQ(without_list(then), without_list(decision));
  }
  if (!decision.open && Blocks(decision)) {
    ASSERT_TRUE(Blocks(then));
  }

  const std::vector<Step> steps = Explain(policy, facts);
  const bool decides = !steps.empty() && steps.back().outcome != Outcome::kPassed;
  ASSERT_EQ(decides, decision.open || decision.rule != rules::kNoRule);
  if (!decides) return;
  ASSERT_EQ(steps.back().outcome == Outcome::kOpen, decision.open);
  if (!decision.open) {
    ASSERT_EQ(steps.back().rule, decision.rule);
  }
}

TEST(Decide, AgreesWithTheReferenceInterpreter) {
  constexpr int kPolicies = 26'000;
  constexpr int kFlowsEach = 40;
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  World world(seed);
  const rules::FakeCatalog apps;
  size_t open = 0;
  size_t decided = 0;
  for (int i = 0; i < kPolicies; ++i) {
    const std::string text = world.Policy();
    const std::vector<rules::PolicySource> sources = {{"t.rules", text}};
    const auto parsed = rules::ParsePolicy(sources);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << "\n" << text << parsed.error().message;
    const rules::Mode mode = world.Mode();
    const base::WallTime time = world.Now();
    rules::FakeLists lists;
    ReferenceLists held;
    for (const std::string_view name : kLists) {
      const std::string word(name);
      held[word] = std::make_shared<const rules::ListContent>(world.List(name));
      lists.Put(word, held[word]);
    }
    const rules::UnknownAddress unknown = world.Unknown();
    rules::CompileOptions options;
    options.mode = mode;
    options.version = 1;
    options.now = time;
    options.apps = &apps;
    options.lists = &lists;
    options.unknown = unknown;
    const auto compiled = rules::Compile(*parsed, options);
    ASSERT_TRUE(compiled.ok()) << "seed " << seed << "\n" << text << compiled.error().message;
    const auto accounts = world.Accounts();
    const auto table = TableOf(accounts, **compiled);
    for (int n = 0; n < kFlowsEach; ++n) {
      Facts now = world.Flow();
      now.identities = table.get();
      // The world uses its own place again for the names of `later`.
      const std::vector<std::string_view> names(now.names.begin(), now.names.end());
      now.names = names;
      const ReferenceKeywords keywords = world.Keywords();
      std::vector<rules::KeywordId> ids;
      for (const auto& [field, word] : keywords) ids.push_back(rules::KeywordIdOf(word, field));
      now.keywords = ids;
      const Facts later = world.Resolved(now);
      CheckPair({*parsed, apps, held, mode, time, accounts, unknown}, **compiled, now, later,
                keywords);
      if (HasFatalFailure()) FAIL() << "seed " << seed << "\n" << Described(text, now);
      const Decision decision = Decide(**compiled, now);
      open += decision.open ? 1 : 0;
      decided += decision.rule != rules::kNoRule ? 1 : 0;
    }
  }
  std::printf("%d pairs, %zu decided by a rule, %zu open\n", kPolicies * kFlowsEach, decided, open);
  EXPECT_GT(decided, size_t{kPolicies} * kFlowsEach / 10);
  EXPECT_GT(open, size_t{kPolicies} * kFlowsEach / 20);
}

}  // namespace
}  // namespace weir::verdict

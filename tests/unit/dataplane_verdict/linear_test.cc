// Random policies of hundreds of rules: what Decide finds through the index is what a plain loop
// over all rules finds. What a rule means is held against the policy's text in reference_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "dataplane/verdict/evaluate.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "tests/unit/rules_compile/fake_catalog.h"

namespace weir::verdict {
namespace {

// Rules share some values and have others to themselves, so that branches are both wide and deep.
class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {}

  std::string Policy(unsigned rules) {
    sources_ = 1 + Below(40);
    ports_ = 1 + Below(40);
    std::string text;
    for (unsigned i = 0; i < rules; ++i) text += Rule() + "\n";
    return text;
  }

  Facts Flow() {
    Facts facts;
    facts.initiator_ip = Address();
    facts.responder_ip = Address();
    facts.initiator_port = Port();
    facts.responder_port = Port();
    facts.ip_protocol = Below(4) == 0 ? 17 : 6;
    facts.ports_open = Below(6) == 0;
    facts.initiator_side = static_cast<packet::Side>(Below(3));
    facts.name_state = static_cast<Knowledge>(Below(3));
    name_ = Name(4);
    names_ = {name_, "a.b.example"};
    if (facts.name_state == Knowledge::kKnown) facts.names = {names_.data(), 1 + Below(8) / 7};
    facts.app_state = static_cast<Knowledge>(Below(3));
    if (facts.app_state == Knowledge::kKnown) {
      facts.app_master = static_cast<uint16_t>(Below(5));
      facts.app_sub = static_cast<uint16_t>(Below(5));
      facts.category = static_cast<uint16_t>(Below(3));
    }
    return facts;
  }

 private:
  uint32_t Below(uint32_t end) { return static_cast<uint32_t>(random_() % end); }

  base::IpAddress Address() {
    if (Below(4) == 0) return *base::IpAddress::Parse(fmt::format("2001:db8::{:x}", Below(64)));
    const auto byte = [this](uint32_t end) { return static_cast<uint8_t>(Below(end)); };
    return base::IpAddress::FromV4(std::array<uint8_t, 4>{10, byte(4), byte(4), byte(64)});
  }
  uint16_t Port() { return static_cast<uint16_t>(Below(ports_ + 2)); }

  std::string Name(uint32_t labels_max) {
    std::string name;
    for (uint32_t labels = Below(labels_max); labels > 0; --labels) {
      name += fmt::format("{}.", static_cast<char>('a' + Below(5)));
    }
    return name + "example";
  }

  std::string Range() {
    switch (Below(6)) {
      case 0:
        return fmt::format("10.{}.0.0/16", Below(4));
      case 1:
        return fmt::format("10.{}.{}.0/24", Below(4), Below(4));
      case 2:
        return fmt::format("10.{0}.{1}.{2}-10.{0}.{1}.{3}", Below(4), Below(4), Below(32),
                           32 + Below(32));
      case 3:
        return fmt::format("2001:db8::{:x}", Below(64));
      case 4:
        return Below(3) == 0 ? "10.0.0.0/8" : "2001:db8::/122";
      default:
        return fmt::format("10.{}.{}.{}", Below(4), Below(4), Below(64));
    }
  }
  std::string Ranges() { return Below(4) == 0 ? Range() + ", " + Range() : Range(); }
  std::string Ports() {
    const uint32_t first = Below(ports_);
    return Below(3) == 0 ? fmt::format("tcp/{}-{}", first, first + Below(4))
                         : fmt::format("{}/{}", Below(4) == 0 ? "udp" : "tcp", first);
  }

  std::string Selectors() {
    std::string text;
    if (Below(4) == 0) text += " ip " + Ranges();
    if (Below(2) == 0) text += " port " + Ports();
    if (Below(8) == 0) text += " port src " + Ports();
    if (Below(8) == 0) text += Below(2) == 0 ? " app TLS" : " app YouTube, BitTorrent";
    if (Below(12) == 0) text += Below(2) == 0 ? " category Web" : " category VPN";
    if (Below(5) == 0) text += " domain " + Name(4);
    if (Below(8) == 0) text += " host " + Name(5) + ", " + Name(5);
    if (text.empty()) text = " ip " + Ranges();
    return text;
  }

  std::string Rule() {
    constexpr std::array kVerbs = {"allow", "drop", "reject", "monitor"};
    std::string rule = kVerbs[Below(kVerbs.size())] + Selectors();
    if (Below(2) == 0)
      rule += Below(5) == 0 ? " from inside" : fmt::format(" from 10.0.{}.0/24", Below(sources_));
    if (Below(2) == 0) rule += Below(5) == 0 ? " to outside, 10.3.0.0/16" : " to " + Ranges();
    if (Below(5) == 0) rule += " except" + Selectors();
    return rule;
  }

  std::mt19937_64 random_;
  uint32_t sources_ = 1;
  uint32_t ports_ = 1;
  std::string name_;
  std::array<std::string_view, 2> names_;
};

// The first rule that is not no, for the name that Decide judged by.
Decision DecideByLoop(const rules::CompiledPolicy& policy, const Facts& facts,
                      const NameView& name) {
  rules::FoundSets found;
  FindSets(policy, facts, name, found);
  const rules::PolicyParts& parts = policy.parts();
  Decision decision;
  for (uint32_t rule = 0; rule < policy.rule_count(); ++rule) {
    const Truth truth = Evaluate(parts, parts.rules[rule], found);
    if (truth == Truth::kNo) continue;
    decision.open = truth == Truth::kOpen;
    if (!decision.open) decision.rule = rule;
    return decision;
  }
  return decision;
}

TEST(Decide, AgreesWithALoopOverAllRules) {
  constexpr int kPolicies = 300;
  constexpr int kFlowsEach = 500;
  constexpr unsigned kRules = 250;
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  World world(seed);
  const rules::FakeCatalog apps;
  std::array<int, 3> outcomes{};  // no rule, open, a rule
  for (int i = 0; i < kPolicies; ++i) {
    const std::string text = world.Policy(i % 3 == 0 ? kRules / 20 : kRules);
    const std::vector<rules::PolicySource> sources = {{"t.rules", text}};
    const auto parsed = rules::ParsePolicy(sources);
    ASSERT_TRUE(parsed.ok()) << "seed " << seed << "\n" << parsed.error().message;
    const auto policy = rules::Compile(*parsed, {rules::Mode::kEnforce, 1, {}, &apps});
    ASSERT_TRUE(policy.ok()) << "seed " << seed << "\n" << policy.error().message;
    for (int n = 0; n < kFlowsEach; ++n) {
      const Facts facts = world.Flow();
      const Judgement judgement = Judge(**policy, facts);
      const Decision wanted = DecideByLoop(**policy, facts, judgement.name);
      ASSERT_EQ(judgement.decision.open, wanted.open) << "seed " << seed << "\n" << text;
      ASSERT_EQ(judgement.decision.rule, wanted.rule) << "seed " << seed << "\n" << text;
      ++outcomes[wanted.open ? 1 : wanted.rule == rules::kNoRule ? 0 : 2];
    }
  }
  std::printf("%d pairs: %d by no rule, %d open, %d by a rule\n", kPolicies * kFlowsEach,
              outcomes[0], outcomes[1], outcomes[2]);
  for (const int count : outcomes) EXPECT_GT(count, kPolicies * kFlowsEach / 50);
}

}  // namespace
}  // namespace weir::verdict

// Verdicts on whose an address is.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/identity/account_resolver.h"
#include "dataplane/verdict/explain.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "tests/unit/rules_compile/fake_catalog.h"

namespace weir::verdict {
namespace {

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

// A policy and who is logged in, and a flow from 10.0.0.1 inside to 192.0.2.1 outside.
struct Campus {
  explicit Campus(const std::string& text) {
    static const rules::FakeCatalog apps;
    const std::vector<rules::PolicySource> sources = {{"t.rules", text}};
    const auto parsed = rules::ParsePolicy(sources);
    EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
    policy = *rules::Compile(*parsed, {rules::Mode::kEnforce, 1, {}, &apps});
    table = std::make_shared<const identity::IdentityTable>(base::HashKey{1, 2}, true);
    flow.initiator_ip = Ip("10.0.0.1");
    flow.responder_ip = Ip("192.0.2.1");
    flow.responder_port = 443;
    flow.ip_protocol = 6;
    flow.initiator_side = packet::Side::kInside;
    flow.name_state = flow.app_state = Knowledge::kNone;
  }
  Campus& LogIn(std::string_view ip, std::string_view account) {
    identity::AccountResolver resolver(policy->parts().accounts);
    table = table->With(std::vector<identity::IdentityTable::Change>{{*base::IpPrefix::Parse(ip),
                                                                      resolver.Get(account)}},
                        true);
    return *this;
  }
  std::string Say() {
    flow.identities = table.get();
    const Decision decision = Decide(*policy, flow);
    if (decision.rule == rules::kNoRule) return "pass";
    return std::string(events::VerdictName(decision.verdict)) + " " +
           policy->info(decision.rule).id;
  }
  std::shared_ptr<const rules::CompiledPolicy> policy;
  identity::IdentityTablePtr table;
  Facts flow;
};

TEST(Decide, AsksForTheAccountOfEitherEnd) {
  EXPECT_EQ(Campus("drop account anna, ben").Say(), "pass");
  EXPECT_EQ(Campus("drop account anna, ben").LogIn("10.0.0.1", "ben").Say(), "drop t:1");
  EXPECT_EQ(Campus("drop account anna, ben").LogIn("192.0.2.1", "anna").Say(), "drop t:1");
  EXPECT_EQ(Campus("drop account anna").LogIn("10.0.0.1", "ben").Say(), "pass");
  EXPECT_EQ(Campus("drop account anna").LogIn("10.0.0.2", "anna").Say(), "pass");
  EXPECT_EQ(Campus("drop any except account anna").LogIn("10.0.0.1", "anna").Say(), "pass");
  EXPECT_EQ(Campus("drop any except account anna").Say(), "drop t:1");
}

TEST(Decide, TakesTheAccountOfTheLongestPrefix) {
  const std::string text = "drop account anna";
  EXPECT_EQ(Campus(text).LogIn("10.0.0.0/24", "anna").Say(), "drop t:1");
  EXPECT_EQ(Campus(text).LogIn("10.0.1.0/24", "anna").Say(), "pass");
  EXPECT_EQ(Campus(text).LogIn("10.0.0.0/24", "anna").LogIn("10.0.0.0/30", "ben").Say(), "pass");
  EXPECT_EQ(Campus(text).LogIn("10.0.0.0/24", "ben").LogIn("10.0.0.1", "anna").Say(), "drop t:1");
  EXPECT_EQ(Campus(text).LogIn("192.0.2.0/24", "anna").Say(), "drop t:1") << "either end";
  Campus six(text);
  six.LogIn("2001:db8:0:100::/56", "anna").flow.initiator_ip = Ip("2001:db8:0:1ff::7");
  EXPECT_EQ(six.Say(), "drop t:1");
  six.flow.initiator_ip = Ip("2001:db8:0:200::7");
  EXPECT_EQ(six.Say(), "pass");
}

TEST(Decide, AsksForAGroupByPrefixNameAndPattern) {
  const std::string groups =
      "group nets = 10.0.0.0/24, 2001:db8::/32\ngroup named = account:anna\n"
      "group students = account:/^s[0-9]{8}$/\n";
  EXPECT_EQ(Campus(groups + "drop group nets").Say(), "drop t:4");
  EXPECT_EQ(Campus(groups + "drop group named, students").Say(), "pass");
  EXPECT_EQ(Campus(groups + "drop group named").LogIn("10.0.0.1", "anna").Say(), "drop t:4");
  EXPECT_EQ(Campus(groups + "drop group named, students").LogIn("10.0.0.1", "s20230017").Say(),
            "drop t:4");
  EXPECT_EQ(Campus(groups + "drop group students").LogIn("192.0.2.1", "s20230017").Say(),
            "drop t:4");
  EXPECT_EQ(Campus(groups + "drop group students").LogIn("10.0.0.1", "s2023001").Say(), "pass");
  EXPECT_EQ(
      Campus(groups + "drop group nets except group students").LogIn("10.0.0.1", "s20230017").Say(),
      "pass");
}

TEST(Decide, TakesAGroupAndAnAccountTogether) {
  const std::string text = "group nets = 10.0.0.0/24\ndrop group nets account anna";
  EXPECT_EQ(Campus(text).LogIn("192.0.2.1", "anna").Say(), "drop t:2") << "either end for each";
  EXPECT_EQ(Campus(text).LogIn("192.0.2.1", "ben").Say(), "pass");
}

TEST(Decide, KnowsNobodyWithoutATable) {
  Campus campus("group g = 10.0.0.0/8, account:anna\ndrop account anna\nreject group g");
  EXPECT_EQ(Decide(*campus.policy, campus.flow).rule, 1u) << "prefixes need no table";
  const std::vector<Step> steps = Explain(*campus.policy, campus.flow);
  EXPECT_EQ(steps[0].because, "account: it is not known whose the addresses are");
}

}  // namespace
}  // namespace weir::verdict

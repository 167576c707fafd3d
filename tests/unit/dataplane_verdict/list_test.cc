// Lists in decisions: by which list and line, and what waits for a name or a port.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/verdict/decide.h"
#include "dataplane/verdict/explain.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "rules/model/values.h"
#include "tests/unit/rules_compile/fake_lists.h"

namespace weir::verdict {
namespace {

class DecideLists : public testing::Test {
 protected:
  DecideLists() {
    rules::ListContent names;
    names.AddName({"bad.example", rules::NameReach::kDomain, false, 4});
    names.AddName({"good.bad.example", rules::NameReach::kExact, true, 5});
    lists_.Put("names", std::move(names));
    rules::ListContent addresses;
    addresses.ranges.push_back({{}, 7});
    EXPECT_EQ(rules::ParseAddressRange("192.0.2.0/24", addresses.ranges[0].range), "");
    addresses.endpoints.push_back({*base::IpAddress::Parse("198.51.100.1"), 6, 8080, 8});
    lists_.Put("addresses", std::move(addresses));

    flow_.initiator_ip = *base::IpAddress::Parse("10.0.0.1");
    flow_.responder_ip = *base::IpAddress::Parse("203.0.113.1");
    flow_.initiator_port = 50000;
    flow_.responder_port = 443;
    flow_.ip_protocol = 6;
    flow_.app_state = Knowledge::kNone;
  }

  void Name(std::string_view name) {
    name_ = name;
    flow_.names = {&name_, 1};
    flow_.name_state = Knowledge::kKnown;
  }

  std::shared_ptr<const rules::CompiledPolicy> Policy(const std::string& rule) {
    const std::vector<rules::PolicySource> sources = {
        {"t.rules", "list names from \"n\"\nlist addresses from \"a\"\n" + rule + "\n"}};
    const auto parsed = rules::ParsePolicy(sources);
    EXPECT_TRUE(parsed.ok()) << parsed.error().message;
    rules::CompileOptions options;
    options.lists = &lists_;
    const auto compiled = rules::Compile(*parsed, options);
    EXPECT_TRUE(compiled.ok()) << compiled.error().message;
    return *compiled;
  }

  // "drop names:4", "open", "pass".
  std::string Say(const std::string& rule) {
    const auto policy = Policy(rule);
    const Decision decision = Decide(*policy, flow_);
    if (decision.open) return "open";
    std::string said(events::VerdictName(decision.verdict));
    if (decision.list != rules::kNoList) {
      said += " " + policy->parts().lists[decision.list].name + ":" +
              std::to_string(decision.list_line);
    }
    return said;
  }

  rules::FakeLists lists_;
  Facts flow_;
  std::string_view name_;
};

TEST_F(DecideLists, NamesTheListAndItsLine) {
  Name("x.bad.example");
  EXPECT_EQ(Say("drop list names"), "drop names:4");
  EXPECT_EQ(Say("drop list addresses"), "pass");
  EXPECT_EQ(Say("drop list addresses, names"), "drop names:4");
  flow_.responder_ip = *base::IpAddress::Parse("192.0.2.9");
  EXPECT_EQ(Say("drop list addresses"), "drop addresses:7");
  EXPECT_EQ(Say("drop list addresses, names"), "drop names:4") << "the one defined first";
  EXPECT_EQ(Say("drop any except list addresses"), "pass");
  EXPECT_EQ(Say("drop any"), "drop");
}

TEST_F(DecideLists, WhatIsProtectedPassesWhateverAListHolds) {
  Name("x.bad.example");
  EXPECT_EQ(Say("drop list names\nprotect host x.bad.example"), "pass");
  EXPECT_EQ(Say("drop list names\nprotect host y.bad.example"), "drop names:4");
  flow_.responder_ip = *base::IpAddress::Parse("192.0.2.9");
  EXPECT_EQ(Say("drop list addresses, names\nprotect ip 192.0.2.9"), "pass");
}

TEST_F(DecideLists, LetsPassWhatTheListExcepts) {
  Name("good.bad.example");
  EXPECT_EQ(Say("drop list names"), "pass");
  Name("x.good.bad.example");
  EXPECT_EQ(Say("drop list names"), "drop names:4");
}

TEST_F(DecideLists, WaitsForTheNameOnlyWhereItCountsStill) {
  flow_.name_state = Knowledge::kOpen;
  EXPECT_EQ(Say("drop list names"), "open");
  EXPECT_EQ(Say("drop list addresses"), "pass");
  EXPECT_EQ(Say("drop list names, addresses"), "open");
  flow_.responder_ip = *base::IpAddress::Parse("192.0.2.9");
  EXPECT_EQ(Say("drop list names, addresses"), "drop addresses:7");
  flow_.name_state = Knowledge::kNone;
  EXPECT_EQ(Say("drop list names"), "pass");
}

TEST_F(DecideLists, FindsAnEndpointOnEitherEnd) {
  flow_.responder_ip = *base::IpAddress::Parse("198.51.100.1");
  EXPECT_EQ(Say("drop list addresses"), "pass");
  flow_.responder_port = 8080;
  EXPECT_EQ(Say("drop list addresses"), "drop addresses:8");
  std::swap(flow_.initiator_ip, flow_.responder_ip);
  EXPECT_EQ(Say("drop list addresses"), "pass");
  std::swap(flow_.initiator_port, flow_.responder_port);
  EXPECT_EQ(Say("drop list addresses"), "drop addresses:8");
  flow_.ports_open = true;
  EXPECT_EQ(Say("drop list addresses"), "open");
  EXPECT_EQ(Say("drop list names"), "open") << "its name may come";
}

TEST_F(DecideLists, ExplainsWhatItWaitsFor) {
  flow_.name_state = Knowledge::kOpen;
  const auto steps = Explain(*Policy("drop list names"), flow_);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].outcome, Outcome::kOpen);
  EXPECT_EQ(steps[0].because, "waits for what the list asks for");
  Name("other.example");
  EXPECT_EQ(Explain(*Policy("drop list names"), flow_)[0].because, "list does not match");
}

}  // namespace
}  // namespace weir::verdict

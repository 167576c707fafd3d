// What the example rules that Weir ships do to flows that must pass and to flows that must not.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/identity/account_resolver.h"
#include "dataplane/verdict/decide.h"
#include "rules/compile/compile.h"
#include "rules/model/load.h"
#include "rules/model/parse.h"

namespace weir::verdict {
namespace {

using packet::Side;

constexpr std::string_view kGateway = "02:00:5e:99:99:99";

std::shared_ptr<const rules::CompiledPolicy> Example(
    const std::string& file, std::string_view now = "2027-01-01T00:00:00Z") {
  const std::vector<std::string> globs = {file};
  const auto sources = rules::LoadPolicySources("", globs, WEIR_EXAMPLE_RULES);
  EXPECT_TRUE(sources.ok()) << (sources.ok() ? "" : sources.error().message);
  const auto parsed = rules::ParsePolicy(*sources);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  const auto compiled =
      rules::Compile(*parsed, {rules::Mode::kEnforce, 1, *base::ParseRfc3339(now), nullptr});
  EXPECT_TRUE(compiled.ok()) << (compiled.ok() ? "" : compiled.error().message);
  return *compiled;
}

// A TCP connection between two addresses, nothing known of its name yet.
struct Visit : Facts {
  Visit(std::string_view from, std::string_view to, uint16_t port, Side side = Side::kInside) {
    initiator_ip = *base::IpAddress::Parse(from);
    responder_ip = *base::IpAddress::Parse(to);
    initiator_port = 50000;
    responder_port = port;
    ip_protocol = 6;
    initiator_side = side;
    Macs("02:00:5e:00:00:01", kGateway);
  }
  Visit& Udp() {
    ip_protocol = 17;
    return *this;
  }
  Visit& Macs(std::string_view from, std::string_view to) {
    macs = {*base::MacAddress::Parse(from), *base::MacAddress::Parse(to)};
    return *this;
  }
  Visit& Named(std::string_view name) {
    storage = {name};
    names = storage;
    name_state = Knowledge::kKnown;
    return *this;
  }
  Visit& Nameless() {
    name_state = Knowledge::kNone;
    return *this;
  }
  std::vector<std::string_view> storage;
};

// "drop bind-10.20.1.5", "pass", "open".
std::string Say(const rules::CompiledPolicy& policy, const Facts& facts) {
  const Decision decision = Decide(policy, facts);
  if (decision.open) return "open";
  std::string said(events::VerdictName(decision.verdict));
  if (decision.rule != rules::kNoRule) said += " " + policy.info(decision.rule).id;
  return said;
}

TEST(Examples, AQuarantinedDeviceReachesWhoHelpsAndNobodyElse) {
  const auto policy = Example("10-quarantine.rules");
  const auto say = [&](Visit visit) {
    return Say(*policy, visit.Macs("02:00:5e:10:00:01", kGateway));
  };
  EXPECT_EQ(say({"10.20.1.9", "198.51.100.1", 443}), "drop quarantine");
  EXPECT_EQ(say({"2001:db8:20::9", "2001:db8:51::1", 443}), "drop quarantine");
  EXPECT_EQ(say({"10.20.1.9", "10.20.128.80", 443}), "pass");
  EXPECT_EQ(say({"2001:db8:20::9", "2001:db8:20:80::80", 443}), "pass");
  EXPECT_EQ(say(Visit("0.0.0.0", "255.255.255.255", 67).Udp()), "pass");
  EXPECT_EQ(say(Visit("fe80::9", "ff02::1:2", 547).Udp()), "pass");
  // Port 67 elsewhere would be a way out.
  EXPECT_EQ(say(Visit("10.20.1.9", "198.51.100.1", 67).Udp()), "drop quarantine");
  Visit called("198.51.100.1", "10.20.1.9", 22, Side::kOutside);
  EXPECT_EQ(Say(*policy, called.Macs(kGateway, "02:00:5e:10:00:02")), "drop quarantine");
  EXPECT_EQ(Say(*policy, Visit("10.20.1.9", "198.51.100.1", 443)), "pass");
}

TEST(Examples, AQuarantinedAccountIsCutOffWhereverItLogsIn) {
  const auto policy = Example("10-quarantine.rules");
  identity::AccountResolver resolver(policy->parts().accounts);
  const std::vector<identity::IdentityTable::Change> logged_in = {
      {*base::IpAddress::Parse("10.20.1.9"), resolver.Get("s20230017")},
      {*base::IpAddress::Parse("10.20.1.10"), resolver.Get("s20230018")}};
  const auto table = identity::IdentityTable(base::HashKey{1, 2}, true).With(logged_in, true);
  const auto say = [&](Visit visit) {
    visit.identities = table.get();
    return Say(*policy, visit);
  };
  EXPECT_EQ(say({"10.20.1.9", "198.51.100.1", 443}), "drop quarantine-account");
  EXPECT_EQ(say({"10.20.1.9", "10.20.128.80", 443}), "pass");
  EXPECT_EQ(say({"10.20.1.10", "198.51.100.1", 443}), "pass");
  EXPECT_EQ(say({"198.51.100.1", "10.20.1.9", 22, Side::kOutside}), "drop quarantine-account");
}

TEST(Examples, ABoundAddressIsForItsDevice) {
  const auto policy = Example("20-bindings.rules");
  const auto say = [&](std::string_view address, std::string_view mac) {
    const std::string_view to =
        address.find(':') == std::string_view::npos ? "198.51.100.1" : "2001:db8:51::1";
    return Say(*policy, Visit(address, to, 443).Macs(mac, kGateway));
  };
  EXPECT_EQ(say("10.20.1.5", "02:00:5e:20:00:05"), "pass");
  EXPECT_EQ(say("10.20.1.5", "02:00:5e:20:00:06"), "pass bind-10.20.1.5");
  EXPECT_EQ(say("2001:db8:20:1::5", "02:00:5e:20:00:05"), "pass");
  EXPECT_EQ(say("2001:db8:20:1::5", "02:00:5e:20:00:06"), "pass bind-2001-db8-20-1--5");
  EXPECT_EQ(say("10.20.1.77", "02:00:5e:20:00:05"), "pass bind-unregistered");
  EXPECT_EQ(say("10.20.2.77", "02:00:5e:20:00:06"), "pass");
  // What comes in for the address and goes to another device.
  Visit in("198.51.100.1", "10.20.1.5", 443, Side::kOutside);
  EXPECT_EQ(Say(*policy, in.Macs(kGateway, "02:00:5e:20:00:05")), "pass");
  EXPECT_EQ(Say(*policy, in.Macs(kGateway, "02:00:5e:20:00:06")), "pass bind-10.20.1.5");
  EXPECT_EQ(policy->info(0).rule_class, "address-taken");
}

TEST(Examples, ZonesTalkAsTheTableSays) {
  const auto policy = Example("30-zones.rules");
  const struct {
    const char* zone;
    const char* address;
  } zones[] = {{"teaching", "10.20.1.1"},
               {"dormitory", "10.20.64.1"},
               {"servers", "10.20.128.1"},
               {"management", "10.20.255.1"},
               {"outside", "198.51.100.1"}};
  // Rows: who begins; columns: who is called. w: web; m: web and mail; y: everything; n: nothing.
  const char* table[] = {"ynmny", "nywny", "nnyny", "yyyyy", "yyyny"};
  for (size_t from = 0; from < std::size(zones); ++from) {
    for (size_t to = 0; to < std::size(zones); ++to) {
      SCOPED_TRACE(std::string(zones[from].zone) + " to " + zones[to].zone);
      const char cell = table[from][to];
      const auto passes = [&](uint16_t port) {
        return Say(*policy, Visit(zones[from].address, zones[to].address, port)) == "pass";
      };
      EXPECT_EQ(passes(443), cell != 'n');
      EXPECT_EQ(passes(993), cell == 'y' || cell == 'm');
      EXPECT_EQ(passes(22), cell == 'y');
    }
  }
  EXPECT_EQ(Say(*policy, Visit("2001:db8:20:40::1", "2001:db8:20:80::1", 22)),
            "drop zone-dormitory-servers");
  for (uint32_t rule = 0; rule < policy->rule_count(); ++rule) {
    EXPECT_EQ(policy->info(rule).rule_class, "zone");
  }
}

TEST(Examples, MailIsForTheRegisteredServers) {
  const auto policy = Example("40-mail.rules");
  const auto out = [&](std::string_view from, std::string_view to, uint16_t port) {
    return Say(*policy, Visit(from, to, port));
  };
  const auto in = [&](std::string_view to, uint16_t port) {
    return Say(*policy, Visit("198.51.100.1", to, port, Side::kOutside));
  };
  EXPECT_EQ(out("10.20.1.9", "198.51.100.1", 25), "drop mail-direct");
  EXPECT_EQ(out("10.20.128.25", "198.51.100.1", 25), "pass");
  EXPECT_EQ(out("2001:db8:20:80::25", "2001:db8:51::1", 25), "pass");
  EXPECT_EQ(out("2001:db8:20:80::26", "2001:db8:51::1", 25), "drop mail-direct");
  EXPECT_EQ(out("10.20.1.9", "10.20.128.25", 25), "pass");
  EXPECT_EQ(out("10.20.1.9", "198.51.100.1", 465), "pass");
  EXPECT_EQ(out("10.20.1.9", "198.51.100.1", 587), "pass");
  EXPECT_EQ(in("10.20.128.25", 25), "pass");
  EXPECT_EQ(in("10.20.1.9", 25), "drop mail-inbound");
  EXPECT_EQ(in("10.20.1.9", 587), "drop mail-inbound");
  EXPECT_EQ(in("10.20.1.9", 443), "pass");
  EXPECT_EQ(policy->info(0).rule_class, "spam");
}

TEST(Examples, OnlyFiledSitesAreReached) {
  const auto policy = Example("50-filed-sites.rules");
  const auto visit = [](uint16_t port = 443) {
    return Visit("198.51.100.1", "10.20.128.9", port, Side::kOutside);
  };
  EXPECT_EQ(Say(*policy, visit()), "open");  // until the name is known
  EXPECT_EQ(Say(*policy, visit().Named("www.campus.example")), "pass filed-www");
  EXPECT_EQ(Say(*policy, visit(80).Named("a.lib.campus.example")), "pass filed-library");
  EXPECT_EQ(Say(*policy, visit().Named("x.www.campus.example")), "drop unfiled-site");
  EXPECT_EQ(Say(*policy, visit().Named("unfiled.example")), "drop unfiled-site");
  EXPECT_EQ(Say(*policy, visit().Nameless()), "drop unfiled-site");
  EXPECT_EQ(Say(*policy, visit().Udp().Named("www.campus.example")), "pass filed-www");
  EXPECT_EQ(Say(*policy, visit(8080).Named("www.campus.example")), "drop unfiled-site");
  EXPECT_EQ(Say(*policy, visit(22)), "pass");
  // Users of the campus itself, and sites elsewhere.
  EXPECT_EQ(Say(*policy, Visit("10.20.1.9", "10.20.128.9", 443).Nameless()), "pass");
  EXPECT_EQ(Say(*policy, Visit("10.20.1.9", "198.51.100.1", 443).Nameless()), "pass");
}

TEST(Examples, AStaleFilingClosesTheSite) {
  const auto policy = Example("50-filed-sites.rules", "2028-01-01T00:00:00+08:00");
  EXPECT_EQ(policy->warnings().size(), 2U);
  Visit visit("198.51.100.1", "10.20.128.9", 443, Side::kOutside);
  EXPECT_EQ(Say(*policy, visit.Named("www.campus.example")), "drop unfiled-site");
}

TEST(Examples, WhatIsProtectedWinsOverAllOfThem) {
  const std::vector<std::string> globs = {"*.rules"};
  const auto shipped = rules::LoadPolicySources("", globs, WEIR_EXAMPLE_RULES);
  ASSERT_TRUE(shipped.ok()) << shipped.error().message;
  std::vector<rules::PolicySource> sources = *shipped;
  // Behind the others on purpose: `protect` wins wherever it stands.
  sources.push_back({"zz-protect.rules", "protect ip 198.51.100.53\nprotect host sso.example\n"});
  const auto parsed = rules::ParsePolicy(sources);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const base::WallTime now = *base::ParseRfc3339("2027-01-01T00:00:00Z");
  const auto policy = rules::Compile(*parsed, {rules::Mode::kEnforce, 1, now, nullptr});
  ASSERT_TRUE(policy.ok()) << policy.error().message;
  Visit resolver("10.20.1.9", "198.51.100.53", 53);
  resolver.Udp().Macs("02:00:5e:10:00:01", kGateway).Nameless();
  EXPECT_EQ(Say(**policy, resolver), "pass zz-protect:1");
  Visit login("198.51.100.1", "10.20.128.9", 443, Side::kOutside);
  EXPECT_EQ(Say(**policy, login.Named("sso.example")), "pass zz-protect:2");
  EXPECT_EQ(Say(**policy, login.Named("other.example")), "drop unfiled-site");
}

}  // namespace
}  // namespace weir::verdict

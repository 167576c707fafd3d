#include "dataplane/verdict/decide.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/verdict/explain.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "tests/unit/rules_compile/fake_catalog.h"

namespace weir::verdict {
namespace {

using events::Verdict;
using packet::Side;

std::shared_ptr<const rules::CompiledPolicy> Policy(const std::string& text,
                                                    rules::Mode mode = rules::Mode::kEnforce) {
  static const rules::FakeCatalog apps;
  const std::vector<rules::PolicySource> sources = {{"t.rules", text}};
  const auto parsed = rules::ParsePolicy(sources);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  const auto compiled = rules::Compile(*parsed, {mode, 1, {}, &apps});
  EXPECT_TRUE(compiled.ok()) << (compiled.ok() ? "" : compiled.error().message);
  return *compiled;
}

// 10.0.0.1:50000 inside to 192.0.2.1:443 outside, TCP, nothing known yet.
struct Flow : Facts {
  Flow() {
    initiator_ip = *base::IpAddress::Parse("10.0.0.1");
    responder_ip = *base::IpAddress::Parse("192.0.2.1");
    initiator_port = 50000;
    responder_port = 443;
    ip_protocol = 6;
    initiator_side = Side::kInside;
  }
  Flow& From(std::string_view address, Side side = Side::kInside) {
    initiator_ip = *base::IpAddress::Parse(address);
    initiator_side = side;
    return *this;
  }
  Flow& To(std::string_view address, uint16_t port = 443) {
    responder_ip = *base::IpAddress::Parse(address);
    responder_port = port;
    return *this;
  }
  Flow& Named(std::vector<std::string_view> known) {
    storage = std::move(known);
    names = storage;
    name_state = Knowledge::kKnown;
    return *this;
  }
  Flow& Nameless() {
    name_state = Knowledge::kNone;
    return *this;
  }
  Flow& App(uint16_t master, uint16_t sub, uint16_t its_category) {
    app_state = Knowledge::kKnown;
    app_master = master;
    app_sub = sub;
    category = its_category;
    return *this;
  }
  Flow& Appless() {
    app_state = Knowledge::kNone;
    return *this;
  }
  std::vector<std::string_view> storage;
};

// "drop t:2", "pass", "open".
std::string Say(const rules::CompiledPolicy& policy, const Facts& facts) {
  const Decision decision = Decide(policy, facts);
  if (decision.open) return "open";
  std::string said(events::VerdictName(decision.verdict));
  if (decision.rule != rules::kNoRule) said += " " + policy.info(decision.rule).id;
  return said;
}
std::string Say(const std::string& text, const Facts& facts) { return Say(*Policy(text), facts); }

TEST(Decide, PassesWhatNoRuleMatches) {
  EXPECT_EQ(Say("", Flow()), "pass");
  EXPECT_EQ(Say("drop ip 198.51.100.0/24", Flow()), "pass");
}

TEST(Decide, WaitsForPortsThatMayStillBecomeKnown) {
  Flow flow;
  flow.ports_open = true;
  flow.Nameless().Appless();
  for (const char* before :
       {"allow port tcp/443\n", "allow port tcp/80\n", "allow ip 192.0.2.1 port tcp/443\n",
        "allow any except port tcp/80\n"}) {
    SCOPED_TRACE(before);
    EXPECT_TRUE(Decide(*Policy(std::string(before) + "drop ip 192.0.2.1"), flow).open);
  }
  // A rule that cannot match whatever the port keeps nobody waiting, nor does one behind the match.
  const auto decision = Decide(
      *Policy("allow ip 192.0.2.9 port tcp/443\ndrop ip 192.0.2.1\nallow port tcp/443"), flow);
  EXPECT_FALSE(decision.open);
  EXPECT_EQ(decision.verdict, Verdict::kDrop);
}

TEST(Decide, FirstMatchingRuleWins) {
  EXPECT_EQ(Say("allow ip 10.0.0.1\ndrop port tcp/443\n", Flow()), "pass t:1");
  EXPECT_EQ(Say("drop port tcp/443\nallow ip 10.0.0.1\n", Flow()), "drop t:1");
}

TEST(Decide, ProtectWinsWhereverItStands) {
  EXPECT_EQ(Say("drop any\nprotect ip 192.0.2.1\n", Flow()), "pass t:2");
  EXPECT_EQ(Say("drop any\nprotect host a.example\n", Flow()), "open");
  EXPECT_EQ(Say("drop any\nprotect host a.example\n", Flow().Nameless()), "drop t:1");
}

TEST(Decide, AddressesArePartOfEitherEnd) {
  EXPECT_EQ(Say("drop ip 10.0.0.0/8", Flow()), "drop t:1");
  EXPECT_EQ(Say("drop ip 192.0.2.0/24", Flow()), "drop t:1");
  EXPECT_EQ(Say("drop any from 192.0.2.0/24", Flow()), "pass");
  EXPECT_EQ(Say("drop any to 192.0.2.0/24", Flow()), "drop t:1");
  EXPECT_EQ(Say("set s = 10.0.0.1-10.0.0.9\ndrop any from @s", Flow()), "drop t:2");
}

TEST(Decide, PortIsTheRespondersUnlessSrc) {
  EXPECT_EQ(Say("reject port tcp/440-450", Flow()), "reject t:1");
  EXPECT_EQ(Say("drop port udp/443", Flow()), "pass");
  EXPECT_EQ(Say("drop port tcp/50000", Flow()), "pass");
  EXPECT_EQ(Say("drop port src tcp/50000", Flow()), "drop t:1");
}

TEST(Decide, SidesGoByWhoBegan) {
  EXPECT_EQ(Say("drop any from inside", Flow()), "drop t:1");
  EXPECT_EQ(Say("drop any to outside", Flow()), "drop t:1");
  EXPECT_EQ(Say("drop any from outside", Flow()), "pass");
  EXPECT_EQ(Say("drop any to inside", Flow().From("192.0.2.1", Side::kOutside)), "drop t:1");
  Flow internal;
  internal.responder_side = Side::kInside;
  EXPECT_EQ(Say("drop any to outside", internal), "pass");
  EXPECT_EQ(Say("drop any to inside", internal), "drop t:1");
}

TEST(Decide, AnUnknownSideMatchesNoSide) {
  const Flow flow = Flow().From("10.0.0.1", Side::kUnknown);
  EXPECT_EQ(Say("drop any from inside, outside", flow), "pass");
  EXPECT_EQ(Say("drop any to inside, outside", flow), "pass");
  EXPECT_EQ(Say("drop any from inside, 10.0.0.1", flow), "drop t:1");
}

TEST(Decide, WaitsForTheNameOnlyWhileARuleAsksForIt) {
  const std::string rules = "drop host a.example\nallow any\n";
  EXPECT_EQ(Say(rules, Flow()), "open");
  EXPECT_EQ(Say(rules, Flow().Named({"a.example"})), "drop t:1");
  EXPECT_EQ(Say(rules, Flow().Named({"b.example"})), "pass t:2");
  EXPECT_EQ(Say(rules, Flow().Nameless()), "pass t:2");
  EXPECT_EQ(Say("allow any\ndrop host a.example\n", Flow()), "pass t:1");
}

TEST(Decide, ARuleThatFailedOnWhatIsKnownWaitsForNothing) {
  EXPECT_EQ(Say("drop host a.example port tcp/80", Flow()), "pass");
  EXPECT_EQ(Say("drop host a.example from outside", Flow()), "pass");
  EXPECT_EQ(Say("drop host a.example app TLS", Flow().Named({"b.example"})), "pass");
  EXPECT_EQ(Say("drop host a.example except ip 10.0.0.1", Flow()), "pass");
  EXPECT_EQ(Say("drop host a.example except ip 10.0.0.2", Flow()), "open");
}

TEST(Decide, AnExceptionThatIsOpenKeepsItsRuleOpen) {
  const std::string rules = "drop port tcp/443 except domain ok.example\n";
  EXPECT_EQ(Say(rules, Flow()), "open");
  EXPECT_EQ(Say(rules, Flow().Named({"www.ok.example"})), "pass");
  EXPECT_EQ(Say(rules, Flow().Named({"bad.example"})), "drop t:1");
  EXPECT_EQ(Say(rules, Flow().Nameless()), "drop t:1");
}

TEST(Decide, AnExceptionHoldsOnlyWhole) {
  const std::string rules = "drop port tcp/25 from inside except ip 10.1.2.3 to outside\n";
  EXPECT_EQ(Say(rules, Flow().From("10.1.2.3").To("192.0.2.1", 25)), "pass");
  EXPECT_EQ(Say(rules, Flow().From("10.1.2.4").To("192.0.2.1", 25)), "drop t:1");
}

TEST(Decide, DomainIsTheNameAndAllBelow) {
  const std::string rules = "drop domain a.example\n";
  EXPECT_EQ(Say(rules, Flow().Named({"a.example"})), "drop t:1");
  EXPECT_EQ(Say(rules, Flow().Named({"x.y.a.example"})), "drop t:1");
  EXPECT_EQ(Say(rules, Flow().Named({"xa.example"})), "pass");
  EXPECT_EQ(Say("drop host a.example", Flow().Named({"x.a.example"})), "pass");
}

TEST(Decide, ApplicationsMatchMasterOrSub) {
  EXPECT_EQ(Say("drop app YouTube", Flow()), "open");
  EXPECT_EQ(Say("drop app YouTube", Flow().App(1, 2, 1)), "drop t:1");
  EXPECT_EQ(Say("drop app TLS", Flow().App(1, 2, 1)), "drop t:1");
  EXPECT_EQ(Say("drop app QUIC", Flow().App(1, 2, 1)), "pass");
  EXPECT_EQ(Say("drop app QUIC", Flow().Appless()), "pass");
  EXPECT_EQ(Say("monitor category VPN", Flow().App(1, 2, 2)), "pass t:1");
}

TEST(Decide, AnEarlierOpenRuleComesBeforeALaterMatch) {
  EXPECT_EQ(Say("allow app TLS\ndrop ip 10.0.0.1\n", Flow()), "open");
  EXPECT_EQ(Say("drop ip 10.0.0.1\nallow app TLS\n", Flow()), "drop t:1");
}

TEST(Decide, MonitorModeOnlySaysWhatItWouldDo) {
  const auto policy =
      Policy("drop port tcp/443\nreject port tcp/80\ndrop port tcp/22 mode enforce\n",
             rules::Mode::kMonitor);
  EXPECT_EQ(Say(*policy, Flow()), "would_drop t:1");
  EXPECT_EQ(Say(*policy, Flow().To("192.0.2.1", 80)), "would_reject t:2");
  EXPECT_EQ(Say(*policy, Flow().To("192.0.2.1", 22)), "drop t:3");
  EXPECT_EQ(Say("reject port tcp/443 mode monitor", Flow()), "would_reject t:1");
}

TEST(Decide, JudgesEachOfSeveralNamesAndTakesTheStrictest) {
  const std::string rules = "allow host good.example\ndrop host bad.example\n";
  EXPECT_EQ(Say(rules, Flow().Named({"good.example", "bad.example"})), "drop t:2");
  EXPECT_EQ(Say(rules, Flow().Named({"bad.example", "good.example"})), "drop t:2");
  EXPECT_EQ(Say(rules, Flow().Named({"else.example", "good.example"})), "pass t:1");
  EXPECT_EQ(Say("drop any except host good.example", Flow().Named({"good.example", "bad.example"})),
            "drop t:1");
  EXPECT_EQ(Say("monitor host good.example app TLS\ndrop host bad.example",
                Flow().Named({"good.example", "bad.example"})),
            "drop t:2");
  EXPECT_EQ(Say("drop host good.example app TLS\ndrop host bad.example mode monitor",
                Flow().Named({"good.example", "bad.example"})),
            "open");
}

TEST(Decide, AnIpv6RangeHoldsNoIpv4Address) {
  EXPECT_EQ(Say("drop ip ::/0", Flow()), "pass");
  EXPECT_EQ(Say("drop ip ::/0", Flow().From("2001:db8::1").To("2001:db8::2")), "drop t:1");
}

std::vector<std::string> Explained(const std::string& text, const Facts& facts) {
  std::vector<std::string> lines;
  for (const Step& step : Explain(*Policy(text), facts)) {
    lines.push_back(step.id + " " + std::string(OutcomeName(step.outcome)) + ": " + step.because);
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(Explain, TellsOfTheRulesPassedOverAndTheOneThatDecides) {
  EXPECT_EQ(
      Explained("drop port tcp/23\n"
                "drop host a.example\n"
                "drop any except ip 10.0.0.1 from inside\n"
                "drop app BitTorrent\n"
                "reject domain b.example port src tcp/50000\n"
                "allow any\n",
                Flow().Named({"x.b.example"}).Appless()),
      (Lines{"t:1 passed: port does not match", "t:2 passed: host does not match",
             "t:3 passed: excepted: it has 'except from ip', which matches",
             "t:4 passed: app: the application is not known", "t:5 matched: all of it matches"}));
}

TEST(Decide, AsksForEitherEndsMacAndEitherTag) {
  Flow flow;
  flow.macs = {*base::MacAddress::Parse("02:00:00:00:00:01"),
               *base::MacAddress::Parse("02:00:00:00:00:02")};
  EXPECT_EQ(Say("drop mac 02:00:00:00:00:01", flow), "drop t:1");
  EXPECT_EQ(Say("drop mac 02-00-00-00-00-02", flow), "drop t:1");
  EXPECT_EQ(Say("drop mac 02:00:00:00:00:03", flow), "pass");
  EXPECT_EQ(Say("drop vlan 0-4094", flow), "pass");
  flow.vlans = {100, 7};
  flow.vlan_count = 1;
  EXPECT_EQ(Say("drop vlan 90-100", flow), "drop t:1");
  EXPECT_EQ(Say("drop vlan 7", flow), "pass");
  flow.vlan_count = 2;
  EXPECT_EQ(Say("drop vlan 7", flow), "drop t:1");
  EXPECT_EQ(Say("drop vlan 7 except mac 02:00:00:00:00:02", flow), "pass");
}

TEST(Explain, SaysThatTheLinkIsNotKnown) {
  Flow flow;
  flow.macs_known = flow.vlans_known = false;
  flow.vlan_count = 1;
  EXPECT_EQ(
      Explained("drop mac 00:00:00:00:00:00\ndrop vlan 0\n", flow),
      (Lines{"t:1 passed: mac: it is not said which", "t:2 passed: vlan: it is not said which"}));
}

TEST(Explain, TellsOfARuleThatIsNotOnNow) {
  // The tests' policies are compiled for 1970-01-01T00:00:00Z, a Thursday.
  EXPECT_EQ(Explained("time lunch = 12:00-13:00 zone UTC\ntime thursdays = Thu zone UTC\n"
                      "drop any during lunch\nallow any during thursdays\n",
                      Flow()),
            (Lines{"t:3 passed: not now: only during 'lunch'", "t:4 matched: all of it matches"}));
}

TEST(Explain, TellsWhatADecisionWaitsFor) {
  EXPECT_EQ(Explained("drop host a\nallow any\n", Flow()), Lines{"t:1 open: waits for the name"});
  EXPECT_EQ(Explained("drop category Web\n", Flow()), Lines{"t:1 open: waits for the application"});
  EXPECT_EQ(Explained("drop any except host a\n", Flow()), Lines{"t:1 open: waits for the name"});
  EXPECT_EQ(Explained("drop host a\n", Flow().Nameless()),
            Lines{"t:1 passed: host: the flow has no name"});
}

TEST(Explain, SpeaksOfTheNameThatDecided) {
  EXPECT_EQ(Explained("allow host good\ndrop host bad\n", Flow().Named({"good", "bad"})),
            (Lines{"t:1 passed: host does not match", "t:2 matched: all of it matches"}));
}

}  // namespace
}  // namespace weir::verdict

// Whose every address is, told over the control socket.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/component/dataplane_app/dataplane_process.h"

namespace weir::testing {
namespace {

using nlohmann::json;
using Bindings = std::vector<std::pair<std::string, std::string>>;

class IdentitySocket : public ::testing::Test {
 protected:
  void Begin(const std::string& rules, const std::string& accounts = "") {
    dataplane_.SetRules(rules);
    if (!accounts.empty()) {
      dataplane_.ReplaceInConfig("[journal]", "[accounts]\n" + accounts + "\n[journal]");
    }
    dataplane_.Start();
    ASSERT_TRUE(dataplane_.WaitUntilItAnswers());
  }
  void TearDown() override { EXPECT_EQ(dataplane_.Stop(), 0) << dataplane_.log(); }

  json Tell(uint64_t seq, const Bindings& set, const std::vector<std::string>& remove = {},
            const json& more = json::object(), const std::string& boot = "one") {
    json request = {{"cmd", "identity.update"},
                    {"boot", boot},
                    {"seq", seq},
                    {"set", json::array()},
                    {"remove", remove}};
    for (const auto& [ip, account] : set) {
      request["set"].push_back({{"ip", ip}, {"account", account}});
    }
    request.update(more);
    return dataplane_.Ask(request);
  }
  json TellAll(uint64_t seq, const Bindings& set, const std::string& boot = "one") {
    return Tell(seq, set, {}, {{"full", true}, {"first", true}, {"last", true}}, boot);
  }
  json Why(const std::string& src) {
    return dataplane_.Ask({{"cmd", "why"}, {"src", src}, {"dst", "192.0.2.1"}, {"port", 443}});
  }
  std::string RuleFor(const std::string& src) {
    const json why = Why(src);
    return why["rule"].is_null() ? "" : why["rule"].value("id", "");
  }
  json Numbers() { return dataplane_.Ask({{"cmd", "stats"}})["identities"]; }

  DataplaneProcess dataplane_;
};

constexpr const char* kRules =
    "group students = account:/^s[0-9]{8}$/, 10.9.0.0/16\n"
    "group named = account:anna\n"
    "drop account guest id no-guests\n"
    "reject group students id no-students\n";

TEST_F(IdentitySocket, VerdictsGoByWhatIsTold) {
  Begin(kRules);
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
  EXPECT_EQ(RuleFor("10.9.0.1"), "no-students");
  const json reply =
      TellAll(1, {{"10.0.0.1", "guest"}, {"10.0.0.2", "s20230017"}, {"10.0.0.3", "anna"}});
  EXPECT_EQ(reply["ok"], true) << reply;
  EXPECT_EQ(reply["again"], false);
  EXPECT_EQ(reply["addresses"], 3);
  EXPECT_FALSE(reply["boot_id"].get<std::string>().empty());
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests");
  EXPECT_EQ(RuleFor("10.0.0.2"), "no-students");
  EXPECT_EQ(RuleFor("10.0.0.3"), "");
  const json why = Why("10.0.0.3");
  EXPECT_EQ(why["src_owner"], (json{{"account", "anna"}, {"groups", {"named"}}})) << why;
  EXPECT_EQ(why["dst_owner"], (json{{"account", ""}, {"groups", json::array()}})) << why;

  EXPECT_EQ(Tell(2, {{"10.0.0.3", "guest"}}, {"10.0.0.1"})["addresses"], 2);
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
  EXPECT_EQ(RuleFor("10.0.0.3"), "no-guests");
  EXPECT_EQ(RuleFor("10.0.0.2"), "no-students");
}

TEST_F(IdentitySocket, PolicyThatComesLaterKnowsTheAccountsToo) {
  Begin("drop account nobody\n");
  TellAll(1, {{"10.0.0.1", "guest"}, {"10.0.0.2", "s20230017"}});
  const json installed =
      dataplane_.Ask({{"cmd", "policy.install"}, {"sources", {{{"name", "r"}, {"text", kRules}}}}});
  ASSERT_EQ(installed["ok"], true) << installed;
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests");
  EXPECT_EQ(RuleFor("10.0.0.2"), "no-students");
  EXPECT_EQ(Tell(2, {{"10.0.0.3", "guest"}})["again"], false);
  EXPECT_EQ(RuleFor("10.0.0.3"), "no-guests");
}

TEST_F(IdentitySocket, WhatDoesNotFollowIsNotTaken) {
  Begin(kRules);
  EXPECT_EQ(Tell(1, {{"10.0.0.1", "guest"}})["again"], true) << "nobody has told all";
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
  EXPECT_EQ(TellAll(7, {{"10.0.0.1", "guest"}})["again"], false);
  EXPECT_EQ(Tell(9, {}, {"10.0.0.1"})["again"], true) << "a gap";
  EXPECT_EQ(Tell(7, {}, {"10.0.0.1"})["again"], true) << "told before";
  EXPECT_EQ(Tell(8, {}, {"10.0.0.1"}, json::object(), "two")["again"], true) << "another publisher";
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests") << "what was told stays";
  EXPECT_EQ(Tell(8, {})["again"], false);
  EXPECT_EQ(TellAll(1, {{"10.0.0.2", "guest"}}, "two")["again"], false);
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
  EXPECT_EQ(RuleFor("10.0.0.2"), "no-guests");
  EXPECT_EQ(Numbers()["updates_again"], 4);
}

TEST_F(IdentitySocket, AllMayComeInSeveralParts) {
  Begin(kRules);
  TellAll(1, {{"10.0.0.1", "guest"}});
  EXPECT_EQ(Tell(5, {{"10.0.0.2", "guest"}}, {}, {{"full", true}, {"first", true}})["again"],
            false);
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests") << "not before the last part";
  EXPECT_EQ(RuleFor("10.0.0.2"), "");
  EXPECT_EQ(Tell(6, {})["again"], true) << "a change has no place between them";
  EXPECT_EQ(Tell(6, {{"10.0.0.3", "guest"}}, {}, {{"full", true}, {"last", true}})["again"], false);
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
  EXPECT_EQ(RuleFor("10.0.0.2"), "no-guests");
  EXPECT_EQ(RuleFor("10.0.0.3"), "no-guests");
  EXPECT_EQ(Tell(7, {}, {}, {{"full", true}, {"last", true}})["again"], true) << "none was begun";
  EXPECT_EQ(Tell(7, {}, {"10.0.0.2"})["again"], false);
}

TEST_F(IdentitySocket, WhatHasNoRoomIsRefusedAndCounted) {
  Begin(kRules, "max_addresses = 2");
  json reply = TellAll(1, {{"10.0.0.1", "guest"}, {"10.0.0.2", "guest"}, {"10.0.0.3", "guest"}});
  EXPECT_EQ(reply["addresses"], 2);
  EXPECT_EQ(reply["refused"], 1);
  EXPECT_EQ(RuleFor("10.0.0.3"), "");
  reply = Tell(2, {{"10.0.0.4", "guest"}, {"10.0.0.2", "anna"}});
  EXPECT_EQ(reply["addresses"], 2);
  EXPECT_EQ(reply["refused"], 2);
  EXPECT_EQ(RuleFor("10.0.0.2"), "") << "one that is there may change";
  reply = Tell(3, {{"10.0.0.5", "guest"}}, {"10.0.0.1"});
  EXPECT_EQ(reply["addresses"], 2);
  EXPECT_EQ(reply["refused"], 2) << "in the room of the one that has gone";
  EXPECT_EQ(RuleFor("10.0.0.5"), "no-guests");
  const json numbers = Numbers();
  EXPECT_EQ(numbers["addresses_max"], 2);
  EXPECT_EQ(numbers["addresses_refused"], 2);
  EXPECT_GT(numbers["bytes"], 0);
}

TEST_F(IdentitySocket, WhatWasNotThereMakesNoRoomWhenItGoes) {
  Begin(kRules, "max_addresses = 2");
  TellAll(1, {{"10.0.0.1", "guest"}, {"10.0.0.2", "guest"}});
  json reply = Tell(2, {{"10.0.0.3", "guest"}}, {"10.0.0.9", "10.0.0.0/24"});
  EXPECT_EQ(reply["addresses"], 2);
  EXPECT_EQ(reply["refused"], 1);
  // One that goes and comes in the same update needs its place again.
  reply = Tell(3, {{"10.0.0.1", "anna"}, {"10.0.0.3", "guest"}}, {"10.0.0.1"});
  EXPECT_EQ(reply["addresses"], 2);
  EXPECT_EQ(reply["refused"], 2);
  EXPECT_EQ(Why("10.0.0.1")["src_owner"]["account"], "anna");
}

TEST_F(IdentitySocket, AnAccountMayHaveAPrefix) {
  Begin(kRules);
  const json reply = TellAll(
      1, {{"10.1.0.0/24", "guest"}, {"10.1.0.7", "anna"}, {"2001:db8:0:100::/56", "s20230017"}});
  EXPECT_EQ(reply["ok"], true) << reply;
  EXPECT_EQ(reply["addresses"], 3);
  EXPECT_EQ(Numbers()["prefixes"], 2);
  EXPECT_EQ(RuleFor("10.1.0.1"), "no-guests");
  EXPECT_EQ(RuleFor("10.1.0.7"), "") << "the longest counts";
  EXPECT_EQ(RuleFor("10.1.1.1"), "");
  const json why = dataplane_.Ask(
      {{"cmd", "why"}, {"src", "2001:db8:0:1ff::5"}, {"dst", "2001:db8:51::1"}, {"port", 443}});
  EXPECT_EQ(why["src_owner"], (json{{"account", "s20230017"}, {"groups", {"students"}}})) << why;
  EXPECT_EQ(why["rule"]["id"], "no-students") << why;

  // The owner of an address before and after may be that of another prefix.
  EXPECT_EQ(Tell(2, {{"10.1.0.0/28", "anna"}}, {"10.1.0.7"})["addresses"], 3);
  EXPECT_EQ(RuleFor("10.1.0.7"), "");
  EXPECT_EQ(RuleFor("10.1.0.16"), "no-guests");
  EXPECT_EQ(Tell(3, {}, {"10.1.0.0/28"})["addresses"], 2);
  EXPECT_EQ(RuleFor("10.1.0.7"), "no-guests");
  EXPECT_EQ(Tell(4, {}, {"10.1.0.0/24"})["addresses"], 1);
  EXPECT_EQ(RuleFor("10.1.0.7"), "");
  EXPECT_EQ(TellAll(5, {{"10.1.0.7/32", "guest"}})["addresses"], 1) << "the address that it is";
  EXPECT_EQ(RuleFor("10.1.0.7"), "no-guests");
  EXPECT_EQ(Tell(6, {}, {"10.1.0.7"})["addresses"], 0);
}

// An address is its account's own, and stays it when a prefix around it comes and goes.
TEST_F(IdentitySocket, ABindingWithinAPrefixOfTheSameAccountIsKept) {
  Begin(kRules);
  TellAll(1, {{"10.1.0.0/24", "guest"}});
  TellAll(2, {{"10.1.0.0/24", "guest"}, {"10.1.0.7", "guest"}});
  EXPECT_EQ(Tell(3, {}, {"10.1.0.0/24"})["addresses"], 1);
  EXPECT_EQ(RuleFor("10.1.0.7"), "no-guests");
  EXPECT_EQ(RuleFor("10.1.0.8"), "");
}

TEST_F(IdentitySocket, PrefixesThatNobodyCanHaveAreRefusedAndCounted) {
  Begin(kRules);
  const json reply = TellAll(
      1,
      {{"0.0.0.0/0", "guest"}, {"::/0", "guest"}, {"fe80::/64", "guest"}, {"10.0.0.1", "guest"}});
  EXPECT_EQ(reply["ok"], true) << "the rest is taken";
  EXPECT_EQ(reply["addresses"], 1);
  EXPECT_EQ(reply["prefixes_refused"], 3);
  EXPECT_EQ(Tell(2, {{"::/0", "guest"}})["prefixes_refused"], 4);
  EXPECT_EQ(Numbers()["prefixes_refused"], 4);
  EXPECT_EQ(Numbers()["addresses_refused"], 0);
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests");
  EXPECT_EQ(RuleFor("10.0.0.2"), "");
}

TEST_F(IdentitySocket, PrefixesOfMoreLengthsThanThereMayBeAreRefusedAndCounted) {
  Begin(kRules);
  Bindings of_many_lengths;
  for (int length = 15; length <= 31; ++length) {
    of_many_lengths.emplace_back(fmt::format("10.0.0.0/{}", length), "anna");
  }
  of_many_lengths.emplace_back("10.0.0.1", "anna");
  of_many_lengths.emplace_back("2001:db8::/56", "anna");
  const json reply = TellAll(1, of_many_lengths);
  EXPECT_EQ(reply["addresses"], 18) << "16 lengths, an address, and one of the other family";
  EXPECT_EQ(reply["refused"], 1);
  EXPECT_EQ(Tell(2, {{"10.2.0.0/31", "guest"}, {"10.2.0.0/30", "guest"}})["refused"], 2);
  EXPECT_EQ(RuleFor("10.2.0.1"), "no-guests") << "of a length that is there";
  Tell(3, {}, {"10.0.0.0/15"});
  EXPECT_EQ(Tell(4, {{"10.0.0.0/31", "guest"}})["refused"], 2) << "in the place of the one gone";
  EXPECT_EQ(RuleFor("10.0.0.0"), "no-guests");
}

TEST_F(IdentitySocket, BadUpdateIsRefusedAndChangesNothing) {
  Begin(kRules);
  TellAll(1, {{"10.0.0.1", "guest"}});
  EXPECT_EQ(Tell(2, {{"10.0.0.2", "guest"}, {"nonsense", "guest"}})["ok"], false);
  EXPECT_EQ(RuleFor("10.0.0.2"), "");
  EXPECT_EQ(Tell(2, {{"10.0.0.2", "guest"}})["again"], false);
}

TEST_F(IdentitySocket, WorkersAreToldOfWhatMattersOnly) {
  Begin(kRules);
  TellAll(1, {{"10.0.0.1", "ben"}, {"10.0.0.2", "carl"}});
  Tell(2, {{"10.0.0.1", "carl"}}, {"10.0.0.2"});
  EXPECT_EQ(Numbers()["changes_told"], 0) << "no rule tells these apart";
  Tell(3, {{"10.0.0.1", "guest"}});
  EXPECT_EQ(Numbers()["changes_told"], 1);
}

TEST_F(IdentitySocket, WorkersAreToldOfAPrefixByWhoseItsAddressesAreBeforeAndAfter) {
  Begin(kRules);
  TellAll(1, {{"10.1.0.0/16", "guest"}});
  ASSERT_EQ(Numbers()["changes_told"], 1);
  Tell(2, {{"10.1.1.0/24", "guest"}});
  Tell(3, {}, {"10.1.1.0/24"});
  Tell(4, {{"10.1.0.1", "guest"}});
  EXPECT_EQ(Numbers()["changes_told"], 1) << "the same account's by the prefix around";
  Tell(5, {{"10.1.1.0/24", "carl"}});
  EXPECT_EQ(Numbers()["changes_told"], 2);
  Tell(6, {}, {"10.1.1.0/24"});
  EXPECT_EQ(Numbers()["changes_told"], 3) << "it falls back to the one around";
  Tell(7, {{"10.1.0.0/17", "guest"}}, {"10.1.0.0/16"});
  EXPECT_EQ(Numbers()["changes_told"], 4);
  Tell(8, {{"10.2.0.0/16", "ben"}});
  EXPECT_EQ(Numbers()["changes_told"], 4) << "no rule tells ben from nobody";
}

// In the flow table of a running program, whose clients have addresses in two prefixes.
TEST_F(IdentitySocket, LiveFlowsOfAPrefixAndNoOthersAreJudgedAgain) {
  std::vector<Bytes> frames;
  for (int i = 1; i <= 20; ++i) {
    const std::string prefix = i <= 12 ? "2001:db8:0:1" : "2001:db8:0:2";
    PacketBuilder builder;
    builder.Ipv6(fmt::format("{}{:02x}::5", prefix, i), "2001:db8:51::10")
        .Udp({.src_port = 5000, .dst_port = 5001})
        .Payload("hello");
    frames.push_back(builder.Build());
  }
  dataplane_.SetFrames(frames, {});
  Begin(kRules);
  dataplane_.WaitForPackets(frames.size());
  const auto rechecked = [this](uint64_t expected) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    uint64_t flows = Numbers()["flows_rechecked"];
    while (flows < expected && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      flows = Numbers()["flows_rechecked"];
    }
    return flows;
  };
  TellAll(1, {{"2001:db8:0:100::/56", "guest"}});
  EXPECT_EQ(rechecked(12), 12u);
  // What is stale already is not counted again, so the others tell when the walk has been by.
  Tell(2, {{"2001:db8:0:210::/60", "guest"}}, {"2001:db8:0:100::/56"});
  EXPECT_EQ(rechecked(12 + 5), 12u + 5u);
}

// More changes than are looked for one by one, and more sets of them than workers may have before
// them: all the same each update is taken.
TEST_F(IdentitySocket, ManyChangesAreTaken) {
  Begin(kRules);
  Bindings many;
  for (int i = 0; i < 70'000; ++i) {
    many.emplace_back(fmt::format("10.{}.{}.{}", i / 62'500, i / 250 % 250, i % 250), "guest");
  }
  EXPECT_EQ(TellAll(1, many)["addresses"], 70'000);
  for (uint64_t seq = 2; seq < 60; ++seq) {
    ASSERT_EQ(Tell(seq, {{"10.0.0.1", seq % 2 == 0 ? "anna" : "guest"}})["again"], false);
  }
  EXPECT_EQ(RuleFor("10.0.0.1"), "no-guests");
  EXPECT_EQ(TellAll(60, {})["addresses"], 0);
  EXPECT_EQ(RuleFor("10.0.0.1"), "");
}

}  // namespace
}  // namespace weir::testing

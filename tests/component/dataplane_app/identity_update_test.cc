#include "dataplane/app/dataplane/identity_update.h"

#include <gtest/gtest.h>

namespace weir::appliance {
namespace {

using nlohmann::json;

json Good() {
  return {
      {"cmd", "identity.update"},
      {"boot", "b"},
      {"seq", 3U},
      {"set",
       {{{"ip", "10.0.0.1"}, {"account", "anna"}}, {{"ip", "2001:db8::1"}, {"account", "ben"}}}},
      {"remove", {"10.0.0.2"}}};
}

TEST(IdentityUpdate, TakesWhatIsSaid) {
  const auto update = IdentityUpdate::Parse(Good());
  ASSERT_TRUE(update.ok()) << update.error().message;
  EXPECT_EQ(update->boot, "b");
  EXPECT_EQ(update->seq, 3u);
  EXPECT_FALSE(update->full);
  ASSERT_EQ(update->set.size(), 2u);
  EXPECT_EQ(update->set[1].first.ToString(), "2001:db8::1");
  EXPECT_EQ(update->set[1].second, "ben");
  ASSERT_EQ(update->remove.size(), 1u);
}

TEST(IdentityUpdate, TakesPrefixesWhereAddressesMayStand) {
  json request = Good();
  request["set"][0]["ip"] = "2001:db8:0:100::/56";
  request["set"][1]["ip"] = "10.0.0.1/32";
  request["remove"] = {"10.1.0.0/24", "2001:db8::7/128", "::ffff:10.0.0.2"};
  const auto update = IdentityUpdate::Parse(request);
  ASSERT_TRUE(update.ok()) << update.error().message;
  EXPECT_EQ(update->set[0].first.ToString(), "2001:db8:0:100::/56");
  EXPECT_EQ(update->set[1].first, *base::IpPrefix::Parse("10.0.0.1"));
  ASSERT_EQ(update->remove.size(), 3u);
  EXPECT_EQ(update->remove[0].ToString(), "10.1.0.0/24");
  EXPECT_EQ(update->remove[1], *base::IpPrefix::Parse("2001:db8::7"));
  EXPECT_EQ(update->remove[2].ToString(), "10.0.0.2");
}

// With this value in the place of a good one: the error, or "taken".
std::string Refusal(const char* pointer, const json& value) {
  json request = Good();
  request[json::json_pointer(pointer)] = value;
  const auto update = IdentityUpdate::Parse(request);
  return update.ok() ? "taken" : update.error().message;
}

TEST(IdentityUpdate, RefusesWhatIsNoPrefix) {
  EXPECT_EQ(Refusal("/set/0/ip", "2001:db8:0:101::/56"),
            "\"set\": '2001:db8:0:101::/56' has bits set behind its length; "
            "2001:db8:0:100::/56 would do");
  EXPECT_EQ(Refusal("/remove/0", "10.1.0.1/24"),
            "\"remove\": '10.1.0.1/24' has bits set behind its length; 10.1.0.0/24 would do");
  EXPECT_EQ(Refusal("/set/0/ip", "10.1.0.0/33"),
            "\"set\": '10.1.0.0/33': a prefix length is 0 to 32");
  EXPECT_EQ(Refusal("/set/0/ip", "2001:db8::/129"),
            "\"set\": '2001:db8::/129': a prefix length is 0 to 128");
  for (const char* text : {"2001:db8::/", "2001:db8::/-1", "2001:db8::/ 64", "2001:db8::/64/64"}) {
    EXPECT_NE(Refusal("/set/0/ip", text).find(": a prefix length is 0 to 128"), std::string::npos)
        << text;
  }
  EXPECT_EQ(Refusal("/remove/0", "/64"), "\"remove\": '' is not an IPv4 or IPv6 address");
}

TEST(IdentityUpdate, RefusesWhatIsNotAsItShouldBe) {
  EXPECT_EQ(Refusal("/boot", 7), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(Refusal("/boot", ""), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(Refusal("/boot", std::string(65, 'x')), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(Refusal("/seq", -1), "\"seq\" must be a number");
  EXPECT_EQ(Refusal("/seq", "1"), "\"seq\" must be a number");
  EXPECT_EQ(Refusal("/full", 1), "\"full\" must be true or false");
  EXPECT_EQ(Refusal("/last", "yes"), "\"last\" must be true or false");
  EXPECT_EQ(Refusal("/set", "x"), "\"set\" must be a list of up to 100000 entries");
  EXPECT_EQ(Refusal("/set/0", "x"), R"("set" must be a list of {"ip":"…","account":"…"})");
  EXPECT_EQ(Refusal("/set/0/ip", json()), R"("set" must be a list of {"ip":"…","account":"…"})");
  EXPECT_NE(Refusal("/set/0/ip", "10.0.0.300"), "taken");
  EXPECT_NE(Refusal("/set/0/account", ""), "taken");
  EXPECT_EQ(Refusal("/set/0/account", std::string(255, 'a')), "taken");
  EXPECT_EQ(Refusal("/set/0/account", std::string(256, 'a')),
            "\"set\": an account has 1 to 255 bytes, that of 10.0.0.1 has 256");
  EXPECT_EQ(Refusal("/remove", 1), "\"remove\" must be a list of up to 100000 entries");
  EXPECT_EQ(Refusal("/remove/0", 1), "\"remove\" must be a list of addresses and prefixes");
  EXPECT_NE(Refusal("/remove/0", "nowhere"), "taken");
  EXPECT_EQ(Refusal("/full", true), "\"remove\" has no place in a full update");
  EXPECT_NE(Refusal("/remove", json(std::vector<std::string>(100'001, "10.0.0.1"))), "taken");
}

}  // namespace
}  // namespace weir::appliance

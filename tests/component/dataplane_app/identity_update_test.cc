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

TEST(IdentityUpdate, RefusesWhatIsNotAsItShouldBe) {
  const auto refusal = [](const char* pointer, const json& value) {
    json request = Good();
    request[json::json_pointer(pointer)] = value;
    const auto update = IdentityUpdate::Parse(request);
    return update.ok() ? "taken" : update.error().message;
  };
  EXPECT_EQ(refusal("/boot", 7), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(refusal("/boot", ""), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(refusal("/boot", std::string(65, 'x')), "\"boot\" must be a word of up to 64 bytes");
  EXPECT_EQ(refusal("/seq", -1), "\"seq\" must be a number");
  EXPECT_EQ(refusal("/seq", "1"), "\"seq\" must be a number");
  EXPECT_EQ(refusal("/full", 1), "\"full\" must be true or false");
  EXPECT_EQ(refusal("/last", "yes"), "\"last\" must be true or false");
  EXPECT_EQ(refusal("/set", "x"), "\"set\" must be a list of up to 100000 entries");
  EXPECT_EQ(refusal("/set/0", "x"), R"("set" must be a list of {"ip":"…","account":"…"})");
  EXPECT_EQ(refusal("/set/0/ip", json()), R"("set" must be a list of {"ip":"…","account":"…"})");
  EXPECT_NE(refusal("/set/0/ip", "10.0.0.300"), "taken");
  EXPECT_NE(refusal("/set/0/account", ""), "taken");
  EXPECT_EQ(refusal("/set/0/account", std::string(255, 'a')), "taken");
  EXPECT_EQ(refusal("/set/0/account", std::string(256, 'a')),
            "\"set\": an account has 1 to 255 bytes, that of 10.0.0.1 has 256");
  EXPECT_EQ(refusal("/remove", 1), "\"remove\" must be a list of up to 100000 entries");
  EXPECT_EQ(refusal("/remove/0", 1), "\"remove\" must be a list of addresses");
  EXPECT_NE(refusal("/remove/0", "nowhere"), "taken");
  EXPECT_EQ(refusal("/full", true), "\"remove\" has no place in a full update");
  EXPECT_NE(refusal("/remove", json(std::vector<std::string>(100'001, "10.0.0.1"))), "taken");
}

}  // namespace
}  // namespace weir::appliance

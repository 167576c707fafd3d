#include "dataplane/base/mac_address.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(MacAddress, ReadsTheThreeNotations) {
  for (const char* text : {"02:00:5e:10:00:af", "02-00-5E-10-00-AF", "0200.5e10.00aF"}) {
    const auto mac = MacAddress::Parse(text);
    ASSERT_TRUE(mac.ok()) << text;
    EXPECT_EQ(mac->ToString(), "02:00:5e:10:00:af");
  }
}

TEST(MacAddress, RefusesEverythingElse) {
  for (const char* text : {"", "02:00:5e:10:00", "02:00:5e:10:00:af:01", "02:00:5e:10:00-af",
                           "02:00:5e:10:00:ag", "02005e1000af", "0200.5e10:00af",
                           "02.00.5e.10.00.af", "0200-5e10-00af", "2:0:5e:10:0:af"}) {
    EXPECT_FALSE(MacAddress::Parse(text).ok()) << text;
  }
}

TEST(MacAddress, SaysWhatWouldDo) {
  EXPECT_EQ(MacAddress::Parse("nonsense").error().message,
            "'nonsense' is not a MAC address; 02:00:5e:10:00:01 would do");
}

TEST(MacAddress, IsZeroByDefault) {
  EXPECT_TRUE(MacAddress().is_zero());
  EXPECT_FALSE(MacAddress::Parse("00:00:00:00:00:01")->is_zero());
}

}  // namespace
}  // namespace weir::base

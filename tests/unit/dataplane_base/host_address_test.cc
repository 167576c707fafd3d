// Which addresses may be a host's, and which may not.
#include "dataplane/base/host_address.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
IpPrefix Prefix(const char* text) { return IpPrefix::Parse(text).value(); }

TEST(MayBeSomebodys, LeavesOutWhatNoHostHasBeyondItsLink) {
  for (const char* ip : {"10.0.0.1", "192.0.2.1", "223.255.255.254", "2001:db8::1", "fd00::1"}) {
    EXPECT_TRUE(MayBeSomebodys(Ip(ip))) << ip;
  }
  for (const char* ip :
       {"0.0.0.0", "255.255.255.255", "224.0.0.251", "169.254.1.1", "::", "fe80::1", "ff02::1"}) {
    EXPECT_FALSE(MayBeSomebodys(Ip(ip))) << ip;
  }
}

TEST(MayBeSomebodys, AsksForBothEndsOfAPrefix) {
  for (const char* prefix : {"10.0.0.0/8", "192.0.2.128/25", "2001:db8::/32", "2000::/3",
                             "fd00::/8", "2001:db8::1/128"}) {
    EXPECT_TRUE(MayBeSomebodys(Prefix(prefix))) << prefix;
  }
  for (const char* prefix : {"0.0.0.0/0", "::/0", "128.0.0.0/1", "0.0.0.0/8", "::/64", "8000::/1",
                             "::ff00:0:0/88", "fe80::/64", "ff00::/8", "169.254.0.0/16"}) {
    EXPECT_FALSE(MayBeSomebodys(Prefix(prefix))) << prefix;
  }
}

}  // namespace
}  // namespace weir::base

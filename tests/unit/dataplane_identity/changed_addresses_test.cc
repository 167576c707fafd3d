#include "dataplane/identity/changed_addresses.h"

#include <gtest/gtest.h>

namespace weir::identity {
namespace {

base::IpAddress Ip(const std::string& text) { return *base::IpAddress::Parse(text); }

base::IpAddress Numbered(uint32_t number) {
  base::IpAddress address = Ip("2001:db8::");
  for (size_t i = 0; i < 4; ++i) {
    address.mutable_bytes()[12 + i] = static_cast<uint8_t>(number >> (24 - 8 * i));
  }
  return address;
}

TEST(ChangedAddresses, HoldsWhatItWasGiven) {
  const ChangedAddresses changed(7, {Ip("10.0.0.2"), Ip("2001:db8::1"), Ip("10.0.0.2")});
  EXPECT_EQ(changed.generation(), 7u);
  EXPECT_EQ(changed.addresses().size(), 2u);
  EXPECT_TRUE(changed.Contains(Ip("10.0.0.2").bytes()));
  EXPECT_TRUE(changed.Contains(Ip("2001:db8::1").bytes()));
  EXPECT_FALSE(changed.Contains(Ip("10.0.0.3").bytes()));
  EXPECT_FALSE(changed.everything());
}

TEST(ChangedAddresses, TellsEachOfManyFromOthers) {
  std::vector<base::IpAddress> even;
  for (uint32_t i = 0; i < ChangedAddresses::kAddressesMax; ++i) even.push_back(Numbered(2 * i));
  const ChangedAddresses changed(1, even);
  EXPECT_FALSE(changed.everything());
  for (uint32_t i = 0; i < 2 * ChangedAddresses::kAddressesMax; ++i) {
    ASSERT_EQ(changed.Contains(Numbered(i).bytes()), i % 2 == 0) << i;
  }
}

TEST(ChangedAddresses, MeansEverythingAboveItsLimit) {
  std::vector<base::IpAddress> many;
  for (uint32_t i = 0; i <= ChangedAddresses::kAddressesMax; ++i) many.push_back(Numbered(i));
  EXPECT_TRUE(ChangedAddresses(1, many).everything());
}

}  // namespace
}  // namespace weir::identity

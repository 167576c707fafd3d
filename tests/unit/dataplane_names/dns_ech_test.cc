#include "dataplane/names/dns_ech.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/packet_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::FromHex;

constexpr char kHeader[] = "1234 8180 0001 0001 0000 0000";
constexpr char kQuestion[] = "03777777 04746573 7400 0041 0001";  // www.test, HTTPS
// A list of two configurations: the version of RFC 9849, and a draft's; three bytes each.
constexpr char kConfigs[] = "000e fe0d 0003 aabbcc ff03 0003 ddeeff";

// An answer that points at the question's name, with alpn before and a hint behind.
Bytes Answer(const std::string& ech) {
  const std::string params =
      "0001 0003 026832"
      "0005 00" +
      std::string("10 ") + ech + "0004 0004 c0000201";
  const Bytes data = FromHex("0001 00" + params);
  Bytes all = FromHex(std::string(kHeader) + kQuestion + "c00c 0041 0001 0000012c");
  all.push_back(0);
  all.push_back(static_cast<uint8_t>(data.size()));
  all.insert(all.end(), data.begin(), data.end());
  return all;
}

TEST(DnsEch, ChangesTheVersionOfEachConfigurationAndNothingElse) {
  const Bytes before = Answer(kConfigs);
  Bytes after = before;
  const HiddenEch hidden = HideEch(after);
  ASSERT_EQ(hidden.count, 2U);
  EXPECT_EQ(hidden.changes[0].before, 0xfe0d);
  EXPECT_EQ(hidden.changes[1].before, 0xff03);
  ASSERT_EQ(before.size(), after.size());
  Bytes restored = after;
  for (size_t i = 0; i < hidden.count; ++i) {
    const HiddenEch::Change& change = hidden.changes[i];
    EXPECT_EQ(after[change.offset] << 8 | after[change.offset + 1U], kHiddenEchVersion);
    restored[change.offset] = static_cast<uint8_t>(change.before >> 8);
    restored[change.offset + 1U] = static_cast<uint8_t>(change.before);
  }
  EXPECT_EQ(restored, before);
  EXPECT_EQ(HideEch(after).count, 0U) << "nothing is left to hide";
}

TEST(DnsEch, LeavesQueriesAndOtherRecordsAlone) {
  Bytes query = Answer(kConfigs);
  query[2] = 0x01;
  EXPECT_EQ(HideEch(query).count, 0U);
  Bytes address = Answer(kConfigs);
  const size_t type_at = 12 + 14 + 2;
  ASSERT_EQ(address[type_at + 1], 0x41);
  address[type_at + 1] = 0x10;  // TXT
  EXPECT_EQ(HideEch(address).count, 0U);
}

TEST(DnsEch, LeavesWhatIsNotWellFormed) {
  Bytes wrong_length = Answer("000d fe0d 0003 aabbcc ff03 0003 ddeeff");
  EXPECT_EQ(HideEch(wrong_length).count, 0U);
  const Bytes whole = Answer(kConfigs);
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(bytes));
    EXPECT_EQ(HideEch(cut).count, 0U) << bytes;
  }
}

TEST(DnsEch, TakesAnyBytes) {
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random(seed);
    Bytes bytes = Answer(kConfigs);
    for (unsigned i = 0; i < 1 + seed % 6; ++i) {
      bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    }
    const size_t size = bytes.size();
    const HiddenEch hidden = HideEch(bytes);
    ASSERT_LE(hidden.count, kEchConfigsMax);
    for (size_t i = 0; i < hidden.count; ++i)
      ASSERT_LT(hidden.changes[i].offset + 1U, size) << seed;
  }
}

}  // namespace
}  // namespace weir::names

#include "dataplane/base/cursor.h"

#include <gtest/gtest.h>

#include <array>

namespace weir::base {
namespace {

constexpr std::array<uint8_t, 10> kBytes = {0x01, 0x02, 0x03, 0x04, 0x05,
                                            0x06, 0x07, 0x08, 0x09, 0x0a};

TEST(Cursor, ReadsBigEndianFieldsInOrder) {
  Cursor cursor(kBytes);
  EXPECT_EQ(cursor.U8(), 0x01);
  EXPECT_EQ(cursor.U16(), 0x0203);
  EXPECT_EQ(cursor.U24(), 0x040506U);
  EXPECT_EQ(cursor.offset(), 6U);
  EXPECT_EQ(cursor.U32(), 0x0708090aU);
  EXPECT_TRUE(cursor.ok());
  EXPECT_TRUE(cursor.empty());
}

TEST(Cursor, ReadsEightBytes) {
  Cursor cursor(kBytes);
  EXPECT_EQ(cursor.U64(), 0x0102030405060708U);
  EXPECT_EQ(cursor.left(), 2U);
}

TEST(Cursor, FailsBeyondTheEndAndStaysFailed) {
  Cursor cursor(kBytes);
  cursor.Skip(9);
  EXPECT_EQ(cursor.U16(), 0);
  EXPECT_FALSE(cursor.ok());
  EXPECT_EQ(cursor.left(), 0U);
  EXPECT_EQ(cursor.U8(), 0);  // the last byte is not given out after a failure
  EXPECT_TRUE(cursor.Bytes(1).empty());
  EXPECT_FALSE(cursor.ok());
}

TEST(Cursor, FailsInsideOfThreeByteField) {
  for (const size_t left : {size_t{0}, size_t{1}, size_t{2}}) {
    Cursor cursor(std::span<const uint8_t>(kBytes).first(left));
    cursor.U24();
    EXPECT_FALSE(cursor.ok()) << left;
  }
}

TEST(Cursor, GivesViewsOfExactlyWhatIsLeft) {
  Cursor cursor(kBytes);
  EXPECT_EQ(cursor.Bytes(10).size(), 10U);
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.Bytes(0).size(), 0U);
  EXPECT_TRUE(cursor.ok());
  cursor.Skip(SIZE_MAX);
  EXPECT_FALSE(cursor.ok());
}

TEST(ByteOrder, StoresAndLoadsUnaligned) {
  std::array<uint8_t, 9> bytes{};
  StoreBe<uint32_t>(bytes.data() + 1, 0x01020304);
  EXPECT_EQ(bytes[1], 1);
  EXPECT_EQ(bytes[4], 4);
  EXPECT_EQ(LoadBe<uint32_t>(bytes.data() + 1), 0x01020304U);
  EXPECT_EQ(Be16(443).host(), 443);
}

}  // namespace
}  // namespace weir::base

// Days that are over are packed once, and say the same afterwards.
#include "control/audit/day_packer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

class DayPackerTest : public StoreDirectory {
 protected:
  // `count` sessions of the day, in several batches; numbers from `first_id` on.
  static void FillDay(RocksStore& store, base::WallTime start, uint64_t first_id, uint64_t count) {
    std::vector<events::SessionEvent> sessions;
    for (uint64_t i = 0; i < count; i++) {
      auto event = MakeSession(first_id + i, After(start, static_cast<double>(i % 3600)));
      event.name = names_[i % names_.size()];
      event.src_port = static_cast<uint16_t>(1024 + i);
      sessions.push_back(event);
      if (sessions.size() < 500) continue;
      Commit(store, sessions);
      sessions.clear();
    }
    Commit(store, sessions);
  }

  static inline const std::vector<std::string> names_ = [] {
    std::vector<std::string> names;
    for (int i = 0; i < 100; i++) names.push_back("host" + std::to_string(i) + ".example.com");
    return names;
  }();
};

constexpr base::WallTime kDayBefore{kNoon.ns - kDayNs};

TEST_F(DayPackerTest, APackedDayIsSmallerAndTheSame) {
  auto store = Open();
  FillDay(*store, kDayBefore, 0, 6000);
  FillDay(*store, kNoon, 10'000, 1000);
  store.reset();  // all of it goes to the disk
  store = Open();
  const auto everything = Ids(*store, {});
  Query named;
  named.name = "host7.example.com";
  const auto of_name = Ids(*store, named);
  const uint64_t before = store->Stats()->bytes_on_disk;

  const auto packed = store->PackDaysBefore(DayOf(kNoon));
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  EXPECT_EQ(*packed, 1U);
  EXPECT_LT(store->Stats()->bytes_on_disk, before);
  EXPECT_EQ(Ids(*store, {}), everything);
  EXPECT_EQ(Ids(*store, named), of_name);
  ExpectWholeIndex(*store, 7000);
}

TEST_F(DayPackerTest, OnceIsEnoughUntilTheDayHasGrown) {
  auto store = Open();
  FillDay(*store, kDayBefore, 0, 800);
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 1U);
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 0U);
  FillDay(*store, kDayBefore, 5000, 100);  // late ones, an eighth
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 0U);
  store.reset();
  store = Open();  // it is remembered
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 0U);
  FillDay(*store, kDayBefore, 6000, 1);
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 1U);
  ExpectWholeIndex(*store, 901);
}

// The first day began in the middle, and the last is not over.
TEST_F(DayPackerTest, WholeDaysAreMeasured) {
  auto store = Open();
  FillDay(*store, After(kDayBefore, -86'400), 0, 500);
  FillDay(*store, kNoon, 10'000, 500);
  ASSERT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 1U);
  EXPECT_EQ(store->Stats()->whole_days.days, 0U);
  FillDay(*store, kDayBefore, 20'000, 6000);
  EXPECT_EQ(store->Stats()->whole_days.days, 0U);
  ASSERT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 1U);
  const auto stats = store->Stats();
  EXPECT_EQ(stats->whole_days.days, 1U);
  EXPECT_GT(stats->whole_days.bytes, 6000U);
  EXPECT_LT(stats->whole_days.bytes, stats->table_bytes);
  EXPECT_LT(stats->table_bytes, stats->bytes_on_disk);
  store.reset();
  store = Open();
  EXPECT_EQ(store->Stats()->whole_days.bytes, stats->whole_days.bytes);
}

TEST_F(DayPackerTest, CancelledItLeavesTheDayAsItIs) {
  auto store = Open();
  FillDay(*store, kDayBefore, 0, 800);
  store->CancelPacking();
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 0U);
  ExpectWholeIndex(*store, 800);
  ASSERT_TRUE(store->Recover().ok());  // which stops it for a while, does not begin it again
  EXPECT_EQ(*store->PackDaysBefore(DayOf(kNoon)), 0U);
}

TEST_F(DayPackerTest, TheStoreDoesItByItself) {
  {
    auto store = Open();
    FillDay(*store, kDayBefore, 0, 3000);  // long ago
  }
  auto options = OptionsOf();
  options.pack_days = true;
  auto store = std::move(RocksStore::Open(options)).value();
  constexpr int kTriesMax = 6000;  // a minute, on any machine
  for (int tries = 0; tries < kTriesMax && store->Stats()->days_packed == 0; tries++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(store->Stats()->days_packed, 1U);
  ExpectWholeIndex(*store, 3000);
}

}  // namespace
}  // namespace weir::control::audit

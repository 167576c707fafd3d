// Index entries in runs, and their way into the indexes.
#include "control/audit/index_tail.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "store_fixture.h"

namespace weir::control::audit {
namespace {

std::vector<std::string> EntriesOf(const EntryRun& run) {
  std::vector<std::string> entries;
  for (size_t i = 0; i < run.size(); i++) entries.emplace_back(run[i]);
  return entries;
}

EntryRun RunOf(const std::vector<std::string>& entries) {
  return EntryRun::Of({entries.begin(), entries.end()});
}

TEST(EntryRun, IsInOrderAndHasEachOnce) {
  const EntryRun run = RunOf({"b", "a", std::string("\0", 1), "b", "ab", "\xff"});
  EXPECT_EQ(EntriesOf(run),
            (std::vector<std::string>{std::string("\0", 1), "a", "ab", "b", "\xff"}));
}

TEST(EntryRun, FindsWhereARangeBegins) {
  const EntryRun run = RunOf({"b", "d", "da"});
  EXPECT_EQ(run.LowerBound(""), 0U);
  EXPECT_EQ(run.LowerBound("b"), 0U);
  EXPECT_EQ(run.LowerBound("c"), 1U);
  EXPECT_EQ(run.LowerBound("d\x01"), 2U);
  EXPECT_EQ(run.LowerBound("e"), 3U);
  EXPECT_EQ(EntryRun().LowerBound("a"), 0U);
}

TEST(EntryRun, IsWhatASetIs) {
  std::mt19937 random(7);
  const auto some = [&] {
    std::set<std::string> entries;
    for (size_t i = random() % 60; i > 0; i--) {
      std::string entry(1 + random() % 6, 'x');
      for (char& c : entry) c = static_cast<char>('a' + random() % 3);
      entries.insert(entry);
    }
    return entries;
  };
  for (int round = 0; round < 200; round++) {
    const auto a = some();
    auto both = some();
    const EntryRun run_a = RunOf({a.begin(), a.end()});
    const EntryRun run_b = RunOf({both.begin(), both.end()});
    both.insert(a.begin(), a.end());
    const EntryRun merged = EntryRun::Merged(run_a, run_b);
    EXPECT_EQ(EntriesOf(merged), std::vector<std::string>(both.begin(), both.end()));
    const auto again = EntryRun::Decode(merged.Encode());
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ(EntriesOf(*again), EntriesOf(merged));
  }
}

TEST(EntryRun, WhatIsDamagedIsRefusedOrIsARun) {
  const std::string good = RunOf({"alpha", "alphabet", "beta", "gamma"}).Encode();
  for (size_t cut = 0; cut < good.size(); cut++) {
    EXPECT_FALSE(EntryRun::Decode(good.substr(0, cut))) << cut;
  }
  EXPECT_FALSE(EntryRun::Decode(good + "x"));
  for (size_t place = 0; place < good.size(); place++) {
    for (int bit = 0; bit < 8; bit++) {
      std::string bad = good;
      bad[place] = static_cast<char>(bad[place] ^ (1 << bit));
      const auto run = EntryRun::Decode(bad);
      if (!run) continue;
      for (size_t i = 1; i < run->size(); i++) EXPECT_LT((*run)[i - 1], (*run)[i]);
    }
  }
}

TEST(RecentEntries, KnowsWhatWasAddedLately) {
  RecentEntries recent;
  EXPECT_TRUE(recent.Add(20'000, "entry"));
  EXPECT_FALSE(recent.Add(20'000, "entry"));
  EXPECT_TRUE(recent.Add(20'001, "entry")) << "another day's";
  EXPECT_TRUE(recent.Add(20'000, "entrx"));
  EXPECT_TRUE(recent.Add(20'000, std::string("entry\0", 6)));
  recent.Clear();
  EXPECT_TRUE(recent.Add(20'000, "entry"));
}

TEST(RecentEntries, EntriesOfEveryLengthAreToldApart) {
  RecentEntries recent;
  for (size_t size = 1; size < 300; size++) {
    const std::string entry(size, 'x');
    EXPECT_TRUE(recent.Add(20'000, entry)) << size;
    EXPECT_EQ(recent.Add(20'000, entry), size > 59) << size << ": too long to be remembered";
  }
}

// A store that is asked after each batch, with its entries in the tail, in the index, and in both.
class IndexTailTest : public StoreDirectory {
 protected:
  void CommitBatch(RocksStore& store, uint64_t first_id, size_t count) {
    std::vector<events::SessionEvent> sessions;
    for (uint64_t id = first_id; id < first_id + count; id++) {
      auto event = MakeSession(id, After(kNoon, static_cast<double>(id)));
      event.name = "www.example.com";
      event.src_port = static_cast<uint16_t>(1024 + id);
      sessions.push_back(event);
    }
    Commit(store, sessions);
  }

  static void ExpectWhole(RocksStore& store, uint64_t sessions) {
    ExpectWholeIndex(store, sessions);
    Query named;
    named.name = "www.example.com";
    EXPECT_EQ(Ids(store, named).size(), sessions);
  }
};

TEST_F(IndexTailTest, LookUpsFindWhatIsInTheTailAndWhatHasMoved) {
  for (const size_t entries_max : {size_t{1}, size_t{50}, size_t{100'000}}) {
    auto options = OptionsOf();
    options.dir = dir_ / std::to_string(entries_max);
    options.index_tail_entries_max = entries_max;
    auto store = std::move(RocksStore::Open(options)).value();
    for (uint64_t batch = 0; batch < 20; batch++) {
      CommitBatch(*store, batch * 10, 10);
      ExpectWhole(*store, (batch + 1) * 10);
    }
    store.reset();
    store = std::move(RocksStore::Open(options)).value();
    ExpectWhole(*store, 200);
    for (uint64_t port : {1024U, 1100U, 1223U}) {
      Query query;
      query.port = static_cast<uint16_t>(port);
      EXPECT_EQ(Ids(*store, query).size(), 1U) << port;
    }
  }
}

TEST_F(IndexTailTest, ItsMemoryIsBounded) {
  auto options = OptionsOf();
  options.index_tail_entries_max = 40;
  RocksDb db({options.dir, options.memtable_bytes, options.cache_bytes, false});
  ASSERT_TRUE(db.Open().ok());
  const auto day = db.MakeDay(20'000);
  ASSERT_TRUE(day.ok());
  IndexTail tail(db, options.index_tail_entries_max);
  ASSERT_TRUE(tail.Load().ok());
  const auto held = [&] {
    size_t entries = 0;
    for (const auto& run : tail.Of(20'000)) entries += run->size();
    return entries;
  };
  for (uint64_t i = 0; i < 100; i++) {
    if (tail.full()) {
      ASSERT_TRUE(tail.MoveIntoIndexes().ok());
    }
    tail.Add(20'000, SessionIdTerm(i), TermUse::kByOne, {});
    tail.Add(20'000, SessionIdTerm(i), TermUse::kByOne, {});  // the same once more
    rocksdb::WriteBatch batch;
    tail.PutInto(batch);
    ASSERT_TRUE(db.db()->Write({}, &batch).ok());
    tail.Written();
    EXPECT_EQ(held(), i % 40 + 1);
    EXPECT_LE(tail.Of(20'000).size(), 4U);
  }
}

TEST_F(IndexTailTest, AbandonedEntriesAreAddedAgain) {
  const auto options = OptionsOf();
  RocksDb db({options.dir, options.memtable_bytes, options.cache_bytes, false});
  ASSERT_TRUE(db.Open().ok());
  ASSERT_TRUE(db.MakeDay(20'000).ok());
  IndexTail tail(db, 100);
  ASSERT_TRUE(tail.Load().ok());
  tail.Add(20'000, SessionIdTerm(1), TermUse::kByOne, {});
  tail.Abandon();
  tail.Add(20'000, SessionIdTerm(1), TermUse::kByOne, {});
  rocksdb::WriteBatch batch;
  tail.PutInto(batch);
  ASSERT_TRUE(db.db()->Write({}, &batch).ok());
  tail.Written();
  ASSERT_EQ(tail.Of(20'000).size(), 1U);
  EXPECT_EQ((*tail.Of(20'000)[0])[0], IndexKey(SessionIdTerm(1), {}));
}

TEST_F(IndexTailTest, ADayThatIsGoneTakesItsEntriesWithIt) {
  auto options = OptionsOf();
  options.index_tail_entries_max = 100'000;
  auto store = std::move(RocksStore::Open(options)).value();
  CommitBatch(*store, 0, 10);
  RetentionPlan plan;
  plan.day = DayOf(kNoon);
  ASSERT_TRUE(store->EnforceRetention(plan).ok());
  ExpectWhole(*store, 0);
  store.reset();
  store = std::move(RocksStore::Open(options)).value();
  ExpectWhole(*store, 0);
  CommitBatch(*store, 100, 10);  // the day is made again
  ExpectWhole(*store, 10);
}

}  // namespace
}  // namespace weir::control::audit

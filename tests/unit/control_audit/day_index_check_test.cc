// Records that look-ups would not find: put beside the index, or an entry taken out of it.
#include "control/audit/day_index_check.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "control/audit/bytes.h"
#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const base::WallTime kHour = After(kNoon, -1800);  // 09:00
constexpr TimeSpan kAll{{INT64_MIN}, {INT64_MAX}};

class DayIndexCheckTest : public StoreDirectory {
 protected:
  // Twenty sessions in each of three hours, of three addresses, with all that they are found by.
  void Fill(RocksStore& store) {
    for (uint64_t i = 0; i < 60; i++) {
      auto event = MakeSession(i + 1, After(kHour, static_cast<double>(i) * 180 + 1));
      event.src_ip = Ip("10.0.0." + std::to_string(i % 3 + 1));
      event.dst_ip = Ip("203.0.113." + std::to_string(i % 7 + 1));
      event.name = i % 2 == 0 ? "www.example.com" : "example.org";
      event.src_port = static_cast<uint16_t>(40'000 + i);
      Identity identity;
      identity.account = i % 3 == 0 ? "ann" : "bob";
      Commit(store, {event}, identity);
    }
  }

  static std::vector<std::string> Check(RocksStore& store, TimeSpan span = kAll) {
    std::vector<std::string> faults;
    const auto checked = store.CheckIndex(span, [] { return true; });
    EXPECT_TRUE(checked.ok()) << (checked.ok() ? "" : checked.error().message);
    if (!checked.ok()) return faults;
    for (const IndexFault& fault : *checked) {
      faults.push_back(base::FormatRfc3339(fault.hour).substr(11, 5) + " " + fault.what);
    }
    return faults;
  }

  // Runs `change(db, day)` on the bare database, behind the store's back.
  template <typename Change>
  void Tamper(std::unique_ptr<RocksStore>& store, const Change& change) {
    store.reset();
    {
      RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
      ASSERT_TRUE(db.Open().ok());
      const auto day = db.FindDay(DayOf(kNoon));
      ASSERT_NE(day, nullptr);
      change(db, *day);
    }
    store = Open();
  }

  // The first entry of the day's index that begins so.
  static std::string EntryOf(RocksDb& db, const RocksDb::Day& day, const std::string& term) {
    const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, day.index->handle()));
    at->Seek(term);
    EXPECT_TRUE(at->Valid() && at->key().starts_with(term));
    return at->key().ToString();
  }

  // All entries lie in the index, none in the tail.
  std::unique_ptr<RocksStore> OpenWithoutTail() const {
    auto options = OptionsOf();
    options.index_tail_entries_max = 1;
    return std::move(RocksStore::Open(options)).value();
  }
};

TEST_F(DayIndexCheckTest, NothingIsWrongWithWhatTheStoreHasWritten) {
  for (const size_t entries_max : {size_t{1}, size_t{50}, size_t{100'000}}) {
    auto options = OptionsOf();
    options.dir = dir_ / std::to_string(entries_max);
    options.index_tail_entries_max = entries_max;
    auto store = std::move(RocksStore::Open(options)).value();
    Fill(*store);
    EXPECT_THAT(Check(*store), IsEmpty());
    // Another name later: the entry of the first one leads nowhere, and that is no fault.
    auto event = MakeSession(1, After(kHour, 1));
    event.name = "another.example";
    event.revision = 1;
    event.end = After(event.start, 7200);
    Commit(*store, {event});
    EXPECT_THAT(Check(*store), IsEmpty());
    EXPECT_EQ(store->PackDaysBefore(DayOf(kNoon) + 1).value(), 1u);
    EXPECT_THAT(Check(*store), IsEmpty());
    store.reset();
    store = std::move(RocksStore::Open(options)).value();
    EXPECT_THAT(Check(*store), IsEmpty());
  }
}

TEST_F(DayIndexCheckTest, EntriesThatLeadNowhereAreNoFaultHoweverMany) {
  auto store = OpenWithoutTail();
  std::vector<std::string> names(6000);
  std::vector<events::SessionEvent> sessions;
  for (uint64_t i = 0; i < names.size(); i++) {
    names[i] = "first" + std::to_string(i) + ".example";
    auto& event =
        sessions.emplace_back(MakeSession(i + 1, After(kHour, static_cast<double>(i) / 2)));
    event.src_ip = Ip("10.0." + std::to_string(i % 200) + ".1");
    event.name = names[i];
  }
  Commit(*store, sessions);
  for (auto& event : sessions) {
    event.name = "other.example";
    event.revision = 1;
  }
  Commit(*store, sessions);
  EXPECT_GT(store->CheckIndexes()->idle_entries, 5000u);
  EXPECT_THAT(Check(*store), IsEmpty());
}

TEST_F(DayIndexCheckTest, ASessionPutBesideTheIndexIsFound) {
  for (const bool packed : {false, true}) {
    std::filesystem::remove_all(dir_ / "store");
    auto store = Open();
    Fill(*store);
    if (packed) {
      ASSERT_EQ(store->PackDaysBefore(DayOf(kNoon) + 1).value(), 1u);
    }
    Tamper(store, [](RocksDb& db, const RocksDb::Day& day) {
      const RecordKey key{Ip("10.0.0.77"), {After(kHour, 4000), 1000, 0}};
      auto event = MakeSession(1000, key.order.start);
      event.src_ip = key.inside_ip;
      ASSERT_TRUE(db.db()
                      ->Put({}, day.sessions->handle(), EncodeRecordKey(key),
                            EncodeSession({event, {}, {}}, 0))
                      .ok());
    });
    Query by_ip;
    by_ip.ip = Ip("10.0.0.77");
    EXPECT_THAT(Ids(*store, by_ip), ElementsAre(1000)) << "the record's own key leads to it";
    const auto faults = Check(*store);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_THAT(faults[0], HasSubstr("10:00 look-ups do not find all sessions"));
    EXPECT_THAT(faults[0], HasSubstr("1 by time"));
    // In hours that were not asked for, nothing is told.
    EXPECT_THAT(Check(*store, {kHour, After(kHour, 3600)}), IsEmpty());
    EXPECT_EQ(Check(*store, {After(kHour, 7199), After(kHour, 7200)}).size(), 1u);
  }
}

// By account, outside address, name, port, number and time: from the index, and from the tail.
TEST_F(DayIndexCheckTest, AnEntryThatWasTakenAwayIsFound) {
  const std::vector<std::pair<std::string, std::string>> terms{
      {AccountTerm("ann"), "account"},   {PeerTerm(Ip("203.0.113.2")), "outside address"},
      {NameTerm("example.org"), "name"}, {PortTerm(40'001), "port"},
      {SessionIdTerm(5), "number"},      {TimeTerm(), "time"}};
  auto store = OpenWithoutTail();
  Fill(*store);
  Commit(*store, {MakeSession(61, After(kHour, 10'790))});  // moves those before
  for (const auto& [term, kind] : terms) {
    std::string entry;
    Tamper(store, [&, &term = term](RocksDb& db, const RocksDb::Day& day) {
      entry = EntryOf(db, day, term);
      ASSERT_TRUE(db.db()->Delete({}, day.index->handle(), entry).ok());
    });
    const auto faults = Check(*store);
    ASSERT_EQ(faults.size(), 1u) << kind;
    EXPECT_THAT(faults[0], HasSubstr("09:00 look-ups do not find all")) << kind;
    EXPECT_THAT(faults[0], HasSubstr("1 by " + kind));
    Tamper(store, [&](RocksDb& db, const RocksDb::Day& day) {
      ASSERT_TRUE(db.db()->Put({}, day.index->handle(), entry, "").ok());
    });
    ASSERT_THAT(Check(*store), IsEmpty());
  }
}

TEST_F(DayIndexCheckTest, AnEntryTakenOutOfTheTailIsFound) {
  auto store = Open();
  Fill(*store);
  Tamper(store, [](RocksDb& db, const RocksDb::Day&) {
    const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.index_tail()));
    const std::string term = AccountTerm("ann");
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      const std::string value = at->value().ToString();
      const auto run = EntryRun::Decode(value.substr(4));
      ASSERT_TRUE(run.has_value());
      std::vector<std::string_view> kept;
      for (size_t i = 0; i < run->size(); i++) {
        if (!(*run)[i].starts_with(term)) kept.push_back((*run)[i]);
      }
      if (kept.size() == run->size()) continue;
      const std::string changed = value.substr(0, 4) + EntryRun::Of(std::move(kept)).Encode();
      ASSERT_TRUE(db.db()->Put({}, db.index_tail(), at->key(), changed).ok());
      return;
    }
  });
  const auto faults = Check(*store);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_THAT(faults[0], HasSubstr("1 by account"));
}

TEST_F(DayIndexCheckTest, AnIndexThatIsGoneIsFoundInEachHour) {
  auto store = OpenWithoutTail();
  Fill(*store);
  Tamper(store, [](RocksDb& db, const RocksDb::Day& day) {
    const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, day.index->handle()));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      ASSERT_TRUE(db.db()->Delete({}, day.index->handle(), at->key()).ok());
    }
  });
  EXPECT_EQ(Check(*store).size(), 3u);
}

// A look-up of a moment begins as far back as the day's longest session; without the day's count
// nothing is read of it.
TEST_F(DayIndexCheckTest, ADayThatTheStoreWasMadeToForgetIsFound) {
  auto store = Open();
  Fill(*store);
  Commit(*store, {Close(MakeSession(100, After(kHour, 5)), After(kHour, 5000))});
  const std::string key = "day/" + DayName(DayOf(kNoon));
  Tamper(store, [&](RocksDb& db, const RocksDb::Day&) {
    std::string value;
    PutVarint(value, 61);
    PutSigned(value, 0);
    ASSERT_TRUE(db.db()->Put({}, db.meta(), key, value).ok());
  });
  auto faults = Check(*store);
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_THAT(faults[0], HasSubstr("09:00 1 sessions are longer than any that the store knows"));
  Tamper(store, [&](RocksDb& db, const RocksDb::Day&) {
    ASSERT_TRUE(db.db()->Delete({}, db.meta(), key).ok());
  });
  faults = Check(*store);
  ASSERT_EQ(faults.size(), 3u);
  EXPECT_THAT(faults[0], HasSubstr("09:00 21 sessions are in a day that the store does not know"));
}

TEST_F(DayIndexCheckTest, WhatIsDamagedIsCounted) {
  auto store = Open();
  Fill(*store);
  Tamper(store, [&](RocksDb& db, const RocksDb::Day& day) {
    auto* family = day.sessions->handle();
    ASSERT_TRUE(db.db()->Put({}, family, std::string(1, 10) + "no key", "").ok());
    ASSERT_TRUE(db.db()->Put({}, family, std::string(1, 99) + "no hour", "").ok());
    const RecordKey key{Ip("10.0.0.77"), {After(kHour, 1), 1000, 0}};
    ASSERT_TRUE(db.db()->Put({}, family, EncodeRecordKey(key), "no record").ok());
  });
  EXPECT_THAT(Check(*store), ElementsAre("09:00 1 sessions are damaged and cannot be read",
                                         "10:00 1 sessions are damaged and cannot be read",
                                         "23:00 1 sessions are damaged and cannot be read"));
}

// Records, index and tail are read as they were at one moment.
TEST_F(DayIndexCheckTest, NothingIsWrongWhileTheStoreIsWritten) {
  auto options = OptionsOf();
  options.index_tail_entries_max = 100;
  auto store = std::move(RocksStore::Open(options)).value();
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (uint64_t batch = 0; batch < 200; batch++) {
      std::vector<events::SessionEvent> sessions;
      for (uint64_t i = 0; i < 20; i++) {
        auto& event = sessions.emplace_back(MakeSession(batch * 20 + i + 1, After(kHour, 1)));
        event.src_port = static_cast<uint16_t>(batch * 20 + i);
        event.end = After(event.start, static_cast<double>(batch));
      }
      Commit(*store, sessions);
    }
    done = true;
  });
  int checks = 0;
  for (; !done || checks == 0; checks++) EXPECT_THAT(Check(*store), IsEmpty());
  writer.join();
  EXPECT_THAT(Check(*store), IsEmpty());
}

TEST_F(DayIndexCheckTest, StopsWhenToldTo) {
  auto store = Open();
  std::vector<events::SessionEvent> sessions;
  for (uint64_t i = 0; i < 60'000; i++) {
    sessions.push_back(MakeSession(i + 1, After(kHour, static_cast<double>(i) / 20)));
  }
  Commit(*store, sessions);
  EXPECT_FALSE(store->CheckIndex(kAll, [] { return false; }).ok());
  EXPECT_TRUE(store->CheckIndex(kAll, [] { return true; }).ok());
}

}  // namespace
}  // namespace weir::control::audit

// Somebody who owns the files changes the record: each change is found, in the right hour.
#include <gmock/gmock.h>

#include <fstream>
#include <random>
#include <sstream>

#include "control/audit/late_records.h"
#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "control/sealing/record_lines.h"
#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr int kHours = 6;
constexpr int kSessionsAnHour = 20;

class TamperTest : public SealingTest {
 protected:
  TamperTest() {
    uint64_t id = 1;
    for (int hour = 0; hour < kHours; hour++) {
      std::vector<events::SessionEvent> sessions;
      for (int i = 0; i < kSessionsAnHour; i++) {
        sessions.push_back(MakeSession(id++, After(kNine, hour * kHour + i * 150 + 1)));
      }
      Commit(sessions);
      CommitFinding(After(kNine, hour * kHour), "r" + std::to_string(hour));
      Act("user" + std::to_string(hour));
      Work(After(kNine, (hour + 1) * kHour + 2700));
    }
    EXPECT_EQ(Seals().size(), static_cast<size_t>(kHours));
    EXPECT_TRUE(Check().good());
  }

  // Runs `change(db, day)` on the bare database.
  template <typename Change>
  void Tamper(const Change& change) {
    Close();
    {
      audit::RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
      ASSERT_TRUE(db.Open().ok());
      const auto day = db.FindDay(audit::DayOf(kNine));
      ASSERT_NE(day, nullptr);
      change(db, *day);
    }
    Open();
  }

  struct Entry {
    std::string key;
    std::string value;
  };
  static std::vector<Entry> Entries(audit::RocksDb& db, rocksdb::ColumnFamilyHandle* family) {
    std::vector<Entry> entries;
    const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, family));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      entries.push_back({at->key().ToString(), at->value().ToString()});
    }
    return entries;
  }
  static std::vector<Entry> HourEntries(audit::RocksDb& db, const audit::RocksDb::Day& day,
                                        int hour) {
    std::vector<Entry> entries = Entries(db, day.sessions->handle());
    std::erase_if(entries, [&](const Entry& entry) { return entry.key[0] != 9 + hour; });
    EXPECT_EQ(entries.size(), static_cast<size_t>(kSessionsAnHour));
    return entries;
  }

  // The record as it is handed out; empty: it cannot be read.
  static std::string LineOf(const Entry& entry) {
    const auto key = audit::DecodeRecordKey(audit::DayOf(kNine), entry.key);
    const auto record = audit::DecodeSession(key.value(), entry.value, {"lab"});
    return record.ok() ? SessionLine(*record) : "";
  }
  // With one bit turned, one that is not of the nanoseconds that nobody is shown.
  static std::string OtherValue(const Entry& entry, std::mt19937_64& random) {
    Entry other = entry;
    while (LineOf(other) == LineOf(entry)) {
      other = entry;
      other.value[random() % other.value.size()] ^= static_cast<char>(1 << random() % 8);
    }
    return other.value;
  }

  // What the store writes when a sealed session changes, with what it was.
  static void ForgeNote(audit::RocksDb& db, const Entry& was) {
    rocksdb::WriteBatch batch;
    const auto noted = audit::NoteLate(batch, db, audit::DayOf(kNine), was.key, was.value);
    ASSERT_TRUE(noted.ok());
    ASSERT_TRUE(db.db()->Write({}, &batch).ok());
  }
  // The next round of sealing, an hour later, amends nothing and says why.
  void ExpectNotSealedAnew() {
    const auto worked = sealer_->Work(After(kNine, (kHours + 3) * kHour));
    ASSERT_FALSE(worked.ok());
    EXPECT_THAT(worked.error().message, HasSubstr("not sealed anew: weirctl audit verify"));
    for (const LoggedSeal& logged : Seals()) EXPECT_NE(logged.seal->kind, SealKind::kAmendment);
  }

  static std::string HourName(int hour) { return base::FormatRfc3339(After(kNine, hour * kHour)); }

  void ChangeLog(const std::vector<std::string>& texts) const {
    std::ofstream out(sealer_->log().file(), std::ios::trunc);
    for (const auto& text : texts) out << text;
  }
  std::vector<std::string> Texts() const {
    std::vector<std::string> texts;
    for (const LoggedSeal& logged : Seals()) texts.push_back(logged.text);
    return texts;
  }
  std::vector<Anchor> Anchors() const {
    std::ostringstream text;
    text << std::ifstream(dir_ / "anchor").rdbuf();
    return ParseAnchors(text.str()).value();
  }
};

// One at a time, at a place found by chance, with every byte of the value as a candidate.
TEST_F(TamperTest, EveryChangeOfTheSessionsIsFoundInItsHourAndNowhereElse) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  for (int trial = 0; trial < 40; trial++) {
    const int hour = static_cast<int>(random() % kHours);
    const int kind = trial % 4;
    std::vector<Entry> before;
    Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
      auto* family = day.sessions->handle();
      before = HourEntries(db, day, hour);
      const size_t place = random() % before.size();
      const Entry& one = before[place];
      const Entry& other = before[(place + 1 + random() % (before.size() - 1)) % before.size()];
      rocksdb::WriteBatch batch;
      if (kind == 0) {  // another number of bytes, another address, another anything
        static_cast<void>(batch.Put(family, one.key, OtherValue(one, random)));
      } else if (kind == 1) {
        static_cast<void>(batch.Delete(family, one.key));
      } else if (kind == 2) {
        std::string key = one.key;
        key[key.size() - 2] = static_cast<char>(key[key.size() - 2] ^ 0x55);  // another session_id
        static_cast<void>(batch.Put(family, key, one.value));
      } else {
        std::string value = one.value;
        value[value.find('\x9c')] ^= 1;  // so that the two differ: the source port
        static_cast<void>(batch.Put(family, one.key, other.value));
        static_cast<void>(batch.Put(family, other.key, value));
      }
      ASSERT_TRUE(db.db()->Write({}, &batch).ok());
    });
    const auto faults = Text(Check());
    ASSERT_FALSE(faults.empty()) << "kind " << kind << " in hour " << hour;
    ASSERT_THAT(faults, Each(StartsWith(HourName(hour)))) << "kind " << kind;
    // Back as it was.
    Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
      auto* family = day.sessions->handle();
      rocksdb::WriteBatch batch;
      for (const Entry& entry : Entries(db, family)) {
        if (entry.key[0] == 9 + hour) static_cast<void>(batch.Delete(family, entry.key));
      }
      for (const Entry& entry : before) {
        static_cast<void>(batch.Put(family, entry.key, entry.value));
      }
      ASSERT_TRUE(db.db()->Write({}, &batch).ok());
    });
    ASSERT_TRUE(Check().good());
  }
}

TEST_F(TamperTest, TellsHowManyAreMissingOrAdded) {
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
    const auto hour = HourEntries(db, day, 2);
    ASSERT_TRUE(db.db()->Delete({}, day.sessions->handle(), hour[3].key).ok());
    const auto entries = Entries(db, day.sessions->handle());
    std::string key = entries.back().key;
    key[key.size() - 2] ^= 0x55;
    ASSERT_TRUE(db.db()->Put({}, day.sessions->handle(), key, entries.back().value).ok());
  });
  EXPECT_THAT(
      Text(Check()),
      ElementsAre(HourName(2) + ": 1 of 20 sessions are missing: from 11:07 on 1 of 1 missing",
                  HourName(5) + ": 1 sessions were added to 20: from 14:47 on 1 added to 1",
                  HourName(5) + ": look-ups do not find all sessions, for entries of the index "
                                "are missing: 1 by number"));
}

// A look-up of its address finds it by its own key; what reads by time does not, and no seal has
// it.
TEST_F(TamperTest, ASessionPutBesideTheIndexIsFound) {
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
    const audit::RecordKey key{Ip("10.0.0.77"), {After(kNine, 2 * kHour + 60), 1000, 0}};
    auto event = MakeSession(1000, key.order.start);
    event.src_ip = key.inside_ip;
    ASSERT_TRUE(db.db()
                    ->Put({}, day.sessions->handle(), audit::EncodeRecordKey(key),
                          audit::EncodeSession({event, {}, {}}, 0))
                    .ok());
  });
  audit::Query by_ip;
  by_ip.ip = Ip("10.0.0.77");
  EXPECT_EQ(store_->Sessions(by_ip, [](const auto&) { return true; })->visited, 1u);
  EXPECT_THAT(Text(Check()), ElementsAre(AllOf(StartsWith(HourName(2)), HasSubstr("1 by time"))));
}

TEST_F(TamperTest, ASessionHiddenFromALookUpIsFound) {
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day&) {
    const std::string port = audit::PortTerm(40'001);
    const Entry batch = Entries(db, db.index_tail()).front();
    const auto run = audit::EntryRun::Decode(batch.value.substr(4)).value();
    std::vector<std::string_view> kept;
    for (size_t i = 0; i < run.size(); i++) {
      if (i != run.LowerBound(port)) kept.push_back(run[i]);
    }
    ASSERT_EQ(kept.size() + 1, run.size());
    const std::string changed = audit::EntryRun::Of(std::move(kept)).Encode();
    const auto put =
        db.db()->Put({}, db.index_tail(), batch.key, batch.value.substr(0, 4) + changed);
    ASSERT_TRUE(put.ok());
  });
  EXPECT_THAT(Text(Check()), ElementsAre(AllOf(StartsWith(HourName(0)), HasSubstr("1 by port"))));
}

// With its index entries, as the store itself would write it, but behind the seals' back.
TEST_F(TamperTest, ASessionPutBeforeTheFirstSealIsFound) {
  Close();
  {
    audit::RocksDb db({dir_ / "store", 4 << 20, 8 << 20});
    ASSERT_TRUE(db.Open().ok());
    ASSERT_TRUE(db.db()->Delete({}, db.meta(), "sealed_until").ok());
  }
  {
    audit::RocksStore::Options options;
    options.dir = dir_ / "store";
    auto store = audit::RocksStore::Open(options);
    ASSERT_TRUE(store.ok());
    audit::Batch batch;
    batch.sessions.push_back({MakeSession(1000, After(kNine, -3 * kHour)), {}});
    ASSERT_TRUE((*store)->Commit(batch).ok());
  }
  Open();
  EXPECT_THAT(
      Text(Check()),
      ElementsAre(HourName(-3) + ": 1 sessions were added to a time that was sealed without any"));
}

// The store's own notes of late changes are not signed: a forged one must not have the real key
// sign what somebody has made of a sealed hour.
TEST_F(TamperTest, AForgedNoteCoversNoSessionThatWasTakenAway) {
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
    const Entry one = HourEntries(db, day, 2)[5];
    ForgeNote(db, one);
    ASSERT_TRUE(db.db()->Delete({}, day.sessions->handle(), one.key).ok());
  });
  EXPECT_THAT(Text(Check()), ElementsAre(AllOf(StartsWith(HourName(2)), HasSubstr("is gone"))));
  ExpectNotSealedAnew();
}

TEST_F(TamperTest, AForgedNoteCoversNoChangeOfASessionThatWasClosed) {
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
    const Entry one = HourEntries(db, day, 2)[5];
    ForgeNote(db, one);
    const auto key = audit::DecodeRecordKey(day.number, one.key).value();
    auto record = audit::DecodeSession(key, one.value, {"lab"}).value();
    record.event.revision++;
    record.event.verdict = events::Verdict::kDrop;
    const std::string changed = audit::EncodeSession(record, 0);
    ASSERT_TRUE(db.db()->Put({}, day.sessions->handle(), one.key, changed).ok());
  });
  EXPECT_THAT(Text(Check()),
              ElementsAre(AllOf(StartsWith(HourName(2)), HasSubstr("cannot have become"))));
  ExpectNotSealedAnew();
}

TEST_F(TamperTest, ALateSessionTakenAwayBeforeItWasSealedIsFound) {
  Commit({MakeSession(1000, After(kNine, kHour + 5))});
  EXPECT_EQ(Check().waiting, 1u);
  Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
    for (const Entry& entry : Entries(db, day.sessions->handle())) {
      const auto key = audit::DecodeRecordKey(day.number, entry.key).value();
      if (key.order.session_id != 1000) continue;
      ASSERT_TRUE(db.db()->Delete({}, day.sessions->handle(), entry.key).ok());
    }
  });
  ExpectNotSealedAnew();
}

TEST_F(TamperTest, AnAmendmentThatTakesAwayOrAddsMoreThanCameLateIsFound) {
  const auto key = SigningKey::LoadOrMake(dir_ / "seals");
  ASSERT_TRUE(key.ok());
  const auto texts = Texts();
  Seal seal = *Seals()[2].seal;
  seal.kind = SealKind::kAmendment;
  seal.number = kHours + 1;
  seal.previous = SealDigest(texts.back());
  seal.replaced = seal.sessions;
  seal.parts.clear();
  for (const int records : {kSessionsAnHour - 1, kSessionsAnHour + 2}) {
    seal.sessions.records = static_cast<uint64_t>(records);
    seal.late = 1;
    auto changed = texts;
    changed.push_back(SealText(seal, *key));
    ChangeLog(changed);
    EXPECT_THAT(
        Text(Check()),
        Contains(records < kSessionsAnHour ? "seal 7: it has fewer sessions than were sealed before"
                                           : "seal 7: it has more sessions than came late"));
  }
}

TEST_F(TamperTest, AFindingThatWasChangedTakenOrAddedIsFound) {
  std::vector<Entry> before;
  for (int kind = 0; kind < 3; kind++) {
    Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day&) {
      before = Entries(db, db.findings());
      ASSERT_EQ(before.size(), static_cast<size_t>(kHours));
      Entry entry = before[3];
      if (kind == 0) entry.value[entry.value.size() - 12] ^= 1;
      if (kind == 2) entry.key[1] = '\0';
      const auto changed = kind == 1 ? db.db()->Delete({}, db.findings(), entry.key)
                                     : db.db()->Put({}, db.findings(), entry.key, entry.value);
      ASSERT_TRUE(changed.ok());
    });
    const auto faults = Text(Check());
    ASSERT_EQ(faults.size(), 1u) << "kind " << kind;
    EXPECT_THAT(faults[0], StartsWith("findings "));
    EXPECT_THAT(faults[0], HasSubstr(kind == 2 ? HourName(0) : HourName(3)));
    Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day&) {
      for (const Entry& entry : Entries(db, db.findings())) {
        ASSERT_TRUE(db.db()->Delete({}, db.findings(), entry.key).ok());
      }
      for (const Entry& entry : before) {
        ASSERT_TRUE(db.db()->Put({}, db.findings(), entry.key, entry.value).ok());
      }
    });
    ASSERT_TRUE(Check().good());
  }
}

// Chain and all: the log's own check has nothing to say, the seals have.
TEST_F(TamperTest, AnOperationsLogWrittenAnewIsFound) {
  Close();
  std::filesystem::remove(dir_ / "control.db");
  std::filesystem::remove(dir_ / "control.db-wal");
  std::filesystem::remove(dir_ / "control.db-shm");
  Open();
  for (int hour = 0; hour < kHours; hour++)
    Act(hour == 4 ? "nobody" : "user" + std::to_string(hour));
  EXPECT_TRUE(operations_->CheckChain()->faults.empty());
  const auto faults = Text(Check());
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_THAT(faults[0], AllOf(StartsWith("operations 5 to 5"), HasSubstr(HourName(4))));
}

// Dropped as the log itself does it, but under no seal.
TEST_F(TamperTest, OperationsDroppedUnderNoSealAreFound) {
  ASSERT_TRUE(operations_->DropUpto(operations_->PointAt(3).value()).ok());
  EXPECT_TRUE(operations_->CheckChain()->faults.empty());
  EXPECT_THAT(Text(Check()),
              Contains("operations: those up to 3 are gone, and no seal has dropped them"));
}

TEST_F(TamperTest, AChangedSealIsFound) {
  auto texts = Texts();
  const size_t at = texts[2].find("sessions 20") + 9;
  texts[2][at] = '3';
  ChangeLog(texts);
  const auto faults = Text(Check());
  EXPECT_THAT(faults, Contains(AllOf(StartsWith("seal 3"), HasSubstr("signature"))));
  EXPECT_THAT(faults, Contains(AllOf(StartsWith("seal 4"), HasSubstr("the seal before it"))));
  EXPECT_THAT(faults, Contains(StartsWith(HourName(2))));
}

TEST_F(TamperTest, ASealTakenOutPutInOrMovedIsFound) {
  const auto texts = Texts();
  auto changed = texts;
  changed.erase(changed.begin() + 2);
  ChangeLog(changed);
  EXPECT_THAT(Text(Check()), Contains(StartsWith("seal 4: the seal before it")));
  changed = texts;
  changed.erase(changed.begin());
  ChangeLog(changed);
  EXPECT_THAT(Text(Check()), Contains("seal 2: there were seals before it, and they are gone"));
  changed = texts;
  changed.insert(changed.begin() + 3, texts[1]);
  ChangeLog(changed);
  EXPECT_FALSE(Check().good());
  changed = texts;
  std::swap(changed[1], changed[2]);
  ChangeLog(changed);
  EXPECT_THAT(Text(Check()), Contains(StartsWith("seal 3: the seal before it")));
  changed = texts;
  changed[3] = "nonsense\n\n";
  ChangeLog(changed);
  EXPECT_THAT(Text(Check()), Contains(StartsWith("the 4. seal of the log")));
  ChangeLog(texts);
  EXPECT_TRUE(Check().good());
}

TEST_F(TamperTest, ACutTailIsFound) {
  auto texts = Texts();
  texts.resize(4);
  ChangeLog(texts);
  EXPECT_THAT(Text(Check()),
              Contains("seals: the end of the log is gone: its last seal is 4, the store had 6"));
  // And is still found after the appliance has gone on sealing.
  Close();
  Open();
  EXPECT_THAT(lines_, Contains(HasSubstr("it was cut")));
  Work(After(kNine, (kHours + 2) * kHour));
  EXPECT_THAT(Text(Check()), Contains(StartsWith("seal 6: the seal before it")));
}

TEST_F(TamperTest, AStoreThatWasSetBackIsFound) {
  Close();
  std::filesystem::copy(dir_ / "store", dir_ / "copy", std::filesystem::copy_options::recursive);
  Open();
  Commit({MakeSession(500, After(kNine, 6.5 * kHour))});
  Work(After(kNine, 8 * kHour));
  ASSERT_TRUE(Check().good());
  Close();
  std::filesystem::remove_all(dir_ / "store");
  std::filesystem::rename(dir_ / "copy", dir_ / "store");
  Open();
  EXPECT_THAT(lines_, Contains(HasSubstr("it was set back")));
  EXPECT_THAT(
      Text(Check()),
      Contains(HourName(6) + ": 1 of 1 sessions are missing: from 15:30 on 1 of 1 missing"));
}

// Store, log, key and all: only what lies elsewhere knows.
TEST_F(TamperTest, ARecordSetBackAsAWholeIsFoundByItsAnchor) {
  Close();
  std::filesystem::copy(dir_ / "store", dir_ / "copy", std::filesystem::copy_options::recursive);
  std::filesystem::copy(dir_ / "seals", dir_ / "seals-copy",
                        std::filesystem::copy_options::recursive);
  Open();
  Commit({MakeSession(500, After(kNine, 6.5 * kHour))});
  Work(After(kNine, 8 * kHour));
  const auto anchors = Anchors();
  ASSERT_TRUE(Check(anchors).good());
  Close();
  for (const auto* what : {"store", "seals"}) std::filesystem::remove_all(dir_ / what);
  std::filesystem::rename(dir_ / "copy", dir_ / "store");
  std::filesystem::rename(dir_ / "seals-copy", dir_ / "seals");
  Open();
  EXPECT_TRUE(Check().good());
  EXPECT_THAT(
      Text(Check(anchors)),
      ElementsAre("seals: the record was set back: seal 7 was anchored, the last one is 6"));
  // Also when another history has grown since.
  Work(After(kNine, 9 * kHour));
  EXPECT_THAT(Text(Check(anchors)), ElementsAre("seal 7: it is not the one that was anchored"));
}

TEST_F(TamperTest, ARecordMadeAnewWithAnotherKeyIsFound) {
  const PublicKey key = sealer_->public_key();
  const auto anchors = Anchors();
  Close();
  std::filesystem::remove_all(dir_ / "seals");
  Open();
  VerifyOptions options{key, {}, {}};
  const auto verified = Verify({*store_, *operations_}, sealer_->log(), options);
  ASSERT_TRUE(verified.ok());
  EXPECT_FALSE(verified->good());
  Work(After(kNine, 10 * kHour));
  const auto again = Verify({*store_, *operations_}, sealer_->log(), options);
  EXPECT_THAT(Text(*again), Contains(HasSubstr("signed by another key")));
}

// The seals are deleted, here and in the store, and the key signs another history by another name.
TEST_F(TamperTest, ARecordBegunAnewWithTheSameKeyIsFound) {
  const std::string before = sealer_->status().record;
  for (const bool has_anchor : {true, false}) {
    lines_.clear();
    Tamper([&](audit::RocksDb& db, const audit::RocksDb::Day& day) {
      const Entry one = HourEntries(db, day, has_anchor ? 2 : 3)[5];
      ASSERT_TRUE(db.db()->Delete({}, day.sessions->handle(), one.key).ok());
      ASSERT_TRUE(db.db()->Delete({}, db.meta(), "seal").ok());
      ASSERT_TRUE(db.db()->Delete({}, db.meta(), "sealed_until").ok());
      std::filesystem::remove(dir_ / "seals" / "seals.log");
      std::filesystem::remove_all(dir_ / "seals" / "parts");
      if (!has_anchor) std::filesystem::remove(dir_ / "anchor");
    });
    Work(After(kNine, (kHours + 1) * kHour));
    const std::string name = sealer_->status().record;
    EXPECT_NE(name, before);
    EXPECT_THAT(lines_, Contains(HasSubstr("seals: the record was begun anew: ")));
    EXPECT_THAT(sealer_->status().begun_anew,
                HasSubstr(has_anchor ? "the anchor ends with seal 6 of record " + before
                                     : "there was a key and no seal, with sessions since"));
    const auto operations = operations_->List(1);
    EXPECT_EQ(operations->at(0).action, "audit record");
    EXPECT_EQ(operations->at(0).target, name);
    // Nothing of it is told apart from a good record without what lies outside.
    EXPECT_TRUE(Check().good());
    VerifyOptions options{sealer_->public_key(), {}, Anchors()};
    options.record = before;
    const auto expected = Verify({*store_, *operations_}, sealer_->log(), options);
    EXPECT_THAT(Text(*expected), Contains("seals: they are of record " + name + ", and not of " +
                                          before + ": it was begun anew"));
    options.record = name;
    EXPECT_TRUE(Verify({*store_, *operations_}, sealer_->log(), options)->good());
    if (!has_anchor) continue;
    EXPECT_THAT(Text(Check(Anchors())),
                ElementsAre(HasSubstr("anchors: they have record " + before +
                                      " too, up to seal 6: this one was begun anew")));
  }
}

TEST_F(TamperTest, OnlyWhatIsAskedForIsRead) {
  VerifyOptions options{sealer_->public_key(), {}, {}};
  options.only = audit::TimeSpan{After(kNine, kHour), After(kNine, 2 * kHour)};
  const auto verified = Verify({*store_, *operations_}, sealer_->log(), options);
  ASSERT_TRUE(verified.ok());
  EXPECT_EQ(verified->spans, 1u);
  EXPECT_TRUE(verified->good());
}

TEST_F(TamperTest, StopsWhenToldTo) {
  VerifyOptions options{sealer_->public_key(), {}, {}};
  int calls = 0;
  options.progress = [&](const VerifyProgress& progress) {
    EXPECT_EQ(progress.of, static_cast<uint64_t>(kHours));
    return ++calls < 3;
  };
  EXPECT_FALSE(Verify({*store_, *operations_}, sealer_->log(), options).ok());
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace weir::control::sealing

// The file of losses, and the writer's use of it: what was counted reaches the journal once,
// whenever the writer dies.
#include "dataplane/events/loss_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <fstream>
#include <functional>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kFinding = static_cast<size_t>(LossClass::kFinding);
constexpr size_t kSession = static_cast<size_t>(LossClass::kSession);

Losses SomeLosses() {
  Losses losses;
  losses.journal_id = 77;
  losses.counted = {10, 20, 30, 40};
  losses.told = {1, 20, 3, 4};
  losses.announcing[kSession] = {5, 9};
  return losses;
}

std::vector<uint8_t> BytesOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The journal as it is on disk at this moment, as after a kill: the writer that lives knows nothing
// of it, and its memory is not asked.
struct AfterKill {
  explicit AfterKill(const TestJournal& journal) {
    for (const auto& entry : std::filesystem::directory_iterator(journal.dir.path())) {
      std::filesystem::copy(entry.path(), next.dir.path());
    }
    next.Open(2);
  }
  // What a reader is told, from the journal's beginning to its end.
  std::map<std::string, uint64_t> Told() { return ReadAll(*next.Reader()).announced; }
  TestJournal next;
};

TEST(LossLedger, KeepsEveryField) {
  const auto slot = EncodeLosses(SomeLosses(), 4);
  const FoundLosses found = DecodeLosses(slot);
  EXPECT_EQ(found.state, FoundLosses::State::kGood);
  EXPECT_EQ(found.turn, 4U);
  EXPECT_EQ(found.losses, SomeLosses());
  EXPECT_EQ(found.losses.Untold(), 0U + 27 + 36);
}

TEST(LossLedger, NoChangedByteIsBelieved) {
  const auto good = EncodeLosses(SomeLosses(), 4);
  for (size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 0x10;
    ASSERT_EQ(DecodeLosses(bad).state, FoundLosses::State::kDamaged) << i;
  }
}

TEST(LossLedger, RefusesSumsThatDoNotFit) {
  Losses losses = SomeLosses();
  losses.told[kFinding] = 21;
  EXPECT_EQ(DecodeLosses(EncodeLosses(losses, 1)).state, FoundLosses::State::kDamaged);
  losses = SomeLosses();
  losses.announcing[kSession].count = 10;
  EXPECT_EQ(DecodeLosses(EncodeLosses(losses, 1)).state, FoundLosses::State::kDamaged);
}

// A kill within the writing of a slot leaves the state before.
TEST(LossLedger, TheOtherSlotIsWholeWhereverAWriteIsCut) {
  Losses before = SomeLosses();
  Losses after = before;
  after.counted[kFinding] = 99;
  const auto old_slot = EncodeLosses(before, 6);
  const auto new_slot = EncodeLosses(after, 7);
  std::vector<uint8_t> file(kLossFileBytes, 0);
  std::copy(old_slot.begin(), old_slot.end(), file.begin());
  const auto oldest = EncodeLosses(Losses{}, 5);
  std::copy(oldest.begin(), oldest.end(), file.begin() + kLossSlotBytes);
  for (size_t i = 0; i < kLossSlotBytes; ++i) {
    const FoundLosses found = DecodeLosses(file);
    ASSERT_EQ(found.state, FoundLosses::State::kGood);
    ASSERT_TRUE(found.losses == before || found.losses == after) << i;
    file[kLossSlotBytes + i] = new_slot[i];
  }
  EXPECT_EQ(DecodeLosses(file).losses, after);
  EXPECT_FALSE(DecodeLosses(file).torn);
}

TEST(LossLedger, AnAnnouncementIsToldWhenItsFrameIsThere) {
  Losses losses = SomeLosses();
  losses.SettleAnnouncements(5);  // frame 5 is not there
  EXPECT_EQ(losses.Untold(kSession), 9U);
  losses = SomeLosses();
  losses.SettleAnnouncements(6);
  EXPECT_EQ(losses.Untold(kSession), 0U);
  EXPECT_EQ(losses.told[kSession], 10U);
}

// The child is gone without a word; what it kept is there.
TEST(LossLedger, SurvivesItsProcess) {
  TempDir dir;
  JournalFiles files;
  const pid_t child = ::fork();
  if (child == 0) {
    auto ledger = LossLedger::Open(dir.path(), files, true);
    if (!ledger.ok()) _exit(1);
    (*ledger)->Keep(SomeLosses());
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto ledger = LossLedger::Open(dir.path(), files, true);
  ASSERT_TRUE(ledger.ok()) << ledger.error().message;
  EXPECT_EQ((*ledger)->losses(), SomeLosses());
  EXPECT_FALSE((*ledger)->damaged());
  EXPECT_FALSE((*ledger)->torn());
}

TEST(LossLedger, RefusesAnotherVersion) {
  TempDir dir;
  JournalFiles files;
  auto slot = EncodeLosses(Losses{}, 1);
  slot[8] = 2;
  const std::array<uint8_t, 4> zero{};
  std::copy(zero.begin(), zero.end(), slot.begin() + 12);
  std::vector<uint8_t> checked(slot.begin(), slot.begin() + 12);
  checked.insert(checked.end(), slot.begin() + 16, slot.end());
  const auto crc =
      static_cast<uint32_t>(crc32(0, checked.data(), static_cast<uInt>(checked.size())));
  std::memcpy(slot.data() + 12, &crc, sizeof crc);
  std::vector<uint8_t> file(kLossFileBytes, 0);
  std::copy(slot.begin(), slot.end(), file.begin() + kLossSlotBytes);
  std::ofstream(dir.path() / kLossFileName, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), kLossFileBytes);
  const auto ledger = LossLedger::Open(dir.path(), files, true);
  ASSERT_FALSE(ledger.ok());
  EXPECT_THAT(ledger.error().message, HasSubstr("written by another version of Weir"));
}

TEST(JournalLosses, AreToldByTheNextStartAfterAKill) {
  TestJournal journal;
  journal.Open();
  journal.Write(3);
  journal.writer->AnnounceLost(LossClass::kFinding, 4);
  journal.Flush();
  // Within a second of the last announcement: counted, and not told.
  journal.writer->AnnounceLost(LossClass::kFinding, 5);
  journal.writer->Flush(journal.clock.wall, journal.clock.mono);
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited, (LossClassCounts{0, 5, 0, 0}));
  ASSERT_EQ(after.next.log.size(), 1U);
  EXPECT_THAT(after.next.log[0], HasSubstr("an earlier start had lost 5 events without telling"));
  after.next.Flush();
  EXPECT_EQ(after.Told()["finding"], 9U);
  AfterKill again(after.next);  // and not twice
  again.next.Flush();
  EXPECT_EQ(again.Told()["finding"], 9U);
}

// A flush that has not come back has counted nothing for sure, but never too much.
TEST(JournalLosses, CountWhenTheFlushHasComeBack) {
  TestJournal journal;
  journal.Open();
  journal.writer->AnnounceLost(LossClass::kSession, 6);
  AfterKill before(journal);
  EXPECT_EQ(before.next.writer->counters().inherited[kSession], 0U);
  journal.Flush();
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited[kSession], 0U);
  EXPECT_EQ(after.Told()["session"], 6U);
}

// Looks at the disk as a kill at this moment would leave it.
class WatchedFiles : public FaultyFiles {
 public:
  std::function<void()> before_write;
  std::function<void()> after_write;
  ssize_t Write(int fd, const void* bytes, size_t count, off_t offset) override {
    if (before_write) before_write();
    const ssize_t written = FaultyFiles::Write(fd, bytes, count, offset);
    if (after_write) after_write();
    return written;
  }
};

class AroundTheWrite : public ::testing::TestWithParam<uint32_t> {};

// Killed before the announcement's write, within it, and after it: told once in each case.
TEST_P(AroundTheWrite, AnAnnouncementIsToldOnce) {
  TempDir dir;
  WatchedFiles files;
  JournalWriter::Options options;
  options.dir = dir.path();
  options.max_bytes = 1 << 20;
  options.segment_bytes = 64 * 1024;
  options.sync_ms = GetParam();
  options.files = &files;
  auto writer = std::move(JournalWriter::Open(options)).value();
  TestClock clock;
  int looks = 0;
  const auto look = [&] {
    ++looks;
    TestJournal now;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      std::filesystem::copy(entry.path(), now.dir.path());
    }
    now.Open(2);
    now.Flush();
    EXPECT_EQ(ReadAll(*now.Reader()).announced["finding"], 7U) << "look " << looks;
  };
  writer->AnnounceLost(LossClass::kFinding, 7);
  files.before_write = look;
  files.after_write = look;
  clock.Tick();
  EXPECT_TRUE(writer->Flush(clock.wall, clock.mono));
  EXPECT_EQ(looks, 4) << "the segment's header, and the frames";
  files.room_bytes = 20;  // torn
  writer->AnnounceLost(LossClass::kSession, 3);
  clock.Tick();
  EXPECT_FALSE(writer->Flush(clock.wall, clock.mono));
  EXPECT_GE(looks, 6);
  files.before_write = files.after_write = nullptr;
  files.room_bytes = UINT64_MAX;
  clock.Tick();
  EXPECT_TRUE(writer->Flush(clock.wall, clock.mono));
  const auto told = ReadAll(*JournalReader::Open(dir.path(), {}).value()).announced;
  EXPECT_EQ(told.at("finding"), 7U);
  EXPECT_EQ(told.at("session"), 3U);
}

INSTANTIATE_TEST_SUITE_P(SyncMs, AroundTheWrite, ::testing::Values(0U, 1000U));

// Until its frame is on the medium, an announcement is one that may have to be made again.
TEST(JournalLosses, AClassIsNotAnnouncedAgainBeforeTheSync) {
  TestJournal journal;
  journal.sync_ms = 60'000;
  journal.Open();
  journal.writer->AnnounceLost(LossClass::kFinding, 1);
  journal.Flush();
  journal.writer->AnnounceLost(LossClass::kFinding, 2);
  journal.Flush();
  EXPECT_EQ(ReadAll(*journal.Reader()).announced["finding"], 1U);
  journal.writer->Close(journal.clock.wall);  // syncs, tells the rest, syncs
  EXPECT_EQ(ReadAll(*journal.Reader()).announced["finding"], 3U);
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited[kFinding], 0U);
}

// The machine ends: the frame that was never synced is gone, the file of losses is not.
TEST(JournalLosses, AnUnsyncedAnnouncementIsMadeAgainWhenItsFrameIsGone) {
  TestJournal journal;
  journal.sync_ms = 60'000;
  journal.Open();
  journal.Write(2);
  journal.writer->AnnounceLost(LossClass::kFinding, 8);
  journal.Flush();
  std::filesystem::resize_file(journal.Segment(1), kSegmentHeaderBytes + 2 * kTestFrameBytes);
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited[kFinding], 8U);
}

TEST(JournalLosses, DamageIsReportedCountedAndKept) {
  TestJournal journal;
  journal.Open();
  journal.writer->AnnounceLost(LossClass::kFinding, 8);
  journal.Flush();
  journal.writer.reset();
  const auto path = journal.dir.path() / kLossFileName;
  OverwriteFile(path, 100, {1, 2, 3});
  OverwriteFile(path, kLossSlotBytes + 100, {1, 2, 3});
  const auto damaged = BytesOf(path);
  journal.Open(2);
  EXPECT_EQ(journal.writer->counters().loss_files_damaged, 1U);
  EXPECT_THAT(journal.log, ElementsAre(HasSubstr("is not known: the file 'losses' is damaged")));
  EXPECT_EQ(BytesOf(journal.dir.path() / "losses.damaged"), damaged);
  journal.writer->AnnounceLost(LossClass::kFinding, 1);
  journal.Flush();
  journal.Open(3);
  EXPECT_EQ(journal.writer->counters().loss_files_damaged, 0U);
  OverwriteFile(path, kLossSlotBytes + 100, {1, 2, 3});  // one half
  journal.Open(4);
  EXPECT_EQ(journal.writer->counters().loss_files_damaged, 1U);
}

TEST(JournalLosses, AreKeptInANewFileWhenTheirsIsDeleted) {
  TestJournal journal;
  journal.Open();
  std::filesystem::remove(journal.dir.path() / kLossFileName);
  journal.writer->AnnounceLost(LossClass::kFinding, 8);
  journal.writer->Flush(journal.clock.wall, base::MonoTime{1});  // counted, not announced
  journal.writer->DeleteAcknowledged();
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited[kFinding], 8U);
}

// Or the machine's end could take the frame, and the file say that it was told.
TEST(JournalLosses, WhatAKilledWriterLeftIsSyncedBeforeItCountsAsTold) {
  TestJournal journal;
  journal.sync_ms = 60'000;
  journal.Open();
  journal.Write(1);
  journal.Open(2);
  const int syncs = journal.files.syncs;
  journal.Open(3);
  EXPECT_EQ(journal.files.syncs, syncs + 1);
  journal.files.sync_fails = true;
  journal.Open(4);
  EXPECT_EQ(journal.writer->counters().sync_faults, 1U);
}

// A damaged header: no reader finds the announcement behind it.
TEST(JournalLosses, AreToldAgainWhenTheSegmentOfTheirFrameCannotBeRead) {
  TestJournal journal;
  journal.sync_ms = 60'000;
  journal.Open();
  journal.writer->AnnounceLost(LossClass::kFinding, 8);
  journal.Flush();
  OverwriteFile(journal.Segment(1), 20, {1, 2, 3});
  AfterKill after(journal);
  EXPECT_EQ(after.next.writer->counters().inherited[kFinding], 8U);
}

TEST(JournalLosses, CannotBeKeptWhereTheFileCannotBeHad) {
  TempDir dir;
  std::filesystem::create_directory(dir.path() / kLossFileName);
  JournalWriter::Options options;
  options.dir = dir.path();
  const auto writer = JournalWriter::Open(options);
  ASSERT_FALSE(writer.ok());
  EXPECT_THAT(writer.error().message, HasSubstr("losses: cannot be opened: Is a directory"));
}

}  // namespace
}  // namespace weir::events

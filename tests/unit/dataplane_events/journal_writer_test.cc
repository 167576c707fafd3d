#include "dataplane/events/journal_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(JournalWriter, StoresInOrderFromOne) {
  TestJournal journal;
  journal.Open();
  EXPECT_EQ(journal.writer->last_seq(), 0U);
  journal.Write(3);
  EXPECT_EQ(journal.writer->last_seq(), 3U);
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.numbers, Range(1, 3));
  EXPECT_EQ(read.seqs, Range(1, 3));
  journal.ExpectBooksBalance();
}

TEST(JournalWriter, GoesOnWithTheNumbersAfterReopening) {
  TestJournal journal;
  for (uint64_t boot = 1; boot <= 3; ++boot) {
    journal.Open(boot);
    journal.Write(10);
  }
  EXPECT_EQ(journal.Segments().size(), 3U);
  EXPECT_EQ(ReadAll(*journal.Reader()).seqs, Range(1, 30));
}

TEST(JournalWriter, MakesItsFolder) {
  TempDir dir;
  JournalWriter::Options options;
  options.dir = dir.path() / "a" / "b";
  EXPECT_TRUE(JournalWriter::Open(options).ok());
  EXPECT_EQ(std::filesystem::status(options.dir).permissions(), std::filesystem::perms(0750));
}

TEST(JournalWriter, WritesWhatIsInMemoryAtItsEnd) {
  TestJournal journal;
  journal.Open();
  journal.Append(5);
  journal.writer.reset();
  EXPECT_EQ(ReadAll(*journal.Reader()).numbers, Range(1, 5));
}

TEST(JournalWriter, NamesTheHolderOfTheLock) {
  TestJournal journal;
  journal.Open();
  JournalWriter::Options options;
  options.dir = journal.dir.path();
  const auto second = JournalWriter::Open(options);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message, "journal " + journal.dir.path().string() +
                                        ": in use by process " + std::to_string(getpid()));
  journal.writer.reset();
  EXPECT_TRUE(JournalWriter::Open(options).ok());
}

TEST(JournalWriter, RefusesSegmentsThatDoNotFitTheJournal) {
  TempDir dir;
  JournalWriter::Options options;
  options.dir = dir.path();
  options.max_bytes = 40'000;
  options.segment_bytes = 10'001;
  const auto opened = JournalWriter::Open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().message, "journal " + dir.path().string() +
                                        ": segment_bytes must be from 2194 to 10000, found 10001");
}

TEST(JournalWriter, KeepsSegmentsWithinTheirSize) {
  TestJournal journal;
  journal.segment_bytes = 10'000;
  journal.Open();
  journal.Write(1000);
  const auto segments = journal.Segments();
  ASSERT_EQ(segments.size(), 11U);  // 98 frames in each
  for (const SegmentFile& segment : segments) EXPECT_LE(segment.bytes, 10'000U);
  EXPECT_EQ(segments[1].first_seq, 99U);
  EXPECT_EQ(ReadAll(*journal.Reader()).numbers, Range(1, 1000));
}

TEST(JournalWriter, DeletesAcknowledgedSegmentsButTheLast) {
  TestJournal journal;
  journal.segment_bytes = 10'000;
  journal.Open();
  journal.Write(300);  // 1…98, 99…196, 197…294, 295…
  const auto reader = journal.Reader();
  ReadAll(*reader);
  ASSERT_TRUE(reader->Acknowledge(195).ok());
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(journal.Segments().front().first_seq, 99U);
  ASSERT_TRUE(reader->Acknowledge(196).ok());
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(journal.Segments().front().first_seq, 197U);
  ASSERT_TRUE(reader->Acknowledge(300).ok());
  journal.writer->DeleteAcknowledged();
  ASSERT_EQ(journal.Segments().size(), 1U);
  EXPECT_EQ(journal.writer->bytes_on_disk(), journal.Segments().front().bytes);
  EXPECT_EQ(journal.writer->acknowledged_seq(), 300U);
  EXPECT_EQ(journal.writer->counters().segments_deleted, 3U);
}

// All segments but one gone, that one without a frame, and the numbers still go on.
TEST(JournalWriter, GoesOnWithTheNumbersWhenAllIsAcknowledged) {
  TestJournal journal;
  journal.Open();
  journal.Write(50);
  const auto reader = journal.Reader();
  ReadAll(*reader);
  ASSERT_TRUE(reader->Acknowledge(50).ok());
  std::filesystem::resize_file(journal.Segment(1), 60);  // not even a header
  journal.Open(2);
  journal.Write(10);
  EXPECT_EQ(journal.writer->last_seq(), 60U);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(51, 60));
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

TEST(JournalWriter, GivesUpDetailFirstAndSessionsLast) {
  TestJournal journal;
  journal.max_bytes = 100'000;
  journal.segment_bytes = 25'000;
  journal.Open();
  LossClassCounts stored{};
  for (const LossClass loss_class :
       {LossClass::kDetail, LossClass::kHealth, LossClass::kFinding, LossClass::kSession}) {
    journal.Append(1000, loss_class);
    journal.Flush();
    stored[static_cast<size_t>(loss_class)] =
        journal.writer->counters().stored[static_cast<size_t>(loss_class)];
    EXPECT_LE(journal.writer->bytes_on_disk(), journal.max_bytes);
  }
  // 80 %, 90 %, 95 % and all of 100 000 bytes in frames of 100, less headers and announcements.
  EXPECT_EQ(stored[static_cast<size_t>(LossClass::kDetail)], 794U);
  EXPECT_NEAR(static_cast<double>(stored[static_cast<size_t>(LossClass::kHealth)]), 100, 3);
  EXPECT_NEAR(static_cast<double>(stored[static_cast<size_t>(LossClass::kFinding)]), 50, 3);
  EXPECT_NEAR(static_cast<double>(stored[static_cast<size_t>(LossClass::kSession)]), 50, 3);
  journal.ExpectBooksBalance();
  EXPECT_THAT(journal.log, ElementsAre(HasSubstr("bytes are waiting to be acknowledged; detail "
                                                 "events are given up")));
}

TEST(JournalWriter, AnnouncesEachClassOnceItsLossIsOver) {
  TestJournal journal;
  journal.max_bytes = 100'000;
  journal.segment_bytes = 25'000;
  journal.Open();
  journal.Append(1000, LossClass::kDetail);
  journal.Append(1000, LossClass::kSession);
  journal.Flush();
  const JournalCounters before = journal.writer->counters();
  const auto reader = journal.Reader();
  ReadBack read = ReadAll(*reader);
  EXPECT_TRUE(read.announced.empty());
  ASSERT_TRUE(reader->Acknowledge(reader->position().next_seq - 1).ok());
  journal.writer->DeleteAcknowledged();
  journal.Flush();
  read = ReadAll(*reader);
  EXPECT_EQ(read.announced["detail"], before.lost(LossClass::kDetail));
  EXPECT_EQ(read.announced["session"], before.lost(LossClass::kSession));
  EXPECT_EQ(read.announced.size(), 2U);
  const LossClassCounts& announced = journal.writer->counters().announced;
  EXPECT_EQ(announced[static_cast<size_t>(LossClass::kDetail)], read.announced["detail"]);
  EXPECT_EQ(announced[static_cast<size_t>(LossClass::kSession)], read.announced["session"]);
  journal.Flush();
  EXPECT_TRUE(ReadAll(*reader).seqs.empty());  // and not again
  EXPECT_EQ(reader->counters().missing_frames, 0U);
  journal.ExpectBooksBalance();
  ASSERT_EQ(journal.log.size(), 2U);
  EXPECT_THAT(journal.log[1], HasSubstr("has room again; "));
}

TEST(JournalWriter, AnnouncesAtMostOnceASecond) {
  TestJournal journal;
  journal.Open();
  journal.writer->AnnounceLost(LossClass::kFinding, 3);
  journal.Flush();
  journal.writer->AnnounceLost(LossClass::kFinding, 4);
  journal.writer->Flush(journal.clock.wall, journal.clock.mono);
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).announced["finding"], 3U);
  journal.writer->Close(journal.clock.wall);  // the end waits for nothing
  EXPECT_EQ(ReadAll(*reader).announced["finding"], 4U);
  EXPECT_EQ(journal.writer->counters().lost(LossClass::kFinding), 0U);
  journal.ExpectBooksBalance();
}

// The disk fills within a batch: whole frames stay, the torn one is cut away, the rest is counted.
TEST(JournalWriter, KeepsWholeFramesOfAShortWrite) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.files.room_bytes = 3 * kTestFrameBytes + 42;
  journal.Append(10);
  EXPECT_FALSE(journal.Flush());
  EXPECT_TRUE(journal.writer->failing());
  EXPECT_EQ(journal.writer->last_seq(), 8U);
  EXPECT_EQ(journal.writer->counters().lost(LossClass::kSession), 7U);
  EXPECT_EQ(journal.files.truncates, 1);
  EXPECT_EQ(std::filesystem::file_size(journal.Segment(1)),
            kSegmentHeaderBytes + 8 * kTestFrameBytes);

  journal.Append(2);  // still full
  EXPECT_FALSE(journal.Flush());
  EXPECT_EQ(journal.writer->counters().lost(LossClass::kSession), 9U);

  journal.files.room_bytes = UINT64_MAX;
  journal.Append(1);
  EXPECT_TRUE(journal.Flush());
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  std::vector<uint64_t> expected = Range(1, 8);
  expected.push_back(18);
  EXPECT_EQ(read.numbers, expected);
  EXPECT_EQ(read.announced.at("session"), 9U);
  EXPECT_EQ(reader->counters().missing_frames, 0U);
  EXPECT_EQ(reader->counters().torn_tails, 0U);
  journal.ExpectBooksBalance();
  ASSERT_EQ(journal.log.size(), 2U);
  EXPECT_THAT(journal.log[0], HasSubstr("cannot be written: No space left on device; events are "
                                        "lost, and counted, until it can"));
  EXPECT_THAT(journal.log[1], HasSubstr("is written again; 9 events were lost meanwhile"));
}

// At every possible byte of a batch.
TEST(JournalWriter, BalancesItsBooksWhereverTheDiskFills) {
  for (uint64_t room = 0; room <= kSegmentHeaderBytes + 3 * kTestFrameBytes + 1; ++room) {
    TestJournal journal;
    journal.Open();
    journal.files.room_bytes = room;
    journal.Append(3);
    journal.Flush();
    journal.files.room_bytes = UINT64_MAX;
    journal.Write(1);
    journal.ExpectBooksBalance();
    const auto reader = journal.Reader();
    const ReadBack read = ReadAll(*reader);
    const uint64_t whole = room < kSegmentHeaderBytes
                               ? 0
                               : std::min((room - kSegmentHeaderBytes) / kTestFrameBytes, 3UL);
    std::vector<uint64_t> expected = Range(1, whole);
    expected.push_back(4);
    ASSERT_EQ(read.numbers, expected) << room;
    ASSERT_EQ(read.announced.contains("session") ? read.announced.at("session") : 0, 3 - whole);
    ASSERT_EQ(reader->counters().missing_frames, 0U);
    ASSERT_EQ(reader->counters().damaged_places, 0U);
  }
}

// Else a reader could not acknowledge on a disk that the frames have filled.
TEST(JournalWriter, TakesTheAcknowledgementsPlaceAtItsStart) {
  TestJournal journal;
  journal.Open();
  EXPECT_EQ(std::filesystem::file_size(journal.dir.path() / kAckFileName), kAckFileBytes);
  journal.Write(3);
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).numbers, Range(1, 3));
}

// Else a disk smaller than one segment would stay full for ever.
TEST(JournalWriter, GivesAFullDiskBackOnceAllIsRead) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.files.room_bytes = 0;
  journal.Append(2);
  journal.Flush();
  const auto reader = journal.Reader();
  ASSERT_EQ(ReadAll(*reader).numbers, Range(1, 5));
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(ListSegments(journal.dir.path())->size(), 1U) << "nothing is acknowledged yet";
  ASSERT_TRUE(reader->Acknowledge(5).ok());
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(ListSegments(journal.dir.path())->size(), 0U);
  journal.files.room_bytes = UINT64_MAX;
  journal.Write(1);
  journal.ExpectBooksBalance();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.numbers, Range(8, 8));
  EXPECT_EQ(read.announced.at("session"), 2U);
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

TEST(JournalWriter, LeavesASegmentWhoseTornTailCannotBeCut) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.files.room_bytes = kTestFrameBytes + 42;
  journal.files.truncate_fails = true;
  journal.Append(3);
  EXPECT_FALSE(journal.Flush());
  journal.files.room_bytes = UINT64_MAX;
  journal.Write(2);
  EXPECT_EQ(journal.Segments().size(), 2U);
  EXPECT_EQ(journal.Segments().back().first_seq, 7U);
  EXPECT_EQ(journal.writer->counters().torn_tails, 1U);
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).numbers, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 9, 10}));
  EXPECT_EQ(reader->counters().torn_tails, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 0U);
  journal.ExpectBooksBalance();
}

TEST(JournalWriter, LeavesASegmentOnAMediumThatFails) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.files.write_error = EIO;
  journal.Append(3);
  EXPECT_FALSE(journal.Flush());
  journal.files.write_error = 0;
  journal.Write(2);
  EXPECT_EQ(journal.Segments().back().first_seq, 6U);
  EXPECT_EQ(ReadAll(*journal.Reader()).numbers, (std::vector<uint64_t>{1, 2, 3, 4, 5, 9, 10}));
  EXPECT_THAT(journal.log[0], HasSubstr("Input/output error"));
  journal.ExpectBooksBalance();
}

TEST(JournalWriter, CountsWhileNoSegmentCanBeMade) {
  TestJournal journal;
  journal.files.create_fails = true;
  journal.Open();
  journal.Append(4, LossClass::kFinding);
  EXPECT_FALSE(journal.Flush());
  EXPECT_EQ(journal.writer->counters().lost(LossClass::kFinding), 4U);
  EXPECT_TRUE(journal.Segments().empty());
  journal.files.create_fails = false;
  journal.Write(1);
  EXPECT_EQ(ReadAll(*journal.Reader()).announced.at("finding"), 4U);
  journal.ExpectBooksBalance();
}

TEST(JournalWriter, BeginsAnotherSegmentWhenASyncFails) {
  TestJournal journal;
  journal.sync_ms = 500;
  journal.Open();
  journal.files.sync_fails = true;
  journal.Append(2);
  EXPECT_FALSE(journal.Flush());
  EXPECT_EQ(journal.writer->counters().sync_faults, 1U);
  journal.files.sync_fails = false;
  journal.Write(2);
  EXPECT_EQ(journal.Segments().size(), 2U);
  EXPECT_EQ(ReadAll(*journal.Reader()).numbers, Range(1, 4));
}

TEST(JournalWriter, SyncsOnlyWhenDueAndOnlyAfterWriting) {
  TestJournal journal;
  journal.sync_ms = 3000;  // the clock moves two seconds a flush
  journal.Open();
  journal.clock.mono.ns = 100 * base::kNsPerSecond;
  for (int i = 0; i < 6; ++i) journal.Write(1);
  EXPECT_EQ(journal.files.syncs, 3);
  journal.Flush();  // what the sixth wrote
  EXPECT_EQ(journal.files.syncs, 4);
  journal.Flush();
  journal.Flush();
  EXPECT_EQ(journal.files.syncs, 4);
}

// The same through the kernel: a file that may not grow.
TEST(JournalWriter, SurvivesAFileSizeLimit) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const rlimit limit{kSegmentHeaderBytes + 7 * kTestFrameBytes + 50, old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &limit);
  journal.Append(10);
  const bool stored = journal.Flush();
  setrlimit(RLIMIT_FSIZE, &old_limit);
  signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(stored);
  EXPECT_EQ(journal.writer->last_seq(), 7U);
  journal.Write(1);
  const ReadBack read = ReadAll(*journal.Reader());
  EXPECT_EQ(read.numbers, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 16}));
  EXPECT_EQ(read.announced.at("session"), 8U);
  journal.ExpectBooksBalance();
}

TEST(JournalWriter, GoesOnWhenItsFilesAreDeleted) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).numbers, Range(1, 5));
  std::filesystem::remove(journal.Segment(1));
  std::filesystem::remove(journal.dir.path() / kAckFileName);
  journal.writer->DeleteAcknowledged();
  journal.Write(5);
  EXPECT_EQ(ReadAll(*reader).numbers, Range(6, 10));
  ASSERT_TRUE(reader->Acknowledge(10).ok());
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(journal.writer->acknowledged_seq(), 10U);
  EXPECT_THAT(journal.log, ElementsAre(HasSubstr("its files were deleted by somebody")));
}

// Frames behind damage have used up their numbers.
TEST(JournalWriter, NeverGivesANumberTwiceAfterDamage) {
  TestJournal journal;
  journal.Open();
  journal.Write(10);
  journal.writer.reset();
  OverwriteFile(journal.Segment(1), kSegmentHeaderBytes + 4 * kTestFrameBytes + 30, {1, 2, 3});
  journal.Open(2);
  journal.Write(1);
  EXPECT_EQ(journal.writer->last_seq(), 11U);
  OverwriteFile(journal.Segment(11), 20, {1, 2, 3});  // its header
  journal.Open(3);
  EXPECT_GT(journal.writer->last_seq(), 11U);
}

TEST(JournalWriter, LeavesATornTailAsItIs) {
  TestJournal journal;
  journal.Open();
  journal.Write(3);
  journal.writer.reset();
  AppendToFile(journal.Segment(1), {82, 0, 0, 0, 1, 2, 3});
  const auto bytes = std::filesystem::file_size(journal.Segment(1));
  journal.Open(2);
  EXPECT_EQ(journal.writer->counters().torn_tails, 1U);
  journal.Write(3);
  EXPECT_EQ(std::filesystem::file_size(journal.Segment(1)), bytes);
  EXPECT_EQ(ReadAll(*journal.Reader()).seqs, Range(1, 6));
}

}  // namespace
}  // namespace weir::events

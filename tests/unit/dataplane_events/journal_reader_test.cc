#include "dataplane/events/journal_reader.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

constexpr uint64_t FrameOffset(uint64_t index) {
  return kSegmentHeaderBytes + index * kTestFrameBytes;
}

TEST(JournalReader, WaitsForAFolderThatIsNotThereYet) {
  TempDir dir;
  const auto reader = JournalReader::Open(dir.path() / "later", {});
  ASSERT_TRUE(reader.ok());
  Frame frame;
  EXPECT_EQ((*reader)->Next(frame), ReadOutcome::kEnd);
  JournalWriter::Options options;
  options.dir = dir.path() / "later";
  auto writer = JournalWriter::Open(options);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ((*reader)->Next(frame), ReadOutcome::kEnd);
  (*writer)->Append(EventType::kSession, LossClass::kSession, NumberedPayload(1));
  (*writer)->Flush({}, {});
  EXPECT_EQ((*reader)->Next(frame), ReadOutcome::kFrame);
}

TEST(JournalReader, SaysWhyAFolderCannotBeRead) {
  const auto reader = JournalReader::Open("/dev/null", {});
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().message, "/dev/null: cannot be listed: Not a directory");
}

TEST(JournalReader, GivesTypeClassAndBootOfEachFrame) {
  TestJournal journal;
  journal.Open(77);
  journal.writer->Append(EventType::kFinding, LossClass::kFinding, NumberedPayload(1));
  ASSERT_TRUE(journal.Flush());
  const auto reader = journal.Reader();
  Frame frame;
  ASSERT_EQ(reader->Next(frame), ReadOutcome::kFrame);
  EXPECT_EQ(frame.type, EventType::kFinding);
  EXPECT_EQ(frame.loss_class, LossClass::kFinding);
  EXPECT_EQ(frame.boot_id, 77U);
  EXPECT_EQ(frame.seq, 1U);
}

TEST(JournalReader, FollowsItsWriterOverSegmentsAndRestarts) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  const auto reader = journal.Reader();
  uint64_t expected = 0;
  for (uint64_t boot = 1; boot <= 5; ++boot) {
    journal.Open(boot);
    for (size_t batch = 0; batch < 20; ++batch) {
      journal.Write(batch);
      EXPECT_EQ(ReadAll(*reader).seqs, Range(expected + 1, expected + batch));
      expected += batch;
    }
  }
  EXPECT_EQ(reader->counters().missing_frames, 0U);
  EXPECT_EQ(reader->counters().torn_tails, 0U);
}

// A consumer that dies at any frame and starts from the position it kept with its data.
TEST(JournalReader, GivesEachFrameOnceOverItsRestarts) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  journal.Open();
  journal.Write(500);
  const unsigned seed = std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  std::printf("seed %u\n", seed);
  std::minstd_rand random(seed);
  Position kept;
  std::vector<uint64_t> stored;
  while (stored.size() < 500) {
    const auto reader = journal.Reader(*DecodePosition(EncodePosition(kept)));
    std::vector<uint64_t> uncommitted;
    Frame frame;
    for (size_t left = random() % 40; left > 0; --left) {
      if (reader->Next(frame) != ReadOutcome::kFrame) break;
      uncommitted.push_back(frame.seq);
      if (random() % 4 != 0) continue;
      stored.insert(stored.end(), uncommitted.begin(), uncommitted.end());
      uncommitted.clear();
      kept = reader->position();
    }
    ASSERT_EQ(reader->counters().missing_frames, 0U);
  }
  EXPECT_EQ(stored, Range(1, 500));
}

TEST(JournalReader, WaitsAtATornTailOfTheNewestSegment) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.writer.reset();
  const auto reader = journal.Reader();
  // The fifth frame comes in three pieces.
  const auto path = journal.Segment(1);
  std::ifstream file(path, std::ios::binary);
  std::vector<char> whole(FrameOffset(5));
  file.read(whole.data(), static_cast<std::streamsize>(whole.size()));
  std::filesystem::resize_file(path, FrameOffset(4) + 7);
  EXPECT_EQ(ReadAll(*reader).numbers, Range(1, 4));
  AppendToFile(path, {whole.begin() + static_cast<ptrdiff_t>(FrameOffset(4)) + 7,
                      whole.begin() + static_cast<ptrdiff_t>(FrameOffset(4)) + 60});
  EXPECT_TRUE(ReadAll(*reader).numbers.empty());
  AppendToFile(path, {whole.begin() + static_cast<ptrdiff_t>(FrameOffset(4)) + 60, whole.end()});
  EXPECT_EQ(ReadAll(*reader).numbers, Range(5, 5));
  EXPECT_EQ(reader->counters().torn_tails, 0U);
  EXPECT_EQ(reader->counters().damaged_places, 0U);
}

TEST(JournalReader, SkipsATornTailOfAnOlderSegment) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.writer.reset();
  std::filesystem::resize_file(journal.Segment(1), FrameOffset(4) + 7);
  journal.Open(2);
  journal.Write(5);
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.seqs, Range(1, 9));
  EXPECT_EQ(reader->counters().torn_tails, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 0U);
  EXPECT_EQ(read.damaged_reports, 0U);
}

// The next segment's header is on its way: until then the old one is looked at again and again.
TEST(JournalReader, CountsATornTailOnceHoweverOftenItLooks) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.writer.reset();
  std::filesystem::resize_file(journal.Segment(1), FrameOffset(4) + 7);
  AppendToFile(journal.Segment(5), {'W', 'E', 'I', 'R'});
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 4));
  for (int look = 0; look < 3; ++look) EXPECT_TRUE(ReadAll(*reader).seqs.empty());
  EXPECT_EQ(reader->counters().torn_tails, 0U);
  journal.Open(2);
  journal.Write(5);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(5, 9));
  EXPECT_EQ(reader->counters().torn_tails, 1U);
}

TEST(JournalReader, CountsADamagedFrameAndGoesOnWithTheNext) {
  TestJournal journal;
  journal.Open();
  journal.Write(10);
  OverwriteFile(journal.Segment(1), FrameOffset(3) + 50, {1, 2, 3});
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.seqs, (std::vector<uint64_t>{1, 2, 3, 5, 6, 7, 8, 9, 10}));
  EXPECT_EQ(read.damaged_reports, 1U);
  EXPECT_EQ(reader->counters().damaged_places, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 1U);
}

TEST(JournalReader, IsNotLedAstrayByADamagedLength) {
  for (const uint8_t length : {uint8_t{0}, uint8_t{10}, uint8_t{0xff}}) {
    TestJournal journal;
    journal.Open();
    journal.Write(10);
    OverwriteFile(journal.Segment(1), FrameOffset(8), {length, 1});
    const auto reader = journal.Reader();
    EXPECT_EQ(ReadAll(*reader).seqs, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 10}));
    EXPECT_EQ(reader->counters().missing_frames, 1U);
  }
}

TEST(JournalReader, CountsADamagedEndOfAnOlderSegment) {
  TestJournal journal;
  journal.segment_bytes = 3000;  // 28 frames in each
  journal.Open();
  journal.Write(60);
  OverwriteFile(journal.Segment(1), FrameOffset(26) + 30, std::vector<uint8_t>(170, 0));
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.seqs.size(), 58U);
  EXPECT_EQ(read.damaged_reports, 1U);
  EXPECT_EQ(reader->counters().damaged_places, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 2U);
}

TEST(JournalReader, FindsItsWayOverDamageLargerThanItsWindow) {
  TestJournal journal;
  journal.max_bytes = 8 << 20;
  journal.segment_bytes = 2 << 20;
  journal.Open();
  journal.Write(8000);
  OverwriteFile(journal.Segment(1), FrameOffset(10), std::vector<uint8_t>(600'050, 2));
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.seqs.size(), 8000U - 6001);
  EXPECT_EQ(reader->counters().damaged_places, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 6001U);
}

// The power failed: the file has its length, but its last bytes never came.
TEST(JournalReader, SkipsZerosAtTheEnd) {
  TestJournal journal;
  journal.Open();
  journal.Write(5);
  journal.writer.reset();
  AppendToFile(journal.Segment(1), std::vector<uint8_t>(5000));
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 5));
  journal.Open(2);
  journal.Write(5);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(6, 10));
  EXPECT_EQ(reader->counters().damaged_places, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

TEST(JournalReader, SkipsASegmentWithADamagedHeader) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  journal.Open();
  journal.Write(80);
  OverwriteFile(journal.Segment(29), 50, {1, 2, 3});
  const auto reader = journal.Reader();
  const ReadBack read = ReadAll(*reader);
  EXPECT_EQ(read.seqs.size(), 80U - 28);
  EXPECT_EQ(read.damaged_reports, 1U);
  EXPECT_EQ(reader->counters().damaged_segments, 1U);
  EXPECT_EQ(reader->counters().missing_frames, 28U);
}

TEST(JournalReader, RefusesAnotherVersion) {
  TestJournal journal;
  journal.Open();
  journal.Write(1);
  journal.writer.reset();
  auto bytes = EncodeSegmentHeader({1, 1, 1, 1, {}, "s"});
  bytes[8] = 2;
  // The checksum of a header whose version is 2, found by trying the one place it can be.
  std::vector<uint8_t> covered(bytes.begin(), bytes.begin() + 12);
  covered.insert(covered.end(), bytes.begin() + 16, bytes.end());
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : covered) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320U : 0U);
  }
  crc = ~crc;
  std::memcpy(bytes.data() + 12, &crc, sizeof crc);
  OverwriteFile(journal.Segment(1), 0, {bytes.begin(), bytes.end()});
  const auto reader = journal.Reader();
  Frame frame;
  EXPECT_EQ(reader->Next(frame), ReadOutcome::kFailed);
  EXPECT_EQ(reader->error(), journal.Segment(1).string() + ": written by another version of Weir");
}

TEST(JournalReader, CountsWhatWasDeletedBeneathAnOldPosition) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  journal.Open();
  journal.Write(100);
  Position position;
  {
    const auto reader = journal.Reader();
    Frame frame;
    for (int i = 0; i < 10; ++i) ASSERT_EQ(reader->Next(frame), ReadOutcome::kFrame);
    position = reader->position();
  }
  std::filesystem::remove(journal.Segment(1));   // 1…28
  std::filesystem::remove(journal.Segment(29));  // …56
  const auto reader = journal.Reader(position);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(57, 100));
  EXPECT_EQ(reader->counters().missing_frames, 46U);
}

// The consumer had read its segment to the end when it was deleted.
TEST(JournalReader, LosesNothingWhenItsReadSegmentIsDeleted) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  journal.Open();
  journal.Write(28);
  Position position;
  {
    const auto reader = journal.Reader();
    EXPECT_EQ(ReadAll(*reader).seqs.size(), 28U);
    position = reader->position();
    ASSERT_TRUE(reader->Acknowledge(28).ok());
  }
  journal.Write(10);
  journal.writer->DeleteAcknowledged();
  ASSERT_EQ(journal.Segments().size(), 1U);
  const auto reader = journal.Reader(position);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(29, 38));
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

// Its file went and an earlier one is still there: nothing is given twice.
TEST(JournalReader, DoesNotGoBackToAnEarlierSegment) {
  TestJournal journal;
  journal.segment_bytes = 3000;
  journal.Open();
  journal.Write(40);
  const auto first = journal.Reader();
  EXPECT_EQ(ReadAll(*first).seqs, Range(1, 40));
  const Position position = first->position();
  journal.writer.reset();
  std::filesystem::remove(journal.Segment(29));
  const auto reader = journal.Reader(position);
  EXPECT_TRUE(ReadAll(*reader).seqs.empty());
}

TEST(JournalReader, DoesNotRepeatASegmentThatBecameShorter) {
  TestJournal journal;
  journal.Open();
  journal.Write(10);
  const auto first = journal.Reader();
  ReadAll(*first);
  const Position position = first->position();
  journal.writer.reset();
  std::filesystem::resize_file(journal.Segment(1), FrameOffset(8));
  const auto reader = journal.Reader(position);
  EXPECT_TRUE(ReadAll(*reader).seqs.empty());
}

TEST(JournalReader, BeginsAnewInAJournalThatWasReplaced) {
  TestJournal journal;
  journal.Open();
  journal.Write(10);
  const auto running = journal.Reader();
  ReadAll(*running);
  const Position position = running->position();
  journal.writer.reset();
  for (const auto& entry : std::filesystem::directory_iterator(journal.dir.path())) {
    std::filesystem::remove(entry.path());
  }
  journal.Open(2);
  journal.Write(4);
  const auto restarted = journal.Reader(position);
  for (JournalReader* reader : {running.get(), restarted.get()}) {
    EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 4));
    EXPECT_EQ(reader->counters().journals_replaced, 1U);
    EXPECT_EQ(reader->counters().missing_frames, 0U);
  }
}

// A writer that died before its first frame, and the next one that takes the same number.
TEST(JournalReader, FollowsASegmentThatIsBegunAgain) {
  TestJournal journal;
  journal.Open();
  journal.Write(1);
  journal.writer.reset();
  std::filesystem::resize_file(journal.Segment(1), FrameOffset(0) + 20);
  const auto reader = journal.Reader();
  EXPECT_TRUE(ReadAll(*reader).seqs.empty());
  journal.Open(2);
  journal.Write(3);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 3));
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

TEST(JournalReader, AcknowledgesForwardsOnly) {
  TestJournal journal;
  journal.Open();
  journal.Write(20);
  const auto reader = journal.Reader();
  ASSERT_TRUE(reader->Acknowledge(5).ok());  // nothing read yet: nothing to say
  journal.writer->DeleteAcknowledged();
  EXPECT_EQ(journal.writer->acknowledged_seq(), 0U);
  ReadAll(*reader);
  for (const uint64_t seq : std::vector<uint64_t>{5, 12, 9}) {
    ASSERT_TRUE(reader->Acknowledge(seq).ok());
    journal.writer->DeleteAcknowledged();
    EXPECT_EQ(journal.writer->acknowledged_seq(), std::max<uint64_t>(seq, seq == 9 ? 12 : seq));
  }
}

TEST(JournalReader, WakesWhenItsWriterWrites) {
  TestJournal journal;
  journal.Open();
  const auto reader = journal.Reader();
  reader->Wait(0);  // sets the watch
  journal.Write(1);
  const base::MonoTime before = base::MonoNow();
  reader->Wait(60'000);
  EXPECT_LT(base::MonoNow().ns - before.ns, 30 * base::kNsPerSecond);
  EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 1));
}

// Whatever happens to the bytes, only frames that were written come out, in order, and the numbers
// that do not come are counted as far as a later frame shows them.
TEST(JournalReader, GivesOnlyWhatWasWrittenFromADamagedJournal) {
  const unsigned seed = std::random_device()();
  std::printf("seed %u\n", seed);
  std::minstd_rand random(seed);
  for (int round = 0; round < 200; ++round) {
    TestJournal journal;
    journal.segment_bytes = 3000;
    journal.Open();
    journal.Write(100);
    for (size_t hits = 1 + random() % 4; hits > 0; --hits) {
      const auto segments = journal.Segments();
      const SegmentFile& segment = segments[random() % segments.size()];
      std::vector<uint8_t> junk(1 + random() % 300);
      for (uint8_t& byte : junk) byte = static_cast<uint8_t>(random());
      OverwriteFile(journal.Segment(segment.first_seq), random() % segment.bytes, junk);
    }
    const auto reader = journal.Reader();
    const ReadBack read = ReadAll(*reader);  // checks each payload
    ASSERT_TRUE(std::is_sorted(read.seqs.begin(), read.seqs.end())) << round;
    ASSERT_EQ(read.seqs, read.numbers) << round;
    if (read.seqs.empty()) continue;
    const uint64_t unseen_before = read.seqs.front() - 1;
    ASSERT_LE(reader->counters().missing_frames, read.seqs.back() - read.seqs.size()) << round;
    ASSERT_GE(reader->counters().missing_frames + unseen_before,
              read.seqs.back() - read.seqs.size())
        << round;
  }
}

}  // namespace
}  // namespace weir::events

// A writer that goes on between two looks of a reader. This program has a pread and a readdir of
// its own, so that a test decides what happens between which of them.
#include <dirent.h>
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

std::function<void(size_t)> before_read;  // with the number of the read, from 0
size_t reads = 0;
std::function<bool(std::string_view)> hides_entry;  // of a directory

// The bytes of `count` frames as a writer appends them, cut off its segment again.
std::vector<uint8_t> TakeAppended(TestJournal& journal, size_t count) {
  const auto path = journal.Segment(1);
  const uint64_t before = std::filesystem::file_size(path);
  journal.Write(count);
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(before));
  std::vector<uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  std::filesystem::resize_file(path, before);
  return bytes;
}

// Whichever of its reads comes between the halves of a write, the reader misses no frame of it.
TEST(JournalRace, ReadsAWriteInHalvesWhole) {
  constexpr size_t kReadsMax = 20;  // more than it makes
  for (size_t moment = 0; moment < kReadsMax; ++moment) {
    for (const size_t half : {size_t{1}, size_t{30}, kTestFrameBytes + 50}) {
      TestJournal journal;
      journal.Open();
      journal.Write(1);
      const auto bytes = TakeAppended(journal, 3);
      ASSERT_EQ(bytes.size(), 3 * kTestFrameBytes);
      const auto cut = bytes.begin() + static_cast<ptrdiff_t>(half);
      AppendToFile(journal.Segment(1), {bytes.begin(), cut});
      reads = 0;
      before_read = [&](size_t number) {
        if (number == moment) AppendToFile(journal.Segment(1), {cut, bytes.end()});
      };
      const auto reader = journal.Reader();
      std::vector<uint64_t> seqs = ReadAll(*reader).seqs;
      if (reads <= moment) AppendToFile(journal.Segment(1), {cut, bytes.end()});
      before_read = nullptr;
      for (const uint64_t seq : ReadAll(*reader).seqs) seqs.push_back(seq);
      EXPECT_EQ(seqs, Range(1, 4)) << "read " << moment << ", half " << half;
      EXPECT_EQ(reader->counters().missing_frames, 0U);
      EXPECT_EQ(reader->counters().damaged_places, 0U);
    }
  }
}

// A write that failed leaves half of a frame. Whichever of the reader's reads comes before the
// writer cuts that away, writes less in its place and begins the next segment, no frame of it is
// missed.
TEST(JournalRace, ReadsWhatTakesThePlaceOfATornTail) {
  constexpr size_t kReadsMax = 20;
  for (size_t moment = 0; moment < kReadsMax; ++moment) {
    TestJournal journal;
    journal.Open();
    journal.Write(4);
    const uint64_t whole_bytes = std::filesystem::file_size(journal.Segment(1));
    AppendToFile(journal.Segment(1), std::vector<uint8_t>(9 * kTestFrameBytes, 'x'));
    const auto go_on = [&] {
      before_read = nullptr;
      std::filesystem::resize_file(journal.Segment(1), whole_bytes);
      journal.Write(5);
      journal.Open(2);
      journal.Write(3);
    };
    const auto reader = journal.Reader();
    reads = 0;
    before_read = [&](size_t number) {
      if (number == moment) go_on();
    };
    std::vector<uint64_t> seqs = ReadAll(*reader).seqs;
    if (before_read) go_on();
    for (const uint64_t seq : ReadAll(*reader).seqs) seqs.push_back(seq);
    EXPECT_EQ(seqs, Range(1, 12)) << "before read " << moment;
    EXPECT_EQ(reader->counters().missing_frames, 0U) << "before read " << moment;
  }
}

// Two segments are begun while the directory is read, and it shows the second alone.
TEST(JournalRace, SkipsNoSegmentThatADirectoryHides) {
  TestJournal journal;
  journal.Open();
  journal.Write(4);
  const auto reader = journal.Reader();
  EXPECT_EQ(ReadAll(*reader).seqs, Range(1, 4));
  // The old segment was looked at for the last time when the next was begun; which failed.
  AppendToFile(journal.Segment(5), {'W', 'E', 'I', 'R'});
  EXPECT_TRUE(ReadAll(*reader).seqs.empty());
  std::filesystem::remove(journal.Segment(5));
  journal.Open(2);
  journal.Write(3);
  journal.Open(3);
  journal.Write(2);
  const std::string hidden = SegmentFileName(5);
  int lists = 0;
  hides_entry = [&](std::string_view name) {
    if (name == ".") ++lists;
    return lists == 1 && name == hidden;
  };
  const ReadBack read = ReadAll(*reader);
  hides_entry = nullptr;
  EXPECT_GT(lists, 0) << "the directory is read in another way";
  EXPECT_EQ(read.seqs, Range(5, 9));
  EXPECT_EQ(reader->counters().missing_frames, 0U);
}

}  // namespace
}  // namespace weir::events

extern "C" ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  using Pread = ssize_t(int, void*, size_t, off_t);
  static auto* const real = reinterpret_cast<Pread*>(dlsym(RTLD_NEXT, "pread"));
  using weir::events::before_read;
  if (before_read) before_read(weir::events::reads++);
  return real(fd, bytes, count, offset);
}

extern "C" dirent* readdir(DIR* directory) {
  using Readdir = dirent*(DIR*);
  static auto* const real = reinterpret_cast<Readdir*>(dlsym(RTLD_NEXT, "readdir"));
  dirent* entry = real(directory);
  using weir::events::hides_entry;
  while (entry != nullptr && hides_entry && hides_entry(entry->d_name)) entry = real(directory);
  return entry;
}

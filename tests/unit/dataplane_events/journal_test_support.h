// A folder of its own, numbered events and a disk that fails on demand, for the journal's tests.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/events/journal_files.h"
#include "dataplane/events/journal_reader.h"
#include "dataplane/events/journal_writer.h"

namespace weir::events {

class TempDir {
 public:
  TempDir() {
    std::string name = std::filesystem::temp_directory_path() / "weir-journal-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// A disk with so much room, and calls that can be made to fail.
class FaultyFiles : public JournalFiles {
 public:
  uint64_t room_bytes = UINT64_MAX;
  int write_error = 0;  // above 0: every write fails so
  bool create_fails = false;
  bool truncate_fails = false;
  bool sync_fails = false;
  int truncates = 0;
  int syncs = 0;

  int Create(const std::string& path) override {
    if (create_fails) return Fault(ENOSPC);
    return JournalFiles::Create(path);
  }
  ssize_t Write(int fd, const void* bytes, size_t count, off_t offset) override {
    if (write_error > 0) return Fault(write_error);
    if (room_bytes == 0) return Fault(ENOSPC);
    const ssize_t written =
        JournalFiles::Write(fd, bytes, std::min<uint64_t>(count, room_bytes), offset);
    if (written > 0) room_bytes -= static_cast<uint64_t>(written);
    return written;
  }
  int Truncate(int fd, off_t bytes) override {
    ++truncates;
    if (truncate_fails) return Fault(EIO);
    return JournalFiles::Truncate(fd, bytes);
  }
  int Sync(int fd) override {
    ++syncs;
    if (sync_fails) return Fault(EIO);
    return JournalFiles::Sync(fd);
  }

 private:
  static int Fault(int error) {
    errno = error;
    return -1;
  }
};

inline constexpr size_t kTestPayloadBytes = 82;
inline constexpr size_t kTestFrameBytes = kFrameHeaderBytes + kTestPayloadBytes;
static_assert(kTestFrameBytes == 100);

// `number` and bytes that follow from it, so that a mixed-up frame shows.
inline std::vector<uint8_t> NumberedPayload(uint64_t number) {
  std::vector<uint8_t> payload(kTestPayloadBytes, static_cast<uint8_t>(number * 7));
  std::memcpy(payload.data(), &number, sizeof number);
  return payload;
}

inline uint64_t NumberOf(std::span<const uint8_t> payload) {
  uint64_t number = 0;
  std::memcpy(&number, payload.data(), sizeof number);
  return number;
}

// Time that the test moves on: each flush is two seconds behind the last.
struct TestClock {
  base::WallTime wall{1'000'000'000};
  base::MonoTime mono{1'000'000'000};
  void Tick() {
    wall.ns += 2 * base::kNsPerSecond;
    mono.ns += 2 * base::kNsPerSecond;
  }
};

struct TestJournal {
  TempDir dir;
  FaultyFiles files;
  TestClock clock;
  std::vector<std::string> log;
  std::unique_ptr<JournalWriter> writer;
  uint64_t max_bytes = 1 << 20;
  uint64_t segment_bytes = 64 * 1024;
  uint32_t sync_ms = 0;
  uint64_t next_number = 1;

  void Open(uint64_t boot_id = 1) {
    writer.reset();
    JournalWriter::Options options;
    options.dir = dir.path();
    options.max_bytes = max_bytes;
    options.segment_bytes = segment_bytes;
    options.sync_ms = sync_ms;
    options.boot_id = boot_id;
    options.sensor = "gate-1";
    options.files = &files;
    options.log = [this](std::string_view line) { log.emplace_back(line); };
    auto opened = JournalWriter::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    writer = std::move(*opened);
  }
  void Append(size_t count, LossClass loss_class = LossClass::kSession) {
    for (size_t i = 0; i < count; ++i) {
      writer->Append(EventType::kSession, loss_class, NumberedPayload(next_number++));
    }
  }
  bool Flush() {
    clock.Tick();
    return writer->Flush(clock.wall, clock.mono);
  }
  // Some events, all on disk.
  void Write(size_t count) {
    Append(count);
    ASSERT_TRUE(Flush());
  }
  std::filesystem::path Segment(uint64_t first_seq) const {
    return dir.path() / SegmentFileName(first_seq);
  }
  std::vector<SegmentFile> Segments() const { return ListSegments(dir.path()).value(); }
  std::unique_ptr<JournalReader> Reader(const Position& from = {}) const {
    return JournalReader::Open(dir.path(), from).value();
  }
  void ExpectBooksBalance() const {
    const JournalCounters& counters = writer->counters();
    for (size_t i = 0; i < kLossClasses; ++i) {
      EXPECT_EQ(counters.offered[i], counters.stored[i] + counters.lost(static_cast<LossClass>(i)))
          << LossClassName(static_cast<LossClass>(i));
    }
  }
};

struct ReadBack {
  std::vector<uint64_t> numbers;              // of numbered payloads
  std::vector<uint64_t> seqs;                 // of all frames
  std::map<std::string, uint64_t> announced;  // by class, from kEventsLost events
  size_t damaged_reports = 0;
};

// Everything up to the end.
inline ReadBack ReadAll(JournalReader& reader) {
  ReadBack read;
  Frame frame;
  while (true) {
    const ReadOutcome outcome = reader.Next(frame);
    if (outcome == ReadOutcome::kDamaged) {
      ++read.damaged_reports;
      continue;
    }
    EXPECT_NE(outcome, ReadOutcome::kFailed) << reader.error();
    if (outcome != ReadOutcome::kFrame) return read;
    read.seqs.push_back(frame.seq);
    if (frame.type == EventType::kHealth) {
      const auto event = DecodeHealth(frame.payload);
      EXPECT_TRUE(event.ok());
      if (event->kind == HealthKind::kEventsLost) {
        read.announced[std::string(event->detail)] += event->value;
      }
      continue;
    }
    const uint64_t number = NumberOf(frame.payload);
    EXPECT_EQ(std::vector<uint8_t>(frame.payload.begin(), frame.payload.end()),
              NumberedPayload(number));
    read.numbers.push_back(number);
  }
}

inline std::vector<uint64_t> Range(uint64_t first, uint64_t last) {
  std::vector<uint64_t> range;
  for (uint64_t i = first; i <= last; ++i) range.push_back(i);
  return range;
}

inline void OverwriteFile(const std::filesystem::path& path, uint64_t offset,
                          const std::vector<uint8_t>& bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  for (const uint8_t byte : bytes) file.put(static_cast<char>(byte));
  ASSERT_TRUE(file.good());
}

inline void AppendToFile(const std::filesystem::path& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::app | std::ios::binary);
  for (const uint8_t byte : bytes) file.put(static_cast<char>(byte));
}

}  // namespace weir::events

#include "dataplane/events/journal_recovery.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "dataplane/base/unique_fd.h"

namespace weir::events {
namespace {

base::Result<std::vector<uint8_t>> ReadFile(const std::filesystem::path& path, size_t bytes_max) {
  const auto fail = [&] {
    return base::Error{fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno))};
  };
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail();
  std::vector<uint8_t> bytes(bytes_max);
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got =
        ::pread(fd.get(), bytes.data() + size, bytes.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  bytes.resize(size);
  return bytes;
}

struct Tail {
  uint64_t next_seq = 0;
  bool torn = false;
};

// Behind the last good frame, over damaged places.
Tail FindTail(std::span<const uint8_t> segment, const SegmentHeader& header) {
  Tail tail{header.first_seq, false};
  std::optional<size_t> offset = kSegmentHeaderBytes;
  while (offset && *offset < segment.size()) {
    const ParsedFrame parsed = ParseFrame(segment.subspan(*offset), header.salt);
    if (parsed.state == FrameState::kGood) {
      tail.next_seq = std::max(tail.next_seq, parsed.frame.seq + 1);
      offset = *offset + parsed.frame_bytes;
      continue;
    }
    offset = FindFrame(segment, *offset + 1, header.salt);
  }
  tail.torn = !offset.has_value();
  return tail;
}

// The newest header that verifies, of all segments.
base::Result<uint64_t> FindJournalId(const std::filesystem::path& dir,
                                     const std::vector<SegmentFile>& segments) {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    const auto bytes = ReadFile(dir / SegmentFileName(segment->first_seq), kSegmentHeaderBytes);
    if (!bytes) return bytes.error();
    const ParsedHeader parsed = ParseSegmentHeader(*bytes);
    if (parsed.state == HeaderState::kGood) return parsed.header.journal_id;
  }
  return uint64_t{0};
}

}  // namespace

base::Result<RecoveredJournal> RecoverJournal(const std::filesystem::path& dir,
                                              const std::optional<Acknowledgement>& ack) {
  auto segments = ListSegments(dir);
  if (!segments) return segments.error();
  RecoveredJournal found;
  found.segments = *segments;
  const auto journal_id = FindJournalId(dir, found.segments);
  if (!journal_id) return journal_id.error();
  found.journal_id = *journal_id;
  if (!found.segments.empty()) {
    const SegmentFile newest = found.segments.back();
    const std::filesystem::path path = dir / SegmentFileName(newest.first_seq);
    const auto bytes = ReadFile(path, newest.bytes);
    if (!bytes) return bytes.error();
    const ParsedHeader parsed = ParseSegmentHeader(*bytes);
    switch (parsed.state) {
      case HeaderState::kGood: {
        const Tail tail = FindTail(*bytes, parsed.header);
        found.next_seq = tail.next_seq;
        found.read_end_seq = tail.next_seq;
        found.torn_tails = tail.torn ? 1 : 0;
        break;
      }
      case HeaderState::kShort:  // its writer died while it began the segment: nothing is in it
        found.next_seq = newest.first_seq;
        found.read_end_seq = newest.first_seq;
        found.torn_tails = 1;
        break;
      case HeaderState::kDamaged:  // its frames cannot be read: a number that none of them can have
        found.next_seq = newest.first_seq + newest.bytes / kFrameHeaderBytes + 1;
        found.read_end_seq = newest.first_seq;
        found.torn_tails = 1;
        break;
      case HeaderState::kOtherVersion:
        return base::Error{
            fmt::format("{}: written by another version of Weir; let that weir-control read it to "
                        "its end, then "
                        "empty the folder",
                        path.string())};
    }
  }
  if (ack && found.journal_id == 0) found.journal_id = ack->journal_id;
  if (ack && found.journal_id == ack->journal_id) {
    found.next_seq = std::max(found.next_seq, ack->seq + 1);
    found.read_end_seq = std::max(found.read_end_seq, ack->seq + 1);
  }
  return found;
}

}  // namespace weir::events

#include "dataplane/events/journal_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::events {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
static_assert(kReadBytes > 2 * kFrameBytesMax, "a search goes on where the last window could not");

// A directory that changed so recently may change again without a newer time stamp.
constexpr int64_t kSettledNs = 2 * base::kNsPerSecond;

// The bytes read, or -1 with errno.
ssize_t ReadAt(int fd, std::span<uint8_t> out, uint64_t offset) {
  size_t size = 0;
  while (size < out.size()) {
    const ssize_t got =
        ::pread(fd, out.data() + size, out.size() - size, static_cast<off_t>(offset + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return static_cast<ssize_t>(size);
}

// A directory that changes while it is read may show a new segment and not the one before it, which
// would be skipped then. Once two lists are the same, what is older than any of it was there before
// the second was begun, and is in it.
base::Result<std::vector<SegmentFile>> ListTwice(const std::filesystem::path& dir) {
  const auto same_file = [](const SegmentFile& a, const SegmentFile& b) {
    return a.first_seq == b.first_seq;
  };
  auto last = ListSegments(dir);
  while (last) {
    auto segments = ListSegments(dir);
    const bool same = segments && std::equal(last->begin(), last->end(), segments->begin(),
                                             segments->end(), same_file);
    last = std::move(segments);
    if (same) break;
  }
  return last;
}

}  // namespace

JournalReader::JournalReader(std::filesystem::path dir, const Position& from)
    : dir_(std::move(dir)), position_(from), buffer_(kReadBytes) {}

base::Result<std::unique_ptr<JournalReader>> JournalReader::Open(std::filesystem::path dir,
                                                                 const Position& from) {
  const auto listed = ListSegments(dir);  // a directory that may not be read is known at once
  if (!listed) return listed.error();
  return std::unique_ptr<JournalReader>(new JournalReader(std::move(dir), from));
}

ReadOutcome JournalReader::Next(Frame& frame) {
  while (true) {
    switch (NextStep(frame)) {
      case Step::kAgain:
        continue;
      case Step::kFrame:
        return ReadOutcome::kFrame;
      case Step::kEnd:
        return ReadOutcome::kEnd;
      case Step::kDamaged:
        return ReadOutcome::kDamaged;
      case Step::kFailed:
        return ReadOutcome::kFailed;
    }
  }
}

JournalReader::Step JournalReader::NextStep(Frame& frame) {
  if (!segment_) return Locate();
  ParsedFrame parsed = ParseFrame(Unread(), header_.salt);
  if (parsed.state == FrameState::kGood) return TakeFrame(parsed, frame);
  if (!Refill()) return Fail("cannot be read", errno);
  parsed = ParseFrame(Unread(), header_.salt);
  if (parsed.state == FrameState::kGood) return TakeFrame(parsed, frame);
  return Unread().empty() ? AtEnd(FrameState::kShort) : AtBadFrame(parsed.state);
}

JournalReader::Step JournalReader::TakeFrame(const ParsedFrame& parsed, Frame& frame) {
  position_.offset += parsed.frame_bytes;
  searched_bytes_ = 0;
  const uint64_t seq = parsed.frame.seq;
  if (seq < skip_below_) return Step::kAgain;
  if (seq > position_.next_seq) counters_.missing_frames += seq - position_.next_seq;
  position_.next_seq = seq + 1;
  frame = parsed.frame;
  frame.boot_id = header_.boot_id;
  ++counters_.frames;
  return Step::kFrame;
}

// Bytes that are no frame: the writer's last one not yet whole, or damage with frames behind it.
JournalReader::Step JournalReader::AtBadFrame(FrameState state) {
  const Step step = FindNextFrame();
  if (step == Step::kDamaged) ++counters_.damaged_places;
  return step == Step::kEnd ? AtEnd(state) : step;
}

// Nothing more can be read from this segment now. `state` says what the unread rest is, if there is
// one.
JournalReader::Step JournalReader::AtEnd(FrameState state) {
  // First the directory, then the file: what the writer added before it began the next segment is
  // seen.
  if (!ListIfChanged()) return Step::kFailed;
  struct stat status {};
  if (::fstat(segment_.get(), &status) != 0) return Fail("cannot be read", errno);
  const auto size = static_cast<uint64_t>(status.st_size);
  const uint64_t seen = std::max(buffer_offset_ + buffer_bytes_, searched_bytes_);
  if (size > seen) return Step::kAgain;

  const bool newer = !listed_.empty() && listed_.back().first_seq > position_.segment_seq;
  const bool deleted = status.st_nlink == 0;
  if (!newer && !deleted) return Step::kEnd;
  // Nobody writes to this segment any more. But its size alone does not tell what is new: the
  // writer may have cut away the half frame that was seen here, and written others, shorter, in its
  // place.
  if (!final_look_) {
    final_look_ = true;
    searched_bytes_ = 0;
    buffer_offset_ = position_.offset;
    buffer_bytes_ = 0;
    return Step::kAgain;
  }
  // The old segment is left only once the newer one is open, so that its rest is counted once.
  const bool rest = size > position_.offset;
  if (!newer) segment_.Reset();
  const Step step = newer ? Advance() : Locate();
  const bool left = step == Step::kAgain || step == Step::kDamaged || !newer;
  if (!rest || !left) return step;
  if (state == FrameState::kShort) ++counters_.torn_tails;
  if (state == FrameState::kDamaged) ++counters_.damaged_places;
  return state == FrameState::kDamaged ? Step::kDamaged : step;
}

// Finds the position's segment, or what comes closest to it.
JournalReader::Step JournalReader::Locate() {
  if (!ListIfChanged()) return Step::kFailed;
  if (listed_.empty()) return Step::kEnd;
  if (position_.next_seq == 0) return OpenFrom(0);
  const uint64_t wanted = position_.segment_seq;
  const auto same = std::find_if(listed_.begin(), listed_.end(), [&](const SegmentFile& segment) {
    return segment.first_seq == wanted;
  });
  if (same != listed_.end()) return OpenFrom(static_cast<size_t>(same - listed_.begin()));
  // The segment is gone: the next frame is in the last one that begins at or below its number.
  size_t index = 0;
  while (index + 1 < listed_.size() && listed_[index + 1].first_seq <= position_.next_seq) ++index;
  return OpenFrom(index);
}

JournalReader::Step JournalReader::Advance() {
  size_t index = 0;
  while (listed_[index].first_seq <= position_.segment_seq) ++index;
  return OpenFrom(index);
}

// Opens the first segment from `index` on whose header verifies.
JournalReader::Step JournalReader::OpenFrom(size_t index) {
  Step step = Step::kEnd;
  bool damaged = false;
  const std::vector<SegmentFile> segments(listed_.begin() + static_cast<ptrdiff_t>(index),
                                          listed_.end());
  for (const SegmentFile& segment : segments) {
    step = OpenSegment(segment, &segment == &segments.back());
    if (step != Step::kDamaged) break;
    damaged = true;
  }
  return step == Step::kAgain && damaged ? Step::kDamaged : step;
}

// kAgain: it is open. kEnd: not yet. kDamaged: try the next one.
JournalReader::Step JournalReader::OpenSegment(const SegmentFile& segment, bool last) {
  const std::filesystem::path path = dir_ / SegmentFileName(segment.first_seq);
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    listed_mtime_ns_ = -1;
    return error == ENOENT ? Step::kEnd : Fail(SegmentFileName(segment.first_seq), error);
  }
  std::array<uint8_t, kSegmentHeaderBytes> bytes{};
  const ssize_t got = ReadAt(fd.get(), bytes, 0);
  if (got < 0) return Fail(SegmentFileName(segment.first_seq), errno);
  ParsedHeader parsed = ParseSegmentHeader(std::span(bytes).first(static_cast<size_t>(got)));
  if (parsed.state == HeaderState::kOtherVersion) {
    error_ = fmt::format("{}: written by another version of Weir", path.string());
    return Step::kFailed;
  }
  if (parsed.state != HeaderState::kGood) {
    if (last) return Step::kEnd;  // its writer may be about to write the header
    // A short one was begun by a writer that died at once: nothing was in it.
    if (parsed.state == HeaderState::kShort || segment.first_seq <= damaged_counted_) {
      return Step::kDamaged;
    }
    damaged_counted_ = segment.first_seq;
    ++counters_.damaged_segments;
    return Step::kDamaged;
  }
  const bool replaced =
      position_.journal_id != 0 && parsed.header.journal_id != position_.journal_id;
  if (replaced) return StartReplaced(parsed.header.journal_id);
  segment_ = std::move(fd);
  EnterSegment(std::move(parsed.header));
  return Step::kAgain;
}

// The directory holds another journal than the position's: begin with its oldest segment.
JournalReader::Step JournalReader::StartReplaced(uint64_t journal_id) {
  ++counters_.journals_replaced;
  position_ = Position{};
  damaged_counted_ = 0;
  for (size_t index = 0; index < listed_.size(); ++index) {
    const auto path = dir_ / SegmentFileName(listed_[index].first_seq);
    const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<uint8_t, kSegmentHeaderBytes> bytes{};
    if (!fd || ReadAt(fd.get(), bytes, 0) != static_cast<ssize_t>(bytes.size())) continue;
    const ParsedHeader parsed = ParseSegmentHeader(bytes);
    const bool same = parsed.state == HeaderState::kGood && parsed.header.journal_id == journal_id;
    if (!same) continue;
    position_.journal_id = journal_id;  // found again below: it cannot be replaced twice
    return OpenFrom(index);
  }
  return Step::kEnd;
}

void JournalReader::EnterSegment(SegmentHeader header) {
  header_ = std::move(header);
  buffer_bytes_ = 0;
  searched_bytes_ = 0;
  final_look_ = false;
  struct stat status {};
  const bool sized = ::fstat(segment_.get(), &status) == 0;
  const bool resumes = position_.segment_seq == header_.first_seq && sized &&
                       position_.offset >= kSegmentHeaderBytes &&
                       position_.offset <= static_cast<uint64_t>(status.st_size);
  const bool follows = header_.first_seq > position_.segment_seq && position_.next_seq != 0;
  skip_below_ = 0;
  if (!resumes) {
    // Behind the segment read last every frame is new, whatever its number. Entered in any other
    // way, those below the position's number were returned before.
    if (!follows) skip_below_ = position_.next_seq;
    if (follows && header_.first_seq > position_.next_seq) {
      counters_.missing_frames += header_.first_seq - position_.next_seq;
    }
    if (follows && header_.first_seq < position_.next_seq) ++counters_.numbers_reused;
    if (follows || position_.next_seq == 0) position_.next_seq = header_.first_seq;
    position_.offset = kSegmentHeaderBytes;
  }
  position_.journal_id = header_.journal_id;
  position_.segment_seq = header_.first_seq;
  buffer_offset_ = position_.offset;
}

std::span<const uint8_t> JournalReader::Unread() const {
  return std::span(buffer_).first(buffer_bytes_).subspan(position_.offset - buffer_offset_);
}

// Reads from the position on.
bool JournalReader::Refill() {
  const ssize_t got = ReadAt(segment_.get(), buffer_, position_.offset);
  buffer_offset_ = position_.offset;
  buffer_bytes_ = got > 0 ? static_cast<size_t>(got) : 0;
  return got >= 0;
}

// Moves the position over damage to the next good frame of this segment (kDamaged); kEnd when there
// is none. The frame at the position itself is looked at once more (kAgain): what was found bad may
// have been half of one that its writer has ended since.
JournalReader::Step JournalReader::FindNextFrame() {
  struct stat status {};
  const bool searched = ::fstat(segment_.get(), &status) == 0 &&
                        static_cast<uint64_t>(status.st_size) <= searched_bytes_;
  if (searched) return Step::kEnd;
  std::vector<uint8_t> window(kReadBytes);
  uint64_t start = position_.offset;
  while (true) {
    const ssize_t got = ReadAt(segment_.get(), window, start);
    if (got < 0) return Fail("cannot be read", errno);
    const auto bytes = std::span<const uint8_t>(window).first(static_cast<size_t>(got));
    if (const auto found = FindFrame(bytes, 0, header_.salt)) {
      if (start + *found == position_.offset) {
        buffer_bytes_ = 0;
        buffer_offset_ = position_.offset;
        return Step::kAgain;
      }
      position_.offset = start + *found;
      buffer_offset_ = position_.offset;
      buffer_bytes_ = 0;
      return Step::kDamaged;
    }
    searched_bytes_ = start + bytes.size();
    if (bytes.size() < window.size()) return Step::kEnd;
    start += bytes.size() - kFrameBytesMax;  // a frame across the window's end is whole in the next
  }
}

// Lists the segments again when the directory may have changed since.
bool JournalReader::ListIfChanged() {
  struct stat status {};
  if (::stat(dir_.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      listed_.clear();
      listed_mtime_ns_ = -1;
      return true;
    }
    Fail("cannot be listed", errno);
    return false;
  }
  const int64_t mtime_ns = status.st_mtim.tv_sec * base::kNsPerSecond + status.st_mtim.tv_nsec;
  if (mtime_ns == listed_mtime_ns_) return true;
  auto segments = ListTwice(dir_);
  if (!segments) {
    error_ = segments.error().message;
    return false;
  }
  listed_ = std::move(*segments);
  const bool settled = base::WallNow().ns - mtime_ns > kSettledNs;
  listed_mtime_ns_ = settled ? mtime_ns : -1;
  return true;
}

JournalReader::Step JournalReader::Fail(const std::string& what, int error) {
  error_ = fmt::format("journal {}: {}: {}", dir_.string(), what, std::strerror(error));
  return Step::kFailed;
}

base::Status JournalReader::Acknowledge(uint64_t seq) {
  const auto fail = [&](int error) {
    return base::Error{
        fmt::format("journal {}: not acknowledged: {}", dir_.string(), std::strerror(error))};
  };
  if (position_.journal_id == 0) return {};  // nothing was read, so there is nothing to acknowledge
  struct stat status {};
  const bool gone = ack_ && (::fstat(ack_.get(), &status) != 0 || status.st_nlink == 0);
  if (!ack_ || gone) {
    constexpr mode_t kGroupWrites = 0660;
    const std::filesystem::path path = dir_ / kAckFileName;
    ack_.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kGroupWrites));
    if (!ack_) return fail(errno);
  }
  std::array<uint8_t, kAckFileBytes> slots{};
  const ssize_t got = ReadAt(ack_.get(), slots, 0);
  if (got < 0) return fail(errno);
  const auto last = DecodeAcknowledgements(std::span(slots).first(static_cast<size_t>(got)));
  const bool known = last && last->journal_id == position_.journal_id && last->seq >= seq;
  if (known) return {};
  const Acknowledgement next{last ? last->turn + 1 : 0, position_.journal_id, seq};
  const auto bytes = EncodeAcknowledgement(next);
  const auto offset = static_cast<off_t>(next.turn % 2 * kAckSlotBytes);
  const ssize_t written = ::pwrite(ack_.get(), bytes.data(), bytes.size(), offset);
  if (written != static_cast<ssize_t>(bytes.size())) return fail(written < 0 ? errno : ENOSPC);
  return {};
}

void JournalReader::Wait(int timeout_ms) {
  if (!inotify_) {
    inotify_.Reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    constexpr uint32_t kEvents = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR;
    const bool watched =
        inotify_ && ::inotify_add_watch(inotify_.get(), dir_.c_str(), kEvents) >= 0;
    if (watched) return;  // what was written before the watch is to be looked for once more
    inotify_.Reset();
  }
  // Without a watch (no directory yet, or the system's limit) it sleeps for the whole time.
  pollfd wanted{inotify_.get(), POLLIN, 0};
  if (::poll(&wanted, 1, timeout_ms) <= 0 || !inotify_) return;
  alignas(inotify_event) char events[4096];
  bool watch_ended = false;
  ssize_t bytes = 0;
  while ((bytes = ::read(inotify_.get(), events, sizeof events)) > 0) {
    for (ssize_t at = 0; at < bytes;) {
      inotify_event event;
      std::memcpy(&event, events + at, sizeof event);
      watch_ended = watch_ended || (event.mask & (IN_IGNORED | IN_DELETE_SELF)) != 0;
      at += static_cast<ssize_t>(sizeof event + event.len);
    }
  }
  if (watch_ended) inotify_.Reset();
}

}  // namespace weir::events

// Reads the journal from a position onwards, while it grows, across restarts of its writer.
//
// One thread owns a reader; there may be several readers. Each frame is returned once, in order.
// What cannot be returned is counted: a gap in the numbers, a damaged frame, a torn tail.
//
// Exactly once: the consumer stores position() in the same transaction as what it made of the
// frames, and opens the next reader from there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/events/journal_format.h"

namespace weir::events {

enum class ReadOutcome : uint8_t {
  kFrame,
  kEnd,      // nothing more yet: see Wait()
  kDamaged,  // something was skipped and is in the counters: go on with Next()
  kFailed,   // the system refused to read; error() says what; may be tried again
};

struct ReaderCounters {
  uint64_t frames = 0;
  uint64_t missing_frames = 0;    // numbers that were never seen
  uint64_t damaged_places = 0;    // stretches of bytes that held no frame
  uint64_t damaged_segments = 0;  // a header that does not verify
  uint64_t torn_tails = 0;      // a last frame cut short by the end of its writer: never confirmed
  uint64_t numbers_reused = 0;  // a segment that begins below what was read: read all the same
  uint64_t journals_replaced = 0;  // somebody emptied the directory; read from its beginning
};

class JournalReader {
 public:
  // The directory may not exist yet: then there is nothing to read yet.
  static base::Result<std::unique_ptr<JournalReader>> Open(std::filesystem::path dir,
                                                           const Position& from);

  ReadOutcome Next(Frame& frame);

  // Behind the last frame returned.
  const Position& position() const { return position_; }

  // Tells the writer that `seq` and all before are no longer needed. With several consumers of one
  // journal, the smallest of their numbers. Never goes back.
  base::Status Acknowledge(uint64_t seq);

  // Sleeps until the directory changes or `timeout_ms` is over.
  void Wait(int timeout_ms);

  const ReaderCounters& counters() const { return counters_; }
  const std::string& error() const { return error_; }

 private:
  enum class Step : uint8_t { kFrame, kAgain, kEnd, kDamaged, kFailed };

  JournalReader(std::filesystem::path dir, const Position& from);

  Step NextStep(Frame& frame);
  Step OpenFirst();
  Step OpenSegment(uint64_t first_seq, bool resume);
  Step TakeFrame(const ParsedFrame& parsed, Frame& frame);
  Step AtEnd(FrameState tail);
  Step SkipDamage();
  Step LeaveSegment(FrameState tail);
  Step AdvanceFrom(const std::vector<SegmentFile>& segments);
  bool Fill(size_t wanted);
  bool ListIfChanged();
  Step Fail(const std::string& what);
  std::span<const uint8_t> Unread() const;

  std::filesystem::path dir_;
  Position position_;
  base::UniqueFd segment_;
  SegmentHeader header_;
  uint64_t skip_below_ = 0;  // frames already read, when the old segment is gone or was rewritten

  std::vector<uint8_t> buffer_;
  size_t buffer_at_ = 0;        // the next byte to parse
  uint64_t buffer_offset_ = 0;  // of buffer_[0] in the segment

  std::vector<SegmentFile> listed_;
  base::UniqueFd inotify_;
  base::UniqueFd ack_;
  Acknowledgement acknowledged_;
  ReaderCounters counters_;
  std::string error_;
};

}  // namespace weir::events

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
  enum class Step : uint8_t { kAgain, kFrame, kEnd, kDamaged, kFailed };

  JournalReader(std::filesystem::path dir, const Position& from);

  Step NextStep(Frame& frame);
  Step TakeFrame(const ParsedFrame& parsed, Frame& frame);
  Step AtBadFrame(FrameState state);
  Step AtEnd(FrameState state);

  Step Locate();
  Step Advance();
  Step OpenFrom(size_t index);
  Step OpenSegment(const SegmentFile& segment, bool last);
  Step StartReplaced(uint64_t journal_id);
  void EnterSegment(SegmentHeader header);

  bool Refill();
  Step FindNextFrame();
  bool ListIfChanged();
  std::span<const uint8_t> Unread() const;
  Step Fail(const std::string& what, int error);

  std::filesystem::path dir_;
  Position position_;
  base::UniqueFd segment_;   // none: to be located
  SegmentHeader header_;     // of segment_
  uint64_t skip_below_ = 0;  // frames of a segment entered anew that were returned before

  std::vector<uint8_t> buffer_;  // its first buffer_bytes_: the segment from buffer_offset_ on
  size_t buffer_bytes_ = 0;
  uint64_t buffer_offset_ = 0;
  uint64_t searched_bytes_ = 0;  // so much of the segment holds no frame behind the position
  bool final_look_ = false;      // at this segment: there is a newer one, or it is deleted

  std::vector<SegmentFile> listed_;
  int64_t listed_mtime_ns_ = -1;  // of the directory when listed_ was made; -1: list again
  uint64_t damaged_counted_ = 0;  // first number of the newest segment counted as damaged

  base::UniqueFd inotify_;
  base::UniqueFd ack_;
  ReaderCounters counters_;
  std::string error_;
};

}  // namespace weir::events

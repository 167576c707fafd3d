// The client's bytes of one TCP flow in the order in which the server will read them, as far as
// names need them, and the bytes themselves until the server has acknowledged them.
//
// First bytes win: what has been shown to the reader stays what the server gets, because a segment
// with other bytes for a place that is kept is a conflict, which the caller drops at the wire. So a
// fake that never reaches the server occupies its place, and the real bytes behind it wait.
//
//   base            next             shown end
//    |  kept: read,  |  kept: shown   |  kept: came early,
//    |  not yet      |  to the reader,|  behind a gap
//    |  acknowledged |  not consumed  |
//
// The window is 16 KB from base on, in a buffer of the worker's pool that is given back when
// nothing is kept. Worker's thread; allocates nothing.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/stream/buffer_pool.h"

namespace weir::stream {

enum class Added : uint8_t {
  kNothing,    // only bytes seen before, or none that matter
  kHeld,       // early: kept until the gap before it is filled
  kRead,       // the reader was called
  kConflict,   // other bytes for a place that is kept; nothing was taken
  kTooFar,     // beyond the 16 KB kept; nothing was taken
  kPoolEmpty,  // the pool is empty; nothing was taken
};

// Signed distance in sequence space (RFC 9293 §3.4).
constexpr int32_t SeqDistance(uint32_t from, uint32_t to) {
  return static_cast<int32_t>(to - from);
}

// Who reads the ordered bytes.
template <typename Reader>
concept StreamReader = requires(Reader reader, std::span<const uint8_t> bytes, uint32_t count) {
  // Takes the bytes that were not consumed yet; the rest comes again, with more behind it.
  { reader.Read(bytes) } -> std::convertible_to<size_t>;
  // How many bytes from here on do not matter to it (a body's); they need not even arrive.
  { reader.passable() } -> std::convertible_to<uint64_t>;
  reader.Pass(count);
  // Nothing more will be read.
  { reader.finished() } -> std::convertible_to<bool>;
};

class ClientStream {
 public:
  explicit ClientStream(BufferPool& pool) : pool_(&pool) {}

  // `seq`: the number of the first byte. It is certain after a SYN, or when the server has
  // acknowledged all before it; a stream that begins in the middle may yet turn out to begin
  // earlier.
  void Start(uint32_t seq, bool is_certain);
  bool started() const { return started_; }

  // Offers a segment. With `keep`, what was read is kept until Acknowledge().
  template <StreamReader Reader>
  Added Add(uint32_t seq, std::span<const uint8_t> segment, bool keep, Reader& reader);

  // Where the reader did not take all that it could of what it was shown: shows it again.
  template <StreamReader Reader>
  void Resume(bool keep, Reader& reader) {
    ShowHeld(reader);
    if (!keep) Forget(next_seq_);
  }

  // The server has all bytes before `ack`: they cannot be changed any more.
  void Acknowledge(uint32_t ack);

  // A segment at `seq` lies behind bytes that the server has and that were never seen here: the
  // stream cannot go on, and may begin again at the number returned.
  std::optional<uint32_t> LostBefore(uint32_t seq) const;

  // Moves the start back to `seq`, when that may be: then the reader has to begin again.
  bool StartsEarlier(uint32_t seq);

  // Of a stream that began in the middle. A segment at `seq` lies before the start, where it could
  // not be moved to: which of the two the server takes is not known before it acknowledges.
  bool BeginsBefore(uint32_t seq) const {
    return started_ && !is_certain_ && SeqDistance(seq, start_seq_) > 0;
  }
  // A server that acknowledges so much is not where the stream was thought to begin: it has more
  // than was seen, or waits for what lies too far before.
  bool IsElsewhere(uint32_t ack) const;

  // Every byte that the reader has seen is acknowledged, also what it saw before it began again.
  bool settled() const { return SeqDistance(shown_end_, acknowledged_) >= 0; }
  uint32_t start_seq() const { return start_seq_; }
  uint32_t next_seq() const { return next_seq_; }  // the first byte not yet consumed

  // Gives the buffer back. The stream may be started again.
  void Stop();

 private:
  // At most this much of a body is passed over at once, so that distances keep their sign.
  static constexpr uint64_t kPassMax = 1U << 30;

  // Not where the server has the bytes already: there it takes no others, and a keep-alive may
  // bring any (RFC 9293 §3.8.4).
  bool Conflicts(uint32_t seq, std::span<const uint8_t> segment) const;
  Added Hold(uint32_t seq, std::span<const uint8_t> segment);
  std::span<const uint8_t> RunFrom(uint32_t seq) const;
  void Forget(uint32_t up_to);

  // Cuts what lies before `from` off the front of a segment.
  static void Trim(uint32_t from, uint32_t& seq, std::span<const uint8_t>& segment) {
    const int32_t before = SeqDistance(seq, from);
    if (before <= 0) return;
    const size_t cut = std::min<size_t>(static_cast<size_t>(before), segment.size());
    segment = segment.subspan(cut);
    seq += static_cast<uint32_t>(cut);
  }
  template <StreamReader Reader>
  void Show(std::span<const uint8_t> bytes, Reader& reader);
  template <StreamReader Reader>
  bool ShowHeld(Reader& reader);

  BufferPool* pool_;
  uint32_t start_seq_ = 0;     // of the first byte of all
  uint32_t base_seq_ = 0;      // of the buffer's first byte
  uint32_t next_seq_ = 0;      // the first byte not yet consumed
  uint32_t shown_end_ = 0;     // behind the last byte that a reader has seen
  uint32_t acknowledged_ = 0;  // the server has all before
  BufferIndex buffer_ = kNoBuffer;
  bool started_ = false;
  bool is_certain_ = false;
};

template <StreamReader Reader>
void ClientStream::Show(std::span<const uint8_t> bytes, Reader& reader) {
  const uint32_t end = next_seq_ + static_cast<uint32_t>(bytes.size());
  if (SeqDistance(shown_end_, end) > 0) shown_end_ = end;
  next_seq_ += static_cast<uint32_t>(reader.Read(bytes));
  if (reader.finished()) {
    next_seq_ = end;
    return;
  }
  const auto passed = static_cast<uint32_t>(std::min<uint64_t>(reader.passable(), kPassMax));
  if (passed == 0) return;
  reader.Pass(passed);
  next_seq_ += passed;
}

template <StreamReader Reader>
Added ClientStream::Add(uint32_t seq, std::span<const uint8_t> segment, bool keep, Reader& reader) {
  Trim(base_seq_, seq, segment);
  if (Conflicts(seq, segment)) return Added::kConflict;
  if (reader.finished()) return Added::kNothing;
  Trim(next_seq_, seq, segment);
  if (segment.empty()) return Added::kNothing;
  if (!keep && buffer_ == kNoBuffer && seq == next_seq_) {
    Show(segment, reader);  // straight from the packet
    Trim(next_seq_, seq, segment);
    if (segment.empty()) return Added::kRead;
    const Added held = Hold(seq, segment);
    return held == Added::kHeld ? Added::kRead : held;
  }
  const Added held = Hold(seq, segment);
  if (held != Added::kHeld) return held;
  const bool shown = ShowHeld(reader);
  if (!keep) Forget(next_seq_);
  return shown ? Added::kRead : Added::kHeld;
}

// False where the next byte is not there.
template <StreamReader Reader>
bool ClientStream::ShowHeld(Reader& reader) {
  bool shown = false;
  for (auto run = RunFrom(next_seq_); !run.empty(); run = RunFrom(next_seq_)) {
    const uint32_t run_end = next_seq_ + static_cast<uint32_t>(run.size());
    Show(run, reader);
    shown = true;
    // Again only where a body that is passed over ends in bytes that came early.
    if (reader.finished() || SeqDistance(run_end, next_seq_) <= 0) break;
  }
  return shown;
}

}  // namespace weir::stream

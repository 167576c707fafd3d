// The client's bytes of one TCP flow in the order in which the server will read them, as far as
// names need them.
//
// In-order segments go straight from the packet to the reader; only what arrives early, or what the
// reader wants to see again together with more, is kept, in a 16 KB buffer from the worker's pool.
// First bytes win: bytes that arrive again are not looked at. Worker's thread; allocates nothing.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>

#include "dataplane/stream/buffer_pool.h"

namespace weir::stream {

enum class Added : uint8_t {
  kNothing,    // only bytes seen before, or none
  kHeld,       // early: kept until the gap before it is filled
  kRead,       // the reader was called
  kTooFar,     // beyond the 16 KB kept: the stream is given up
  kPoolEmpty,  // the pool is empty: the stream is given up
};

class ClientStream {
 public:
  explicit ClientStream(BufferPool& pool) : pool_(&pool) {}

  // The sequence number of the first byte: the SYN's plus one, or in mid-stream the first
  // segment's.
  void Start(uint32_t seq) {
    next_seq_ = seq;
    started_ = true;
  }
  bool started() const { return started_; }

  // Offers a segment. `read(bytes)` is called with the ordered bytes that were not consumed yet and
  // returns how many it has consumed; the rest comes again, with more behind it.
  template <std::invocable<std::span<const uint8_t>> Read>
  Added Add(uint32_t seq, std::span<const uint8_t> segment, Read&& read);

  // The first byte not yet consumed.
  uint32_t next_seq() const { return next_seq_; }

  // Gives the buffer back. The stream may be started again.
  void Stop();

 private:
  Added Hold(size_t offset, std::span<const uint8_t> segment);
  void Consumed(size_t count);

  BufferPool* pool_;
  uint32_t next_seq_ = 0;
  BufferIndex buffer_ = kNoBuffer;
  bool started_ = false;
};

template <std::invocable<std::span<const uint8_t>> Read>
Added ClientStream::Add(uint32_t seq, std::span<const uint8_t> segment, Read&& read) {
  // Signed distance in sequence space (RFC 9293 §3.4).
  const auto distance = static_cast<int32_t>(seq - next_seq_);
  if (distance < 0) {
    const size_t seen = static_cast<size_t>(-static_cast<int64_t>(distance));
    if (seen >= segment.size()) return Added::kNothing;
    segment = segment.subspan(seen);
  }
  if (segment.empty()) return Added::kNothing;
  const size_t offset = distance < 0 ? 0 : static_cast<size_t>(distance);
  if (buffer_ == kNoBuffer && offset == 0) {
    const size_t consumed = read(segment);
    next_seq_ += static_cast<uint32_t>(consumed);
    const auto rest = segment.subspan(consumed);
    if (rest.empty()) return Added::kRead;
    const Added held = Hold(0, rest);
    return held == Added::kHeld ? Added::kRead : held;
  }
  const Added held = Hold(offset, segment);
  if (held != Added::kHeld) return held;
  const auto ordered = pool_->at(buffer_).Ordered();
  if (ordered.empty()) return Added::kHeld;
  Consumed(read(ordered));
  return Added::kRead;
}

}  // namespace weir::stream

#include "dataplane/stream/client_stream.h"

namespace weir::stream {

void ClientStream::Start(uint32_t seq, bool is_certain) {
  start_seq_ = base_seq_ = next_seq_ = shown_end_ = acknowledged_ = seq;
  started_ = true;
  is_certain_ = is_certain;
}

bool ClientStream::Conflicts(uint32_t seq, std::span<const uint8_t> segment) const {
  Trim(acknowledged_, seq, segment);
  if (buffer_ == kNoBuffer || segment.empty()) return false;
  return pool_->at(buffer_).Contradicts(seq - base_seq_, segment);
}

Added ClientStream::Hold(uint32_t seq, std::span<const uint8_t> segment) {
  const bool is_first = buffer_ == kNoBuffer;
  const uint32_t base = is_first ? next_seq_ : base_seq_;
  if (!StreamBuffer::Fits(seq - base, segment.size())) return Added::kTooFar;
  if (is_first) buffer_ = pool_->Take();
  if (buffer_ == kNoBuffer) return Added::kPoolEmpty;
  base_seq_ = base;
  pool_->at(buffer_).Write(seq - base, segment);
  return Added::kHeld;
}

std::span<const uint8_t> ClientStream::RunFrom(uint32_t seq) const {
  if (buffer_ == kNoBuffer) return {};
  return pool_->at(buffer_).RunFrom(seq - base_seq_);
}

void ClientStream::Forget(uint32_t up_to) {
  const int32_t count = SeqDistance(base_seq_, up_to);
  if (count <= 0) return;
  base_seq_ = up_to;
  if (buffer_ == kNoBuffer) return;
  pool_->at(buffer_).Discard(static_cast<size_t>(count));
  if (pool_->at(buffer_).end() > 0) return;
  pool_->Give(buffer_);
  buffer_ = kNoBuffer;
}

void ClientStream::Acknowledge(uint32_t ack) {
  if (!started_ || SeqDistance(acknowledged_, ack) < 0) return;
  acknowledged_ = ack;
  is_certain_ = true;
  // What the reader has not consumed it will want to see again.
  Forget(SeqDistance(ack, next_seq_) < 0 ? next_seq_ : ack);
}

std::optional<uint32_t> ClientStream::LostBefore(uint32_t seq) const {
  const uint32_t run_end = next_seq_ + static_cast<uint32_t>(RunFrom(next_seq_).size());
  const bool has_gap = SeqDistance(run_end, acknowledged_) > 0;
  if (!started_ || !has_gap || SeqDistance(acknowledged_, seq) < 0) return std::nullopt;
  return acknowledged_;
}

bool ClientStream::IsElsewhere(uint32_t ack) const {
  if (!started_ || is_certain_) return false;
  const uint32_t run_end = next_seq_ + static_cast<uint32_t>(RunFrom(next_seq_).size());
  return SeqDistance(run_end, ack) > 0 ||
         SeqDistance(ack, start_seq_) > static_cast<int32_t>(kStreamBytesMax);
}

bool ClientStream::StartsEarlier(uint32_t seq) {
  const int32_t earlier = SeqDistance(seq, start_seq_);
  if (!started_ || is_certain_ || earlier <= 0) return false;
  const auto by = static_cast<size_t>(earlier);
  const bool has_all =
      base_seq_ == start_seq_ && RunFrom(base_seq_).size() >= next_seq_ - base_seq_;
  const size_t kept = buffer_ == kNoBuffer ? 0 : pool_->at(buffer_).end();
  if (!has_all || !StreamBuffer::Fits(by, kept)) return false;
  if (buffer_ != kNoBuffer) pool_->at(buffer_).MoveBack(by);
  const uint32_t shown_end = shown_end_;
  Start(seq, false);
  shown_end_ = shown_end;  // it was shown, and may yet be replaced
  return true;
}

void ClientStream::Stop() {
  pool_->Give(buffer_);
  buffer_ = kNoBuffer;
  started_ = false;
}

}  // namespace weir::stream

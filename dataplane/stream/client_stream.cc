#include "dataplane/stream/client_stream.h"

namespace weir::stream {

Added ClientStream::Hold(size_t offset, std::span<const uint8_t> segment) {
  if (buffer_ == kNoBuffer) buffer_ = pool_->Take();
  if (buffer_ == kNoBuffer) return Added::kPoolEmpty;
  return pool_->at(buffer_).Write(offset, segment) ? Added::kHeld : Added::kTooFar;
}

void ClientStream::Consumed(size_t count) {
  StreamBuffer& buffer = pool_->at(buffer_);
  buffer.Discard(count);
  next_seq_ += static_cast<uint32_t>(count);
  if (!buffer.empty()) return;
  pool_->Give(buffer_);
  buffer_ = kNoBuffer;
}

void ClientStream::Stop() {
  pool_->Give(buffer_);
  buffer_ = kNoBuffer;
  started_ = false;
}

}  // namespace weir::stream

// A stream's buffer against an array of bytes that may be absent.
//
// The input is a row of steps: what to do (1 byte), where (2 bytes), how many bytes (2 bytes).
// & 7: 0 to 3 writes, 4 offers other bytes, 5 discards, 6 moves back, 7 clears.
#include <algorithm>
#include <memory>
#include <vector>

#include "dataplane/base/cursor.h"
#include "dataplane/stream/buffer_pool.h"
#include "fuzz_check.h"

using namespace weir::stream;

namespace {

constexpr size_t kStepsMax = 16;
constexpr int16_t kAbsent = -1;

class Reference {
 public:
  FUZZ_MODEL bool Contradicts(size_t offset, std::span<const uint8_t> bytes) const {
    for (size_t at = offset; at < std::min(offset + bytes.size(), bytes_.size()); ++at) {
      if (bytes_[at] != kAbsent && bytes_[at] != bytes[at - offset]) return true;
    }
    return false;
  }
  FUZZ_MODEL void Write(size_t offset, std::span<const uint8_t> bytes) {
    if (bytes_.size() < offset + bytes.size()) bytes_.resize(offset + bytes.size(), kAbsent);
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (bytes_[offset + i] == kAbsent) bytes_[offset + i] = bytes[i];
    }
  }
  void Discard(size_t count) {
    bytes_.erase(bytes_.begin(),
                 bytes_.begin() + static_cast<ptrdiff_t>(std::min(count, bytes_.size())));
  }
  void MoveBack(size_t count) { bytes_.insert(bytes_.begin(), count, kAbsent); }
  void Clear() { bytes_.clear(); }

  FUZZ_MODEL void CheckSame(const StreamBuffer& buffer) const {
    FUZZ_CHECK(buffer.end() == bytes_.size());
    for (size_t at = 0; at < bytes_.size();) {
      const auto run = buffer.RunFrom(at);
      const auto from = bytes_.begin() + static_cast<ptrdiff_t>(at);
      const auto gap = std::find(from, bytes_.end(), kAbsent);
      FUZZ_CHECK(std::equal(from, gap, run.begin(), run.end()));
      at += run.size();
      while (at < bytes_.size() && bytes_[at] == kAbsent) ++at;
    }
    FUZZ_CHECK(buffer.RunFrom(bytes_.size()).empty());
  }

 private:
  std::vector<int16_t> bytes_;
};

FUZZ_MODEL std::vector<uint8_t> Bytes(size_t offset, size_t count, uint8_t twist) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>((offset + i) * 7) ^ twist;
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static BufferPool pool(1);
  const BufferIndex index = pool.Take();
  StreamBuffer& buffer = pool.at(index);
  Reference reference;
  size_t moved = 0;  // so that what is written after a move is what would stand there without
  weir::base::Cursor input({data, size});
  for (size_t i = 0; input.left() >= 5 && i < kStepsMax; ++i) {
    const uint8_t step = input.U8();
    const size_t offset = input.U16();
    const size_t count = input.U16() % (kStreamBytesMax + 1);
    const auto bytes = Bytes(offset + moved, count, (step & 7) == 4 ? step : 0);
    FUZZ_CHECK(buffer.Contradicts(offset, bytes) == reference.Contradicts(offset, bytes));
    if ((step & 7) <= 4 && StreamBuffer::Fits(offset, count)) {
      buffer.Write(offset, bytes);
      reference.Write(offset, bytes);
    } else if ((step & 7) == 5) {
      buffer.Discard(count);
      reference.Discard(count);
      moved += count;
    } else if ((step & 7) == 6 && StreamBuffer::Fits(count, buffer.end())) {
      buffer.MoveBack(count);
      reference.MoveBack(count);
      moved -= count;
    } else if ((step & 7) == 7) {
      buffer.Clear();
      reference.Clear();
    }
    reference.CheckSame(buffer);
  }
  pool.Give(index);
  FUZZ_CHECK(pool.in_use() == 0 && pool.refused() == 0);
  return 0;
}

// The one way bytes from outside are read: a view that knows how much is left.
//
// A read beyond the end fails, returns zero, and leaves the cursor failed: a parser may read
// several fields and look at ok() once. A failed cursor stays failed and has nothing left.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/base/byte_order.h"

namespace weir::base {

class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : rest_(bytes), size_(bytes.size()) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  size_t left() const { return rest_.size(); }
  size_t offset() const {
    return size_ - rest_.size();
  }  // bytes read so far; meaningless when failed
  std::span<const uint8_t> rest() const { return rest_; }

  uint8_t U8() { return static_cast<uint8_t>(Be<uint8_t>()); }
  uint16_t U16() { return Be<uint16_t>(); }
  uint32_t U24() {
    const uint32_t high = U8();
    return (high << 16) | U16();
  }
  uint32_t U32() { return Be<uint32_t>(); }
  uint64_t U64() { return Be<uint64_t>(); }

  // A view of the next `count` bytes; empty and failed when there are fewer.
  std::span<const uint8_t> Bytes(size_t count) {
    if (count > rest_.size()) {
      Fail();
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void Skip(size_t count) { static_cast<void>(Bytes(count)); }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  template <std::unsigned_integral T>
  T Be() {
    const auto bytes = Bytes(sizeof(T));
    return bytes.empty() ? T{0} : LoadBe<T>(bytes.data());
  }

  std::span<const uint8_t> rest_;
  size_t size_;
  bool ok_ = true;
};

}  // namespace weir::base

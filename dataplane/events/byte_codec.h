// Little-endian fields and short strings, written into and read from a buffer of known size.
//
// Used for events and for the journal's own structures; base::Cursor is its big-endian sister for
// packets. A value type for the duration of one call.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace weir::events {

// The caller's buffer is large enough for all that it writes: each format's size is bounded and
// asserted where it is defined.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> out) : out_(out) {}

  template <std::unsigned_integral T>
  void Put(T value) {
    std::memcpy(out_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
  }
  void Put(int64_t value) { Put(static_cast<uint64_t>(value)); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void Put(Enum value) { Put(static_cast<uint8_t>(value)); }
  void PutBytes(std::span<const uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), out_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += bytes.size();
  }
  // One byte of length, then the bytes; cut before `bytes_max`, not inside a UTF-8 character.
  void PutString(std::string_view text, size_t bytes_max = 255) {
    if (text.size() > bytes_max) {
      size_t end = bytes_max;
      while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
      text = text.substr(0, end);
    }
    Put(static_cast<uint8_t>(text.size()));
    std::copy(text.begin(), text.end(), out_.begin() + static_cast<ptrdiff_t>(size_));
    size_ += text.size();
  }
  size_t size() const { return size_; }

 private:
  std::span<uint8_t> out_;
  size_t size_ = 0;
};

// A read beyond the end fails and returns zero; a failed reader stays failed.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <std::unsigned_integral T>
  T Take() {
    T value{};
    const auto bytes = TakeBytes(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  int64_t TakeInt64() { return static_cast<int64_t>(Take<uint64_t>()); }
  // Fails on a value above `last`.
  template <typename Enum>
  requires std::is_enum_v<Enum> Enum TakeEnum(Enum last) {
    const auto value = Take<uint8_t>();
    if (value > static_cast<uint8_t>(last)) Fail();
    return static_cast<Enum>(value);
  }
  std::string_view TakeString() {
    const auto bytes = TakeBytes(Take<uint8_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  template <size_t N>
  void TakeInto(std::array<uint8_t, N>& out) {
    const auto bytes = TakeBytes(N);
    std::copy(bytes.begin(), bytes.end(), out.begin());
  }
  std::span<const uint8_t> TakeBytes(size_t count) {
    if (count > rest_.size()) {
      Fail();
      return {};
    }
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }
  bool ok() const { return ok_; }
  bool ok_and_empty() const { return ok_ && rest_.empty(); }

 private:
  std::span<const uint8_t> rest_;
  bool ok_ = true;
};

}  // namespace weir::events

// Integers as they lie on the wire or in a file, read and written at any alignment.
//
// None of these looks at a length: callers hold a Cursor or have checked.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace weir::base {

static_assert(std::endian::native == std::endian::little,
              "Weir is built for little-endian machines");

template <std::unsigned_integral T>
constexpr T ByteSwap(T value) {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

template <std::unsigned_integral T>
T LoadBe(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return ByteSwap(value);
}

template <std::unsigned_integral T>
void StoreBe(uint8_t* bytes, T value) {
  value = ByteSwap(value);
  std::memcpy(bytes, &value, sizeof value);
}

// A big-endian field inside an on-wire struct: converts only where asked.
template <std::unsigned_integral T>
class BigEndian {
 public:
  BigEndian() = default;
  explicit BigEndian(T host) : wire_(ByteSwap(host)) {}
  T host() const { return ByteSwap(wire_); }
  bool operator==(const BigEndian&) const = default;

 private:
  T wire_;
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;

}  // namespace weir::base

// Small pieces of the store's encodings: big-endian integers that sort as bytes, varints, strings
// and addresses with their length.
//
// Writers append to a string; readers go through base::Cursor, which fails at the end of the bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/ip_address.h"

namespace weir::control::audit {

template <std::unsigned_integral T>
void PutBe(std::string& out, T value) {
  char bytes[sizeof(T)];
  value = base::ByteSwap(value);
  std::memcpy(bytes, &value, sizeof bytes);
  out.append(bytes, sizeof bytes);
}

// LEB128: seven bits a byte, low ones first.
inline void PutVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

inline uint64_t GetVarint(base::Cursor& in) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = in.U8();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  in.Fail();
  return 0;
}

// Small numbers of either sign become small varints.
inline void PutSigned(std::string& out, int64_t value) {
  PutVarint(out, (std::bit_cast<uint64_t>(value) << 1) ^ std::bit_cast<uint64_t>(value >> 63));
}

inline int64_t GetSigned(base::Cursor& in) {
  const uint64_t value = GetVarint(in);
  return std::bit_cast<int64_t>((value >> 1) ^ (0 - (value & 1)));
}

inline void PutString(std::string& out, std::string_view text) {
  PutVarint(out, text.size());
  out += text;
}

inline std::string_view GetString(base::Cursor& in) {
  const auto bytes = in.Bytes(GetVarint(in));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// One byte of family, then 4 or 16: an address never is the beginning of another.
inline void PutIp(std::string& out, const base::IpAddress& ip) {
  const size_t skip = ip.is_v4() ? 12 : 0;
  out += static_cast<char>(ip.is_v4() ? 4 : 6);
  out.append(reinterpret_cast<const char*>(ip.bytes().data()) + skip,
             base::IpAddress::kBytes - skip);
}

inline base::IpAddress GetIp(base::Cursor& in) {
  const uint8_t family = in.U8();
  if (family != 4 && family != 6) in.Fail();
  const auto bytes = in.Bytes(family == 4 ? 4 : 16);
  if (!in.ok()) return {};
  return family == 4 ? base::IpAddress::FromV4(bytes.first<4>())
                     : base::IpAddress::FromV6(bytes.first<16>());
}

// Times sort as bytes, also those before 1970.
inline uint64_t SortableTime(int64_t ns) { return std::bit_cast<uint64_t>(ns) ^ (1ULL << 63); }
inline int64_t TimeFromSortable(uint64_t bits) {
  return std::bit_cast<int64_t>(bits ^ (1ULL << 63));
}

inline std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace weir::control::audit

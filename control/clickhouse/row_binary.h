// The pieces of ClickHouse's RowBinary: little-endian numbers, texts with a varint of their length.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/bytes.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::control::clickhouse {

template <std::integral T>
void PutLe(std::string& out, T value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof bytes);
  out.append(bytes, sizeof bytes);
}

template <std::integral T>
T GetLe(base::Cursor& in) {
  const auto bytes = in.Bytes(sizeof(T));
  T value{};
  if (in.ok()) std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

inline void PutTime(std::string& out, base::WallTime time) { PutLe(out, time.ns); }
inline base::WallTime GetTime(base::Cursor& in) { return {GetLe<int64_t>(in)}; }

// Nullable(Int64): a byte that is 1 for nothing.
inline void PutOptionalTime(std::string& out, const std::optional<base::WallTime>& time) {
  out += time ? '\0' : '\1';
  if (time) PutTime(out, *time);
}

// FixedString(16) and FixedString(6), in the order of the wire.
inline void PutAddress(std::string& out, const base::IpAddress& ip) {
  out.append(reinterpret_cast<const char*>(ip.bytes().data()), ip.bytes().size());
}
inline base::IpAddress GetAddress(base::Cursor& in) {
  const auto bytes = in.Bytes(base::IpAddress::kBytes);
  return in.ok() ? base::IpAddress::FromV6(bytes.first<base::IpAddress::kBytes>())
                 : base::IpAddress();
}
inline void PutMac(std::string& out, const base::MacAddress& mac) {
  out.append(reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size());
}
inline base::MacAddress GetMac(base::Cursor& in) {
  base::MacAddress mac;
  const auto bytes = in.Bytes(mac.bytes.size());
  if (in.ok()) std::memcpy(mac.bytes.data(), bytes.data(), bytes.size());
  return mac;
}

using audit::GetString;
using audit::PutString;

}  // namespace weir::control::clickhouse

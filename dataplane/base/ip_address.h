// IPv4 and IPv6 addresses and prefixes, 16 bytes in network order.
//
// An IPv4 address is kept as its IPv4-mapped form (::ffff:a.b.c.d, RFC 4291 §2.5.5.2), so one
// comparison serves both families and a mapped address on the wire falls under IPv4 rules.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::base {

class IpAddress {
 public:
  static constexpr size_t kBytes = 16;

  constexpr IpAddress() = default;  // "::"

  // `bytes` in network order, exactly 4 or 16 of them.
  static IpAddress FromV4(std::span<const uint8_t, 4> bytes) {
    IpAddress address;
    address.bytes_[10] = address.bytes_[11] = 0xff;
    std::memcpy(&address.bytes_[12], bytes.data(), bytes.size());
    return address;
  }
  static IpAddress FromV6(std::span<const uint8_t, 16> bytes) {
    IpAddress address;
    std::memcpy(address.bytes_.data(), bytes.data(), bytes.size());
    return address;
  }
  static Result<IpAddress> Parse(std::string_view text);

  bool is_v4() const;
  bool is_unspecified() const { return *this == IpAddress(); }
  const std::array<uint8_t, kBytes>& bytes() const { return bytes_; }
  std::array<uint8_t, kBytes>& mutable_bytes() { return bytes_; }

  // Dotted quad for IPv4, RFC 5952 text for IPv6.
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<uint8_t, kBytes> bytes_{};
};

// A CIDR prefix. `length_bits` counts in the 128-bit form: an IPv4 /24 is held as 120.
class IpPrefix {
 public:
  IpPrefix() = default;
  IpPrefix(const IpAddress& address, unsigned length_bits);
  IpPrefix(const IpAddress& address) : address_(address) {}  // of one address

  bool is_one_address() const { return length_bits_ == 128; }

  // "10.0.0.0/8", "2001:db8::/32", or an address alone (a host prefix). Bits set behind the length
  // are an error, for they mean that the writer meant something else.
  static Result<IpPrefix> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;
  const IpAddress& address() const { return address_; }
  unsigned length_bits() const { return length_bits_; }
  std::string ToString() const;

  auto operator<=>(const IpPrefix&) const = default;

 private:
  IpAddress address_;
  unsigned length_bits_ = 128;
};

}  // namespace weir::base

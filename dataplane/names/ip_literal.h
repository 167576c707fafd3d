// IP addresses written as text in the place of a host name, in every notation clients accept.
//
// Any thread; pure functions, no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::names {

// The four bytes in `out`, most significant first, when `text` is an IPv4 address as inet_aton(3)
// and the URL standard take it: one to four numbers, each decimal, octal (0…) or hexadecimal (0x…),
// the last filling the bytes that are left. No whitespace, no trailing dot.
bool ParseIpv4Any(std::string_view text, std::array<uint8_t, 4>& out);

// Writes the canonical text of the IPv6 address `text` (without brackets; a zone "%eth0" or
// "%25eth0" is dropped) to `out` and returns its length, 0 when it is not an address. 46 bytes are
// enough.
size_t CanonicalIpv6(std::string_view text, std::array<char, 46>& out);

// Dotted quad; returns its length.
size_t FormatIpv4(const std::array<uint8_t, 4>& address, std::array<char, 46>& out);

}  // namespace weir::names

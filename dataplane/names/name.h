// Host names in the one form that rules compare and records hold, and the place that makes it.
//
// A worker's thread, or any other: pure functions, no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::names {

inline constexpr size_t kNameBytesMax = 255;

// Lower-case, without port and trailing dot; A-labels for what was not ASCII; the canonical text of
// an address for an IP literal.
struct HostName {
  std::array<char, kNameBytesMax> text;
  uint8_t bytes = 0;

  HostName() {}  // `text` stays as it is: a worker makes one of these for every message
  std::string_view view() const { return {text.data(), bytes}; }
};

// Normalises what stood in an SNI, a Host header or a URI's authority:
//  - spaces and tabs around it and a port are taken off;
//  - what is left takes the form that rules have (base::NormaliseHost): small letters, A-labels for
//    UTF-8, no trailing dot;
//  - "[v6]", and IPv4 in any form inet_aton(3) takes (0x7f.1, octal, one number), become the
//    address's canonical text: a dotted quad, or RFC 5952's form in brackets as RFC 3986 §3.2.2 has
//    hosts; a v4-mapped v6 address becomes its dotted quad.
// False, and `out` empty, when that is no name: nothing left, longer than 253 bytes or 63 a label,
// a control byte, a space, bytes that are not UTF-8.
bool NormaliseHost(std::string_view raw, HostName& out);

// Normalises a DNS name given as labels on the wire, `wire` being length-prefixed labels without
// pointers, up to and without the root's zero byte. Letters become small; a byte that is not
// printable ASCII, a dot or a backslash inside a label is written \DDD or \. (RFC 4343 §2.1).
// False when it is empty (the root) or longer than kNameBytesMax when written so.
bool NormaliseDnsName(std::span<const uint8_t> wire, HostName& out);

}  // namespace weir::names

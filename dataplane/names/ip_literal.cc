#include "dataplane/names/ip_literal.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace weir::names {
namespace {

constexpr uint64_t kTooBig = uint64_t{1} << 33;

// The value of a digit in `base`, or -1.
int DigitValue(char c, unsigned base) {
  int value = -1;
  if (c >= '0' && c <= '9') value = c - '0';
  if (c >= 'a' && c <= 'f') value = c - 'a' + 10;
  if (c >= 'A' && c <= 'F') value = c - 'A' + 10;
  return value < static_cast<int>(base) ? value : -1;
}

// One part of an address; kTooBig when it is not a number of 32 bits.
uint64_t ParsePart(std::string_view part) {
  if (part.empty()) return kTooBig;
  unsigned base = 10;
  if (part.size() >= 2 && part[0] == '0') {
    const bool hex = part[1] == 'x' || part[1] == 'X';
    base = hex ? 16 : 8;
    part.remove_prefix(hex ? 2 : 1);  // a lone "0x" is zero, as browsers have it
  }
  uint64_t value = 0;
  for (const char c : part) {
    const int digit = DigitValue(c, base);
    if (digit < 0) return kTooBig;
    value = value * base + static_cast<uint64_t>(digit);
    if (value > UINT32_MAX) return kTooBig;
  }
  return value;
}

}  // namespace

bool ParseIpv4Any(std::string_view text, std::array<uint8_t, 4>& out) {
  uint64_t address = 0;
  for (unsigned shift = 24;; shift -= 8) {
    const size_t dot = text.find('.');
    const bool last = dot == std::string_view::npos;
    const uint64_t part = ParsePart(text.substr(0, dot));
    const uint64_t part_max = last ? (uint64_t{1} << (shift + 8)) - 1 : 255;
    if (part > part_max) return false;
    address |= last ? part : part << shift;
    if (last) break;
    if (shift == 0) return false;
    text.remove_prefix(dot + 1);
  }
  for (size_t i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(address >> (24 - 8 * i));
  return true;
}

size_t FormatIpv4(const std::array<uint8_t, 4>& address, std::array<char, 46>& out) {
  return inet_ntop(AF_INET, address.data(), out.data(), static_cast<socklen_t>(out.size()))
             ? std::strlen(out.data())
             : 0;
}

size_t CanonicalIpv6(std::string_view text, std::array<char, 46>& out) {
  text = text.substr(0, text.find('%'));
  std::array<char, 46> terminated{};
  if (text.size() >= terminated.size()) return 0;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  if (inet_pton(AF_INET6, terminated.data(), &address) != 1) return 0;
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    std::array<uint8_t, 4> v4;
    std::memcpy(v4.data(), address.s6_addr + 12, v4.size());
    return FormatIpv4(v4, out);
  }
  return inet_ntop(AF_INET6, &address, out.data(), static_cast<socklen_t>(out.size()))
             ? std::strlen(out.data())
             : 0;
}

}  // namespace weir::names

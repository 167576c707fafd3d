#include "dataplane/base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weir::base {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kMappedPrefixBits = 96;

std::array<uint8_t, 16> Masked(const std::array<uint8_t, 16>& bytes, unsigned length_bits) {
  std::array<uint8_t, 16> out = bytes;
  const size_t whole = std::min<size_t>(length_bits / 8, out.size());
  if (whole == out.size()) return out;
  out[whole] = static_cast<uint8_t>(out[whole] & (0xff00U >> (length_bits % 8)));
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(whole) + 1, out.end(), uint8_t{0});
  return out;
}

}  // namespace

Result<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string terminated(text);
  if (text.find('\0') != std::string_view::npos) return Error{"a zero byte in an address"};
  std::array<uint8_t, 16> raw{};
  if (inet_pton(AF_INET, terminated.c_str(), raw.data()) == 1) {
    return FromV4(std::span<const uint8_t, 4>(raw.data(), 4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), raw.data()) == 1) return FromV6(raw);
  return Error{"'" + terminated + "' is not an IPv4 or IPv6 address"};
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes_.begin());
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + kMappedPrefix.size(), text, sizeof text);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
  }
  return text;
}

IpPrefix::IpPrefix(const IpAddress& address, unsigned length_bits)
    : address_(IpAddress::FromV6(Masked(address.bytes(), length_bits))),
      length_bits_(length_bits) {}

Result<IpPrefix> IpPrefix::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  Result<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return address.error();
  if (slash == std::string_view::npos) return IpPrefix(*address, 128);
  const std::string_view digits = text.substr(slash + 1);
  const unsigned family_bits = address->is_v4() ? 32 : 128;
  unsigned length = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (fault != std::errc() || end != digits.data() + digits.size() || length > family_bits) {
    return Error{"'" + std::string(text) + "': a prefix length is 0 to " +
                 std::to_string(family_bits)};
  }
  const IpPrefix prefix(*address, length + (address->is_v4() ? kMappedPrefixBits : 0));
  if (prefix.address_ != *address) {
    return Error{"'" + std::string(text) + "' has bits set behind its length; " +
                 prefix.ToString() + " would do"};
  }
  return prefix;
}

bool IpPrefix::Contains(const IpAddress& address) const {
  return Masked(address.bytes(), length_bits_) == address_.bytes();
}

std::string IpPrefix::ToString() const {
  if (length_bits_ == 128) return address_.ToString();
  const bool v4 = address_.is_v4() && length_bits_ >= kMappedPrefixBits;
  return address_.ToString() + "/" +
         std::to_string(v4 ? length_bits_ - kMappedPrefixBits : length_bits_);
}

}  // namespace weir::base

#include "dataplane/names/name.h"

#include <algorithm>

#include "dataplane/base/idna.h"
#include "dataplane/names/ip_literal.h"

namespace weir::names {
namespace {

constexpr char ToLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool Assign(const std::array<char, 46>& text, size_t bytes, HostName& out) {
  std::copy_n(text.begin(), bytes, out.text.begin());
  out.bytes = static_cast<uint8_t>(bytes);
  return bytes > 0;
}

// False when `text` is no IPv6 address.
bool AssignIpv6(std::string_view text, HostName& out) {
  std::array<char, 46> address;
  const size_t bytes = CanonicalIpv6(text, address);
  const auto end = address.begin() + static_cast<ptrdiff_t>(bytes);
  const bool mapped = std::find(address.begin(), end, ':') == end;
  if (mapped) return Assign(address, bytes, out);
  out.text[0] = '[';
  std::copy(address.begin(), end, out.text.begin() + 1);
  out.text[bytes + 1] = ']';
  out.bytes = static_cast<uint8_t>(bytes + 2);
  return true;
}

// Appends one byte of a DNS label, escaped where it would be read as something else.
bool PutDnsByte(uint8_t byte, HostName& out, size_t& used) {
  const bool plain = byte > ' ' && byte < 0x7f;
  const bool special = byte == '.' || byte == '\\';
  const size_t wanted = !plain ? 4 : special ? 2 : 1;
  if (out.text.size() - used < wanted) return false;
  if (wanted > 1) out.text[used++] = '\\';
  if (plain) {
    out.text[used++] = ToLower(static_cast<char>(byte));
  } else {
    out.text[used++] = static_cast<char>('0' + byte / 100);
    out.text[used++] = static_cast<char>('0' + byte / 10 % 10);
    out.text[used++] = static_cast<char>('0' + byte % 10);
  }
  return true;
}

}  // namespace

bool NormaliseHost(std::string_view raw, HostName& out) {
  out.bytes = 0;
  raw = Trim(raw);
  if (raw.starts_with('[')) {
    const size_t close = raw.find(']');
    return close != std::string_view::npos && AssignIpv6(raw.substr(1, close - 1), out);
  }
  const size_t colon = raw.find(':');
  if (colon != std::string_view::npos && raw.find(':', colon + 1) != std::string_view::npos) {
    if (AssignIpv6(raw, out)) return true;
  }
  raw = Trim(raw.substr(0, colon));

  base::HostBuffer buffer;
  const base::NormalHost normal = base::NormaliseHost(raw, buffer);
  if (!normal.ok()) return false;
  // Full-width forms of what ends a host: nobody takes them for that, so it is no name.
  if (normal.name.find_first_of(":[") != std::string_view::npos) return false;
  std::copy(normal.name.begin(), normal.name.end(), out.text.begin());
  out.bytes = static_cast<uint8_t>(normal.name.size());
  std::array<uint8_t, 4> v4;
  std::array<char, 46> address;
  const bool numeric = out.text[0] >= '0' && out.text[0] <= '9';
  if (numeric && ParseIpv4Any(out.view(), v4)) return Assign(address, FormatIpv4(v4, address), out);
  return true;
}

bool NormaliseDnsName(std::span<const uint8_t> wire, HostName& out) {
  out.bytes = 0;
  size_t used = 0;
  while (!wire.empty()) {
    const size_t label_bytes = wire[0];
    if (label_bytes == 0 || label_bytes >= wire.size()) return false;
    if (used > 0) {
      if (used == out.text.size()) return false;
      out.text[used++] = '.';
    }
    for (const uint8_t byte : wire.subspan(1, label_bytes)) {
      if (!PutDnsByte(byte, out, used)) return false;
    }
    wire = wire.subspan(label_bytes + 1);
  }
  out.bytes = static_cast<uint8_t>(used);
  return used > 0;
}

}  // namespace weir::names

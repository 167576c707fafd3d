// DHCP messages for tests, field by field; lengths come right by themselves unless a test wants
// otherwise.
#pragma once

#include "tests/support/packet_builder.h"

namespace weir::testing {

struct Dhcp4Fields {
  uint8_t op = 2;
  uint8_t type = 5;  // 0: no such option
  std::string_view ciaddr = "0.0.0.0";
  std::string_view yiaddr = "10.20.0.11";
  std::string_view giaddr = "0.0.0.0";
  std::string_view mac = "02:00:00:00:00:11";
  uint8_t hardware_type = 1;
  uint8_t hardware_bytes = 6;
  uint32_t lease_s = 3600;  // 0: no such option
  Bytes options = {};       // behind these, before the end option
  Bytes name = {};          // padded with zeros
  Bytes file = {};
};

inline void Append(Bytes& out, const Bytes& more) {
  out.insert(out.end(), more.begin(), more.end());
}
inline Bytes Be(uint64_t value, unsigned bytes) {
  Bytes out;
  for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return out;
}
inline Bytes AddressBytes(std::string_view text) {
  const base::IpAddress address = base::IpAddress::Parse(text).value();
  const auto& bytes = address.bytes();
  return {bytes.begin() + (address.is_v4() ? 12 : 0), bytes.end()};
}
inline Bytes Address6Bytes(std::string_view text) {  // mapped ones in full
  const base::IpAddress address = base::IpAddress::Parse(text).value();
  return {address.bytes().begin(), address.bytes().end()};
}
inline Bytes MacBytes(std::string_view text) {
  const auto bytes = base::MacAddress::Parse(text).value().bytes;
  return {bytes.begin(), bytes.end()};
}

inline Bytes Option4(uint8_t code, const Bytes& value) {
  Bytes out{code, static_cast<uint8_t>(value.size())};
  Append(out, value);
  return out;
}

inline Bytes Dhcp4(const Dhcp4Fields& fields) {
  Bytes out{fields.op, fields.hardware_type, fields.hardware_bytes, 0};
  Append(out, Be(0x12345678, 4));
  Append(out, Bytes(4, 0));
  for (const auto address :
       {fields.ciaddr, fields.yiaddr, std::string_view("0.0.0.0"), fields.giaddr}) {
    Append(out, AddressBytes(address));
  }
  Bytes hardware = MacBytes(fields.mac);
  hardware.resize(16);
  Append(out, hardware);
  Bytes name = fields.name;
  name.resize(64);
  Append(out, name);
  Bytes file = fields.file;
  file.resize(128);
  Append(out, file);
  Append(out, Be(0x63825363, 4));
  if (fields.type != 0) Append(out, Option4(53, {fields.type}));
  if (fields.lease_s != 0) Append(out, Option4(51, Be(fields.lease_s, 4)));
  Append(out, fields.options);
  out.push_back(255);
  return out;
}

inline Bytes Option6(uint16_t code, const Bytes& value) {
  Bytes out = Be(code, 2);
  Append(out, Be(value.size(), 2));
  Append(out, value);
  return out;
}
inline Bytes Joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) Append(out, part);
  return out;
}

// A DUID-LL of an Ethernet address.
inline Bytes Duid(std::string_view mac) { return Joined({Be(3, 2), Be(1, 2), MacBytes(mac)}); }

inline Bytes Dhcp6(uint8_t type, const Bytes& options) {
  return Joined({{type}, Be(0x123456, 3), options});
}
inline Bytes IaAddress(std::string_view ip, uint32_t valid_s, const Bytes& options = {}) {
  return Option6(5, Joined({Address6Bytes(ip), Be(valid_s / 2, 4), Be(valid_s, 4), options}));
}
inline Bytes IaPrefix(std::string_view ip, uint8_t bits, uint32_t valid_s) {
  return Option6(26, Joined({Be(valid_s / 2, 4), Be(valid_s, 4), {bits}, Address6Bytes(ip)}));
}
inline Bytes IaNa(const Bytes& options) { return Option6(3, Joined({Bytes(12, 0), options})); }
inline Bytes IaTa(const Bytes& options) { return Option6(4, Joined({Bytes(4, 0), options})); }
inline Bytes IaPd(const Bytes& options) { return Option6(25, Joined({Bytes(12, 0), options})); }
inline Bytes Status(uint16_t code) { return Option6(13, Be(code, 2)); }
inline Bytes Relayed(uint8_t type, std::string_view link, const Bytes& message,
                     const Bytes& options = {}) {
  return Joined(
      {{type, 0}, Address6Bytes(link), Address6Bytes("fe80::99"), options, Option6(9, message)});
}

}  // namespace weir::testing

#include "control/radius/radius_packet.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/cursor.h"
#include "dataplane/base/host_address.h"

namespace weir::control::radius {
namespace {

using base::Cursor;
using Bytes = std::span<const uint8_t>;
using Digest = std::array<uint8_t, kRadiusAuthenticatorBytes>;

constexpr uint8_t kAccountingRequest = 4;
constexpr uint8_t kAccountingResponse = 5;
constexpr size_t kAuthenticatorAt = 4;
constexpr size_t kAttributeHeadBytes = 2;
constexpr size_t kV6Bytes = 16;

enum Attribute : uint8_t {
  kUserName = 1,
  kNasIpAddress = 4,
  kNasPort = 5,
  kFramedIpAddress = 8,
  kVendorSpecific = 26,
  kCallingStationId = 31,
  kNasIdentifier = 32,
  kProxyState = 33,
  kAcctStatusType = 40,
  kAcctDelayTime = 41,
  kAcctSessionId = 44,
  kAcctSessionTime = 46,
  kAcctTerminateCause = 49,
  kEventTimestamp = 55,
  kMessageAuthenticator = 80,
  kAcctInterimInterval = 85,
  kNasPortId = 87,
  kNasIpv6Address = 95,
  kFramedInterfaceId = 96,
  kFramedIpv6Prefix = 97,
  kDelegatedIpv6Prefix = 123,
  kFramedIpv6Address = 168,
};

// Huawei's and H3C's devices say the user's address in an attribute of their own, where the IETF's
// is not sent: as text, the address and behind a space the MAC address.
constexpr uint32_t kHuawei = 2011;
constexpr uint32_t kH3c = 25506;
constexpr uint8_t kIpHostAddress = 60;

// What is shorter is a network's, and no user's.
constexpr unsigned kPrefixBitsMin = 32;

std::string TextOf(Bytes value) { return {value.begin(), value.end()}; }

AccountingStatus StatusOf(uint32_t number) {
  switch (number) {
    case 1:
      return AccountingStatus::kStart;
    case 2:
      return AccountingStatus::kStop;
    case 3:
      return AccountingStatus::kInterim;
    case 7:
      return AccountingStatus::kOn;
    case 8:
      return AccountingStatus::kOff;
    default:
      return AccountingStatus::kOther;
  }
}

// What says that there is none yet (0.0.0.0), or is a host's on its link only, is passed over.
void AddAddress(const base::IpAddress& address, AccountingRequest& out) {
  if (!base::MayBeSomebodys(address)) return;
  auto& known = out.addresses;
  if (std::find(known.begin(), known.end(), address) == known.end()) known.push_back(address);
}

// Two values, both above multicast, are no addresses: "the user chooses", "the NAS chooses" (RFC
// 2865 §5.8).
bool AddFramedIp(Bytes value, AccountingRequest& out) {
  if (value.size() != 4) return false;
  AddAddress(base::IpAddress::FromV4(value.first<4>()), out);
  return true;
}

// RFC 3162 §2.3: reserved, length in bits, so many bytes of the prefix as are needed.
bool AddPrefix(Bytes value, std::vector<base::IpPrefix>& out) {
  if (value.size() < 2 || value.size() > 2 + kV6Bytes) return false;
  const unsigned length_bits = value[1];
  const Bytes given = value.subspan(2);
  if (length_bits > 128 || given.size() * 8 < length_bits) return false;
  std::array<uint8_t, kV6Bytes> bytes{};
  std::copy(given.begin(), given.end(), bytes.begin());
  const base::IpPrefix prefix(base::IpAddress::FromV6(bytes), length_bits);
  const bool is_users = length_bits >= kPrefixBitsMin && !prefix.address().is_v4();
  if (is_users && base::MayBeSomebodys(prefix)) out.push_back(prefix);
  return true;
}

// RFC 2865 §5.4, RFC 3162 §2.1. The unspecified address says nothing.
bool TakeNasAddress(Bytes value, size_t bytes, AccountingRequest& out) {
  if (value.size() != bytes) return false;
  if (std::ranges::all_of(value, [](uint8_t byte) { return byte == 0; })) return true;
  if (bytes == kV6Bytes) out.nas_address = base::IpAddress::FromV6(value.first<kV6Bytes>());
  if (bytes == 4 && !out.nas_address) out.nas_address = base::IpAddress::FromV4(value.first<4>());
  return true;
}

// RFC 3162 §2.2.
bool TakeInterfaceId(Bytes value, AccountingRequest& out) {
  if (value.size() != sizeof(uint64_t)) return false;
  out.interface_id = base::LoadBe<uint64_t>(value.data());
  return true;
}

// The address which prefix and interface make together, in whatever order they stand.
void AddInterfaceAddresses(AccountingRequest& out) {
  constexpr unsigned kInterfaceBits = 64;
  if (!out.interface_id || *out.interface_id == 0) return;
  for (const base::IpPrefix& prefix : out.framed_prefixes) {
    if (prefix.length_bits() != 128 - kInterfaceBits) continue;
    std::array<uint8_t, kV6Bytes> bytes = prefix.address().bytes();
    base::StoreBe<uint64_t>(bytes.data() + kV6Bytes - sizeof(uint64_t), *out.interface_id);
    AddAddress(base::IpAddress::FromV6(bytes), out);
  }
}

// What cannot be read in a vendor's attribute is passed over, as the attribute is.
void TakeVendor(Bytes value, AccountingRequest& out) {
  Cursor cursor(value);
  const uint32_t vendor = cursor.U32();
  if (vendor != kHuawei && vendor != kH3c) return;
  while (cursor.ok() && !cursor.empty()) {
    const uint8_t type = cursor.U8();
    const uint8_t length = cursor.U8();
    if (length < kAttributeHeadBytes) return;
    const std::string text = TextOf(cursor.Bytes(length - kAttributeHeadBytes));
    if (!cursor.ok() || type != kIpHostAddress) continue;
    const auto address = base::IpAddress::Parse(text.substr(0, text.find(' ')));
    if (address.ok()) AddAddress(*address, out);
  }
}

bool TakeNumber(Bytes value, uint32_t& out) {
  if (value.size() != 4) return false;
  out = base::LoadBe<uint32_t>(value.data());
  return true;
}

bool TakeNumber(Bytes value, std::optional<uint32_t>& out) {
  out.emplace();
  return TakeNumber(value, *out);
}

bool Take(uint8_t type, Bytes value, AccountingRequest& out, std::optional<uint32_t>& status) {
  switch (type) {
    case kUserName:
      out.user_name = TextOf(value);
      return true;
    case kNasIpAddress:
    case kNasIpv6Address:
      return TakeNasAddress(value, type == kNasIpAddress ? 4 : kV6Bytes, out);
    case kNasPort:
      return TakeNumber(value, out.nas_port);
    case kFramedIpAddress:
      return AddFramedIp(value, out);
    case kVendorSpecific:
      TakeVendor(value, out);
      return true;
    case kCallingStationId:
      out.calling_station_id = TextOf(value);
      return true;
    case kNasIdentifier:
      out.nas_identifier = TextOf(value);
      return true;
    case kProxyState:
      out.proxy_states.push_back(TextOf(value));
      return true;
    case kAcctStatusType:
      return TakeNumber(value, status);
    case kAcctDelayTime:
      return TakeNumber(value, out.delay_s);
    case kAcctSessionId:
      out.session_id = TextOf(value);
      return true;
    case kAcctSessionTime:
      return TakeNumber(value, out.session_time_s);
    case kAcctTerminateCause:
      return TakeNumber(value, out.terminate_cause);
    case kEventTimestamp:
      return TakeNumber(value, out.event_time_s);
    case kMessageAuthenticator:
      return value.size() == kRadiusAuthenticatorBytes;
    case kAcctInterimInterval:
      return TakeNumber(value, out.interim_interval_s);
    case kNasPortId:
      out.nas_port_id = TextOf(value);
      return true;
    case kFramedInterfaceId:
      return TakeInterfaceId(value, out);
    case kFramedIpv6Prefix:
      return AddPrefix(value, out.framed_prefixes);
    case kDelegatedIpv6Prefix:
      return AddPrefix(value, out.delegated_prefixes);
    case kFramedIpv6Address:
      if (value.size() != kV6Bytes) return false;
      AddAddress(base::IpAddress::FromV6(value.first<kV6Bytes>()), out);
      return true;
    default:
      return true;
  }
}

// The packet within the datagram; empty: there is none.
Bytes PacketOf(Bytes datagram) {
  if (datagram.size() < kRadiusBytesMin) return {};
  const size_t bytes = base::LoadBe<uint16_t>(datagram.data() + 2);
  const bool fits =
      bytes >= kRadiusBytesMin && bytes <= kRadiusBytesMax && bytes <= datagram.size();
  return fits ? datagram.first(bytes) : Bytes();
}

Digest Md5(std::initializer_list<Bytes> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  Digest digest{};
  EVP_DigestInit_ex(context.get(), EVP_md5(), nullptr);
  for (const Bytes part : parts) EVP_DigestUpdate(context.get(), part.data(), part.size());
  EVP_DigestFinal_ex(context.get(), digest.data(), nullptr);
  return digest;
}

Bytes BytesOf(std::string_view text) {
  return {static_cast<const uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}

bool SameBytes(Bytes a, Bytes b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// Where the value of the packet's Message-Authenticator begins; 0: it has none.
size_t MessageAuthenticatorAt(Bytes packet) {
  size_t found = 0;
  for (size_t at = kRadiusBytesMin; at + kAttributeHeadBytes <= packet.size();) {
    if (packet[at] == kMessageAuthenticator) found = at + kAttributeHeadBytes;
    if (packet[at + 1] < kAttributeHeadBytes) break;
    at += packet[at + 1];
  }
  return found;
}

}  // namespace

std::string_view RadiusFaultName(RadiusFault fault) {
  switch (fault) {
    case RadiusFault::kNone:
      return "";
    case RadiusFault::kLength:
      return "length";
    case RadiusFault::kCode:
      return "code";
    case RadiusFault::kAttribute:
      return "attribute";
    case RadiusFault::kNoStatus:
      return "no_status";
    case RadiusFault::kNoSession:
      return "no_session";
    case RadiusFault::kSecret:
      return "secret";
  }
  return "";
}

RadiusFault ReadAccountingRequest(Bytes datagram, AccountingRequest& out) {
  out = AccountingRequest();
  const Bytes packet = PacketOf(datagram);
  if (packet.empty()) return RadiusFault::kLength;
  if (packet[0] != kAccountingRequest) return RadiusFault::kCode;
  out.id = packet[1];
  std::copy_n(packet.begin() + kAuthenticatorAt, out.authenticator.size(),
              out.authenticator.begin());
  std::optional<uint32_t> status;
  Cursor cursor(packet.subspan(kRadiusBytesMin));
  while (!cursor.empty()) {
    const uint8_t type = cursor.U8();
    const uint8_t length = cursor.U8();
    if (!cursor.ok() || length < kAttributeHeadBytes) return RadiusFault::kAttribute;
    const Bytes value = cursor.Bytes(length - kAttributeHeadBytes);
    if (!cursor.ok() || !Take(type, value, out, status)) return RadiusFault::kAttribute;
  }
  AddInterfaceAddresses(out);
  if (!status) return RadiusFault::kNoStatus;
  out.status = StatusOf(*status);
  const bool of_session = out.status == AccountingStatus::kStart ||
                          out.status == AccountingStatus::kStop ||
                          out.status == AccountingStatus::kInterim;
  return of_session && out.session_id.empty() ? RadiusFault::kNoSession : RadiusFault::kNone;
}

bool IsAuthentic(Bytes datagram, std::string_view secret) {
  const Bytes packet = PacketOf(datagram);
  if (packet.empty()) return false;
  static constexpr Digest kZeros{};
  const Bytes attributes = packet.subspan(kRadiusBytesMin);
  const Digest expected =
      Md5({packet.first(kAuthenticatorAt), kZeros, attributes, BytesOf(secret)});
  if (!SameBytes(expected, packet.subspan(kAuthenticatorAt, kRadiusAuthenticatorBytes))) {
    return false;
  }
  const size_t at = MessageAuthenticatorAt(packet);
  if (at == 0) return true;
  if (at + kRadiusAuthenticatorBytes > packet.size()) return false;
  // Made with zeros in the place of both authenticators (RFC 5080 §2.2.2).
  std::vector<uint8_t> blank(packet.begin(), packet.end());
  std::fill_n(blank.begin() + kAuthenticatorAt, kRadiusAuthenticatorBytes, 0);
  std::fill_n(blank.begin() + static_cast<ptrdiff_t>(at), kRadiusAuthenticatorBytes, 0);
  Digest made{};
  HMAC(EVP_md5(), secret.data(), static_cast<int>(secret.size()), blank.data(), blank.size(),
       made.data(), nullptr);
  return SameBytes(made, packet.subspan(at, kRadiusAuthenticatorBytes));
}

std::vector<uint8_t> WriteAccountingResponse(const AccountingRequest& request,
                                             std::string_view secret) {
  std::vector<uint8_t> out(kRadiusBytesMin);
  out[0] = kAccountingResponse;
  out[1] = request.id;
  std::copy(request.authenticator.begin(), request.authenticator.end(),
            out.begin() + kAuthenticatorAt);
  for (const std::string& state : request.proxy_states) {
    out.push_back(kProxyState);
    out.push_back(static_cast<uint8_t>(state.size() + kAttributeHeadBytes));
    out.insert(out.end(), state.begin(), state.end());
  }
  base::StoreBe(out.data() + 2, static_cast<uint16_t>(out.size()));
  const Digest authenticator = Md5({out, BytesOf(secret)});
  std::copy(authenticator.begin(), authenticator.end(), out.begin() + kAuthenticatorAt);
  return out;
}

}  // namespace weir::control::radius

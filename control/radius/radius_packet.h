// RADIUS accounting on the wire: requests read and checked, answers written.
//
// RFC 2865 §3 and §5 (frame, attributes), RFC 2866 §3 to §5 (accounting), RFC 2869 §5.7, §5.14 and
// §5.16 (Event-Timestamp, Message-Authenticator, Acct-Interim-Interval), RFC 3162 and RFC 6911
// (IPv6), RFC 5080 §2.2.2. Attributes that are not known, vendors' among them, are passed over.
//
// Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.h"

namespace weir::control::radius {

inline constexpr size_t kRadiusBytesMin = 20;
inline constexpr size_t kRadiusBytesMax = 4096;  // RFC 2865 §3
inline constexpr size_t kRadiusAuthenticatorBytes = 16;

enum class AccountingStatus : uint8_t { kStart, kStop, kInterim, kOn, kOff, kOther };

// What is wrong with a datagram; such a one is not answered.
enum class RadiusFault : uint8_t {
  kNone,
  kLength,     // shorter than it says, or than can be
  kCode,       // no Accounting-Request
  kAttribute,  // an attribute's length, or one that is in the wrong form
  kNoStatus,   // without Acct-Status-Type
  kNoSession,  // a session's, without Acct-Session-Id
  kSecret,     // the authenticator is not made with the NAS's secret
};
inline constexpr size_t kRadiusFaults = 7;
std::string_view RadiusFaultName(RadiusFault fault);  // "length", … ; "" for kNone

struct AccountingRequest {
  uint8_t id = 0;
  std::array<uint8_t, kRadiusAuthenticatorBytes> authenticator{};
  AccountingStatus status = AccountingStatus::kOther;
  std::string user_name;
  std::string nas_identifier;
  std::optional<base::IpAddress> nas_address;  // NAS-IPv6-Address, else NAS-IP-Address
  std::string nas_port_id;
  std::string calling_station_id;  // as it was sent; most often a MAC address
  std::string session_id;
  std::optional<uint32_t> nas_port;
  // Of the user: Framed-IP-Address, Framed-IPv6-Address, and Framed-Interface-Id in a
  // Framed-IPv6-Prefix of 64 bits.
  std::vector<base::IpAddress> addresses;
  std::vector<base::IpPrefix> framed_prefixes;     // Framed-IPv6-Prefix; often that of a whole link
  std::vector<base::IpPrefix> delegated_prefixes;  // Delegated-IPv6-Prefix (RFC 4818)
  std::optional<uint64_t> interface_id;            // Framed-Interface-Id
  uint32_t delay_s = 0;                            // Acct-Delay-Time
  uint32_t interim_interval_s = 0;                 // 0: not said
  std::optional<uint32_t> session_time_s;
  std::optional<uint32_t> event_time_s;  // since 1970, UTC
  uint32_t terminate_cause = 0;          // RFC 2866 §5.10; 0: not said
  std::vector<std::string> proxy_states;
};

// `datagram`: all of it; what lies behind the packet's own length is padding. Does not look at the
// secret: the request may be anybody's.
RadiusFault ReadAccountingRequest(std::span<const uint8_t> datagram, AccountingRequest& out);

// Whether both the Request Authenticator and, where there is one, the Message-Authenticator were
// made with the secret. `datagram`: one that ReadAccountingRequest() took.
bool IsAuthentic(std::span<const uint8_t> datagram, std::string_view secret);

// The Accounting-Response, with the request's Proxy-States.
std::vector<uint8_t> WriteAccountingResponse(const AccountingRequest& request,
                                             std::string_view secret);

}  // namespace weir::control::radius

#include "dataplane/events/session_json.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "dataplane/base/byte_order.h"

namespace weir::events {
namespace {

using Json = nlohmann::ordered_json;

bool HasPorts(uint8_t ip_protocol) {
  return ip_protocol == IPPROTO_TCP || ip_protocol == IPPROTO_UDP || ip_protocol == IPPROTO_SCTP;
}

bool IsIcmp(uint8_t ip_protocol) {
  return ip_protocol == IPPROTO_ICMP || ip_protocol == IPPROTO_ICMPV6;
}

Json TextOrNull(std::string_view text) { return text.empty() ? Json() : Json(text); }

// Pairs of message types that are one exchange, from the Community ID specification.
struct IcmpPair {
  uint8_t one;
  uint8_t other;
};
constexpr IcmpPair kIcmpPairs[] = {{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}};
constexpr IcmpPair kIcmp6Pairs[] = {{128, 129}, {133, 134}, {135, 136},
                                    {130, 131}, {139, 140}, {144, 145}};

std::optional<uint8_t> IcmpCounterpart(uint8_t ip_protocol, uint8_t type) {
  const auto pairs = ip_protocol == IPPROTO_ICMP ? std::span<const IcmpPair>(kIcmpPairs)
                                                 : std::span<const IcmpPair>(kIcmp6Pairs);
  for (const IcmpPair& pair : pairs) {
    if (type == pair.one) return pair.other;
    if (type == pair.other) return pair.one;
  }
  return std::nullopt;
}

struct Endpoint {
  base::IpAddress ip;
  uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

void AppendAddress(std::vector<uint8_t>& out, const base::IpAddress& ip) {
  const auto& bytes = ip.bytes();
  out.insert(out.end(), bytes.begin() + (ip.is_v4() ? 12 : 0), bytes.end());
}

void AppendPort(std::vector<uint8_t>& out, uint16_t port) {
  out.push_back(static_cast<uint8_t>(port >> 8));
  out.push_back(static_cast<uint8_t>(port & 0xff));
}

std::string Base64(std::span<const uint8_t> bytes) {
  std::vector<uint8_t> text(4 * ((bytes.size() + 2) / 3) + 1);
  const int size = EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {text.begin(), text.begin() + size};
}

void AddEndpoints(Json& record, const SessionEvent& event) {
  const bool ports = HasPorts(event.ip_protocol);
  record["proto"] = ProtocolName(event.ip_protocol);
  record["proto_number"] = event.ip_protocol;
  record["src_ip"] = event.src_ip.ToString();
  record["src_port"] = ports ? Json(event.src_port) : Json();
  record["dst_ip"] = event.dst_ip.ToString();
  record["dst_port"] = ports ? Json(event.dst_port) : Json();
  if (IsIcmp(event.ip_protocol)) {
    record["icmp_type"] = event.src_port >> 8;
    record["icmp_code"] = event.src_port & 0xff;
  }
  record["direction"] = DirectionName(event.direction);
  record["vlan"] = Json::array();
  for (size_t i = 0; i < std::min<size_t>(event.vlan_count, kVlansMax); ++i) {
    record["vlan"].push_back(event.vlans[i]);
  }
  record["src_mac"] = event.src_mac.is_zero() ? Json() : Json(event.src_mac.ToString());
  record["dst_mac"] = event.dst_mac.is_zero() ? Json() : Json(event.dst_mac.ToString());
}

// A damaged record may say anything: too far apart wraps.
int64_t NsBetween(base::WallTime from, base::WallTime to) {
  return static_cast<int64_t>(static_cast<uint64_t>(to.ns) - static_cast<uint64_t>(from.ns));
}

}  // namespace

std::string SessionIdText(uint64_t session_id) { return fmt::format("{:016x}", session_id); }

std::string CommunityId(const SessionEvent& event) {
  Endpoint low{event.src_ip, event.src_port};
  Endpoint high{event.dst_ip, event.dst_port};
  bool one_way = false;
  if (IsIcmp(event.ip_protocol)) {
    const auto type = static_cast<uint8_t>(event.src_port >> 8);
    const auto counterpart = IcmpCounterpart(event.ip_protocol, type);
    one_way = !counterpart.has_value();
    low.port = type;
    high.port = counterpart.value_or(static_cast<uint8_t>(event.src_port & 0xff));
  }
  if (!one_way && high < low) std::swap(low, high);

  std::vector<uint8_t> input = {0, 0};  // the seed
  AppendAddress(input, low.ip);
  AppendAddress(input, high.ip);
  input.push_back(event.ip_protocol);
  input.push_back(0);
  if (HasPorts(event.ip_protocol) || IsIcmp(event.ip_protocol)) {
    AppendPort(input, low.port);
    AppendPort(input, high.port);
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_bytes = 0;
  if (EVP_Digest(input.data(), input.size(), digest.data(), &digest_bytes, EVP_sha1(), nullptr) !=
      1) {
    return "";  // a libcrypto without SHA-1
  }
  return "1:" + Base64(std::span(digest).first(digest_bytes));
}

std::string SessionToJson(const SessionEvent& event, std::string_view sensor,
                          const AccountFields& account) {
  Json record;
  record["session_id"] = SessionIdText(event.session_id);
  record["part"] = event.part;
  record["sensor"] = sensor;
  record["session_start"] = base::FormatRfc3339(event.session_start);
  record["start"] = base::FormatRfc3339(event.start);
  record["end"] = base::FormatRfc3339(event.end);
  record["duration_ms"] = NsBetween(event.start, event.end) / base::kNsPerMs;
  record["state"] = SessionStateName(event.state);
  record["end_reason"] = TextOrNull(EndReasonName(event.end_reason));
  AddEndpoints(record, event);
  record["packets_to_dst"] = event.packets_to_dst;
  record["packets_to_src"] = event.packets_to_src;
  record["bytes_to_dst"] = event.bytes_to_dst;
  record["bytes_to_src"] = event.bytes_to_src;
  record["tcp_flags"] = event.ip_protocol == IPPROTO_TCP ? Json(event.tcp_flags) : Json();
  record["name"] = TextOrNull(event.name);
  record["name_source"] = TextOrNull(NameSourceName(event.name_source));
  record["app"] = TextOrNull(event.app);
  record["category"] = TextOrNull(event.category);
  record["account"] = TextOrNull(account.account);
  record["login_time"] =
      account.login_time ? Json(base::FormatRfc3339(*account.login_time)) : Json();
  record["group"] = TextOrNull(account.group);
  record["verdict"] = VerdictName(event.verdict);
  record["rule"] = TextOrNull(event.rule);
  record["list_line"] = event.list_line == 0 ? Json() : Json(event.list_line);
  record["policy_version"] = event.policy_version;
  record["community_id"] = TextOrNull(CommunityId(event));
  // Names come from hostile packets: bytes that are not UTF-8 become U+FFFD instead of an
  // exception.
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir::events

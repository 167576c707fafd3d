#include "dataplane/events/session_json.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "dataplane/base/byte_order.h"

namespace weir::events {
namespace {

// A JSON object that is written member by member, in the order in which they come.
//
// What it writes is what nlohmann::json would dump: a line is digested, and so has one form. Names
// come from hostile packets: bytes that are not UTF-8 become U+FFFD.
class JsonObject {
 public:
  explicit JsonObject(size_t bytes) { out_.reserve(bytes); }

  void Text(std::string_view key, std::string_view text) {
    Key(key);
    const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
    if (std::all_of(text.begin(), text.end(), plain)) {
      (out_ += '"').append(text) += '"';
    } else {
      out_ += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    }
  }
  void TextOrNull(std::string_view key, std::string_view text) {
    text.empty() ? Null(key) : Text(key, text);
  }
  template <std::integral T>
  void Number(std::string_view key, T number) {
    Key(key);
    Append(number);
  }
  template <std::integral T>
  void NumberOrNull(std::string_view key, T number, bool known) {
    known ? Number(key, number) : Null(key);
  }
  void Null(std::string_view key) {
    Key(key);
    out_ += "null";
  }
  template <std::integral T>
  void Numbers(std::string_view key, std::span<const T> numbers) {
    Key(key);
    out_ += '[';
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (i > 0) out_ += ',';
      Append(numbers[i]);
    }
    out_ += ']';
  }

  std::string Finish() { return std::move(out_ += '}'); }

 private:
  void Key(std::string_view key) {
    out_ += out_.empty() ? '{' : ',';
    (out_ += '"').append(key) += "\":";
  }
  template <std::integral T>
  void Append(T number) {
    const fmt::format_int digits(number);
    out_.append(digits.data(), digits.size());
  }

  std::string out_;
};

bool HasPorts(uint8_t ip_protocol) {
  return ip_protocol == IPPROTO_TCP || ip_protocol == IPPROTO_UDP || ip_protocol == IPPROTO_SCTP;
}

bool IsIcmp(uint8_t ip_protocol) {
  return ip_protocol == IPPROTO_ICMP || ip_protocol == IPPROTO_ICMPV6;
}

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

// What the hash is taken of: 40 bytes at most.
class HashInput {
 public:
  void Add(std::span<const uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + static_cast<ptrdiff_t>(used_));
    used_ += bytes.size();
  }
  void Add(const base::IpAddress& ip) { Add(std::span(ip.bytes()).subspan(ip.is_v4() ? 12 : 0)); }
  void Add(uint16_t number) {
    const std::array<uint8_t, 2> bytes{static_cast<uint8_t>(number >> 8),
                                       static_cast<uint8_t>(number & 0xff)};
    Add(bytes);
  }
  std::span<const uint8_t> bytes() const { return std::span(bytes_).first(used_); }

 private:
  std::array<uint8_t, 40> bytes_{};
  size_t used_ = 0;
};

// Empty: a libcrypto without SHA-1.
std::string Sha1InBase64(std::span<const uint8_t> bytes) {
  // Fetched once: that takes longer than the hash.
  static EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  constexpr size_t kBase64Bytes = 4 * ((20 + 2) / 3);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_bytes = 0;
  if (sha1 == nullptr ||
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &digest_bytes, sha1, nullptr) != 1) {
    return {};
  }
  std::array<char, kBase64Bytes + 1> text{};
  const int size = EVP_EncodeBlock(reinterpret_cast<uint8_t*>(text.data()), digest.data(),
                                   static_cast<int>(digest_bytes));
  return {text.data(), static_cast<size_t>(size)};
}

void AddEndpoints(JsonObject& record, const SessionEvent& event) {
  const bool ports = HasPorts(event.ip_protocol);
  record.Text("proto", ProtocolName(event.ip_protocol));
  record.Number("proto_number", event.ip_protocol);
  record.Text("src_ip", event.src_ip.ToString());
  record.NumberOrNull("src_port", event.src_port, ports);
  record.Text("dst_ip", event.dst_ip.ToString());
  record.NumberOrNull("dst_port", event.dst_port, ports);
  if (IsIcmp(event.ip_protocol)) {
    record.Number("icmp_type", event.src_port >> 8);
    record.Number("icmp_code", event.src_port & 0xff);
  }
  record.Text("direction", DirectionName(event.direction));
  record.Numbers(
      "vlan",
      std::span<const uint16_t>(event.vlans).first(std::min<size_t>(event.vlan_count, kVlansMax)));
  record.TextOrNull("src_mac", event.src_mac.is_zero() ? "" : event.src_mac.ToString());
  record.TextOrNull("dst_mac", event.dst_mac.is_zero() ? "" : event.dst_mac.ToString());
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

  HashInput input;
  input.Add(uint16_t{0});  // the seed
  input.Add(low.ip);
  input.Add(high.ip);
  input.Add(std::array<uint8_t, 2>{event.ip_protocol, 0});
  if (HasPorts(event.ip_protocol) || IsIcmp(event.ip_protocol)) {
    input.Add(low.port);
    input.Add(high.port);
  }
  const std::string hash = Sha1InBase64(input.bytes());
  return hash.empty() ? hash : "1:" + hash;
}

std::string SessionToJson(const SessionEvent& event, std::string_view sensor,
                          const AccountFields& account) {
  constexpr size_t kUsualBytes = 1024;
  JsonObject record(kUsualBytes);
  record.Text("session_id", SessionIdText(event.session_id));
  record.Number("part", event.part);
  record.Text("sensor", sensor);
  record.Text("session_start", base::FormatRfc3339(event.session_start));
  record.Text("start", base::FormatRfc3339(event.start));
  record.Text("end", base::FormatRfc3339(event.end));
  record.Number("duration_ms", NsBetween(event.start, event.end) / base::kNsPerMs);
  record.Text("state", SessionStateName(event.state));
  record.TextOrNull("end_reason", EndReasonName(event.end_reason));
  AddEndpoints(record, event);
  record.Number("packets_to_dst", event.packets_to_dst);
  record.Number("packets_to_src", event.packets_to_src);
  record.Number("bytes_to_dst", event.bytes_to_dst);
  record.Number("bytes_to_src", event.bytes_to_src);
  record.NumberOrNull("tcp_flags", event.tcp_flags, event.ip_protocol == IPPROTO_TCP);
  record.TextOrNull("name", event.name);
  record.TextOrNull("name_source", NameSourceName(event.name_source));
  record.TextOrNull("app", event.app);
  record.TextOrNull("category", event.category);
  record.TextOrNull("account", account.account);
  record.TextOrNull("login_time",
                    account.login_time ? base::FormatRfc3339(*account.login_time) : "");
  record.TextOrNull("group", account.group);
  record.Text("verdict", VerdictName(event.verdict));
  record.TextOrNull("rule", event.rule);
  record.NumberOrNull("list_line", event.list_line, event.list_line != 0);
  record.Number("policy_version", event.policy_version);
  record.TextOrNull("community_id", CommunityId(event));
  return record.Finish();
}

}  // namespace weir::events

#include "dataplane/base/config_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

namespace weir::base {
namespace {

constexpr uint64_t kMiB = 1ULL << 20;

void TakeSensor(const Value& value, Config& config) {
  constexpr std::string_view kWhat = "a name of at most 63 letters, digits, '-', '_' and '.'";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const bool good = text->size() <= 63 && std::all_of(text->begin(), text->end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                    });
  if (!good) return value.Expected(fmt::format("{}, found \"{}\"", kWhat, *text));
  config.sensor = *text;
}

void TakePort(const Value& value, std::string& out) {
  const auto text = TakeText(value, "an interface name, a PCI address or DPDK devargs");
  if (text) out = *text;
}

void TakeDpdkArgs(const Value& value, Config& config) {
  if (const auto text = value.node.value_exact<std::string>()) {
    std::istringstream words(*text);
    config.dpdk.args.assign(std::istream_iterator<std::string>(words), {});
    return;
  }
  TakeTexts(value, "a list of strings, or one string",
            [&](const toml::node&, const std::string& text) { config.dpdk.args.push_back(text); });
}

void TakeCores(const Value& value, Config& config) {
  constexpr int64_t kCoreMax = 1023;
  const std::string what = fmt::format("a list of core numbers from 0 to {}", kCoreMax);
  const toml::array* list = value.node.as_array();
  if (list == nullptr) return value.WrongType(what);
  if (list->empty()) return value.Expected(what + ", found an empty one");
  std::vector<unsigned> cores;
  for (const toml::node& node : *list) {
    const auto core = node.value_exact<int64_t>();
    if (!core || *core < 0 || *core > kCoreMax) {
      value.Expected(what, node);
      continue;
    }
    cores.push_back(static_cast<unsigned>(*core));
  }
  if (cores.size() > kWorkersMax) {
    value.Expected(fmt::format("at most {} workers, found {}", kWorkersMax, cores.size()));
  }
  config.workers.cores = std::move(cores);
}

void TakeRules(const Value& value, Config& config) {
  TakeTexts(value, "a list of file patterns", [&](const toml::node&, const std::string& text) {
    config.policy.rules.push_back((value.folder / text).lexically_normal());
  });
}

bool IsLoopback(const IpAddress& address) {
  static const IpPrefix kV4 = IpPrefix::Parse("127.0.0.0/8").value();
  static const IpAddress kV6 = IpAddress::Parse("::1").value();
  return kV4.Contains(address) || address == kV6;
}

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;
};

// nullopt, and a problem, for anything else.
std::optional<Endpoint> TakeAddressAndPort(const Value& value, std::string_view what) {
  const auto text = TakeText(value, what);
  if (!text) return std::nullopt;
  const auto refuse = [&] {
    value.Expected(fmt::format("{}, found \"{}\"", what, *text));
    return std::nullopt;
  };
  const size_t colon = text->rfind(':');
  if (colon == std::string::npos) return refuse();
  std::string host = text->substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::Parse(host);
  const char* end = text->data() + text->size();
  uint16_t port = 0;
  const auto parsed = std::from_chars(text->data() + colon + 1, end, port);
  const bool good_port = parsed.ec == std::errc() && parsed.ptr == end;
  if (!address || !good_port || bracketed == address->is_v4()) return refuse();
  return Endpoint{*address, port};
}

void TakeListen(const Value& value, Config& config) {
  const auto taken =
      TakeAddressAndPort(value, "an address and port such as \"127.0.0.1:8443\" or \"[::1]:8443\"");
  if (!taken) return;
  if (!IsLoopback(taken->address)) {
    return value.Expected(fmt::format(
        "a loopback address; listening on {} is not supported yet, as this port has no TLS",
        taken->address.ToString()));
  }
  config.control.listen_address = taken->address;
  config.control.listen_port = taken->port;
}

void TakeRadiusListen(const Value& value, Config& config) {
  const auto taken =
      TakeAddressAndPort(value, "an address and port such as \"0.0.0.0:1813\" or \"[::]:1813\"");
  if (!taken) return;
  config.accounts.radius_address = taken->address;
  config.accounts.radius_port = taken->port;
}

void TakeSyslogListen(const Value& value, Config& config) {
  const auto taken =
      TakeAddressAndPort(value, "an address and port such as \"0.0.0.0:5514\" or \"[::]:5514\"");
  if (!taken) return;
  config.accounts.syslog_address = taken->address;
  config.accounts.syslog_port = taken->port;
}

void TakeSyslogSenders(const Value& value, Config& config) {
  std::vector<IpPrefix> senders;
  constexpr std::string_view kWhat = "a list of addresses or prefixes such as \"10.0.0.5\"";
  TakeTexts(value, kWhat, [&](const toml::node& node, const std::string& text) {
    const auto prefix = IpPrefix::Parse(text);
    if (!prefix) return value.Expected(fmt::format("{}, found \"{}\"", kWhat, text), node);
    senders.push_back(*prefix);
  });
  config.accounts.syslog_senders = std::move(senders);
}

void TakeDhcpServers(const Value& value, Config& config) {
  constexpr size_t kServersMax = 64;
  constexpr std::string_view kWhat = "a list of servers' addresses and prefixes";
  constexpr unsigned kAllOfV4 = 96;
  std::vector<IpPrefix>& servers = config.accounts.dhcp_servers;
  TakeTexts(value, kWhat, [&](const toml::node& node, const std::string& text) {
    const auto prefix = IpPrefix::Parse(text);
    if (!prefix) return value.Expected(fmt::format("{}; {}", kWhat, prefix.error().message), node);
    const unsigned bits = prefix->length_bits();
    if (bits == 0 || (bits == kAllOfV4 && prefix->address().is_v4())) {
      return value.Expected(fmt::format("{}; {} is everybody", kWhat, text), node);
    }
    if (servers.size() == kServersMax) {
      return value.Expected(fmt::format("{}, {} at most", kWhat, kServersMax), node);
    }
    servers.push_back(*prefix);
  });
}

constexpr Choice<DhcpSide> kDhcpSides[] = {{"outside", DhcpSide::kOutside},
                                           {"inside", DhcpSide::kInside}};

constexpr Choice<AuditStore> kAuditStores[] = {{"embedded", AuditStore::kEmbedded},
                                               {"clickhouse", AuditStore::kClickhouse}};

// A user and password in it would be shown wherever the address is.
void TakeClickhouseUrl(const Value& value, Config& config) {
  constexpr size_t kBytesMax = 500;
  constexpr std::string_view kWhat =
      "an address such as \"http://127.0.0.1:8123\", without user, password and query";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const bool is_web = text->starts_with("http://") || text->starts_with("https://");
  const bool is_plain = std::ranges::all_of(*text, [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("@?#\"\\<>").find(c) == std::string_view::npos;
  });
  const bool has_host = is_web && text->find_first_not_of('/', text->find("//")) != text->npos;
  if (!has_host || !is_plain || text->size() > kBytesMax) return value.Expected(kWhat);
  config.audit.clickhouse_url = *text;
  while (config.audit.clickhouse_url.ends_with('/')) config.audit.clickhouse_url.pop_back();
}

// It stands in commands of SMTP and in a mail's header as it is (RFC 5321 §4.1.2).
void TakeMailAddress(const Value& value, std::string& out) {
  constexpr size_t kBytesMax = 254;
  constexpr std::string_view kWhat = "a mail address such as \"soc@campus.example\"";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const size_t at = text->find('@');
  const bool is_plain = std::ranges::all_of(*text, [](char c) {
    return c > ' ' && c < 0x7f &&
           std::string_view("<>()[],;:\\\"").find(c) == std::string_view::npos;
  });
  const bool good = is_plain && text->size() <= kBytesMax && at != 0 && at < text->size() - 1 &&
                    at == text->rfind('@');
  if (!good) return value.Expected(kWhat);
  out = *text;
}

void TakeMailServer(const Value& value, Config& config) {
  constexpr size_t kBytesMax = 300;
  constexpr std::string_view kWhat =
      "a mail server such as \"smtps://mail.campus.example\" or \"smtp://127.0.0.1:25\", without "
      "user, password and path";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const size_t slashes = text->find("://");
  const bool is_mail = text->starts_with("smtp://") || text->starts_with("smtps://");
  const bool is_plain = is_mail && std::ranges::all_of(text->substr(slashes + 3), [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                 (c >= '0' && c <= '9') ||
                                 std::string_view(".-:[]").find(c) != std::string_view::npos;
                        });
  if (!is_plain || text->size() == slashes + 3 || text->size() > kBytesMax) {
    return value.Expected(kWhat);
  }
  config.audit.anchor_mail.server = *text;
}

constexpr Choice<bool> kMailTlsChoices[] = {{"required", true}, {"optional", false}};

// It stands in statements as it is.
void TakeClickhouseDatabase(const Value& value, Config& config) {
  constexpr size_t kBytesMax = 64;
  constexpr std::string_view kWhat = "a name of letters, digits and _, of up to 64 bytes";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool good =
      text->size() <= kBytesMax && is_letter(text->front()) &&
      std::ranges::all_of(*text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  if (!good) return value.Expected(fmt::format("{}, found \"{}\"", kWhat, *text));
  config.audit.clickhouse_database = *text;
}

// It goes into a header of HTTP as it is.
void TakeClickhouseUser(const Value& value, Config& config) {
  constexpr size_t kBytesMax = 100;
  constexpr std::string_view kWhat = "a user's name of up to 100 bytes, without control characters";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const bool good = text->size() <= kBytesMax && std::ranges::all_of(*text, [](char c) {
                      return static_cast<unsigned char>(c) >= ' ' && c != 0x7f;
                    });
  if (!good) return value.Expected(kWhat);
  config.audit.clickhouse_user = *text;
}

// "02:00", as minutes since midnight.
void TakeTimeOfDay(const Value& value, uint32_t& out) {
  constexpr std::string_view kWhat = "a time of day from \"00:00\" to \"23:59\"";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const auto digits = [&text](size_t at, uint32_t& number) {
    const char* begin = text->data() + at;
    const auto parsed = std::from_chars(begin, begin + 2, number);
    return parsed.ec == std::errc() && parsed.ptr == begin + 2;
  };
  uint32_t hour = 0;
  uint32_t minute = 0;
  if (text->size() != 5 || (*text)[2] != ':' || !digits(0, hour) || !digits(3, minute) ||
      hour > 23 || minute > 59) {
    return value.Expected(fmt::format("{}, found \"{}\"", kWhat, *text));
  }
  out = hour * 60 + minute;
}

void TakeProfiles(const Value& value, Config& config) {
  static constexpr std::string_view kBuilt[] = {"cn-police-24h"};
  static constexpr std::string_view kPlanned[] = {"cn-cac-2025", "cn-virus", "cn-spam", "custom"};
  std::vector<std::string> profiles;
  TakeTexts(value, "a list of report clocks", [&](const toml::node& node, const std::string& text) {
    if (std::find(std::begin(kPlanned), std::end(kPlanned), text) != std::end(kPlanned)) {
      value.Expected(fmt::format("\"cn-police-24h\"; \"{}\" is not supported yet", text), node);
    } else if (std::find(std::begin(kBuilt), std::end(kBuilt), text) == std::end(kBuilt)) {
      value.Expected(
          fmt::format("\"cn-police-24h\", found \"{}\"{}", text, DidYouMean(text, kBuilt)), node);
    }
    profiles.push_back(text);
  });
  config.incidents.profiles = std::move(profiles);
}

constexpr Choice<IdleMode> kIdleModes[] = {{"poll", IdleMode::kPoll}, {"sleep", IdleMode::kSleep}};
constexpr Choice<PolicyMode> kPolicyModes[] = {{"monitor", PolicyMode::kMonitor},
                                               {"enforce", PolicyMode::kEnforce}};
constexpr Choice<FailMode> kFailModes[] = {{"open", FailMode::kOpen},
                                           {"closed", FailMode::kClosed}};
constexpr Choice<MidStream> kMidStreams[] = {
    {"read", MidStream::kRead}, {"pass", MidStream::kPass}, {"drop", MidStream::kDrop}};
constexpr Choice<OnTooDeep> kTooDeepChoices[] = {{"forward", OnTooDeep::kForward},
                                                 {"drop", OnTooDeep::kDrop}};
constexpr Choice<LogLevel> kLogLevels[] = {{"debug", LogLevel::kDebug},
                                           {"info", LogLevel::kInfo},
                                           {"warn", LogLevel::kWarn},
                                           {"error", LogLevel::kError}};

constexpr Choice<DnsAnswerMode> kDnsAnswers[] = {{"none", DnsAnswerMode::kNone},
                                                 {"nxdomain", DnsAnswerMode::kNxDomain},
                                                 {"sinkhole", DnsAnswerMode::kSinkhole},
                                                 {"refused", DnsAnswerMode::kRefused}};
constexpr Choice<HttpAnswerMode> kHttpAnswers[] = {{"reset", HttpAnswerMode::kReset},
                                                   {"page", HttpAnswerMode::kPage}};

constexpr Choice<UnknownAddress> kUnknownAddresses[] = {{"allow", UnknownAddress::kAllow},
                                                        {"drop", UnknownAddress::kDrop},
                                                        {"reject", UnknownAddress::kReject},
                                                        {"portal", UnknownAddress::kPortal}};

// It goes into a header of HTTP as it is.
void TakePortal(const Value& value, std::string& out) {
  constexpr size_t kBytesMax = 200;
  constexpr std::string_view kWhat = "an address such as \"http://portal.campus.example/login\"";
  const auto text = TakeText(value, kWhat);
  if (!text) return;
  const bool is_web = text->starts_with("http://") || text->starts_with("https://");
  const bool is_plain = std::ranges::all_of(
      *text, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>'; });
  const bool has_host = is_web && text->find_first_not_of('/', text->find("//")) != text->npos;
  if (!has_host || !is_plain || text->size() > kBytesMax) {
    return value.Expected(
        fmt::format("{} of up to {} bytes, found \"{}\"", kWhat, kBytesMax, *text));
  }
  out = *text;
}

void TakeSinkhole(const Value& value, bool v4, std::optional<IpAddress>& out) {
  const std::string what = v4 ? "an IPv4 address" : "an IPv6 address";
  const auto text = TakeText(value, what);
  if (!text) return;
  const auto address = IpAddress::Parse(*text);
  if (!address || address->is_v4() != v4) {
    return value.Expected(fmt::format("{}, found \"{}\"", what, *text));
  }
  out = *address;
}

// Everything that the file may hold.
constexpr KeyRule kKeys[] = {
    {"", "sensor", TakeSensor},
    {"ports", "inside", [](const Value& v, Config& c) { TakePort(v, c.ports.inside); }},
    {"ports", "outside", [](const Value& v, Config& c) { TakePort(v, c.ports.outside); }},
    {"dpdk", "args", TakeDpdkArgs},
    {"workers", "cores", TakeCores},
    {"workers", "idle",
     [](const Value& v, Config& c) { TakeWord<IdleMode>(v, kIdleModes, c.workers.idle); }},
    {"policy", "mode",
     [](const Value& v, Config& c) { TakeWord<PolicyMode>(v, kPolicyModes, c.policy.mode); }},
    {"policy", "rules", TakeRules},
    {"fail", "mode",
     [](const Value& v, Config& c) { TakeWord<FailMode>(v, kFailModes, c.fail.mode); }},
    {"streams", "max",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 64, 4'000'000, c.streams.max); }},
    {"streams", "midstream",
     [](const Value& v, Config& c) { TakeWord<MidStream>(v, kMidStreams, c.streams.midstream); }},
    {"streams", "two_way", [](const Value& v, Config& c) { TakeYesOrNo(v, c.streams.two_way); }},
    {"dns", "strip_ech", [](const Value& v, Config& c) { TakeYesOrNo(v, c.dns.strip_ech); }},
    {"respond", "dns",
     [](const Value& v, Config& c) { TakeWord<DnsAnswerMode>(v, kDnsAnswers, c.respond.dns); }},
    {"respond", "sinkhole_ipv4",
     [](const Value& v, Config& c) { TakeSinkhole(v, true, c.respond.sinkhole_ipv4); }},
    {"respond", "sinkhole_ipv6",
     [](const Value& v, Config& c) { TakeSinkhole(v, false, c.respond.sinkhole_ipv6); }},
    {"respond", "dns_ttl_s",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 0, 86'400, c.respond.dns_ttl_s); }},
    {"respond", "http",
     [](const Value& v, Config& c) { TakeWord<HttpAnswerMode>(v, kHttpAnswers, c.respond.http); }},
    {"respond", "block_page", [](const Value& v, Config& c) { TakePath(v, c.respond.block_page); }},
    {"respond", "per_source_per_second",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 1, 1'000'000, c.respond.per_source_per_second);
     }},
    {"respond", "total_per_second",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 1, 1'000'000, c.respond.total_per_second);
     }},
    {"parse", "too_deep",
     [](const Value& v, Config& c) { TakeWord<OnTooDeep>(v, kTooDeepChoices, c.parse.too_deep); }},
    {"flows", "max",
     [](const Value& v, Config& c) { TakeInteger<uint64_t>(v, 1024, 1'000'000'000, c.flows.max); }},
    {"flows", "tcp_established_s",
     [](const Value& v, Config& c) { TakeSeconds(v, c.flows.tcp_established_s); }},
    {"flows", "tcp_embryonic_s",
     [](const Value& v, Config& c) { TakeSeconds(v, c.flows.tcp_embryonic_s); }},
    {"flows", "tcp_closed_s",
     [](const Value& v, Config& c) { TakeSeconds(v, c.flows.tcp_closed_s); }},
    {"flows", "udp_s", [](const Value& v, Config& c) { TakeSeconds(v, c.flows.udp_s); }},
    {"flows", "icmp_s", [](const Value& v, Config& c) { TakeSeconds(v, c.flows.icmp_s); }},
    {"flows", "other_s", [](const Value& v, Config& c) { TakeSeconds(v, c.flows.other_s); }},
    {"flows", "embryonic_max_share",
     [](const Value& v, Config& c) { TakeShare(v, c.flows.embryonic_max_share); }},
    {"journal", "dir", [](const Value& v, Config& c) { TakePath(v, c.journal.dir); }},
    {"journal", "max_bytes",
     [](const Value& v, Config& c) {
       TakeInteger<uint64_t>(v, kMiB, kMiB << 24, c.journal.max_bytes);
     }},
    {"journal", "segment_bytes",
     [](const Value& v, Config& c) {
       TakeInteger<uint64_t>(v, kMiB / 16, 256 * kMiB, c.journal.segment_bytes);
     }},
    {"journal", "sync_ms",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 0, 60'000, c.journal.sync_ms); }},
    {"control", "listen", TakeListen},
    {"control", "socket", [](const Value& v, Config& c) { TakeSocketPath(v, c.control.socket); }},
    {"control", "data_dir", [](const Value& v, Config& c) { TakePath(v, c.control.data_dir); }},
    {"control", "dataplane_socket",
     [](const Value& v, Config& c) { TakeSocketPath(v, c.control.dataplane_socket); }},
    {"audit", "store",
     [](const Value& v, Config& c) { TakeWord<AuditStore>(v, kAuditStores, c.audit.store); }},
    {"audit", "retention_days",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 180, 36'500, c.audit.retention_days);
     }},
    {"audit", "retention_logins_days",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 180, 36'500, c.audit.retention_logins_days.emplace());
     }},
    {"audit", "retention_events_days",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 180, 36'500, c.audit.retention_events_days.emplace());
     }},
    {"audit", "retention_operations_days",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 180, 36'500, c.audit.retention_operations_days.emplace());
     }},
    {"audit", "anchor_file", [](const Value& v, Config& c) { TakePath(v, c.audit.anchor_file); }},
    {"audit", "anchor_mail_to",
     [](const Value& v, Config& c) { TakeMailAddress(v, c.audit.anchor_mail.to); }},
    {"audit", "anchor_mail_from",
     [](const Value& v, Config& c) { TakeMailAddress(v, c.audit.anchor_mail.from); }},
    {"audit", "anchor_mail_server", TakeMailServer},
    {"audit", "anchor_mail_tls",
     [](const Value& v, Config& c) {
       TakeWord<bool>(v, kMailTlsChoices, c.audit.anchor_mail.tls_required);
     }},
    {"audit", "anchor_mail_credentials_file",
     [](const Value& v, Config& c) { TakePath(v, c.audit.anchor_mail.credentials_file); }},
    {"audit", "anchor_mail_ca_file",
     [](const Value& v, Config& c) { TakePath(v, c.audit.anchor_mail.ca_file); }},
    {"audit", "clickhouse_url", TakeClickhouseUrl},
    {"audit", "clickhouse_database", TakeClickhouseDatabase},
    {"audit", "clickhouse_user", TakeClickhouseUser},
    {"audit", "clickhouse_password_file",
     [](const Value& v, Config& c) { TakePath(v, c.audit.clickhouse_password_file); }},
    {"audit", "local_days",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 1, 36'500, c.audit.local_days); }},
    {"backup", "dir", [](const Value& v, Config& c) { TakePath(v, c.backup.dir); }},
    {"backup", "key_file", [](const Value& v, Config& c) { TakePath(v, c.backup.key_file); }},
    {"backup", "at", [](const Value& v, Config& c) { TakeTimeOfDay(v, c.backup.at_minute); }},
    {"backup", "keep_days",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 183, 36'500, c.backup.keep_days); }},
    {"lists", "refresh_s",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 60, 604'800, c.lists.refresh_s); }},
    {"lists", "timeout_s",
     [](const Value& v, Config& c) { TakeInteger<uint32_t>(v, 1, 3600, c.lists.timeout_s); }},
    {"lists", "max_bytes",
     [](const Value& v, Config& c) {
       TakeInteger<uint64_t>(v, kMiB, 512 * kMiB, c.lists.max_bytes);
     }},
    {"accounts", "registry", [](const Value& v, Config& c) { TakePath(v, c.accounts.registry); }},
    {"accounts", "registry_history_days",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 1, 36'500, c.accounts.registry_history_days);
     }},
    {"accounts", "unknown",
     [](const Value& v, Config& c) {
       TakeWord<UnknownAddress>(v, kUnknownAddresses, c.accounts.unknown);
     }},
    {"accounts", "portal", [](const Value& v, Config& c) { TakePortal(v, c.accounts.portal); }},
    {"accounts", "max_addresses",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 1, 4'000'000, c.accounts.max_addresses);
     }},
    {"accounts", "radius_clients",
     [](const Value& v, Config& c) { TakePath(v, c.accounts.radius_clients); }},
    {"accounts", "radius_listen", TakeRadiusListen},
    {"accounts", "syslog_listen", TakeSyslogListen},
    {"accounts", "syslog_senders", TakeSyslogSenders},
    {"accounts", "syslog_patterns",
     [](const Value& v, Config& c) { TakePath(v, c.accounts.syslog_patterns); }},
    {"accounts", "syslog_lines_per_second",
     [](const Value& v, Config& c) {
       TakeInteger<uint32_t>(v, 1, 1'000'000, c.accounts.syslog_lines_per_second);
     }},
    {"accounts", "dhcp_servers", TakeDhcpServers},
    {"accounts", "dhcp_side",
     [](const Value& v, Config& c) { TakeWord<DhcpSide>(v, kDhcpSides, c.accounts.dhcp_side); }},
    {"incidents", "profiles", TakeProfiles},
    {"log", "level",
     [](const Value& v, Config& c) { TakeWord<LogLevel>(v, kLogLevels, c.log.level); }},
};

}  // namespace

std::span<const KeyRule> ConfigKeys() { return kKeys; }

}  // namespace weir::base

// The configuration file weir.toml, read and checked once at start by every program.
//
// The values below are the defaults, and this is the one place where they stand;
// rules/default/weir.toml shows each of them with a comment. A Config that LoadConfig returned is
// complete and within limits: nobody checks a second time. It is a plain value without threads or
// ties to the file.
//
// Paths in the file may be relative to the folder of the file; here they are absolute or as given
// by it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"

namespace weir::base {

// A port is a bare interface name, a PCI address or DPDK devargs. Both must be given.
struct PortsConfig {
  std::string inside;
  std::string outside;
};

struct DpdkConfig {
  std::vector<std::string> args;  // handed to the EAL behind Weir's own
};

enum class IdleMode : uint8_t {
  kPoll,   // a worker never leaves its core: lowest latency
  kSleep,  // backs off while no packet comes: for machines with few cores
};

inline constexpr unsigned kWorkersMax = 64;  // session numbers have room for no more

struct WorkersConfig {
  // A worker for each, 1 to kWorkersMax; with kSleep a core may be there several times.
  std::vector<unsigned> cores = {0};
  IdleMode idle = IdleMode::kPoll;
};

enum class PolicyMode : uint8_t { kMonitor, kEnforce };

struct PolicyConfig {
  PolicyMode mode = PolicyMode::kMonitor;
  std::vector<std::string> rules;  // globs, absolute
};

enum class FailMode : uint8_t {
  kOpen,    // without Weir the kernel bridge forwards
  kClosed,  // without Weir nothing passes
};

struct FailConfig {
  FailMode mode = FailMode::kOpen;
};

// A TCP connection whose beginning was not seen.
enum class MidStream : uint8_t {
  kRead,  // its name is looked for from the first bytes seen
  kPass,  // it has no name
  kDrop,  // its client's data is dropped while the policy blocks by name
};

struct StreamsConfig {
  uint32_t max = 8192;  // clients' streams kept at one time, of all workers together, 18 KB each
  MidStream midstream = MidStream::kRead;
  bool two_way = true;  // the servers' packets come this way too
};

struct DnsConfig {
  bool strip_ech = false;  // make keys for encrypted hellos in plain answers unusable
};

// What happens to a packet of which more encapsulations, tags or extension headers are left than
// are followed; see dataplane/parse/parse.h.
enum class OnTooDeep : uint8_t { kForward, kDrop };

struct ParserConfig {
  OnTooDeep too_deep = OnTooDeep::kForward;
};

struct FlowsConfig {
  uint64_t max = 1'000'000;  // of all workers together
  uint32_t tcp_established_s = 3600;
  uint32_t tcp_embryonic_s = 30;
  uint32_t tcp_closed_s = 10;
  uint32_t udp_s = 120;
  uint32_t icmp_s = 30;
  uint32_t other_s = 120;
  double embryonic_max_share = 0.25;  // of max, for flows without payload yet
};

struct JournalConfig {
  std::filesystem::path dir = "/var/lib/weir/journal";
  uint64_t max_bytes = 1ULL << 30;
  uint64_t segment_bytes = 16ULL << 20;  // not given: at most an eighth of max_bytes
  uint32_t sync_ms = 1000;               // 0: leave it to the kernel
};

inline constexpr std::array<uint8_t, 4> kLoopbackV4 = {127, 0, 0, 1};
inline constexpr std::array<uint8_t, 4> kAnyV4 = {0, 0, 0, 0};

struct ControlConfig {
  IpAddress listen_address = IpAddress::FromV4(kLoopbackV4);  // always a loopback address
  uint16_t listen_port = 8443;                                // 0: any free port
  std::filesystem::path socket = "/run/weir/control.sock";
  std::filesystem::path data_dir = "/var/lib/weir";
  std::filesystem::path dataplane_socket = "/run/weir/dataplane.sock";
};

enum class AuditStore : uint8_t {
  kEmbedded,    // all of the record on this machine
  kClickhouse,  // its newest days here, and all of it in ClickHouse
};

// The newest seal's anchor by mail, once a day.
struct AnchorMailConfig {
  std::string to{};          // an address; empty: none is mailed. Then the next two are given.
  std::string from{};        // an address
  std::string server{};      // "smtps://host" or "smtp://host", and perhaps ":port"
  bool tls_required = true;  // of smtp: nothing without STARTTLS
  std::filesystem::path credentials_file{};  // user and password; empty: nobody logs in
  std::filesystem::path ca_file{};           // empty: whom the system trusts
};

struct AuditConfig {
  AuditStore store = AuditStore::kEmbedded;
  uint32_t retention_days = 365;  // never less than 180
  // Of log-ins, and of findings and health; not set: retention_days.
  std::optional<uint32_t> retention_logins_days{};
  std::optional<uint32_t> retention_events_days{};
  std::optional<uint32_t> retention_operations_days{};  // not set: they are kept for good
  std::filesystem::path anchor_file{};  // where seals are told outside; empty: nowhere
  AnchorMailConfig anchor_mail;
  // With kClickhouse only.
  std::string clickhouse_url;  // "http://host:8123", without user and password
  std::string clickhouse_database = "weir";
  std::string clickhouse_user = "default";
  std::filesystem::path clickhouse_password_file;  // empty: no password
  uint32_t local_days = 2;  // whole days behind the present one that stay here as well

  // Of sessions, on this machine.
  uint32_t days_kept_here() const {
    return store == AuditStore::kClickhouse ? local_days + 1 : retention_days;
  }
};

// Encrypted copies of data_dir on another disk.
struct BackupConfig {
  std::filesystem::path dir{};       // empty: none are made
  std::filesystem::path key_file{};  // with dir always set, and not in it
  uint32_t at_minute = 120;          // of the local day
  uint32_t keep_days = 183;          // never less
};

// Lists that rules name: how they are kept up to date.
struct ListsConfig {
  uint32_t refresh_s = 3600;  // how often a URL is asked for something newer
  uint32_t timeout_s = 60;    // for one transfer as a whole
  uint64_t max_bytes = uint64_t{256} << 20;
};

// What becomes of flows from an address that is nobody's, when no rule decides them.
enum class UnknownAddress : uint8_t { kAllow, kDrop, kReject, kPortal };

// The port behind which the DHCP servers are, or the relays that pass their answers on.
enum class DhcpSide : uint8_t { kOutside, kInside };

struct AccountsConfig {
  std::filesystem::path registry;  // empty: none
  // Of its rows behind their end; at least as long as sessions are kept.
  uint32_t registry_history_days = 400;
  UnknownAddress unknown = UnknownAddress::kAllow;
  std::string portal;                // an http or https address; with kPortal only
  uint32_t max_addresses = 200'000;  // with an account; what comes above is refused, and counted
  std::filesystem::path radius_clients;  // who may send RADIUS accounting; empty: nobody
  IpAddress radius_address = IpAddress::FromV4(kAnyV4);
  uint16_t radius_port = 1813;  // RFC 2866 §3; 0: any free port
  // Syslog of portals: all three or none.
  std::filesystem::path syslog_patterns;  // empty: none is taken
  IpAddress syslog_address = IpAddress::FromV4(kAnyV4);
  uint16_t syslog_port = 5514;  // 0: any free port
  std::vector<IpPrefix> syslog_senders{};
  uint32_t syslog_lines_per_second = 10'000;  // what comes above is dropped, and counted
  // Whose DHCP answers count, and on which side they are; empty: nobody's.
  std::vector<IpPrefix> dhcp_servers;
  DhcpSide dhcp_side = DhcpSide::kOutside;
};

struct IncidentsConfig {
  std::vector<std::string> profiles = {"cn-police-24h"};
};

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

struct LogConfig {
  LogLevel level = LogLevel::kInfo;
};

enum class DnsAnswerMode : uint8_t { kNone, kNxDomain, kSinkhole, kRefused };
enum class HttpAnswerMode : uint8_t { kReset, kPage };

// What a rule's `reject` answers.
struct RespondConfig {
  DnsAnswerMode dns = DnsAnswerMode::kNxDomain;
  // With kSinkhole one at least is given.
  std::optional<IpAddress> sinkhole_ipv4;
  std::optional<IpAddress> sinkhole_ipv6;
  uint32_t dns_ttl_s = 60;
  HttpAnswerMode http = HttpAnswerMode::kPage;
  std::filesystem::path block_page;     // empty: the built-in one
  uint32_t per_source_per_second = 20;  // answers; of each worker
  uint32_t total_per_second = 1000;     // of all workers together
};

struct Config {
  std::string sensor;  // default: the host's name
  PortsConfig ports;
  DpdkConfig dpdk;
  WorkersConfig workers;
  PolicyConfig policy;
  FailConfig fail;
  StreamsConfig streams;
  DnsConfig dns;
  RespondConfig respond;
  ParserConfig parse;
  FlowsConfig flows;
  JournalConfig journal;
  ControlConfig control;
  AuditConfig audit;
  BackupConfig backup;
  ListsConfig lists;
  AccountsConfig accounts;
  IncidentsConfig incidents;
  LogConfig log;
};

// Reads and checks `path`. The error holds a line "file:line:column: what was expected" for every
// problem of the file, not only the first.
Result<Config> LoadConfig(const std::filesystem::path& path);

// The same for text in memory; `path` names it in messages and is where relative paths start.
Result<Config> ParseConfig(std::string_view text, const std::filesystem::path& path);

}  // namespace weir::base

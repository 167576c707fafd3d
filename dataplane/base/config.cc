#include "dataplane/base/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

#include "dataplane/base/config_keys.h"
#include "dataplane/base/config_value.h"
#include "dataplane/base/suggest.h"

namespace weir::base {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;

// Named in the documentation, and still to be built.
constexpr std::string_view kPlannedSections[] = {"export"};

// The sections, or with a section its keys, for suggestions.
std::vector<std::string_view> KnownWords(std::string_view section) {
  std::vector<std::string_view> words;
  for (const KeyRule& rule : ConfigKeys()) {
    if (rule.section == section) {
      words.push_back(rule.key);
    } else if (section.empty() && (words.empty() || words.back() != rule.section)) {
      words.push_back(rule.section);
    }
  }
  return words;
}

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& path)
      : folder_(FolderOf(path)), problems_(path.string()) {}

  Result<Config> Read(std::string_view text) {
    const toml::parse_result parsed = toml::parse(text);
    if (parsed.failed()) {
      const toml::parse_error& error = parsed.error();
      problems_.Add(PlaceOf(error.source()), std::string(error.description()));
      return problems_.ToError();
    }
    ReadTop(parsed.table());
    CheckTogether();
    if (!problems_.empty()) return problems_.ToError();
    if (config_.sensor.empty()) config_.sensor = HostName();
    return std::move(config_);
  }

 private:
  void ReadTop(const toml::table& top) {
    for (auto&& [key, node] : top) {
      const std::string_view name = key.str();
      const Place place = PlaceOf(key.source());
      if (const KeyRule* rule = FindRule("", name)) {
        ReadKey(*rule, node, place);
      } else if (std::find(std::begin(kPlannedSections), std::end(kPlannedSections), name) !=
                 std::end(kPlannedSections)) {
        problems_.Add(place, fmt::format("[{}] is not supported yet", name));
      } else if (!IsSection(name)) {
        problems_.Add(place, fmt::format("unknown {} '{}'{}", node.is_table() ? "section" : "key",
                                         name, DidYouMean(name, KnownWords(""))));
      } else if (!node.is_table()) {
        problems_.Add(place,
                      fmt::format("expected a section [{}], found {}", name, TypeName(node)));
      } else {
        ReadSection(name, *node.as_table());
      }
    }
  }

  void ReadSection(std::string_view section, const toml::table& table) {
    for (auto&& [key, node] : table) {
      const Place place = PlaceOf(key.source());
      if (const KeyRule* rule = FindRule(section, key.str())) {
        ReadKey(*rule, node, place);
      } else {
        problems_.Add(place, fmt::format("unknown key '{}' in [{}]{}", key.str(), section,
                                         DidYouMean(key.str(), KnownWords(section))));
      }
    }
  }

  void ReadKey(const KeyRule& rule, const toml::node& node, Place place) {
    const std::string name =
        rule.section.empty() ? std::string(rule.key) : fmt::format("{}.{}", rule.section, rule.key);
    places_[name] = place;
    rule.take(Value{node, name, folder_, problems_}, config_);
  }

  // What no key can be judged by alone.
  void CheckTogether() {
    Require("ports.inside");
    Require("ports.outside");
    const bool both = places_.contains("ports.inside") && places_.contains("ports.outside");
    if (both && !config_.ports.inside.empty() && config_.ports.inside == config_.ports.outside) {
      problems_.Add(places_["ports.outside"],
                    "ports.outside: expected another port than ports.inside");
    }
    CheckWorkers();
    const RespondConfig& respond = config_.respond;
    if (respond.dns == DnsAnswerMode::kSinkhole && !respond.sinkhole_ipv4 &&
        !respond.sinkhole_ipv6) {
      problems_.Add(places_["respond.dns"],
                    "respond.dns: \"sinkhole\" needs sinkhole_ipv4, sinkhole_ipv6 or both");
    }
    CheckAccounts();
    CheckAudit();
    CheckBackup();
    JournalConfig& journal = config_.journal;
    if (!places_.contains("journal.segment_bytes")) {
      journal.segment_bytes = std::min(journal.segment_bytes, journal.max_bytes / 8);
    } else if (journal.segment_bytes > journal.max_bytes / 4) {
      problems_.Add(places_["journal.segment_bytes"],
                    fmt::format("journal.segment_bytes: expected at most a quarter of "
                                "journal.max_bytes, which is {}",
                                journal.max_bytes / 4));
    }
    if (config_.control.socket == config_.control.dataplane_socket) {
      const bool named = places_.contains("control.dataplane_socket");
      problems_.Add(places_[named ? "control.dataplane_socket" : "control.socket"],
                    "control.dataplane_socket: expected another path than control.socket");
    }
  }

  void CheckAccounts() {
    const AccountsConfig& accounts = config_.accounts;
    if (accounts.unknown == UnknownAddress::kPortal && !places_.contains("accounts.portal")) {
      problems_.Add(places_["accounts.unknown"], "accounts.unknown: \"portal\" needs portal");
    }
    const bool known = places_.contains("accounts.registry") ||
                       places_.contains("accounts.radius_clients") ||
                       places_.contains("accounts.syslog_patterns");
    if (accounts.unknown != UnknownAddress::kAllow && !known) {
      problems_.Add(places_["accounts.unknown"],
                    "accounts.unknown: expected \"allow\" without registry, radius_clients or "
                    "syslog_patterns: everybody would be unknown");
    }
    CheckRegistryHistory();
    CheckSyslog();
    if (places_.contains("accounts.radius_listen") && accounts.radius_clients.empty()) {
      problems_.Add(places_["accounts.radius_listen"],
                    "accounts.radius_listen: needs radius_clients, those who may send");
    }
    if (places_.contains("accounts.dhcp_side") && accounts.dhcp_servers.empty()) {
      problems_.Add(places_["accounts.dhcp_side"], "accounts.dhcp_side: needs dhcp_servers");
    }
  }

  // A port that nobody may send to, or lines that nobody understands, would be a mistake in
  // silence.
  void CheckSyslog() {
    constexpr std::array<const char*, 3> kTogether = {
        "accounts.syslog_listen", "accounts.syslog_senders", "accounts.syslog_patterns"};
    for (const char* key : kTogether) {
      if (!places_.contains(key)) continue;
      for (const char* other : kTogether) {
        if (places_.contains(other)) continue;
        problems_.Add(places_[key], fmt::format("{}: needs {} as well", key, other));
      }
    }
  }

  // Who had an address must be known for as long as what the address did.
  void CheckRegistryHistory() {
    constexpr const char* kKey = "accounts.registry_history_days";
    uint32_t& days = config_.accounts.registry_history_days;
    const uint32_t sessions_days = config_.audit.retention_days;
    if (!places_.contains(kKey)) {
      days = std::max(days, sessions_days);
    } else if (days < sessions_days) {
      problems_.Add(places_[kKey], fmt::format("accounts.registry_history_days: expected at least "
                                               "audit.retention_days, which is {}",
                                               sessions_days));
    }
  }

  void CheckAudit() {
    const bool clickhouse = config_.audit.store == AuditStore::kClickhouse;
    if (clickhouse && !places_.contains("audit.clickhouse_url")) {
      problems_.Add(places_["audit.store"], "audit.store: \"clickhouse\" needs clickhouse_url");
    }
    CheckAnchorMail();
  }

  void CheckAnchorMail() {
    if (!places_.contains("audit.anchor_mail_to")) {
      for (const char* key : {"from", "server", "tls", "credentials_file", "ca_file"}) {
        const std::string name = std::string("audit.anchor_mail_") + key;
        if (!places_.contains(name)) continue;
        problems_.Add(places_[name], name + ": needs anchor_mail_to, who gets the mail");
      }
      return;
    }
    for (const char* key : {"from", "server"}) {
      if (places_.contains(std::string("audit.anchor_mail_") + key)) continue;
      problems_.Add(places_["audit.anchor_mail_to"],
                    fmt::format("audit.anchor_mail_to: needs anchor_mail_{}", key));
    }
    const AnchorMailConfig& mail = config_.audit.anchor_mail;
    if (!mail.tls_required && mail.server.starts_with("smtps:")) {
      problems_.Add(places_["audit.anchor_mail_tls"],
                    "audit.anchor_mail_tls: expected \"required\" with an smtps server");
    } else if (!mail.tls_required && !mail.credentials_file.empty()) {
      problems_.Add(
          places_["audit.anchor_mail_tls"],
          "audit.anchor_mail_tls: expected \"required\" with anchor_mail_credentials_file: "
          "no password goes over the wire in the clear");
    }
  }

  // A copy on the disk that it is to outlive, or beside its key, is none.
  void CheckBackup() {
    const BackupConfig& backup = config_.backup;
    if (backup.dir.empty()) {
      for (const char* key : {"backup.key_file", "backup.at", "backup.keep_days"}) {
        if (!places_.contains(key)) continue;
        problems_.Add(places_[key], fmt::format("{}: needs backup.dir, where backups go", key));
      }
      return;
    }
    if (backup.key_file.empty()) {
      problems_.Add(places_["backup.dir"],
                    "backup.dir: needs backup.key_file, which backups are encrypted with");
    } else if (IsWithin(backup.key_file, backup.dir)) {
      problems_.Add(places_["backup.key_file"],
                    "backup.key_file: expected a place outside of backup.dir: who takes the "
                    "backups must not have their key");
    }
    if (IsWithin(backup.dir, config_.control.data_dir)) {
      problems_.Add(places_["backup.dir"],
                    "backup.dir: expected a place outside of control.data_dir, on another disk");
    } else if (IsWithin(config_.control.data_dir, backup.dir)) {
      problems_.Add(places_["backup.dir"],
                    "backup.dir: expected a folder that does not hold control.data_dir");
    }
  }

  static bool IsWithin(const std::filesystem::path& path, const std::filesystem::path& folder) {
    const auto inner = path.lexically_normal();
    // A folder's name may end in a slash, which is an empty last part.
    const auto outer = (folder / "").lexically_normal().parent_path();
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first ==
           outer.end();
  }

  // A worker that polls never leaves its core to another one.
  void CheckWorkers() {
    if (config_.workers.idle == IdleMode::kSleep) return;
    std::vector<unsigned> cores = config_.workers.cores;
    std::sort(cores.begin(), cores.end());
    const auto twice = std::adjacent_find(cores.begin(), cores.end());
    if (twice == cores.end()) return;
    problems_.Add(places_["workers.cores"],
                  fmt::format("workers.cores: expected different cores with idle = \"poll\", found "
                              "{} twice; workers may share a core with idle = \"sleep\"",
                              *twice));
  }

  void Require(const std::string& name) {
    if (places_.contains(name)) return;
    problems_.Add(Place{}, fmt::format("{}: missing; expected an interface name, a PCI address or "
                                       "DPDK devargs",
                                       name));
  }

  static const KeyRule* FindRule(std::string_view section, std::string_view key) {
    for (const KeyRule& rule : ConfigKeys()) {
      if (rule.section == section && rule.key == key) return &rule;
    }
    return nullptr;
  }

  static bool IsSection(std::string_view name) {
    const auto keys = ConfigKeys();
    return std::any_of(keys.begin(), keys.end(),
                       [&](const KeyRule& rule) { return rule.section == name; });
  }

  static std::filesystem::path FolderOf(const std::filesystem::path& path) {
    std::error_code fault;  // only without a working directory: then paths stay relative
    const auto absolute = std::filesystem::absolute(path, fault);
    return fault ? path.parent_path() : absolute.parent_path();
  }

  static std::string HostName() {
    char name[256] = {};
    gethostname(name, sizeof name - 1);
    return name[0] == '\0' ? "weir" : name;
  }

  std::filesystem::path folder_;
  Problems problems_;
  std::map<std::string, Place> places_;  // of the keys that the file holds
  Config config_;
};

}  // namespace

Result<Config> ParseConfig(std::string_view text, const std::filesystem::path& path) {
  return ConfigReader(path).Read(text);
}

Result<Config> LoadConfig(const std::filesystem::path& path) {
  const auto cannot_read = [&](int error) {
    return Error{fmt::format("{}: cannot be read: {}", path.string(), std::strerror(error))};
  };
  std::error_code fault;
  if (std::filesystem::is_directory(path, fault)) return cannot_read(EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return cannot_read(errno);
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return cannot_read(errno);
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    return Error{fmt::format("{}: expected at most {} bytes", path.string(), kFileBytesMax)};
  }
  return ParseConfig(text, path);
}

}  // namespace weir::base

// `weirctl doctor`: each part looked at, with a level, a finding and what to do.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "control/api/handlers.h"
#include "control/policy/json_fields.h"
#include "control/sealing/anchor.h"

namespace weir::control::api {
namespace {

constexpr double kLagWarnSeconds = 5;
constexpr double kLagFailSeconds = 60;
constexpr double kDiskFailShare = 0.05;
constexpr double kDiskWarnShare = 0.15;
constexpr int64_t kDeadlineNearSeconds = 4 * 3600;

class Report {
 public:
  void Ok(const char* part, const std::string& text) { Add("ok", part, text, ""); }
  void Warn(const char* part, const std::string& text, const std::string& advice) {
    Add("warn", part, text, advice);
  }
  void Fail(const char* part, const std::string& text, const std::string& advice) {
    Add("fail", part, text, advice);
    healthy_ = false;
  }
  nlohmann::json ToJson() && { return {{"healthy", healthy_}, {"checks", std::move(checks_)}}; }

 private:
  void Add(const char* level, const char* part, const std::string& text,
           const std::string& advice) {
    nlohmann::json check{{"level", level}, {"part", part}, {"text", text}};
    if (!advice.empty()) check["advice"] = advice;
    checks_.push_back(std::move(check));
  }

  nlohmann::json checks_ = nlohmann::json::array();
  bool healthy_ = true;
};

void CheckDataplane(const Parts& parts, Report& report) {
  const auto stats = parts.policy.dataplane().Call({{"cmd", "stats"}});
  if (!stats.ok()) {
    report.Fail("data plane", stats.error,
                "start weir-dataplane; the kernel bridge forwards meanwhile when [fail] is open");
    return;
  }
  report.Ok("data plane",
            fmt::format("answers, up for {} s", policy::JsonCount(stats.body, "uptime_s")));
  const auto& ports = policy::JsonMember(stats.body, "ports");
  if (ports.empty()) report.Fail("ports", "the data plane has none", "see [ports] in weir.toml");
  for (const auto& port : ports) {
    const std::string name = policy::JsonText(port, "name");
    const uint64_t missed = policy::JsonCount(port, "missed");
    if (!policy::JsonBool(port, "link")) {
      report.Fail("ports", name + " has no link", "check the cable and the other end");
    } else if (missed > 0) {
      report.Warn("ports", fmt::format("{} is up and has lost {} packets", name, missed),
                  "give [workers] more cores");
    } else {
      report.Ok("ports", name + " is up");
    }
  }
  if (policy::JsonCount(policy::JsonMember(stats.body, "journal"), "loss_files_damaged") > 0) {
    report.Warn("journal",
                "the file of losses was damaged when the data plane started: how many events an "
                "earlier start had lost and not told is not known",
                "see losses.damaged in [journal] dir, and the disk");
  }
  if (policy::JsonBool(stats.body, "bypass")) {
    report.Warn("bypass", "everything is forwarded undecided", "weirctl bypass off");
  }
}

void CheckIngest(const Parts& parts, Report& report) {
  const ingest::Counters counters = parts.ingest.counters();
  uint64_t lost = 0;
  for (const uint64_t of_class : counters.events_lost) lost += of_class;
  if (counters.paused) {
    report.Fail("journal", "the store takes nothing; events wait in the journal",
                "see the log of weir-control and the disk below");
  } else if (counters.lag_seconds >= kLagFailSeconds) {
    report.Fail("journal", fmt::format("{:.0f} s behind", counters.lag_seconds),
                "the disk may be too slow; see the log of weir-control");
  } else if (counters.lag_seconds >= kLagWarnSeconds) {
    report.Warn("journal", fmt::format("{:.0f} s behind", counters.lag_seconds),
                "look again in a minute");
  } else {
    report.Ok("journal", fmt::format("flows; {} session snapshots taken", counters.sessions));
  }
  if (lost + counters.missing_frames + counters.damaged_places + counters.undecodable > 0) {
    report.Warn(
        "journal",
        fmt::format("{} events lost, {} frames missing, {} damaged places, {} not understood", lost,
                    counters.missing_frames, counters.damaged_places, counters.undecodable),
        "raise [journal] max_bytes, or keep weir-control running");
  }
}

void CheckArchive(const audit::ArchiveStats& archive, Report& report) {
  if (!archive.trouble.empty()) {
    report.Fail(
        "archive", fmt::format("{} changes wait: {}", archive.outbox_rows, archive.trouble),
        "see ClickHouse, and [audit] in weir.toml; nothing is lost while the disk here lasts");
  } else {
    report.Ok("archive", fmt::format("takes records; {} changes wait", archive.outbox_rows));
  }
  if (archive.outbox_over_limit) {
    report.Fail("archive", fmt::format("{} bytes of changes wait", archive.outbox_bytes),
                "the disk fills: mend ClickHouse, or make it faster");
  }
  if (archive.days_differing > 0) {
    report.Fail("archive",
                fmt::format("{} day(s) stay here, as the archive has them otherwise",
                            archive.days_differing),
                "the log of weir-control names them; weirctl audit migrate --again ships all anew");
  }
  if (archive.migration == "needed") {
    report.Warn("archive", "records from before are on this machine only, and no day goes",
                "weirctl audit migrate");
  }
}

void CheckStore(const Parts& parts, Report& report) {
  const auto stats = parts.store.Stats();
  if (!stats) {
    report.Fail("store", stats.error().message, "see the log of weir-control");
    return;
  }
  const audit::ClassStats& sessions =
      stats->classes[static_cast<size_t>(audit::RecordClass::kSession)];
  report.Ok("store", fmt::format("{} session records, {} bytes on disk", sessions.records,
                                 stats->bytes_on_disk));
  if (stats->archive) CheckArchive(*stats->archive, report);
}

constexpr int64_t kSealLateNs = 4 * 3600 * base::kNsPerSecond;

// Whether it has told anything. A record that was begun anew stays a fault for as long as the file
// names the one before: whoever knows why begins another file.
bool CheckAnchorFile(const Parts& parts, const std::string& record, Report& report) {
  const auto other = sealing::FindOtherAnchor(parts.config.audit.anchor_file, record);
  if (!other.ok()) {
    report.Warn("anchor", other.error().message, "that it names one record only cannot be seen");
  } else if (*other) {
    report.Fail("anchor",
                fmt::format("it also has record {}, up to seal {}, and this is record {}",
                            (*other)->record, (*other)->number, record),
                "the record was begun anew: weirctl audit operations, audit verify --anchor. When "
                "you know why, keep this file and set [audit] anchor_file to another");
  }
  return !other.ok() || *other;
}

void CheckSeals(const Parts& parts, Report& report) {
  const sealing::SealerStatus status = parts.sealer.status();
  if (!status.error.empty()) {
    report.Fail("seals", status.error, "what is not sealed proves nothing: weirctl audit verify");
  } else if (status.until && base::WallNow().ns - status.until->ns > kSealLateNs) {
    report.Warn("seals",
                "the record is sealed until " + base::FormatRfc3339(*status.until) + " only",
                "see that the journal is read, and the log of weir-control");
  } else if (!status.until) {
    report.Ok("seals", "the first hour is not over yet");
  } else {
    report.Ok("seals", fmt::format("{}; the record is sealed until {}", status.seals,
                                   base::FormatRfc3339(*status.until)));
  }
  if (!status.begun_anew.empty()) {
    report.Fail("record", "it was begun anew: " + status.begun_anew,
                "when that is not your doing: weirctl audit verify --record, --anchor");
  }
  if (parts.config.audit.anchor_file.empty()) {
    if (parts.anchor_mail == nullptr) {
      report.Warn("anchor", "no seal is told to anybody outside",
                  "set [audit] anchor_file to a file on another machine, or anchor_mail_to");
    }
  } else if (!status.anchor_error.empty()) {
    report.Fail("anchor", status.anchor_error,
                "see that the place of [audit] anchor_file is there");
  } else if (!CheckAnchorFile(parts, status.record, report)) {
    report.Ok("anchor", fmt::format("has seal {}", status.anchored));
  }
}

void CheckAnchorMail(const Parts& parts, Report& report) {
  if (parts.anchor_mail == nullptr) return;
  const sealing::AnchorMailStatus status = parts.anchor_mail->status();
  if (!status.error.empty()) {
    report.Fail("anchor mail", fmt::format("{}; {} anchors wait", status.error, status.queued),
                "see [audit] anchor_mail_… and the mail server, then: weirctl audit anchor");
  } else if (!status.last) {
    report.Ok("anchor mail", "the first one goes to " + status.to + " with the first seal");
  } else {
    report.Ok("anchor mail", fmt::format("seal {} went to {} at {}", status.mailed, status.to,
                                         base::FormatRfc3339(*status.last)));
  }
}

constexpr int64_t kBackupLateNs = int64_t{36} * 3600 * base::kNsPerSecond;

void CheckBackup(const Parts& parts, Report& report) {
  if (parts.backup == nullptr) {
    report.Warn("backup", "none is made",
                "set [backup] dir to another disk: docs/operations/backup.md");
    return;
  }
  const backup::BackupStatus status = parts.backup->status();
  if (!status.error.empty()) {
    report.Fail("backup", status.error, "see that the place of [backup] dir is there and has room");
  } else if (!status.newest) {
    report.Warn("backup", "there is none yet", "weirctl audit backup");
  } else if (base::WallNow().ns - status.newest->ns > kBackupLateNs) {
    report.Warn("backup", "the newest is of " + base::FormatRfc3339(*status.newest),
                "weirctl audit backup, and see the log of weir-control");
  } else {
    report.Ok("backup", fmt::format("{} in {} sets, the newest of {}", status.backups, status.sets,
                                    base::FormatRfc3339(*status.newest)));
  }
  struct stat there {};
  struct stat here {};
  if (::stat(status.dir.c_str(), &there) == 0 &&
      ::stat(parts.config.control.data_dir.c_str(), &here) == 0 && there.st_dev == here.st_dev) {
    report.Warn("backup", "it lies on the disk of data_dir, and dies with it",
                "mount another disk where [backup] dir is");
  }
  if (!status.verify_error.empty()) {
    report.Fail("backup", "one is damaged: " + status.verify_error,
                "look after its disk, then: weirctl audit backup --full");
  }
}

void CheckDisk(const char* part, const std::filesystem::path& path, Report& report) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0 || info.f_blocks == 0) {
    report.Warn(part, path.string() + " cannot be looked at", "see that it exists");
    return;
  }
  const double share = static_cast<double>(info.f_bavail) / static_cast<double>(info.f_blocks);
  const std::string text = fmt::format("{} has {:.0f} % free", path.string(), share * 100);
  if (share < kDiskFailShare) {
    report.Fail(part, text, "make room now: records are about to be lost");
  } else if (share < kDiskWarnShare) {
    report.Warn(part, text, "make room soon");
  } else {
    report.Ok(part, text);
  }
}

void CheckPolicy(const Parts& parts, Report& report) {
  const policy::PolicyStatus status = parts.policy.status();
  if (!status.refused.empty()) {
    report.Fail("policy", status.refused, "mend the rule, then: weirctl rules apply");
  } else if (!status.in_step) {
    report.Fail(
        "policy",
        fmt::format("the data plane does not have it yet; {} block(s) wait", status.blocks_pending),
        "it is sent as soon as the data plane answers");
  } else {
    report.Ok("policy",
              fmt::format("version {} is installed, mode {}", status.version, status.mode));
  }
  if (!status.alarm.empty()) {
    report.Fail("policy", status.alarm, "weirctl why says how it decides; weirctl rules undo");
  }
  if (!status.rolled_back.empty()) {
    report.Warn("policy", "the rules before are in force again: " + status.rolled_back,
                "mend the rules files, then: weirctl rules apply");
  }
  if (status.waiting) {
    report.Warn(
        "policy",
        fmt::format("the rules of {} go back in {} s", status.waiting->actor, status.seconds_left),
        "weirctl rules confirm, or: weirctl rules undo");
  }
  if (status.disk_differs && status.refused.empty()) {
    report.Warn("policy", "the rules files differ from what is installed",
                "weirctl rules check, then: weirctl rules apply");
  }
}

// Without one, a single block or list may cut off DNS or whoever could lift it again.
void CheckProtected(const Parts& parts, Report& report) {
  const auto known = parts.policy.dataplane().Call({{"cmd", "rules"}});
  if (!known.ok()) return;  // told as the data plane's already
  const auto& rules = policy::JsonMember(known.body, "rules");
  const auto count = std::count_if(rules.begin(), rules.end(), [](const auto& rule) {
    return policy::JsonText(rule, "verb") == "protect";
  });
  if (count == 0) {
    report.Warn("protect", "no rule protects gateways, DNS, log-in servers or managers",
                "scripts/protect proposes rules, then: weirctl rules apply");
  } else {
    report.Ok("protect", fmt::format("{} rule(s) say what is never blocked", count));
  }
}

void CheckHugepages(Report& report) {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    constexpr std::string_view kTotal = "HugePages_Total:";
    if (!line.starts_with(kTotal)) continue;
    if (line.find_first_of("123456789", kTotal.size()) != std::string::npos) {
      report.Ok("hugepages", "there are some");
      return;
    }
  }
  report.Warn("hugepages", "there are none; Weir runs without, slower",
              "on hardware: sysctl vm.nr_hugepages=1024");
}

void CheckIncidents(const Parts& parts, Report& report) {
  const auto totals = parts.incidents.CountOpen();
  if (!totals) {
    report.Fail("incidents", totals.error().message, "see the log of weir-control");
    return;
  }
  const base::WallTime now = base::WallNow();
  for (const auto& [clock, due] : totals->nearest_deadline_by_clock) {
    const int64_t left = (due.ns - now.ns) / base::kNsPerSecond;
    const std::string text = left < 0 ? fmt::format("{} is over by {} min", clock, -left / 60)
                                      : fmt::format("{}: the nearest deadline is in {} h {} min",
                                                    clock, left / 3600, left % 3600 / 60);
    if (left < 0) {
      report.Fail("deadlines", text, "weirctl incidents, and report at once");
    } else if (left < kDeadlineNearSeconds) {
      report.Warn("deadlines", text, "weirctl incidents");
    } else {
      report.Ok("deadlines", text);
    }
  }
  if (totals->nearest_deadline_by_clock.empty()) report.Ok("deadlines", "none is running");
}

void CheckDhcp(const Parts& parts, Report& report) {
  if (parts.leases == nullptr) return;
  report.Ok("dhcp", fmt::format("{} leases run", parts.leases->running()));
  if (parts.leases->refused() > 0) {
    report.Warn("dhcp", fmt::format("{} leases found no room", parts.leases->refused()),
                "so many at a time are no campus: see who the servers give them to");
  }
  if (parts.leases->unreadable() > 0) {
    report.Fail("dhcp",
                fmt::format("{} questions were answered by nobody as their file could not be read",
                            parts.leases->unreadable()),
                "see leases.db in [control] data_dir, and the disk");
  }
  const auto stats = parts.policy.dataplane().Call({{"cmd", "stats"}});
  if (!stats.ok()) return;  // told as the data plane's already
  const auto& seen = policy::JsonMember(stats.body, "dhcp");
  const uint64_t strangers =
      policy::JsonCount(seen, "unknown_server") + policy::JsonCount(seen, "wrong_side");
  if (strangers > 0) {
    report.Warn("dhcp",
                fmt::format("{} answers of others than the servers since the start", strangers),
                "a rogue server, or one that is missing in [accounts] dhcp_servers: the events "
                "rogue_dhcp name the newest each minute");
  }
}

void CheckRegistryHistory(const Parts& parts, Report& report) {
  const accounts::RegistryFile::Status status = parts.registry->status();
  const registry::RegistryHistory& history = *parts.registry_history;
  if (!status.past_error.empty()) {
    report.Fail("registry history", "the registry in use is not in it: " + status.past_error,
                "it is tried again every 10 s; see the disk");
  }
  if (status.past_unkept > 0) {
    report.Fail("registry history",
                fmt::format("{} registries were in use and never came into it", status.past_unkept),
                "look-ups of that time are answered by the one before; see the log");
  }
  if (history.unreadable() + history.not_pruned() > 0) {
    report.Fail("registry history",
                fmt::format("{} look-ups found nobody as it could not be read; {} times it could "
                            "not be pruned",
                            history.unreadable(), history.not_pruned()),
                "see registry.db in [control] data_dir, and the disk");
  }
}

void CheckBuffer(const char* part, size_t buffer_bytes, Report& report) {
  if (buffer_bytes >= radius::kUdpBufferBytes) return;
  report.Warn(part,
              fmt::format("the kernel allows {} KiB to receive into, not {}: it may drop a burst",
                          buffer_bytes / 1024, radius::kUdpBufferBytes / 1024),
              "sysctl -w net.core.rmem_max=8388608, then start weir-control again");
}

void CheckSyslog(const portal::SyslogServer& server, Report& report) {
  CheckBuffer("portal syslog", server.buffer_bytes(), report);
  const portal::SyslogServer::Status status = server.status();
  const portal::SyslogCounters& counters = server.counters();
  if (!status.store_error.empty() || counters.not_stored.value() > 0) {
    report.Fail("portal syslog",
                fmt::format("{} log-ins were lost as they could not be stored; now: {}",
                            counters.not_stored.value(),
                            status.store_error.empty() ? "they are" : status.store_error),
                "see accounts.db in [control] data_dir, and the disk");
  }
  if (!status.patterns_error.empty()) {
    report.Fail("portal syslog",
                "the patterns that were good last are in use: " + status.patterns_error,
                "mend the file; it is read again when it changes");
  }
  if (counters.kernel_drops.value() + counters.over_rate.value() > 0) {
    report.Warn("portal syslog",
                fmt::format("{} lines dropped by the kernel, {} above the rate: log-ins may be "
                            "missing",
                            counters.kernel_drops.value(), counters.over_rate.value()),
                "let portals send log-ins only, or raise syslog_lines_per_second");
  }
  if (!status.unmatched.empty()) {
    report.Warn("portal syslog",
                fmt::format("lines that are no log-in; the first: {}", status.unmatched.front()),
                "weirctl -j status has more; add a pattern, or let the portal not send them");
  }
  report.Ok("portal syslog",
            fmt::format("{} lines of {} taken by {} patterns", counters.taken.value(),
                        counters.received.value(), status.patterns));
}

void CheckRadius(const radius::RadiusServer& server, Report& report) {
  CheckBuffer("radius", server.buffer_bytes(), report);
  if (const uint64_t drops = server.counters().kernel_drops.value(); drops > 0) {
    report.Warn("radius", fmt::format("{} requests dropped by the kernel since the start", drops),
                "the servers send them again; if it rises, see the load and the disk");
  }
  if (const std::string error = server.clients_error(); !error.empty()) {
    report.Fail("radius", "the clients that were good last are in use: " + error,
                "mend the file; it is read again when it changes");
  }
  constexpr int64_t kLatelyNs = 600 * base::kNsPerSecond;
  const auto clock = server.clock_note();
  if (clock && base::WallNow().ns - clock->arrival.ns < kLatelyNs) {
    report.Warn("radius",
                fmt::format("{} tells a time {} s {} this machine's; {} requests did so since the "
                            "start",
                            clock->server, std::abs(clock->ahead_s),
                            clock->ahead_s > 0 ? "ahead of" : "behind",
                            server.counters().clock_differs.value()),
                "log-ins have the server's times: set its clock by NTP, and this machine's");
  }
}

void CheckLogins(const Parts& parts, Report& report) {
  if (parts.logins == nullptr) return;
  if (parts.logins->unreadable() > 0) {
    report.Fail("log-ins",
                fmt::format("{} questions were answered by nobody as their file could not be read",
                            parts.logins->unreadable()),
                "see accounts.db in [control] data_dir, and the disk");
  }
  if (parts.syslog != nullptr) CheckSyslog(*parts.syslog, report);
  if (parts.radius != nullptr) CheckRadius(*parts.radius, report);
}

void CheckAccounts(const Parts& parts, Report& report) {
  CheckLogins(parts, report);
  CheckDhcp(parts, report);
  if (parts.radius != nullptr) {
    report.Ok("radius",
              fmt::format("{} addresses are logged in; {} requests of {} answered",
                          parts.logins->present(), parts.radius->counters().answered.value(),
                          parts.radius->counters().received.value()));
  }
  if (parts.registry == nullptr) {
    if (parts.logins == nullptr) {
      report.Warn("accounts",
                  "no registry, RADIUS or portal: sessions are recorded without an account",
                  "set [accounts] registry, radius_clients or syslog_patterns");
    }
  } else if (const std::string error = parts.registry->status().error; !error.empty()) {
    report.Fail("accounts", "the registry that was good last is in use: " + error,
                "mend the file; it is read again when it changes");
  } else {
    report.Ok("accounts", fmt::format("{} rows in the registry", parts.directory.registry_rows()));
  }
  if (parts.registry != nullptr) CheckRegistryHistory(parts, report);
  const policy::IdentityStatus told = parts.identities.status();
  if (!told.in_step) {
    report.Warn("identity", "the data plane is not told whose the addresses are: " + told.error,
                "it decides by what it was told last; see the data plane above");
  } else if (told.refused > 0) {
    report.Warn("identity", fmt::format("{} addresses had no room in the data plane", told.refused),
                "raise [accounts] max_addresses");
  } else if (told.prefixes_refused > 0) {
    report.Warn("identity",
                fmt::format("{} prefixes hold addresses that nobody can have; no rule follows them",
                            told.prefixes_refused),
                "look at what the access servers and DHCP servers delegate");
  } else {
    report.Ok("identity", fmt::format("the data plane knows {} addresses", told.addresses));
  }
}

}  // namespace

Reply GetDoctor(const Parts& parts, const Request&) {
  Report report;
  CheckDataplane(parts, report);
  CheckPolicy(parts, report);
  CheckProtected(parts, report);
  CheckIngest(parts, report);
  CheckStore(parts, report);
  CheckSeals(parts, report);
  CheckAnchorMail(parts, report);
  CheckBackup(parts, report);
  CheckDisk("disk", parts.config.control.data_dir, report);
  CheckDisk("journal disk", parts.config.journal.dir, report);
  CheckAccounts(parts, report);
  CheckIncidents(parts, report);
  CheckHugepages(report);
  return JsonReply(std::move(report).ToJson());
}

}  // namespace weir::control::api

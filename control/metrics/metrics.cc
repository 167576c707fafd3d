#include "control/metrics/metrics.h"

#include <mutex>
#include <set>

#include "control/metrics/series.h"
#include "control/policy/json_fields.h"
#include "dataplane/base/time.h"

namespace weir::control::metrics {
namespace {

using policy::JsonBool;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonNumber;
using policy::JsonText;

// Counters whose source is the data plane, which begins at 0 with every start.
constexpr std::array kDataplaneCounters{MetricId::kPortReceivePackets,
                                        MetricId::kPortTransmitPackets,
                                        MetricId::kPortReceiveBytes,
                                        MetricId::kPortTransmitBytes,
                                        MetricId::kPortMissed,
                                        MetricId::kDropped,
                                        MetricId::kStreamSegments,
                                        MetricId::kSessionCoverage,
                                        MetricId::kDhcpSeen,
                                        MetricId::kVerdicts,
                                        MetricId::kFlows,
                                        MetricId::kClassifierQueueFull,
                                        MetricId::kIdentityRefused,
                                        MetricId::kIdentityPrefixesRefused,
                                        MetricId::kIdentityRechecked,
                                        MetricId::kEventsLost};

double Seconds(base::WallTime time) {
  return static_cast<double>(time.ns) / static_cast<double>(base::kNsPerSecond);
}

}  // namespace

class Metrics::Impl {
 public:
  std::mutex mutex;
  // Guarded by mutex.
  Series series;
  std::string boot_id;
  std::set<std::string> clocks;  // with a deadline shown
  std::set<std::string> lists;   // shown

  void TakePorts(const nlohmann::json& ports) {
    for (const auto& port : ports) {
      const Labels labels{{"port", JsonText(port, "name")}};
      series.Follow(MetricId::kPortReceivePackets, labels, JsonCount(port, "rx_packets"));
      series.Follow(MetricId::kPortTransmitPackets, labels, JsonCount(port, "tx_packets"));
      series.Follow(MetricId::kPortReceiveBytes, labels, JsonCount(port, "rx_bytes"));
      series.Follow(MetricId::kPortTransmitBytes, labels, JsonCount(port, "tx_bytes"));
      series.Follow(MetricId::kPortMissed, labels, JsonCount(port, "missed"));
    }
  }

  // {"policy": 3, …} as one series a key.
  void FollowEach(MetricId id, const char* label, const nlohmann::json& counts) {
    if (!counts.is_object()) return;
    for (const auto& [key, value] : counts.items()) {
      if (value.is_number()) series.Follow(id, {{label, key}}, JsonCount(counts, key.c_str()));
    }
  }

  void TakeVerdicts(const nlohmann::json& verdicts) {
    for (const auto& verdict : verdicts) {
      series.Follow(
          MetricId::kVerdicts,
          {{"verdict", JsonText(verdict, "verdict")}, {"class", JsonText(verdict, "class")}},
          JsonCount(verdict, "count"));
    }
  }
};

Metrics::Metrics(std::string_view version) : impl_(std::make_unique<Impl>()) {
  impl_->series.Set(MetricId::kBuildInfo, {{"version", std::string(version)}}, 1);
  impl_->series.Set(MetricId::kDataplaneUp, {}, 0);
  impl_->series.Add(MetricId::kApiConnectionsRefused, {}, 0);
}

Metrics::~Metrics() = default;

void Metrics::TakeDataplane(const nlohmann::json& stats) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  const std::string boot_id = JsonText(stats, "boot_id");
  if (boot_id != impl_->boot_id) {
    for (const MetricId id : kDataplaneCounters) series.ForgetSources(id);
    impl_->boot_id = boot_id;
  }
  series.Set(MetricId::kDataplaneUp, {}, 1);
  impl_->TakePorts(JsonMember(stats, "ports"));
  impl_->FollowEach(MetricId::kDropped, "reason", JsonMember(stats, "dropped"));
  impl_->FollowEach(MetricId::kStreamSegments, "reason", JsonMember(stats, "streams"));
  impl_->FollowEach(MetricId::kSessionCoverage, "coverage", JsonMember(stats, "coverage"));
  impl_->FollowEach(MetricId::kDhcpSeen, "what", JsonMember(stats, "dhcp"));
  impl_->FollowEach(MetricId::kFragments, "event", JsonMember(stats, "fragments"));
  impl_->TakeVerdicts(JsonMember(stats, "verdicts"));
  const auto& flows = JsonMember(stats, "flows");
  series.Set(MetricId::kFlowTableEntries, {}, JsonNumber(flows, "entries"));
  series.Set(MetricId::kFlowTableCapacity, {}, JsonNumber(flows, "capacity"));
  impl_->FollowEach(MetricId::kFlows, "category", JsonMember(flows, "by_category"));
  // By their number, as several may share a core.
  size_t number = 0;
  for (const auto& worker : JsonMember(stats, "workers")) {
    series.Set(MetricId::kWorkerBusyRatio, {{"worker", std::to_string(number++)}},
               JsonNumber(worker, "busy_ratio"));
  }
  series.Follow(MetricId::kClassifierQueueFull, {},
                JsonCount(JsonMember(stats, "classifier"), "queue_full"));
  const auto& identities = JsonMember(stats, "identities");
  series.Set(MetricId::kIdentityAddresses, {}, JsonNumber(identities, "addresses"));
  series.Follow(MetricId::kIdentityRefused, {}, JsonCount(identities, "addresses_refused"));
  series.Follow(MetricId::kIdentityPrefixesRefused, {}, JsonCount(identities, "prefixes_refused"));
  series.Follow(MetricId::kIdentityRechecked, {}, JsonCount(identities, "flows_rechecked"));
  const auto& journal = JsonMember(stats, "journal");
  series.Set(MetricId::kJournalBytes, {}, JsonNumber(journal, "bytes"));
  impl_->FollowEach(MetricId::kEventsLost, "class", JsonMember(journal, "lost"));
  series.Set(MetricId::kBypassActive, {}, JsonBool(stats, "bypass") ? 1 : 0);
  const auto& policy = JsonMember(stats, "policy");
  series.Set(MetricId::kPolicyVersion, {}, JsonNumber(policy, "version"));
  series.Set(MetricId::kPolicyMemory, {}, JsonNumber(policy, "memory_bytes"));
  series.Set(MetricId::kPolicyListMemory, {}, JsonNumber(policy, "list_bytes"));
  const auto installed = base::ParseRfc3339(JsonText(policy, "installed"));
  if (installed.ok()) series.Set(MetricId::kPolicyInstalled, {}, Seconds(*installed));
}

void Metrics::TakeDataplaneAway() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Set(MetricId::kDataplaneUp, {}, 0);
}

void Metrics::TakeIngest(const ingest::Counters& counters) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  series.Set(MetricId::kIngestLag, {}, counters.lag_seconds);
  series.Set(MetricId::kIngestPaused, {}, counters.paused ? 1 : 0);
  series.Follow(MetricId::kIngestUndecodable, {}, counters.undecodable);
  series.Follow(MetricId::kIngestMissingFrames, {}, counters.missing_frames);
  series.Follow(MetricId::kIngestStoreFailures, {}, counters.store_failures);
  series.Follow(MetricId::kIngestConsumerFailures, {}, counters.consumer_failures);
  series.Follow(MetricId::kAccountsJoined, {}, counters.accounts_joined);
  series.Follow(MetricId::kAccountsUnknown, {}, counters.accounts_unknown);
}

void Metrics::TakeRadius(const radius::RadiusCounters& counters) {
  const std::scoped_lock lock(impl_->mutex);
  for (const auto& [result, count] : ResultsOf(counters)) {
    impl_->series.Follow(MetricId::kRadiusRequests, {{"result", result}}, count);
  }
  impl_->series.Follow(MetricId::kRadiusClockDiffers, {}, counters.clock_differs.value());
  impl_->series.Follow(MetricId::kRadiusKernelDrops, {}, counters.kernel_drops.value());
}

void Metrics::TakeSyslog(const portal::SyslogCounters& counters) {
  const std::scoped_lock lock(impl_->mutex);
  for (const auto& [result, count] : ResultsOf(counters)) {
    impl_->series.Follow(MetricId::kSyslogLines, {{"result", result}}, count);
  }
  impl_->series.Follow(MetricId::kSyslogKernelDrops, {}, counters.kernel_drops.value());
}

void Metrics::TakeLogins(const radius::LoginBook& logins) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Set(MetricId::kLoginsPresent, {}, static_cast<double>(logins.present()));
  impl_->series.Follow(MetricId::kLoginsUnreadable, {}, logins.unreadable());
}

void Metrics::TakeLeases(const dhcp::LeaseBook& leases) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Set(MetricId::kDhcpLeases, {}, static_cast<double>(leases.running()));
  impl_->series.Follow(MetricId::kDhcpLeasesRefused, {}, leases.refused());
  impl_->series.Follow(MetricId::kDhcpLeasesUnreadable, {}, leases.unreadable());
}

void Metrics::TakeStore(const audit::StoreStats& stats) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  uint64_t records = stats.records_dropped;
  for (size_t index = 0; index < audit::kRecordClasses; ++index) {
    const audit::ClassStats& of_class = stats.classes[index];
    const Labels labels{
        {"class", std::string(audit::RecordClassName(static_cast<audit::RecordClass>(index)))}};
    records += of_class.records;
    if (of_class.oldest) {
      series.Set(MetricId::kAuditOldestRecord, labels, Seconds(*of_class.oldest));
    } else {
      series.Remove(MetricId::kAuditOldestRecord, labels);
    }
  }
  series.Follow(MetricId::kAuditRecords, {}, records);
  series.Set(MetricId::kAuditBytes, {}, static_cast<double>(stats.bytes_on_disk));
  if (!stats.archive) return;
  const audit::ArchiveStats& archive = *stats.archive;
  series.Set(MetricId::kArchiveOutboxRows, {}, static_cast<double>(archive.outbox_rows));
  series.Set(MetricId::kArchiveOutboxBytes, {}, static_cast<double>(archive.outbox_bytes));
  series.Follow(MetricId::kArchiveShipped, {}, archive.rows_shipped);
  series.Follow(MetricId::kArchiveFailures, {}, archive.failures);
  if (archive.last_success) {
    series.Set(MetricId::kArchiveLastSuccess, {}, Seconds(*archive.last_success));
  }
  series.Set(MetricId::kArchiveDays, {}, static_cast<double>(archive.days));
  series.Set(MetricId::kArchiveDaysDiffering, {}, static_cast<double>(archive.days_differing));
}

void Metrics::TakeSeals(const sealing::SealerStatus& status) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  if (status.until) series.Set(MetricId::kAuditSealedUntil, {}, Seconds(*status.until));
  series.Follow(MetricId::kAuditSeals, {}, status.seals);
  series.Follow(MetricId::kAuditSealFailures, {}, status.failures);
  series.Follow(MetricId::kAuditAnchorFailures, {}, status.anchor_failures);
}

void Metrics::TakeAnchorMail(const sealing::AnchorMailStatus& status) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  series.Follow(MetricId::kAuditAnchorMails, {}, status.mails);
  series.Follow(MetricId::kAuditAnchorMailFailures, {}, status.failures);
  series.Follow(MetricId::kAuditAnchorMailDropped, {}, status.dropped);
  series.Set(MetricId::kAuditAnchorMailQueued, {}, static_cast<double>(status.queued));
  if (status.last) series.Set(MetricId::kAuditAnchorMailLast, {}, Seconds(*status.last));
}

void Metrics::TakeBackup(const backup::BackupStatus& status) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  if (status.newest) {
    series.Set(MetricId::kBackupLastSuccess, {}, Seconds(*status.newest));
  } else {
    series.Remove(MetricId::kBackupLastSuccess, {});
  }
  series.Follow(MetricId::kBackupFailures, {}, status.failures);
  series.Set(MetricId::kBackupBytes, {}, static_cast<double>(status.bytes));
}

void Metrics::TakeDisk(std::optional<double> full_in_seconds) {
  const std::scoped_lock lock(impl_->mutex);
  if (full_in_seconds) {
    impl_->series.Set(MetricId::kAuditFullIn, {}, *full_in_seconds);
  } else {
    impl_->series.Remove(MetricId::kAuditFullIn, {});
  }
}

void Metrics::TakeIncidents(const incidents::Totals& totals) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  for (const auto& [name, open] : totals.open_by_class) {
    series.Set(MetricId::kIncidentsOpen, {{"class", name}}, static_cast<double>(open));
  }
  std::set<std::string> clocks;
  for (const auto& [clock, due] : totals.nearest_deadline_by_clock) {
    series.Set(MetricId::kIncidentDeadline, {{"clock", clock}}, Seconds(due));
    clocks.insert(clock);
  }
  // Without an incident there is no deadline: the series goes, for 0 would be 1970.
  for (const std::string& clock : impl_->clocks) {
    if (!clocks.contains(clock)) series.Remove(MetricId::kIncidentDeadline, {{"clock", clock}});
  }
  impl_->clocks = std::move(clocks);
}

void Metrics::TakeLists(const std::vector<policy::ListState>& lists) {
  const std::scoped_lock lock(impl_->mutex);
  Series& series = impl_->series;
  std::set<std::string> names;
  for (const policy::ListState& list : lists) {
    const Labels labels{{"list", list.spec.name}};
    const uint64_t entries = list.content ? list.content->entry_count() : 0;
    series.Set(MetricId::kListEntries, labels, static_cast<double>(entries));
    series.Set(MetricId::kListFailures, labels, static_cast<double>(list.failures));
    if (list.success.ns != 0) {
      series.Set(MetricId::kListLastSuccess, labels, Seconds(list.success));
    }
    names.insert(list.spec.name);
  }
  for (const std::string& name : impl_->lists) {
    if (names.contains(name)) continue;
    for (const MetricId id :
         {MetricId::kListEntries, MetricId::kListFailures, MetricId::kListLastSuccess}) {
      series.Remove(id, {{"list", name}});
    }
  }
  impl_->lists = std::move(names);
}

void Metrics::TakePolicy(const policy::PolicyStatus& status) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Set(MetricId::kPolicyInStep, {}, status.in_step ? 1 : 0);
  impl_->series.Set(MetricId::kBlocksPending, {}, static_cast<double>(status.blocks_pending));
  impl_->series.Follow(MetricId::kPolicyRollbacks, {}, status.rollbacks);
  impl_->series.Follow(MetricId::kPolicyCanaryFaults, {}, status.canary_faults);
  if (status.waiting) {
    impl_->series.Set(MetricId::kPolicyConfirmDeadline, {}, Seconds(status.waiting->until));
  } else {
    impl_->series.Remove(MetricId::kPolicyConfirmDeadline, {});
  }
}

void Metrics::CountRequest(unsigned status_code) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Add(MetricId::kApiRequests, {{"code", std::to_string(status_code)}}, 1);
}

void Metrics::CountConnectionRefused() {
  const std::scoped_lock lock(impl_->mutex);
  impl_->series.Add(MetricId::kApiConnectionsRefused, {}, 1);
}

std::string Metrics::Render() {
  const std::scoped_lock lock(impl_->mutex);
  return impl_->series.Render();
}

}  // namespace weir::control::metrics

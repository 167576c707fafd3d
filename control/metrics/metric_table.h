// Every metric of weir-control: its name, type and help, in one place.
//
// Names and labels are those of INTERFACES; base units; never an address, name or account as a
// label.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace weir::control::metrics {

enum class MetricType : uint8_t { kCounter, kGauge };

enum class MetricId : uint8_t {
  kPortReceivePackets,
  kPortTransmitPackets,
  kPortReceiveBytes,
  kPortTransmitBytes,
  kPortMissed,
  kDropped,
  kStreamSegments,
  kSessionCoverage,
  kFragments,
  kVerdicts,
  kFlowTableEntries,
  kFlowTableCapacity,
  kFlows,
  kWorkerBusyRatio,
  kClassifierQueueFull,
  kJournalBytes,
  kEventsLost,
  kAuditRecords,
  kAuditOldestRecord,
  kAuditBytes,
  kAuditFullIn,
  kAuditSealedUntil,
  kAuditSeals,
  kAuditSealFailures,
  kAuditAnchorFailures,
  kPolicyVersion,
  kPolicyInstalled,
  kPolicyMemory,
  kPolicyListMemory,
  kListEntries,
  kListLastSuccess,
  kListFailures,
  kPolicyInStep,
  kBlocksPending,
  kPolicyRollbacks,
  kPolicyCanaryFaults,
  kPolicyConfirmDeadline,
  kBypassActive,
  kIncidentsOpen,
  kIncidentDeadline,
  kDataplaneUp,
  kIngestLag,
  kIngestPaused,
  kIngestUndecodable,
  kIngestMissingFrames,
  kIngestStoreFailures,
  kIngestConsumerFailures,
  kAccountsJoined,
  kAccountsUnknown,
  kIdentityAddresses,
  kIdentityRefused,
  kIdentityRechecked,
  kApiRequests,
  kApiConnectionsRefused,
  kLabelsFolded,
  kBuildInfo,
  kCount,
};
inline constexpr size_t kMetricCount = static_cast<size_t>(MetricId::kCount);

struct MetricInfo {
  MetricId id;
  const char* name;
  MetricType type;
  const char* help;
};

inline constexpr std::array<MetricInfo, kMetricCount> kMetrics{{
    {MetricId::kPortReceivePackets, "weir_port_receive_packets_total", MetricType::kCounter,
     "Packets received on a port."},
    {MetricId::kPortTransmitPackets, "weir_port_transmit_packets_total", MetricType::kCounter,
     "Packets sent on a port."},
    {MetricId::kPortReceiveBytes, "weir_port_receive_bytes_total", MetricType::kCounter,
     "Bytes received on a port."},
    {MetricId::kPortTransmitBytes, "weir_port_transmit_bytes_total", MetricType::kCounter,
     "Bytes sent on a port."},
    {MetricId::kPortMissed, "weir_port_missed_packets_total", MetricType::kCounter,
     "Packets that a port lost before Weir saw them."},
    {MetricId::kDropped, "weir_dropped_packets_total", MetricType::kCounter,
     "Packets not forwarded, by reason."},
    {MetricId::kStreamSegments, "weir_stream_segments_total", MetricType::kCounter,
     "Segments of clients being read that were not taken, by reason; dropped where the policy "
     "blocks "
     "by name."},
    {MetricId::kSessionCoverage, "weir_session_names_total", MetricType::kCounter,
     "Sessions ended, by whether their name was seen and why not."},
    {MetricId::kFragments, "weir_fragments_total", MetricType::kCounter,
     "What happened to IP fragments and their datagrams, by event."},
    {MetricId::kVerdicts, "weir_verdicts_total", MetricType::kCounter,
     "Flows decided, by verdict and the rule's class."},
    {MetricId::kFlowTableEntries, "weir_flow_table_entries", MetricType::kGauge,
     "Flows in the table."},
    {MetricId::kFlowTableCapacity, "weir_flow_table_capacity", MetricType::kGauge,
     "Flows that the table can hold."},
    {MetricId::kFlows, "weir_flows_total", MetricType::kCounter, "Flows seen, by category."},
    {MetricId::kWorkerBusyRatio, "weir_worker_busy_ratio", MetricType::kGauge,
     "Share of a worker's time with packets in hand, 0 to 1."},
    {MetricId::kClassifierQueueFull, "weir_classifier_queue_full_total", MetricType::kCounter,
     "Packets not given to the classifier because its queue was full."},
    {MetricId::kJournalBytes, "weir_journal_bytes", MetricType::kGauge,
     "Bytes of the journal on disk."},
    {MetricId::kEventsLost, "weir_events_lost_total", MetricType::kCounter,
     "Events given up before they were stored, by loss class."},
    {MetricId::kAuditRecords, "weir_audit_records_total", MetricType::kCounter,
     "Records that the audit store was given since it was made, of all classes."},
    {MetricId::kAuditOldestRecord, "weir_audit_oldest_record_timestamp_seconds", MetricType::kGauge,
     "Time of the oldest record kept, by class."},
    {MetricId::kAuditBytes, "weir_audit_bytes", MetricType::kGauge,
     "Bytes of the audit store on disk."},
    {MetricId::kAuditFullIn, "weir_audit_full_in_seconds", MetricType::kGauge,
     "When the disk of the record will be full, as it has grown in the last day; not there: it "
     "does "
     "not grow, or is not known yet."},
    {MetricId::kAuditSealedUntil, "weir_audit_sealed_until_timestamp_seconds", MetricType::kGauge,
     "Sessions that began before this time are sealed."},
    {MetricId::kAuditSeals, "weir_audit_seals_total", MetricType::kCounter,
     "Seals of the record since its beginning."},
    {MetricId::kAuditSealFailures, "weir_audit_seal_failures_total", MetricType::kCounter,
     "Times that sealing the record, or dropping what is too old, has failed."},
    {MetricId::kAuditAnchorFailures, "weir_audit_anchor_failures_total", MetricType::kCounter,
     "Times that a seal could not be told to its anchor."},
    {MetricId::kPolicyVersion, "weir_policy_version", MetricType::kGauge,
     "Version of the policy that the data plane decides with."},
    {MetricId::kPolicyInstalled, "weir_policy_installed_timestamp_seconds", MetricType::kGauge,
     "When that version was installed."},
    {MetricId::kPolicyMemory, "weir_policy_memory_bytes", MetricType::kGauge,
     "What the policy in force takes in the data plane."},
    {MetricId::kPolicyListMemory, "weir_policy_list_memory_bytes", MetricType::kGauge,
     "What the data plane keeps of lists, to compile them anew."},
    {MetricId::kListEntries, "weir_list_entries", MetricType::kGauge,
     "Entries of the copy of a list that is in force."},
    {MetricId::kListLastSuccess, "weir_list_last_success_timestamp_seconds", MetricType::kGauge,
     "When the source of a list last gave it, or said that there is nothing newer."},
    {MetricId::kListFailures, "weir_list_failures", MetricType::kGauge,
     "Looks at the source of a list that failed since the last that did not."},
    {MetricId::kPolicyInStep, "weir_policy_in_step", MetricType::kGauge,
     "1 when the data plane has the applied rules and all blocks."},
    {MetricId::kBlocksPending, "weir_blocks_pending", MetricType::kGauge,
     "Blocks typed or taken back that the data plane has not confirmed."},
    {MetricId::kPolicyRollbacks, "weir_policy_rollbacks_total", MetricType::kCounter,
     "Times the rules before went back in force by themselves."},
    {MetricId::kPolicyCanaryFaults, "weir_policy_canary_faults_total", MetricType::kCounter,
     "Swaps of the policy after which the data plane did not decide as the text says."},
    {MetricId::kPolicyConfirmDeadline, "weir_policy_confirm_deadline_timestamp_seconds",
     MetricType::kGauge,
     "Until when the rules applied last can be confirmed; none: nothing waits."},
    {MetricId::kBypassActive, "weir_bypass_active", MetricType::kGauge,
     "1 while everything is forwarded undecided."},
    {MetricId::kIncidentsOpen, "weir_incidents_open", MetricType::kGauge,
     "Incidents not closed, by class."},
    {MetricId::kIncidentDeadline, "weir_incident_deadline_timestamp_seconds", MetricType::kGauge,
     "The nearest deadline not met, by clock."},
    {MetricId::kDataplaneUp, "weir_dataplane_up", MetricType::kGauge,
     "1 when the data plane answers on its control socket."},
    {MetricId::kIngestLag, "weir_ingest_lag_seconds", MetricType::kGauge,
     "Age of the oldest event not yet in the store."},
    {MetricId::kIngestPaused, "weir_ingest_paused", MetricType::kGauge,
     "1 while the store takes nothing."},
    {MetricId::kIngestUndecodable, "weir_ingest_undecodable_frames_total", MetricType::kCounter,
     "Journal frames skipped because their payload made no sense."},
    {MetricId::kIngestMissingFrames, "weir_ingest_missing_frames_total", MetricType::kCounter,
     "Frame numbers that the journal did not have."},
    {MetricId::kIngestStoreFailures, "weir_ingest_store_failures_total", MetricType::kCounter,
     "Commits that the audit store refused; they are tried again."},
    {MetricId::kIngestConsumerFailures, "weir_ingest_consumer_failures_total", MetricType::kCounter,
     "Offers that the incidents refused; they are made again."},
    {MetricId::kAccountsJoined, "weir_accounts_joined_total", MetricType::kCounter,
     "Session snapshots whose inside address had an account."},
    {MetricId::kAccountsUnknown, "weir_accounts_unknown_total", MetricType::kCounter,
     "Session snapshots whose inside address had none."},
    {MetricId::kIdentityAddresses, "weir_identity_addresses", MetricType::kGauge,
     "Addresses of which the data plane knows the account."},
    {MetricId::kIdentityRefused, "weir_identity_refused_total", MetricType::kCounter,
     "Addresses that the data plane had no room for."},
    {MetricId::kIdentityRechecked, "weir_identity_rechecked_flows_total", MetricType::kCounter,
     "Live flows judged again because an address became another account's."},
    {MetricId::kApiRequests, "weir_api_requests_total", MetricType::kCounter,
     "Requests answered by the API, by status code."},
    {MetricId::kApiConnectionsRefused, "weir_api_connections_refused_total", MetricType::kCounter,
     "Connections refused because the API had as many as it may."},
    {MetricId::kLabelsFolded, "weir_metric_labels_folded_total", MetricType::kCounter,
     "Label values counted under 'other' because a metric had as many as it may."},
    {MetricId::kBuildInfo, "weir_build_info", MetricType::kGauge, "1; the version is its label."},
}};

// The table is in the order of the ids, so an id is an index.
constexpr bool MetricsAreInOrder() {
  for (size_t index = 0; index < kMetricCount; ++index) {
    if (static_cast<size_t>(kMetrics[index].id) != index) return false;
  }
  return true;
}
static_assert(MetricsAreInOrder());

}  // namespace weir::control::metrics

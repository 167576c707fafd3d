// The numbers of weir-control and, through it, of the data plane, for Prometheus.
//
// Counters of others arrive as absolute values and are carried on as what was added, so a data
// plane that starts again at 0 never makes a counter go back. A metric has at most kSeriesMax label
// values; further ones are counted under "other".
//
// Any thread; every call takes a lock for a short time. Lives as long as weir-control.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/audit/session_store.h"
#include "control/backup/backup_service.h"
#include "control/dhcp/lease_book.h"
#include "control/incidents/incident_store.h"
#include "control/ingest/ingest.h"
#include "control/metrics/metric_table.h"
#include "control/policy/policy_service.h"
#include "control/portal/syslog_server.h"
#include "control/radius/radius_server.h"
#include "control/sealing/anchor_mailer.h"
#include "control/sealing/sealer.h"

namespace weir::control::metrics {

inline constexpr size_t kSeriesMax = 256;

class Metrics {
 public:
  explicit Metrics(std::string_view version);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // A reply to the data plane's `stats`.
  void TakeDataplane(const nlohmann::json& stats);
  void TakeDataplaneAway();
  void TakeIngest(const ingest::Counters& counters);
  void TakeLeases(const dhcp::LeaseBook& leases);
  void TakeStore(const audit::StoreStats& stats);
  void TakeSeals(const sealing::SealerStatus& status);
  void TakeAnchorMail(const sealing::AnchorMailStatus& status);
  void TakeBackup(const backup::BackupStatus& status);
  void TakeDisk(std::optional<double> full_in_seconds);
  void TakeIncidents(const incidents::Totals& totals);
  void TakeLists(const std::vector<policy::ListState>& lists);
  void TakePolicy(const policy::PolicyStatus& status);
  void TakeRadius(const radius::RadiusCounters& counters);
  void TakeSyslog(const portal::SyslogCounters& counters);
  void TakeLogins(const radius::LoginBook& logins);

  void CountRequest(unsigned status_code);
  void CountConnectionRefused();

  // The text format of Prometheus, version 0.0.4.
  std::string Render();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::control::metrics

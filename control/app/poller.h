// Once a second: fetches what the metrics show, ends the leases whose time is over, and
// forgets log-ins that are older than is kept.
//
// Start() runs one thread. What it is given must outlive it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/audit/session_store.h"
#include "control/backup/backup_service.h"
#include "control/dhcp/lease_book.h"
#include "control/incidents/incident_store.h"
#include "control/ingest/ingest.h"
#include "control/metrics/metrics.h"
#include "control/policy/policy_service.h"
#include "control/sealing/sealer.h"
#include "dataplane/base/repeating_thread.h"

namespace weir::control::app {

class Poller {
 public:
  struct Sources {
    policy::PolicyService& policy;
    ingest::Ingest& ingest;
    audit::SessionStore& store;
    incidents::IncidentStore& incidents;
    sealing::Sealer& sealer;
    std::filesystem::path data_dir;
    uint32_t days_kept_here = 0;  // of sessions
    metrics::Metrics& metrics;
    std::function<void(std::string_view)> log;
    const backup::BackupService* backup = nullptr;  // null: none is configured
    // Null: not configured.
    radius::LoginBook* logins = nullptr;
    const radius::RadiusServer* radius = nullptr;
    const portal::SyslogServer* syslog = nullptr;
    const sealing::AnchorMailer* anchor_mail = nullptr;
    dhcp::LeaseBook* leases = nullptr;
    int64_t logins_kept_ns = 0;  // log-ins and leases, so long after their ends
  };

  explicit Poller(Sources sources) : sources_(std::move(sources)) {}
  ~Poller() { Stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }

 private:
  void Poll();
  void PollStore();
  void PollLeases();
  void PollLogins();

  const Sources sources_;
  std::string lease_trouble_;
  std::string login_trouble_;
  base::RepeatingThread thread_;
};

}  // namespace weir::control::app

// The API's requests: which there are, and who answers each.
//
// Handle() may be called by any number of threads at once; everything it uses guards itself. What
// it is given must outlive it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "control/accounts/directory.h"
#include "control/accounts/registry_file.h"
#include "control/api/message.h"
#include "control/api/repeated_looks.h"
#include "control/audit/session_store.h"
#include "control/backup/backup_service.h"
#include "control/clickhouse/tiered_store.h"
#include "control/dhcp/lease_book.h"
#include "control/incidents/incident_store.h"
#include "control/ingest/ingest.h"
#include "control/metrics/metrics.h"
#include "control/operations/operations_log.h"
#include "control/policy/identity_publisher.h"
#include "control/policy/policy_service.h"
#include "control/portal/syslog_server.h"
#include "control/radius/radius_server.h"
#include "control/registry/registry_history.h"
#include "control/sealing/anchor_mailer.h"
#include "control/sealing/legal_holds.h"
#include "control/sealing/sealer.h"
#include "dataplane/base/config.h"

namespace weir::control::api {

using operations::Operation;

// The parts of weir-control that answers are made of.
struct Parts {
  const base::Config& config;
  audit::SessionStore& store;
  ingest::Ingest& ingest;
  const accounts::Directory& directory;
  incidents::IncidentStore& incidents;
  policy::PolicyService& policy;
  policy::IdentityPublisher& identities;
  accounts::RegistryFile* registry;  // null: none is configured
  metrics::Metrics& metrics;
  operations::OperationsLog& operations;
  sealing::Sealer& sealer;
  sealing::LegalHolds& holds;
  base::WallTime started;
  const radius::LoginBook* logins = nullptr;     // null: neither RADIUS nor syslog is configured
  const radius::RadiusServer* radius = nullptr;  // null: RADIUS accounting is not configured
  clickhouse::TieredStore* archive = nullptr;    // null: all of the record is on this machine
  backup::BackupService* backup = nullptr;       // null: backups are not configured
  // Null: no registry is configured.
  const registry::RegistryHistory* registry_history = nullptr;
  const portal::SyslogServer* syslog = nullptr;  // null: portals' syslog is not configured
  sealing::AnchorMailer* anchor_mail = nullptr;  // null: no anchor is mailed
  const dhcp::LeaseBook* leases = nullptr;       // null: no DHCP servers are configured
  // The system log, for what the operations log cannot take; null: there is none.
  void (*alarm)(std::string_view line) = nullptr;
  RepeatedLooks* looks = nullptr;  // Api's own
};

class Api {
 public:
  explicit Api(Parts parts) : parts_(parts) { parts_.looks = &looks_; }
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  // Never throws: what a library throws becomes a 500 with a line.
  Reply Handle(Request& request) const;

 private:
  RepeatedLooks looks_;
  Parts parts_;
};

using Handler = Reply (*)(const Parts& parts, const Request& request);

// One request that the API knows: "{id}" in the path takes one segment.
struct Route {
  std::string_view method;
  std::string_view path;
  Handler handler;
  std::string_view help;
};
std::span<const Route> Routes();

}  // namespace weir::control::api

// Everything weir-control runs, opened in the order in which the parts need each other.
//
// Open() and the destructor on the main thread. Threads: RADIUS, portals' syslog, ingest, sealer,
// mail, backup, policy supervisor, identity publisher, poller, the API's acceptor and one a
// connection; each part guards itself.
#pragma once

#include <memory>

#include "control/accounts/directory.h"
#include "control/accounts/registry_file.h"
#include "control/api/api.h"
#include "control/api/server.h"
#include "control/app/poller.h"
#include "control/audit/rocks_store.h"
#include "control/backup/backup_service.h"
#include "control/clickhouse/tiered_store.h"
#include "control/dhcp/lease_changes.h"
#include "control/incidents/incident_store.h"
#include "control/ingest/ingest.h"
#include "control/metrics/metrics.h"
#include "control/operations/operations_log.h"
#include "control/policy/identity_publisher.h"
#include "control/policy/policy_service.h"
#include "control/portal/syslog_server.h"
#include "control/radius/login_recorder.h"
#include "control/radius/radius_server.h"
#include "control/registry/registry_history.h"
#include "control/sealing/anchor_mailer.h"
#include "control/sealing/legal_holds.h"
#include "control/sealing/sealer.h"
#include "dataplane/base/config.h"
#include "dataplane/base/result.h"

namespace weir::control::app {

class ControlApp {
 public:
  // `config_dir` is where an operator's clock files may lie, in "clocks".
  static base::Result<std::unique_ptr<ControlApp>> Open(base::Config config,
                                                        const std::filesystem::path& config_dir);
  // Ends everything in the order opposite to Start().
  ~ControlApp();

  base::Status Start();

  uint16_t port() const { return server_->port(); }

 private:
  explicit ControlApp(base::Config config);

  base::Status MakeDirectories() const;
  base::Status OpenStores(const std::filesystem::path& config_dir);
  base::Status OpenAuditStore();
  base::Status OpenArchive(audit::RocksStore::Options options);
  base::Status OpenRegistry();
  base::Status OpenLogins();
  base::Status OpenRadius();
  base::Status OpenSyslog();
  base::Status OpenDhcp();
  base::Status OpenIngest();
  base::Status OpenSealer();
  base::Status OpenAnchorMail();
  base::Status OpenPolicy();
  base::Status OpenBackup();
  base::Status TakeImage();
  void Record(std::string_view action, std::string_view target, std::string_view outcome);
  int64_t LoginsKeptNs() const;
  base::Status OpenApi();

  const base::Config config_;
  const base::WallTime started_;
  metrics::Metrics metrics_;
  accounts::Directory directory_;
  std::unique_ptr<registry::RegistryHistory> registry_history_;  // null: no registry is configured
  std::unique_ptr<accounts::RegistryFile> registry_;             // the same
  std::unique_ptr<radius::LoginBook> logins_;          // null: neither of the two below is
  std::unique_ptr<radius::RadiusServer> radius_;       // null: RADIUS accounting is not configured
  std::unique_ptr<portal::SyslogServer> syslog_;       // null: portals' syslog is not
  std::unique_ptr<dhcp::LeaseBook> leases_;            // null: no DHCP servers are configured
  std::unique_ptr<dhcp::LeaseChanges> lease_changes_;  // the same
  std::unique_ptr<audit::SessionStore> store_;
  clickhouse::TieredStore* archive_ = nullptr;  // the same store, where it has an archive
  std::unique_ptr<incidents::IncidentStore> incidents_;
  std::unique_ptr<operations::OperationsLog> operations_;
  std::unique_ptr<sealing::LegalHolds> holds_;
  std::unique_ptr<sealing::Sealer> sealer_;
  std::unique_ptr<sealing::AnchorMailer> anchor_mail_;     // null: none is configured
  std::unique_ptr<backup::BackupService> backup_;          // null: none is configured
  std::unique_ptr<radius::LoginRecorder> login_recorder_;  // null: no source of log-ins is
  std::unique_ptr<policy::PolicyService> policy_;
  std::unique_ptr<policy::IdentityPublisher> identities_;
  std::unique_ptr<ingest::Ingest> ingest_;
  std::unique_ptr<Poller> poller_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::Server> server_;
};

}  // namespace weir::control::app

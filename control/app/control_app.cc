#include "control/app/control_app.h"

#include <spdlog/spdlog.h>

#include <array>
#include <system_error>
#include <utility>

#include "control/api/auth.h"
#include "control/api/version.h"
#include "control/backup/backup_reader.h"
#include "control/backup/image.h"
#include "dataplane/base/secret_file.h"

namespace weir::control::app {
namespace {

void LogLine(std::string_view line) { spdlog::info("{}", line); }
void AlarmLine(std::string_view line) { spdlog::critical("{}", line); }

}  // namespace

ControlApp::ControlApp(base::Config config)
    : config_(std::move(config)), started_(base::WallNow()), metrics_(kVersion) {}

ControlApp::~ControlApp() {
  if (server_) server_->Stop();
  if (poller_) poller_->Stop();
  if (login_recorder_) login_recorder_->Stop();
  if (backup_) backup_->Stop();
  if (anchor_mail_) anchor_mail_->Stop();
  if (sealer_) sealer_->Stop();
  if (ingest_) ingest_->Stop();
  if (identities_) identities_->Stop();
  if (policy_) policy_->Stop();
  if (radius_) radius_->Stop();
  if (syslog_) syslog_->Stop();
}

base::Result<std::unique_ptr<ControlApp>> ControlApp::Open(
    base::Config config, const std::filesystem::path& config_dir) {
  std::unique_ptr<ControlApp> app(new ControlApp(std::move(config)));
  if (auto made = app->MakeDirectories(); !made) return made.error();
  if (auto opened = app->OpenStores(config_dir); !opened) return opened.error();
  if (auto opened = app->OpenPolicy(); !opened) return opened.error();
  if (auto opened = app->OpenBackup(); !opened) return opened.error();
  if (auto opened = app->OpenApi(); !opened) return opened.error();
  return app;
}

base::Status ControlApp::MakeDirectories() const {
  const std::filesystem::path unfinished = config_.control.data_dir / backup::kUnfinishedFile;
  if (std::error_code unreadable; std::filesystem::exists(unfinished, unreadable)) {
    return base::Error{unfinished.string() +
                       ": a backup was not restored to its end: run weirctl audit restore again"};
  }
  const std::array directories{config_.control.data_dir, config_.control.socket.parent_path(),
                               config_.journal.dir};
  for (const std::filesystem::path& directory : directories) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed) return base::Error{directory.string() + ": cannot be made: " + failed.message()};
  }
  return {};
}

base::Status ControlApp::OpenStores(const std::filesystem::path& config_dir) {
  const std::filesystem::path& data = config_.control.data_dir;
  const std::array clock_directories{config_dir / "clocks", data / "clocks"};
  auto clocks = incidents::LoadClockProfiles(config_.incidents.profiles, clock_directories);
  if (!clocks) return clocks.error();
  auto incidents = incidents::IncidentStore::Open(data / "control.db", std::move(*clocks));
  if (!incidents) return incidents.error();
  incidents_ = std::move(*incidents);
  auto operations = operations::OperationsLog::Open(data / "control.db");
  if (!operations) return operations.error();
  operations_ = std::move(*operations);
  if (auto opened = OpenRegistry(); !opened) return opened;
  if (auto opened = OpenLogins(); !opened) return opened;
  if (auto opened = OpenDhcp(); !opened) return opened;
  if (auto opened = OpenAuditStore(); !opened) return opened;
  if (auto opened = OpenIngest(); !opened) return opened;
  return OpenSealer();
}

base::Status ControlApp::OpenIngest() {
  ingest::Ingest::Options options;
  options.journal_dir = config_.journal.dir;
  options.log = LogLine;
  ingest_ = std::make_unique<ingest::Ingest>(std::move(options), *store_, directory_);
  ingest_->AddConsumer(*incidents_);
  if (leases_) ingest_->SetConsumer(*leases_);
  std::vector<accounts::LoginChanges*> logins;
  if (logins_) logins.push_back(logins_.get());
  if (lease_changes_) logins.push_back(lease_changes_.get());
  if (logins.empty()) return {};
  login_recorder_ = std::make_unique<radius::LoginRecorder>(std::move(logins), *store_, LogLine);
  return {};
}

base::Status ControlApp::OpenSealer() {
  auto holds = sealing::LegalHolds::Open(config_.control.data_dir / "control.db");
  if (!holds) return holds.error();
  holds_ = std::move(*holds);
  const base::AuditConfig& audit = config_.audit;
  const uint32_t logins = audit.retention_logins_days.value_or(audit.retention_days);
  const uint32_t events = audit.retention_events_days.value_or(audit.retention_days);
  sealing::Sealer::Options options;
  options.dir = config_.control.data_dir / "seals";
  options.anchor_file = audit.anchor_file;
  options.retention = {audit.retention_days, logins, events, events};
  options.retention_operations_days = audit.retention_operations_days;
  options.log = LogLine;
  options.caught_up = [this](base::WallTime until) {
    return ingest_->counters().CaughtUp(until, base::WallNow());
  };
  auto sealer = sealing::Sealer::Open(std::move(options), {*store_, *operations_}, *holds_);
  if (!sealer) return sealer.error();
  sealer_ = std::move(*sealer);
  return OpenAnchorMail();
}

base::Status ControlApp::OpenAnchorMail() {
  const base::AnchorMailConfig& config = config_.audit.anchor_mail;
  if (config.to.empty()) return {};
  constexpr size_t kLineBytesMax = 255;
  sealing::AnchorMailer::Options options;
  options.server.url = config.server;
  options.server.tls_required = config.tls_required;
  options.server.ca_file = config.ca_file;
  if (!config.credentials_file.empty()) {
    auto lines = base::ReadSecretLines(config.credentials_file, 2, kLineBytesMax,
                                       "a user and then a password");
    if (!lines) return lines.error();
    options.server.user = std::move((*lines)[0]);
    options.server.password = std::move((*lines)[1]);
  }
  options.from = config.from;
  options.to = config.to;
  options.state_file = config_.control.data_dir / "anchor_mail.state";
  options.newest = [this] { return sealer_->newest_anchor(); };
  options.log = LogLine;
  auto mailer = sealing::AnchorMailer::Open(std::move(options));
  if (!mailer) return mailer.error();
  anchor_mail_ = std::move(*mailer);
  return {};
}

base::Status ControlApp::OpenAuditStore() {
  audit::RocksStore::Options options;
  options.dir = config_.control.data_dir / "sessions";
  options.sensor = config_.sensor;
  options.pack_days = true;
  const auto restored = backup::RestoredAt(config_.control.data_dir);
  if (!restored) return restored.error();
  options.restored = *restored;
  if (config_.audit.store == base::AuditStore::kClickhouse) return OpenArchive(std::move(options));
  auto store = audit::RocksStore::Open(std::move(options));
  if (!store) return store.error();
  const auto days_away = clickhouse::LeaveArchive(**store);
  if (!days_away) return days_away.error();
  if (*days_away > 0) {
    LogLine("[audit] store is \"embedded\": the sessions of " + std::to_string(*days_away) +
            " days are in ClickHouse only, and are not found by look-ups");
  }
  store_ = std::move(*store);
  return {};
}

base::Status ControlApp::OpenArchive(audit::RocksStore::Options options) {
  const base::AuditConfig& audit = config_.audit;
  clickhouse::TieredStore::Options tiers;
  tiers.local = std::move(options);
  tiers.archive.url = audit.clickhouse_url;
  tiers.archive.database = audit.clickhouse_database;
  tiers.archive.user = audit.clickhouse_user;
  if (!audit.clickhouse_password_file.empty()) {
    auto password = clickhouse::LoadPassword(audit.clickhouse_password_file);
    if (!password) return password.error();
    tiers.archive.password = std::move(*password);
  }
  tiers.local_days = audit.local_days;
  tiers.log = LogLine;
  auto store = clickhouse::TieredStore::Open(std::move(tiers));
  if (!store) return store.error();
  archive_ = store->get();
  store_ = std::move(*store);
  return {};
}

base::Status ControlApp::OpenRegistry() {
  const base::AccountsConfig& accounts = config_.accounts;
  if (accounts.registry.empty()) return {};
  auto history = registry::RegistryHistory::Open(config_.control.data_dir / "registry.db",
                                                 accounts.registry_history_days);
  if (!history) return history.error();
  registry_history_ = std::move(*history);
  directory_.Use(*registry_history_);
  registry_ = std::make_unique<accounts::RegistryFile>(accounts.registry, directory_, LogLine);
  registry_->Use(*registry_history_);
  registry_->RecordTo([this](std::string_view outcome) {
    Record("accounts registry", config_.accounts.registry.string(), outcome);
  });
  return registry_->Load();
}

base::Status ControlApp::OpenLogins() {
  const base::AccountsConfig& accounts = config_.accounts;
  if (accounts.radius_clients.empty() && accounts.syslog_patterns.empty()) return {};
  auto book = radius::LoginBook::Open(config_.control.data_dir / "accounts.db");
  if (!book) return book.error();
  logins_ = std::move(*book);
  directory_.Use(*logins_);
  if (auto opened = OpenRadius(); !opened) return opened;
  return OpenSyslog();
}

base::Status ControlApp::OpenSyslog() {
  const base::AccountsConfig& accounts = config_.accounts;
  if (accounts.syslog_patterns.empty()) return {};
  portal::SyslogServer::Options options;
  options.listen_address = accounts.syslog_address;
  options.listen_port = accounts.syslog_port;
  options.senders = accounts.syslog_senders;
  options.patterns_file = accounts.syslog_patterns;
  options.lines_per_second = accounts.syslog_lines_per_second;
  options.expires_logins = radius_ == nullptr;
  options.log = LogLine;
  auto server = portal::SyslogServer::Open(std::move(options), *logins_);
  if (!server) return server.error();
  syslog_ = std::move(*server);
  LogLine("portals' syslog is taken on " + accounts.syslog_address.ToString() + " port " +
          std::to_string(syslog_->port()));
  return {};
}

base::Status ControlApp::OpenRadius() {
  const base::AccountsConfig& accounts = config_.accounts;
  if (accounts.radius_clients.empty()) return {};
  auto clients = radius::RadiusClients::Load(accounts.radius_clients);
  if (!clients) return clients.error();
  auto server = radius::RadiusServer::Open({accounts.radius_address, accounts.radius_port,
                                            std::move(*clients), LogLine, accounts.radius_clients},
                                           *logins_);
  if (!server) return server.error();
  radius_ = std::move(*server);
  LogLine("RADIUS accounting is taken on " + accounts.radius_address.ToString() + " port " +
          std::to_string(radius_->port()));
  return {};
}

base::Status ControlApp::OpenDhcp() {
  if (config_.accounts.dhcp_servers.empty()) return {};
  auto book = dhcp::LeaseBook::Open(config_.control.data_dir / "leases.db");
  if (!book) return book.error();
  leases_ = std::move(*book);
  lease_changes_ = std::make_unique<dhcp::LeaseChanges>(*leases_, directory_);
  directory_.Use(*leases_);
  return {};
}

base::Status ControlApp::OpenPolicy() {
  policy::PolicyService::Options options;
  options.database = config_.control.data_dir / "control.db";
  options.blocks_file = config_.control.data_dir / "blocks.rules";
  options.rule_globs = config_.policy.rules;
  options.lists_dir = config_.control.data_dir / "lists";
  options.list_refresh_s = config_.lists.refresh_s;
  options.list_timeout_s = config_.lists.timeout_s;
  options.list_bytes_max = config_.lists.max_bytes;
  options.mode = config_.policy.mode == base::PolicyMode::kEnforce ? rules::Mode::kEnforce
                                                                   : rules::Mode::kMonitor;
  options.dataplane_socket = config_.control.dataplane_socket;
  options.log = LogLine;
  options.record = [this](std::string_view action, std::string_view outcome) {
    Record(action, "", outcome);
  };
  auto policy = policy::PolicyService::Open(std::move(options));
  if (!policy) return policy.error();
  policy_ = std::move(*policy);
  policy::IdentityPublisher::Options publishing;
  publishing.dataplane_socket = config_.control.dataplane_socket;
  publishing.log = LogLine;
  identities_ = std::make_unique<policy::IdentityPublisher>(std::move(publishing), directory_,
                                                            registry_.get());
  return {};
}

void ControlApp::Record(std::string_view action, std::string_view target,
                        std::string_view outcome) {
  operations::Operation operation;
  operation.time = base::WallNow();
  operation.actor = "weir-control";
  operation.via = "itself";
  operation.action = action;
  operation.target = target;
  operation.outcome = outcome;
  if (auto logged = operations_->Append(operation); !logged) LogLine(logged.error().message);
}

base::Status ControlApp::OpenBackup() {
  const base::BackupConfig& config = config_.backup;
  // What a weir-control that was killed has left would keep files of the store from going.
  if (auto removed = backup::RemoveImage(config_.control.data_dir); !removed) return removed;
  if (config.dir.empty()) return {};
  backup::BackupService::Options options;
  options.dir = config.dir;
  options.key_file = config.key_file;
  options.data_dir = config_.control.data_dir;
  options.sensor = config_.sensor;
  options.weir = kVersion;
  options.at_minute = config.at_minute;
  options.keep_days = config.keep_days;
  options.take_image = [this] { return TakeImage(); };
  options.log = LogLine;
  options.record = [this](std::string_view action, std::string_view target,
                          std::string_view outcome) { Record(action, target, outcome); };
  auto backup = backup::BackupService::Open(std::move(options));
  if (!backup) return backup.error();
  backup_ = std::move(*backup);
  return {};
}

base::Status ControlApp::TakeImage() {
  backup::ImageSources sources;
  sources.data_dir = config_.control.data_dir;
  sources.store = "sessions";
  sources.checkpoint = [this](const std::filesystem::path& into) {
    return store_->Checkpoint(into);
  };
  sources.growing = {"seals"};
  sources.left_out = {config_.control.data_dir / "token", config_.journal.dir,
                      config_.backup.key_file, config_.backup.dir};
  // The seals' log is that of the store: no seal is written between the two.
  const auto pause = sealer_->Pause();
  return backup::TakeImage(sources);
}

int64_t ControlApp::LoginsKeptNs() const {
  constexpr int64_t kDayNs = 24 * 3600 * base::kNsPerSecond;
  const base::AuditConfig& audit = config_.audit;
  return audit.retention_logins_days.value_or(audit.retention_days) * kDayNs;
}

base::Status ControlApp::OpenApi() {
  auto token = api::LoadOrMakeToken(config_.control.data_dir / "token");
  if (!token) return token.error();
  poller_ = std::make_unique<Poller>(Poller::Sources{
      *policy_, *ingest_, *store_, *incidents_, *sealer_, config_.control.data_dir,
      config_.audit.days_kept_here(), metrics_, LogLine, backup_.get(), logins_.get(),
      radius_.get(), syslog_.get(), anchor_mail_.get(), leases_.get(), LoginsKeptNs()});
  api_ = std::make_unique<api::Api>(api::Parts{config_,       *store_,
                                               *ingest_,      directory_,
                                               *incidents_,   *policy_,
                                               *identities_,  registry_.get(),
                                               metrics_,      *operations_,
                                               *sealer_,      *holds_,
                                               started_,      logins_.get(),
                                               radius_.get(), archive_,
                                               backup_.get(), registry_history_.get(),
                                               syslog_.get(), anchor_mail_.get(),
                                               leases_.get(), AlarmLine});
  api::Server::Options options;
  options.socket = config_.control.socket;
  options.listen_address = config_.control.listen_address;
  options.listen_port = config_.control.listen_port;
  options.token = std::move(*token);
  options.handle = [this](api::Request& request) { return api_->Handle(request); };
  options.count_request = [this](unsigned status) { metrics_.CountRequest(status); };
  options.count_refused = [this] { metrics_.CountConnectionRefused(); };
  auto server = api::Server::Open(std::move(options));
  if (!server) return server.error();
  server_ = std::move(*server);
  return {};
}

base::Status ControlApp::Start() {
  if (auto started = ingest_->Start(); !started) return started;
  sealer_->Start();
  if (anchor_mail_) anchor_mail_->Start();
  if (login_recorder_) login_recorder_->Start();
  if (backup_) backup_->Start();
  policy_->Start();
  if (radius_) radius_->Start();
  if (syslog_) syslog_->Start();
  identities_->Start();
  poller_->Start();
  server_->Start();
  return {};
}

}  // namespace weir::control::app

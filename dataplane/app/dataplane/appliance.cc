#include "dataplane/app/dataplane/appliance.h"

#include <fmt/format.h>
#include <rte_launch.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

#include "dataplane/app/dataplane/respond_settings.h"
#include "dataplane/spread/shares.h"

namespace weir::appliance {
namespace {

constexpr int kRoundMs = 10;  // the rings are drained this often, or faster when they fill
constexpr int64_t kWorkerSilentNs = 2 * base::kNsPerSecond;

template <typename T>
T Random() {
  T value{};
  // Blocks only before the kernel's pool is ready, which a program this late never sees.
  if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) std::abort();
  return value;
}

base::UniqueFd TakeOverSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  // Before any thread is made: all of them inherit it.
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return base::UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

struct Making {
  const Worker::Setup* setup;
  unsigned index;
  base::Result<std::unique_ptr<Worker>> made = base::Error{};
};

int MakeWorker(void* making) {
  Making& wanted = *static_cast<Making*>(making);
  wanted.made = Worker::Create(*wanted.setup, wanted.index);
  return 0;
}

int RunWorker(void* worker) {
  static_cast<Worker*>(worker)->Run();
  return 0;
}

}  // namespace

Appliance::Appliance(const Options& options, base::Config config)
    : options_(options),
      config_(std::move(config)),
      started_(base::MonoNow()),
      boot_id_(Random<uint64_t>()),
      signals_(TakeOverSignals()),
      shared_(std::make_unique<Shared>()) {}

base::Result<std::unique_ptr<Appliance>> Appliance::Start(const Options& options) {
  auto config = base::LoadConfig(options.config);
  if (!config) return config.error();
  auto plan = port::MakePlan(*config);
  if (!plan) return plan.error();
  std::unique_ptr<Appliance> appliance(new Appliance(options, std::move(*config)));
  if (auto done = appliance->CheckPolicy(); !done) return done.error();
  auto respond = MakeRespondSettings(appliance->config_);
  if (!respond) return respond.error();
  appliance->respond_ = std::move(*respond);
  if (options.check) return std::unique_ptr<Appliance>();

  for (const std::string& warning : plan->warnings) spdlog::warn("{}", warning);
  base::Status done = appliance->OpenJournal();
  if (done) done = appliance->OpenPorts(*plan);
  if (done) done = appliance->OpenControl();
  if (done) done = appliance->StartWorkers();
  if (!done) return done.error();
  return appliance;
}

base::Status Appliance::CheckPolicy() {
  auto names = classify::NdpiNames::Create();
  if (!names) return names.error();
  names_ = std::move(*names);
  identities_ = std::make_unique<IdentityKeeper>(
      IdentityKeeper::Settings{config_.accounts.max_addresses,
                               config_.fail.mode == base::FailMode::kClosed},
      base::HashKey::FromBytes(Random<std::array<uint8_t, 16>>()), shared_->policy);
  policy_ = std::make_unique<PolicyKeeper>(config_, names_, shared_->policy, *identities_);
  auto first = policy_->LoadFirst();
  if (!first) return first.error();
  first_policy_ = std::move(*first);
  return {};
}

base::Status Appliance::OpenJournal() {
  auto events = EventKeeper::Open(config_, boot_id_);
  if (!events) return events.error();
  events_ = std::move(*events);
  policy_->StoreVersion();
  return {};
}

base::Status Appliance::OpenPorts(port::Plan plan) {
  auto eal = port::Eal::Start(config_, plan);
  if (!eal) return eal.error();
  eal_ = std::move(*eal);
  if (const std::string line = port::DecideQueues(plan); !line.empty()) spdlog::warn("{}", line);
  if (auto ready =
          shared_->policy.Prepare(plan.workers, std::move(first_policy_), identities_->table());
      !ready) {
    return ready;
  }
  // Workers take time to make (their tables): before the ports take packets from the bridge.
  if (auto made = MakeWorkers(plan); !made) return made;
  auto ports = port::Ports::Open(plan, [](const std::string& line) { spdlog::warn("{}", line); });
  if (!ports) return ports.error();
  ports_ = std::move(*ports);
  if (!plan.distributed()) return {};
  auto exchange = port::Exchange::Create(
      *ports_, {.workers = plan.workers,
                .secret = Random<std::array<uint8_t, 16>>(),
                .workers_sleep = config_.workers.idle == base::IdleMode::kSleep});
  if (!exchange) return exchange.error();
  exchange_ = std::move(*exchange);
  return {};
}

base::Status Appliance::MakeWorkers(const port::Plan& plan) {
  const Worker::Setup setup{.config = &config_,
                            .respond = &respond_,
                            .shared = shared_.get(),
                            .hash_secret = Random<std::array<uint8_t, 16>>(),
                            .boot_id = boot_id_,
                            .shares = plan.distributed() ? spread::DistributorShares(plan.workers)
                                                         : spread::EvenShares(plan.workers),
                            .names = names_};
  for (unsigned index = 0; index < plan.workers; ++index) {
    Making making{&setup, index};
    const unsigned lcore = port::Eal::WorkerLcore(index);
    if (rte_eal_remote_launch(MakeWorker, &making, lcore) != 0) {
      return base::Error{
          fmt::format("worker {} on core {} does not start", index, config_.workers.cores[index])};
    }
    rte_eal_wait_lcore(lcore);
    if (!making.made) return making.made.error();
    workers_.push_back(std::move(*making.made));
    event_sources_.push_back({&workers_.back()->ring(), &workers_.back()->sink()});
  }
  watched_.resize(plan.workers);
  return {};
}

base::Status Appliance::OpenControl() {
  statistics_ = std::make_unique<Statistics>(
      Sources{workers_, ports_.get(), policy_.get(), identities_.get(), events_.get(),
              shared_.get(), config_.flows.max, fmt::format("{:016x}", boot_id_), started_});
  requests_ = std::make_unique<Requests>(Requests::Parts{
      workers_, shared_.get(), policy_.get(), identities_.get(), statistics_.get(), names_.get(),
      config_.sensor, fmt::format("{:016x}", boot_id_), [this](bool on) { SetBypass(on); }});
  auto control = ControlServer::Listen(
      config_.control.dataplane_socket,
      [this](ControlServer::ClientId client, std::string_view line) {
        requests_->Answer(
            line, [this, client](const std::string& reply) { control_->Reply(client, reply); });
      });
  if (!control) return control.error();
  control_ = std::move(*control);
  return {};
}

void Appliance::WirePolicy() {
  policy_->on_installed = [this](uint32_t version) {
    spdlog::info("policy version {} is in force: {} rules", version, policy_->state().rules);
    events_->TellHealth(events::HealthKind::kPolicyInstalled, version, "");
  };
  policy_->on_refused = [this](const std::string& why) {
    spdlog::warn("policy refused, version {} stays: {}", policy_->state().version, FirstLine(why));
    events_->TellHealth(events::HealthKind::kPolicyRefused, 0, FirstLine(why));
  };
}

base::Status Appliance::StartWorkers() {
  UpdateClock();
  WirePolicy();
  events_->TellHealth(events::HealthKind::kStarted, 0, "");
  policy_->on_installed(policy_->state().version);
  for (size_t index = 0; index < workers_.size(); ++index) {
    Worker& worker = *workers_[index];
    worker.Attach(*ports_, exchange_.get());
    const int started =
        rte_eal_remote_launch(RunWorker, &worker, port::Eal::WorkerLcore(worker.index()));
    if (started != 0) {
      const unsigned core = worker.core();
      for (size_t missing = index; exchange_ && missing < workers_.size(); ++missing) {
        exchange_->SetDone(static_cast<unsigned>(missing));
      }
      workers_.resize(index);  // those that run are stopped, the others never were
      return base::Error{fmt::format("worker {} on core {} does not start", index, core)};
    }
    workers_running_ = true;
  }
  const auto describe = [](const port::Port& port) {
    return fmt::format("{} ({})", port.device(), port.driver());
  };
  spdlog::info("forwarding between inside {} and outside {}, {} worker(s){}, policy mode {}",
               describe(ports_->inside()), describe(ports_->outside()), workers_.size(),
               exchange_ ? ", the first receives for all" : "",
               rules::ModeName(policy_->state().mode));
  return {};
}

void Appliance::UpdateClock() {
  shared_->wall_minus_mono_ns.store(base::WallNow().ns - base::MonoNow().ns,
                                    std::memory_order_relaxed);
}

bool Appliance::TimeIsUp(base::MonoTime now) const {
  return options_.duration_s != 0 &&
         now.ns - started_.ns >= int64_t{options_.duration_s} * base::kNsPerSecond;
}

base::Status Appliance::Run() {
  while (!stopping_) {
    Round(more_events_ || !shared_->policy.settled() ? 0 : kRoundMs);
    if (TimeIsUp(base::MonoNow())) stopping_ = true;
  }
  spdlog::info("ending: closing sessions");
  StopWorkers();
  events_->TellHealth(events::HealthKind::kStopped, 0, "");
  while (events_->Drain(event_sources_, base::WallNow(), base::MonoNow())) {
  }
  events_->Close();
  const std::string summary = statistics_->Summary().dump(2) + "\n";
  control_.reset();
  return options_.summary.empty() ? base::Status() : WriteSummary(summary);
}

void Appliance::Round(int timeout_ms) {
  std::vector<pollfd> polled = {{signals_.get(), POLLIN, 0}, {policy_->wake_fd(), POLLIN, 0}};
  control_->AddTo(polled);
  ::poll(polled.data(), polled.size(), timeout_ms);
  const base::MonoTime now = base::MonoNow();
  UpdateClock();
  TakeSignals();
  more_events_ = events_->Drain(event_sources_, base::WallNow(), now);
  policy_->Work(base::WallNow());
  SettleIdentities();
  statistics_->Sample(now);
  control_->Serve();
  WatchWorkers(now);
  TellDpdkLog();
}

void Appliance::TakeSignals() {
  signalfd_siginfo signal{};
  while (::read(signals_.get(), &signal, sizeof signal) == ssize_t{sizeof signal}) {
    if (signal.ssi_signo != SIGHUP) {
      stopping_ = true;
    } else {
      spdlog::info("SIGHUP: reading the rules again");
      policy_->ReloadFiles([](const base::Status&) {});
    }
  }
}

void Appliance::SettleIdentities() {
  uint64_t rechecked = UINT64_MAX;
  for (const auto& worker : workers_) rechecked = std::min(rechecked, worker->rechecked());
  identities_->Settle(rechecked);
}

// One line when a worker stops coming round, one when it does again. It cannot be helped from here:
// forwarding hangs on it.
void Appliance::WatchWorkers(base::MonoTime now) {
  for (const auto& worker : workers_) {
    Watched& watched = watched_[worker->index()];
    const uint64_t loops = worker->counters().loops.value();
    if (loops != watched.loops || watched.moved_at.ns == 0) {
      if (watched.reported) spdlog::warn("worker {} comes round again", worker->index());
      watched = {loops, now, false};
    } else if (!watched.reported && now.ns - watched.moved_at.ns > kWorkerSilentNs) {
      watched.reported = true;
      spdlog::error("worker {} on core {} has not come round for {} s", worker->index(),
                    worker->core(), kWorkerSilentNs / base::kNsPerSecond);
    }
  }
}

void Appliance::TellDpdkLog() {
  const std::string text = eal_->TakeLog();
  if (!text.empty()) spdlog::warn("DPDK: {}", FirstLine(text));
}

void Appliance::SetBypass(bool on) {
  if (shared_->bypass.exchange(on) == on) return;
  spdlog::warn(on ? "bypass is on: everything passes" : "bypass is off: the policy decides");
  events_->TellHealth(events::HealthKind::kBypass, on ? 1 : 0, "");
}

// The ports go as soon as no worker needs them, so that a bridge forwards again while sessions are
// still being closed. The rings are drained all the time: workers wait for room in them.
void Appliance::StopWorkers() {
  shared_->stop.store(true, std::memory_order_relaxed);
  DrainUntilAll(&Worker::left_ports);
  statistics_->KeepPorts();
  if (exchange_) exchange_->Clear();
  ports_.reset();
  DrainUntilAll(&Worker::finished);
  rte_eal_mp_wait_lcore();
  workers_running_ = false;
}

void Appliance::DrainUntilAll(bool (Worker::*state)() const) {
  const auto reached = [state](const auto& worker) { return (worker.get()->*state)(); };
  while (!std::all_of(workers_.begin(), workers_.end(), reached)) {
    if (!events_->Drain(event_sources_, base::WallNow(), base::MonoNow())) ::poll(nullptr, 0, 1);
  }
}

base::Status Appliance::WriteSummary(const std::string& text) const {
  std::ofstream file(options_.summary, std::ios::trunc);
  file << text;
  file.close();
  if (file) return {};
  return base::Error{fmt::format("the summary cannot be written to {}", options_.summary.string())};
}

Appliance::~Appliance() {
  if (workers_running_) StopWorkers();
  control_.reset();
  ports_.reset();
  workers_.clear();
  shared_.reset();  // its memory is the EAL's
}

}  // namespace weir::appliance

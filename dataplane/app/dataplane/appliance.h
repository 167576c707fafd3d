// The data plane as a whole: brought up in an order in which nothing is half there, run, and taken
// down so that every session is in the record. Main thread.
//
// Order of the start: configuration, ports (looked at only), policy, journal, EAL, ports, workers.
// Until the ports are open nothing of the network has changed, and a bridge goes on forwarding.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/app/dataplane/control_server.h"
#include "dataplane/app/dataplane/event_keeper.h"
#include "dataplane/app/dataplane/options.h"
#include "dataplane/app/dataplane/policy_keeper.h"
#include "dataplane/app/dataplane/requests.h"
#include "dataplane/app/dataplane/statistics.h"
#include "dataplane/app/dataplane/worker.h"
#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/exchange.h"
#include "dataplane/port/ports.h"

namespace weir::appliance {

class Appliance {
 public:
  // On failure nothing is left running or changed. With options.check the result is null when all
  // is well.
  static base::Result<std::unique_ptr<Appliance>> Start(const Options& options);
  ~Appliance();
  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  // Until SIGINT, SIGTERM or the duration; then everything is closed and the summary written.
  base::Status Run();

 private:
  Appliance(const Options& options, base::Config config);
  base::Status CheckPolicy();
  base::Status OpenJournal();
  base::Status OpenPorts(port::Plan plan);
  base::Status MakeWorkers(const port::Plan& plan);
  base::Status StartWorkers();
  base::Status OpenControl();
  void WirePolicy();

  void Round(int timeout_ms);
  void TakeSignals();
  void UpdateClock();
  void SettleIdentities();
  void WatchWorkers(base::MonoTime now);
  void TellDpdkLog();
  void SetBypass(bool on);
  bool TimeIsUp(base::MonoTime now) const;
  void StopWorkers();
  void DrainUntilAll(bool (Worker::*state)() const);
  base::Status WriteSummary(const std::string& text) const;

  const Options options_;
  const base::Config config_;
  const base::MonoTime started_;
  const uint64_t boot_id_;
  base::UniqueFd signals_;
  bool stopping_ = false;

  // In the order in which they are made; taken down backwards.
  std::unique_ptr<port::Eal> eal_;
  std::unique_ptr<Shared> shared_;
  std::shared_ptr<const classify::NdpiNames> names_;
  std::unique_ptr<IdentityKeeper> identities_;
  std::unique_ptr<PolicyKeeper> policy_;
  PolicyPtr first_policy_;
  respond::Settings respond_;
  std::unique_ptr<EventKeeper> events_;
  std::unique_ptr<port::Ports> ports_;
  std::unique_ptr<port::Exchange> exchange_;  // null where the ports spread the flows
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<EventSource> event_sources_;  // of the workers
  bool workers_running_ = false;
  std::unique_ptr<Statistics> statistics_;
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<ControlServer> control_;

  struct Watched {
    uint64_t loops = 0;
    base::MonoTime moved_at;
    bool reported = false;
  };
  std::vector<Watched> watched_;
  bool more_events_ = false;
};

}  // namespace weir::appliance

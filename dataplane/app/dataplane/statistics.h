// All of the data plane's numbers, gathered from workers, ports, policy and journal, as the JSON of
// `stats` and of the summary at exit. Main thread only.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "dataplane/app/dataplane/event_keeper.h"
#include "dataplane/app/dataplane/policy_keeper.h"
#include "dataplane/app/dataplane/worker.h"
#include "dataplane/pipeline/coverage.h"
#include "dataplane/port/ports.h"

namespace weir::appliance {

using Json = nlohmann::ordered_json;

// What became of a worker's packets.
//     received = forwarded + the sum of dropped
// "forwarded" and "sent" are the port's word: what it did not take is dropped[transmit].
struct Traffic {
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t forwarded_packets = 0;
  uint64_t tx_packets = 0;  // forwarded, and made by Weir itself
  // Dropped before the pipeline: in pieces that fit into no buffer; no room in the ring to the
  // worker.
  uint64_t unreadable = 0;
  uint64_t worker_full = 0;
  std::array<uint64_t, static_cast<size_t>(packet::DropReason::kCount)> dropped{};

  uint64_t dropped_packets() const;
  bool accounted() const { return rx_packets == forwarded_packets + dropped_packets(); }
};
Traffic TrafficOf(const Worker& worker);

struct Sources {
  std::span<const std::unique_ptr<Worker>> workers;
  const port::Ports* ports = nullptr;
  const PolicyKeeper* policy = nullptr;
  const IdentityKeeper* identities = nullptr;
  const EventKeeper* events = nullptr;
  const Shared* shared = nullptr;
  uint64_t flows_max = 0;
  std::string boot_id;
  base::MonoTime started;
};

class Statistics {
 public:
  explicit Statistics(Sources sources);

  // Busy ratios are of the time between two calls a second or more apart. About once a round.
  void Sample(base::MonoTime now);

  int64_t uptime_ns() const { return base::MonoNow().ns - sources_.started.ns; }
  Json Policy() const;
  Json Stats() const;

  // The ports are about to close: their numbers are kept as they are now.
  void KeepPorts();

  // Exact once the workers have finished.
  Json Summary() const;

 private:
  struct BusySample {
    uint64_t busy_cycles = 0;
    uint64_t total_cycles = 0;
    double ratio = 0;
  };

  static Json Lists(const std::vector<rules::PolicyList>& lists);
  static Json PortStats(const port::Port& port);
  Json PortsNow() const;
  Json WorkerStats(size_t index) const;
  Json Flows() const;
  Json Classifier() const;
  // What `list` says of each worker, added up.
  Json Listed(pipeline::NamedCounts (*list)(const pipeline::Counters&)) const;
  Json Identities() const;
  Json Journal() const;
  Json SummaryOf(const Worker& worker) const;

  Sources sources_;
  Json kept_ports_;  // null until KeepPorts()
  std::vector<BusySample> busy_;
  base::MonoTime sampled_at_;
};

}  // namespace weir::appliance

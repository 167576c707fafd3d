// DPDK's environment, from the configuration. One for a process, and only once: DPDK cannot start a
// second time. Main thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/port/output_capture.h"
#include "dataplane/port/plan.h"

namespace weir::port {

// The arguments that Weir gives the EAL: lcore 0 is the main thread on the cores that no worker
// has, lcores 1, 2, … are the workers in the order of [workers] cores. Where the workers have every
// core the main thread shares them. `free_hugepages`: of any size, on this machine.
struct EalMachine {
  std::vector<unsigned> cores;  // that this process may use
  uint64_t free_hugepages = 0;
  int process_id = 0;
};
base::Result<std::vector<std::string>> EalArguments(const base::Config& config, const Plan& plan,
                                                    const EalMachine& machine);

class Eal {
 public:
  // Fails with one line that says why.
  static base::Result<std::unique_ptr<Eal>> Start(const base::Config& config, const Plan& plan);
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  static unsigned WorkerLcore(unsigned worker_index) { return worker_index + 1; }

  // What DPDK has logged since the last call, lines at level error and worse; usually nothing.
  std::string TakeLog() { return log_.Take(); }

 private:
  Eal() = default;

  LogBuffer log_;
  bool started_ = false;
};

}  // namespace weir::port

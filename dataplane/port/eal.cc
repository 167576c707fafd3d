#include "dataplane/port/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::port {
namespace {

EalMachine ThisMachine() {
  EalMachine machine;
  machine.process_id = ::getpid();
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) machine.cores.push_back(core);
    }
  }
  std::error_code ignored;
  for (const auto& size :
       std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", ignored)) {
    uint64_t pages = 0;
    std::ifstream(size.path() / "free_hugepages") >> pages;
    machine.free_hugepages += pages;
  }
  return machine;
}

bool Names(const std::vector<std::string>& arguments, std::string_view option) {
  return std::any_of(arguments.begin(), arguments.end(), [option](std::string_view argument) {
    return argument == option || (argument.starts_with(option) && argument[option.size()] == '=');
  });
}

base::Result<std::string> LcoreMap(const std::vector<unsigned>& workers,
                                   const std::vector<unsigned>& cores) {
  const auto has = [](const std::vector<unsigned>& list, unsigned core) {
    return std::find(list.begin(), list.end(), core) != list.end();
  };
  for (const unsigned core : workers) {
    if (!has(cores, core)) {
      return base::Error{
          fmt::format("[workers] cores: core {} is not there; this process may use {}", core,
                      fmt::join(cores, ", "))};
    }
  }
  std::vector<unsigned> main_cores;
  std::copy_if(cores.begin(), cores.end(), std::back_inserter(main_cores),
               [&](unsigned core) { return !has(workers, core); });
  if (main_cores.empty()) main_cores = cores;
  std::string map = fmt::format("0@({})", fmt::join(main_cores, ","));
  for (unsigned worker = 0; worker < workers.size(); ++worker) {
    map += fmt::format(",{}@{}", Eal::WorkerLcore(worker), workers[worker]);
  }
  return map;
}

void AddMemory(const base::Config& config, const Plan& plan, const EalMachine& machine,
               std::vector<std::string>& arguments) {
  const std::vector<std::string>& given = config.dpdk.args;
  const bool no_huge = Names(given, "--no-huge") || machine.free_hugepages == 0;
  if (no_huge) {
    if (!Names(given, "--no-huge")) arguments.emplace_back("--no-huge");
    if (!Names(given, "-m")) {
      arguments.insert(arguments.end(), {"-m", std::to_string(plan.memory_mb)});
    }
    if (!Names(given, "--no-shconf")) arguments.emplace_back("--no-shconf");
  } else if (!Names(given, "--in-memory")) {
    arguments.emplace_back("--in-memory");
  }
  for (const std::string& argument : given) {
    // DPDK refuses both together; --no-shconf has the same purpose there: no files.
    if (no_huge && argument == "--in-memory") continue;
    arguments.push_back(argument);
  }
}

// With --no-shconf nothing is ever put into it, yet DPDK makes it and leaves it behind.
void RemoveRuntimeDirectory() {
  const char* directory = rte_eal_get_runtime_dir();
  if (directory == nullptr) return;
  ::rmdir(directory);
  ::rmdir(std::filesystem::path(directory).parent_path().c_str());  // stays while others use it
}

}  // namespace

base::Result<std::vector<std::string>> EalArguments(const base::Config& config, const Plan& plan,
                                                    const EalMachine& machine) {
  auto lcores = LcoreMap(config.workers.cores, machine.cores);
  if (!lcores) return lcores.error();
  std::vector<std::string> arguments = {"weir-dataplane", "--lcores", *lcores,
                                        "--main-lcore",   "0",        "--no-telemetry"};
  if (!Names(config.dpdk.args, "--file-prefix")) {
    arguments.push_back(fmt::format("--file-prefix=weir-{}", machine.process_id));
  }
  const bool given_devices = Names(config.dpdk.args, "-a") || Names(config.dpdk.args, "--allow");
  bool any_pci = given_devices;
  for (const PlannedPort* port : {&plan.inside, &plan.outside}) {
    if (port->spec.kind != PortSpec::Kind::kPci) continue;
    any_pci = true;
    if (!given_devices) arguments.insert(arguments.end(), {"-a", port->spec.text});
  }
  // Else the EAL looks at every NIC of the machine.
  if (!any_pci && !Names(config.dpdk.args, "--no-pci")) arguments.emplace_back("--no-pci");
  AddMemory(config, plan, machine, arguments);
  return arguments;
}

base::Result<std::unique_ptr<Eal>> Eal::Start(const base::Config& config, const Plan& plan) {
  auto arguments = EalArguments(config, plan, ThisMachine());
  if (!arguments) return arguments.error();
  std::vector<char*> argv;
  for (std::string& argument : *arguments) argv.push_back(argument.data());

  // libxdp then attaches its program alone: nothing is pinned into a bpffs, nothing stays behind.
  ::setenv("LIBXDP_SKIP_DISPATCHER", "1", 1);
  std::unique_ptr<Eal> eal(new Eal());
  rte_openlog_stream(eal->log_.stream());
  OutputCapture capture;
  const int parsed = rte_eal_init(static_cast<int>(argv.size()), argv.data());
  const std::string printed = capture.Finish();
  if (parsed < 0) {
    std::string reason = ReasonIn(printed);
    // Usage pages are printed for a bad argument only, and then getopt's line says which.
    if (const std::string logged = ReasonIn(eal->log_.Take()); reason.empty()) reason = logged;
    return base::Error{fmt::format("DPDK does not start: {} (its arguments: {})", reason,
                                   fmt::join(arguments->begin() + 1, arguments->end(), " "))};
  }
  eal->started_ = true;
  eal->log_.Take();  // how it found its cores and pages
  rte_log_set_global_level(RTE_LOG_ERR);
  RemoveRuntimeDirectory();
  return eal;
}

Eal::~Eal() {
  if (started_) {
    OutputCapture capture;
    rte_eal_cleanup();
  }
  rte_openlog_stream(nullptr);
}

}  // namespace weir::port

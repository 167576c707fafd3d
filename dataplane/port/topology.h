// Which memory node (NUMA) cores and ports are on, as the kernel says in sysfs. Start-up only.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "dataplane/port/port_spec.h"

namespace weir::port {

inline constexpr int kNoNode = -1;  // not known, or none in particular

class Topology {
 public:
  explicit Topology(std::filesystem::path sysfs = "/sys") : sysfs_(std::move(sysfs)) {}

  int NodeOf(unsigned core) const;
  // Virtual devices are on none.
  int NodeOf(const PortSpec& port) const;

 private:
  const std::filesystem::path sysfs_;
};

// A line for each worker whose core is on another node than a port (`ports`: inside, outside), and
// one where the ports are apart themselves: every packet then crosses between the nodes.
std::vector<std::string> NodeWarnings(const Topology& machine, const std::vector<unsigned>& cores,
                                      const std::array<int, 2>& ports);

}  // namespace weir::port

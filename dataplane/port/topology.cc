#include "dataplane/port/topology.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <string_view>

namespace weir::port {

int Topology::NodeOf(unsigned core) const {
  constexpr std::string_view kPrefix = "node";
  std::error_code ignored;
  const auto folder = sysfs_ / fmt::format("devices/system/cpu/cpu{}", core);
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const char* const end = name.data() + name.size();
    int node = kNoNode;
    const auto parsed = std::from_chars(name.data() + kPrefix.size(), end, node);
    if (parsed.ec == std::errc() && parsed.ptr == end) return node;
  }
  return kNoNode;
}

int Topology::NodeOf(const PortSpec& port) const {
  std::filesystem::path file;
  if (port.kind == PortSpec::Kind::kPci) {
    file = sysfs_ / "bus/pci/devices" / port.device / "numa_node";
  } else if (!port.interface.empty()) {
    file = sysfs_ / "class/net" / port.interface / "device/numa_node";
  } else {
    return kNoNode;
  }
  int node = kNoNode;
  std::ifstream(file) >> node;
  return node < 0 ? kNoNode : node;
}

std::vector<std::string> NodeWarnings(const Topology& machine, const std::vector<unsigned>& cores,
                                      const std::array<int, 2>& ports) {
  constexpr std::array<const char*, 2> kSides = {"inside", "outside"};
  std::vector<std::string> lines;
  if (ports[0] != kNoNode && ports[1] != kNoNode && ports[0] != ports[1]) {
    lines.push_back(fmt::format(
        "the ports are on different memory nodes, inside on {} and outside on {}: every packet "
        "crosses between them",
        ports[0], ports[1]));
  }
  for (size_t worker = 0; worker < cores.size(); ++worker) {
    const int node = machine.NodeOf(cores[worker]);
    for (size_t side = 0; side < ports.size() && node != kNoNode; ++side) {
      if (ports[side] == kNoNode || ports[side] == node) continue;
      lines.push_back(fmt::format(
          "worker {} on core {} is on memory node {}, and port {} on {}: a core of node "
          "{} would be faster",
          worker, cores[worker], node, kSides[side], ports[side], ports[side]));
      break;
    }
  }
  return lines;
}

}  // namespace weir::port

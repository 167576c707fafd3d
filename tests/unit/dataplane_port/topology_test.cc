#include "dataplane/port/topology.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

namespace weir::port {
namespace {

// A machine of two nodes, with cores 0 and 1 on the first and 2 and 3 on the second.
class TopologyTest : public ::testing::Test {
 protected:
  TopologyTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-sysfs-XXXXXX").string();
    sysfs_ = ::mkdtemp(name.data());
    for (unsigned core = 0; core < 4; ++core) {
      const auto folder = sysfs_ / "devices/system/cpu" / ("cpu" + std::to_string(core));
      std::filesystem::create_directories(folder / ("node" + std::to_string(core / 2)));
      std::filesystem::create_directories(folder / "topology");
    }
    PutNode("bus/pci/devices/0000:3b:00.0", "1\n");
    PutNode("bus/pci/devices/0000:00:05.0", "-1\n");
    PutNode("class/net/eth1/device", "0\n");
  }
  ~TopologyTest() override { std::filesystem::remove_all(sysfs_); }

  void PutNode(const std::string& device, const std::string& text) const {
    std::filesystem::create_directories(sysfs_ / device);
    std::ofstream(sysfs_ / device / "numa_node") << text;
  }
  int NodeOfPort(const std::string& text) const {
    return Topology(sysfs_).NodeOf(ParsePortSpec(text).value());
  }

  std::filesystem::path sysfs_;
};

TEST_F(TopologyTest, SaysWhereCoresAre) {
  const Topology machine(sysfs_);
  EXPECT_EQ(machine.NodeOf(1U), 0);
  EXPECT_EQ(machine.NodeOf(2U), 1);
  EXPECT_EQ(machine.NodeOf(9U), kNoNode);
}

TEST_F(TopologyTest, SaysWherePortsAre) {
  EXPECT_EQ(NodeOfPort("0000:3b:00.0"), 1);
  EXPECT_EQ(NodeOfPort("0000:00:05.0"), kNoNode);  // a machine of one node says -1
  EXPECT_EQ(NodeOfPort("0000:99:00.0"), kNoNode);
  EXPECT_EQ(NodeOfPort("eth1"), 0);
  EXPECT_EQ(NodeOfPort("net_af_xdp0,iface=eth1"), 0);
  EXPECT_EQ(NodeOfPort("eth7"), kNoNode);  // a virtual interface has no device
  EXPECT_EQ(NodeOfPort("net_null0"), kNoNode);
}

TEST_F(TopologyTest, WarnsOfWorkersFarFromTheirPorts) {
  const Topology machine(sysfs_);
  EXPECT_TRUE(NodeWarnings(machine, {0, 1}, {0, 0}).empty());
  EXPECT_TRUE(NodeWarnings(machine, {0, 3}, {kNoNode, kNoNode}).empty());
  EXPECT_TRUE(NodeWarnings(machine, {9}, {0, 0}).empty());
  EXPECT_EQ(
      NodeWarnings(machine, {1, 2}, {0, 0}),
      std::vector<std::string>{"worker 1 on core 2 is on memory node 1, and port inside on 0: "
                               "a core of node 0 would be faster"});
  EXPECT_EQ(NodeWarnings(machine, {2}, {1, kNoNode}).size(), 0U);
}

TEST_F(TopologyTest, WarnsOfPortsFarFromEachOther) {
  const auto lines = NodeWarnings(Topology(sysfs_), {0}, {0, 1});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0],
            "the ports are on different memory nodes, inside on 0 and outside on 1: every packet "
            "crosses between them");
  EXPECT_NE(lines[1].find("port outside on 1"), std::string::npos) << lines[1];
}

}  // namespace
}  // namespace weir::port

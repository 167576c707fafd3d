#include "dataplane/port/plan.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace weir::port {
namespace {

base::Config Between(const std::string& inside, const std::string& outside) {
  base::Config config;
  config.ports.inside = inside;
  config.ports.outside = outside;
  return config;
}

std::string RefusalOf(const base::Config& config) {
  auto plan = MakePlan(config);
  EXPECT_FALSE(plan.ok());
  return plan.ok() ? "" : plan.error().message;
}

// A pcap file of `packets` empty packets.
std::filesystem::path CaptureOf(unsigned packets) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("weir-plan-" + std::to_string(::getpid()));
  std::ofstream file(path, std::ios::binary);
  const std::array<uint32_t, 6> head = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
  file.write(reinterpret_cast<const char*>(head.data()), sizeof head);
  const std::array<uint32_t, 4> record = {};
  for (unsigned i = 0; i < packets; ++i) {
    file.write(reinterpret_cast<const char*>(record.data()), sizeof record);
  }
  return path;
}

TEST(Plan, RefusesAnInterfaceThatIsNotThere) {
  EXPECT_EQ(RefusalOf(Between("nowhere0", "net_null0")),
            "port inside: there is no network interface 'nowhere0'");
  EXPECT_EQ(RefusalOf(Between("net_null0", "net_af_xdp0,iface=nowhere0")),
            "port outside: there is no network interface 'nowhere0'");
}

TEST(Plan, RefusesTheSameDeviceTwice) {
  EXPECT_NE(RefusalOf(Between("net_null0", "net_null0")).find("same device"), std::string::npos);
}

TEST(Plan, RefusesFramesLongerThanAnyPortTakes) {
  // The loopback's MTU is 65536.
  const std::string refusal = RefusalOf(Between("lo", "net_null0"));
  EXPECT_NE(refusal.find("port inside: 'lo' has an MTU of 65536"), std::string::npos) << refusal;
}

TEST(Plan, VirtualDevicesGetBuffersForJumboFrames) {
  auto plan = MakePlan(Between("net_null0", "net_null1"));
  ASSERT_TRUE(plan.ok());
  EXPECT_GE(plan->buffer_data_bytes, kFrameBytesMax);
  EXPECT_TRUE(plan->warnings.empty());
  EXPECT_GT(uint64_t{plan->memory_mb} << 20, uint64_t{plan->buffers} * plan->buffer_data_bytes);
}

TEST(Plan, EachWorkerHasItsOwnQueueAndBuffers) {
  base::Config config = Between("net_null0", "net_null1");
  const uint32_t of_one = MakePlan(config).value().buffers;
  config.workers.cores = {0, 1, 2};
  const Plan plan = MakePlan(config).value();
  EXPECT_EQ(plan.queues, 3);
  EXPECT_GT(plan.buffers, 2 * of_one);
}

TEST(Plan, PortsThatCannotSpreadFlowsHaveOneQueueForAllWorkers) {
  base::Config config = Between("net_null0", "net_pcap0,rx_pcap=t.pcap");
  EXPECT_FALSE(MakePlan(config).value().distributed());
  const uint32_t of_one = MakePlan(config).value().buffers;
  config.workers.cores = {0, 1, 2};
  const Plan plan = MakePlan(config).value();
  EXPECT_EQ(plan.queues, 1);
  EXPECT_EQ(plan.workers, 3);
  EXPECT_TRUE(plan.distributed());
  EXPECT_GT(plan.buffers, of_one);
}

TEST(Plan, OnlyWorkersThatPollAreNeverPreempted) {
  base::Config config = Between("net_null0", "net_null1");
  config.workers.idle = base::IdleMode::kSleep;
  EXPECT_FALSE(MakePlan(config).value().workers_may_be_preempted);
  config.workers.cores = {0, 0};
  EXPECT_TRUE(MakePlan(config).value().workers_may_be_preempted);
  config.workers = {.cores = {0, 1}, .idle = base::IdleMode::kPoll};
  EXPECT_FALSE(MakePlan(config).value().workers_may_be_preempted);
}

TEST(Plan, LoopingCaptureIsCountedIntoTheBuffers) {
  const std::filesystem::path capture = CaptureOf(1000);
  const std::string once = "net_pcap0,rx_pcap=" + capture.string();
  const Plan plain = MakePlan(Between(once, "net_null0")).value();
  const Plan looping = MakePlan(Between(once + ",infinite_rx=1", "net_null0")).value();
  std::filesystem::remove(capture);
  EXPECT_EQ(looping.buffers, plain.buffers + 1000);
}

TEST(Plan, LoopingCaptureThatIsNotThereIsNamed) {
  const std::string refusal =
      RefusalOf(Between("net_pcap0,rx_pcap=/nonexistent.pcap,infinite_rx=1", "net_null0"));
  EXPECT_NE(refusal.find("port inside: /nonexistent.pcap"), std::string::npos) << refusal;
}

TEST(Plan, AfPacketFramesHoldTheMtuAndFillTheirBlocks) {
  for (const uint32_t mtu : {1500U, 3434U, 9000U, 9700U}) {
    const std::string arguments = AfPacketArguments("eth1", mtu);
    const auto value = [&arguments](const std::string& key) {
      return std::stoul(arguments.substr(arguments.find(key + "=") + key.size() + 1));
    };
    EXPECT_GE(value("framesz"), mtu + kLinkHeaderBytesMax + 52) << arguments;
    EXPECT_EQ(value("blocksz") % value("framesz"), 0U) << arguments;
    EXPECT_EQ(value("blocksz") % 4096, 0U) << arguments;
    EXPECT_EQ(value("framecnt") % (value("blocksz") / value("framesz")), 0U) << arguments;
  }
}

}  // namespace
}  // namespace weir::port

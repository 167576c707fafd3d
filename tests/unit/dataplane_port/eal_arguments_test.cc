#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/port/eal.h"

namespace weir::port {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class EalArgumentsTest : public ::testing::Test {
 protected:
  EalArgumentsTest() {
    config_.ports.inside = "net_null0";
    config_.ports.outside = "net_null1";
    machine_.cores = {0, 1, 2, 3};
    machine_.process_id = 77;
  }

  std::vector<std::string> Arguments() {
    plan_ = MakePlan(config_).value();
    auto arguments = EalArguments(config_, plan_, machine_);
    EXPECT_TRUE(arguments.ok()) << (arguments.ok() ? "" : arguments.error().message);
    return arguments.ok() ? *arguments : std::vector<std::string>();
  }

  std::string After(const std::vector<std::string>& arguments, const std::string& option) {
    const auto found = std::find(arguments.begin(), arguments.end(), option);
    return found == arguments.end() || found + 1 == arguments.end() ? "" : *(found + 1);
  }

  base::Config config_;
  EalMachine machine_;
  Plan plan_;
};

TEST_F(EalArgumentsTest, MainThreadTakesTheCoresThatNoWorkerHas) {
  config_.workers.cores = {3, 1};
  EXPECT_EQ(After(Arguments(), "--lcores"), "0@(0,2),1@3,2@1");
}

TEST_F(EalArgumentsTest, MainThreadSharesWhenWorkersHaveEveryCore) {
  machine_.cores = {0};
  config_.workers.cores = {0};
  EXPECT_EQ(After(Arguments(), "--lcores"), "0@(0),1@0");
}

TEST_F(EalArgumentsTest, WorkersMayShareACore) {
  config_.workers.cores = {2, 2, 3, 2};
  EXPECT_EQ(After(Arguments(), "--lcores"), "0@(0,1),1@2,2@2,3@3,4@2");
}

TEST_F(EalArgumentsTest, RefusesACoreThatIsNotThere) {
  config_.workers.cores = {1, 9};
  plan_ = MakePlan(config_).value();
  auto arguments = EalArguments(config_, plan_, machine_);
  ASSERT_FALSE(arguments.ok());
  EXPECT_EQ(arguments.error().message,
            "[workers] cores: core 9 is not there; this process may use 0, 1, 2, 3");
}

TEST_F(EalArgumentsTest, GoesWithoutHugepagesWhereThereAreNone) {
  const auto arguments = Arguments();
  EXPECT_THAT(arguments, Contains("--no-huge"));
  EXPECT_THAT(arguments, Contains("--no-shconf"));
  EXPECT_THAT(arguments, Not(Contains("--in-memory")));
  EXPECT_EQ(After(arguments, "-m"), std::to_string(plan_.memory_mb));
}

TEST_F(EalArgumentsTest, UsesHugepagesWhereThereAreSome) {
  machine_.free_hugepages = 512;
  const auto arguments = Arguments();
  EXPECT_THAT(arguments, Contains("--in-memory"));
  EXPECT_THAT(arguments, Not(Contains("--no-huge")));
}

TEST_F(EalArgumentsTest, OperatorsArgumentsReplaceWeirsOwn) {
  machine_.free_hugepages = 512;
  config_.dpdk.args = {"--no-huge", "-m", "99", "--file-prefix=mine"};
  const auto arguments = Arguments();
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "--no-huge"), 1);
  EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "-m"), 1);
  EXPECT_EQ(After(arguments, "-m"), "99");
  EXPECT_THAT(arguments, Not(Contains("--file-prefix=weir-77")));
}

TEST_F(EalArgumentsTest, InMemoryIsLeftOutWithoutHugepagesForDpdkRefusesBoth) {
  config_.dpdk.args = {"--no-huge", "--in-memory"};
  EXPECT_THAT(Arguments(), Not(Contains("--in-memory")));
}

TEST_F(EalArgumentsTest, LooksAtPciOnlyForAPciPort) {
  EXPECT_THAT(Arguments(), Contains("--no-pci"));
  config_.ports.inside = "0000:3b:00.0";
  const auto arguments = Arguments();
  EXPECT_THAT(arguments, Not(Contains("--no-pci")));
  EXPECT_EQ(After(arguments, "-a"), "0000:3b:00.0");
}

}  // namespace
}  // namespace weir::port

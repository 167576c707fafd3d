#include "control/accounts/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

namespace weir::control::accounts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const base::IpAddress kIp = base::IpAddress::Parse("10.0.0.1").value();
const base::MacAddress kMac = base::MacAddress::Parse("02:00:00:00:00:01").value();
constexpr base::WallTime kNow{1'795'000'000'000'000'000};

class DirectoryFile : public ::testing::Test {
 protected:
  DirectoryFile() {
    std::string pattern = fs::temp_directory_path() / "weir-accounts-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    file_ = dir_ / "accounts.csv";
  }
  ~DirectoryFile() override { fs::remove_all(dir_); }

  void Write(std::string_view rows) const {
    std::ofstream(file_, std::ios::binary) << "account,ip,mac,group,room,seat\n" << rows;
  }

  fs::path dir_;
  fs::path file_;
};

TEST_F(DirectoryFile, PrefersIpOverMac) {
  Write("alice,10.0.0.1,,g,,\nbob,,02:00:00:00:00:01,,,\n");
  Directory directory;
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  EXPECT_EQ(directory.Lookup(kIp, kMac, kNow)->account, "alice");
  const auto other = base::IpAddress::Parse("10.0.0.2").value();
  EXPECT_EQ(directory.Lookup(other, kMac, kNow)->account, "bob");
  EXPECT_FALSE(directory.Lookup(other, {}, kNow).has_value());
  EXPECT_EQ(directory.AddressesOf("alice", kNow), std::vector<base::IpAddress>{kIp});
  EXPECT_EQ(directory.OwnerOf(kMac, kNow)->account, "bob");
  EXPECT_FALSE(directory.OwnerOf({}, kNow).has_value());
  EXPECT_EQ(directory.registry_rows(), 2u);
}

TEST_F(DirectoryFile, KeepsRunningRegistryWhenTheNewOneIsBad) {
  Write("alice,10.0.0.1,,,,\n");
  Directory directory;
  ASSERT_TRUE(directory.LoadRegistry(file_).ok());
  Write("bob,10.0.0.1,,,,\nbob,10.0.0.300,,,,\n");
  const auto status = directory.LoadRegistry(file_);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(status.error().message, HasSubstr("accounts.csv:3: ip '10.0.0.300'"));
  EXPECT_EQ(directory.Lookup(kIp, {}, kNow)->account, "alice");
}

TEST_F(DirectoryFile, NamesFileThatCannotBeRead) {
  Directory directory;
  const auto missing = directory.LoadRegistry(file_);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().message, HasSubstr("accounts.csv: No such file"));
  EXPECT_FALSE(directory.LoadRegistry(dir_).ok());
}

TEST(Directory, SwapsWhileOthersLookUp) {
  const auto parse = [](std::string_view account) {
    std::string text = "account,ip,mac,group,room,seat\n";
    text.append(account).append(",10.0.0.1,,").append(account).append(",,\n");
    return Registry::Parse(text, "a.csv").value();
  };
  Directory directory;
  directory.InstallRegistry(parse("a"));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> torn{0};
  std::thread reader([&] {
    while (!stop) {
      const auto found = directory.Lookup(kIp, {}, kNow);
      if (!found || found->account != found->group) torn++;
    }
  });
  for (int i = 0; i < 2000; i++) directory.InstallRegistry(parse(i % 2 == 0 ? "b" : "a"));
  stop = true;
  reader.join();
  EXPECT_EQ(torn, 0u);
}

}  // namespace
}  // namespace weir::control::accounts

// The server on loopback, sent to as a portal sends.
#include "control/portal/syslog_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <numeric>

namespace weir::control::portal {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kPatterns = R"(
[[pattern]]
kind = "login"
regex = 'user (?P<account>\S+) login ip=(?P<ip>\S+)'
[[pattern]]
kind = "logout"
regex = 'user (?P<account>\S+) logout ip=(?P<ip>\S+)'
)";

class SyslogServerTest : public testing::Test {
 protected:
  SyslogServerTest() {
    std::string name = fs::temp_directory_path() / "weir-syslog-XXXXXX";
    folder_ = mkdtemp(name.data());
    Write(kPatterns);
    book_ = radius::LoginBook::Open(folder_ / "accounts.db").value();
    options_.listen_address = *base::IpAddress::Parse("127.0.0.1");
    options_.listen_port = 0;
    options_.senders = {base::IpPrefix::Parse("127.0.0.1").value()};
    options_.patterns_file = folder_ / "patterns.toml";
    options_.lines_per_second = 1'000'000;
    socket_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0));
  }
  ~SyslogServerTest() override {
    server_.reset();
    book_.reset();
    fs::remove_all(folder_);
  }

  void Write(const std::string& patterns) const {
    const fs::path fresh = folder_ / "fresh";
    std::ofstream(fresh) << patterns;
    fs::rename(fresh, folder_ / "patterns.toml");
  }
  void Start() {
    auto opened = SyslogServer::Open(options_, *book_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    server_ = std::move(*opened);
    server_->Start();
  }
  void Send(const std::string& line, int fd) const {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::sendto(fd, line.data(), line.size(), 0,
                       static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof to),
              static_cast<ssize_t>(line.size()));
  }
  void Send(const std::string& line) const { Send(line, socket_.get()); }
  template <typename Condition>
  static void Await(const Condition& condition) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition() && std::chrono::steady_clock::now() < until) ::usleep(2000);
    EXPECT_TRUE(condition());
  }
  void AwaitReceived(uint64_t lines) const {
    Await([&] { return server_->counters().received.value() >= lines; });
  }

  fs::path folder_;
  SyslogServer::Options options_;
  std::unique_ptr<radius::LoginBook> book_;
  std::unique_ptr<SyslogServer> server_;
  base::UniqueFd socket_;
};

TEST_F(SyslogServerTest, LinesBecomeLogins) {
  Start();
  Send("<14>Nov 30 10:00:00 portal-1 user anna login ip=10.20.0.7");
  Await([&] { return book_->present() == 1; });
  const auto history = book_->HistoryOf("anna", 10).value();
  ASSERT_EQ(history.size(), 1U);
  EXPECT_EQ(history[0].source, accounts::BindingSource::kPortal);
  EXPECT_EQ(history[0].nas_name, "portal-1");
  const auto binding = book_->BindingAt(*base::IpAddress::Parse("10.20.0.7"), base::WallNow());
  EXPECT_EQ(accounts::BindingSourceName(binding->binding.source), "portal");
  Send("<14>Nov 30 11:00:00 portal-1 user anna logout ip=10.20.0.7");
  Await([&] { return book_->present() == 0; });
  server_->Stop();
  EXPECT_EQ(server_->counters().taken.value(), 2U);
}

// Each line that came is counted once.
TEST_F(SyslogServerTest, WhatIsNoLoginIsCountedAndShown) {
  Start();
  const base::UniqueFd stranger(::socket(AF_INET, SOCK_DGRAM, 0));
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  ASSERT_EQ(::bind(stranger.get(), static_cast<sockaddr*>(static_cast<void*>(&from)), sizeof from),
            0);
  Send("user eve login ip=10.20.0.7", stranger.get());
  Send("user anna \x1b[2J failed");
  Send("user anna login ip=10.20.0.999");
  Send(std::string(kSyslogBytesMax, 'x'));
  Send(std::string(kSyslogBytesMax + 1, 'x'));
  for (size_t i = 0; i < 2 * SyslogServer::kUnmatchedShownMax; ++i) Send("noise");
  AwaitReceived(25);
  server_->Stop();
  const auto results = ResultsOf(server_->counters());
  EXPECT_EQ(results.at("unknown_sender"), 1U);
  EXPECT_EQ(results.at("too_long"), 1U);
  EXPECT_EQ(results.at("bad_address"), 1U);
  EXPECT_EQ(results.at("no_pattern"), 22U);
  EXPECT_EQ(results.at("taken"), 0U);
  const uint64_t sum =
      std::accumulate(results.begin(), results.end(), uint64_t{0},
                      [](uint64_t all, const auto& one) { return all + one.second; });
  EXPECT_EQ(sum, server_->counters().received.value());
  const auto status = server_->status();
  ASSERT_EQ(status.unmatched.size(), SyslogServer::kUnmatchedShownMax);
  EXPECT_EQ(status.unmatched[0], "no_pattern from 127.0.0.1: user anna \\x1b[2J failed");
  EXPECT_EQ(status.unmatched[1], "bad_address from 127.0.0.1: user anna login ip=10.20.0.999");
  EXPECT_EQ(book_->present(), 0U);
}

TEST_F(SyslogServerTest, AboveTheRateIsDroppedAndCounted) {
  options_.lines_per_second = 3;
  Start();
  for (int i = 0; i < 50; ++i) Send("user anna login ip=10.20.0." + std::to_string(i + 1));
  AwaitReceived(50);
  server_->Stop();
  const auto& counters = server_->counters();
  EXPECT_GT(counters.over_rate.value(), 0U);
  EXPECT_EQ(counters.taken.value() + counters.over_rate.value(), 50U);
}

// They wait while the book takes nothing, up to a bound.
TEST_F(SyslogServerTest, WaitWhileTheyCannotBeStored) {
  auto other = database::Database::Open(folder_ / "accounts.db");
  ASSERT_TRUE(other.ok());
  const auto rename = [&](const char* sql) {
    database::Transaction change(**other, database::Transaction::Kind::kWrite);
    (*other)->Exec(sql);
    ASSERT_TRUE(change.Commit().ok());
  };
  Start();
  rename("ALTER TABLE login RENAME TO elsewhere");
  Send("user anna login ip=10.20.0.7");
  Await([&] { return !server_->status().store_error.empty(); });
  EXPECT_EQ(server_->counters().taken.value(), 0U);
  uint64_t sent = 1;
  while (sent < SyslogServer::kWaitingMax + 100) {
    for (int i = 0; i < 100; ++i, ++sent) Send("user ben login ip=10.20.0.8");
    AwaitReceived(sent);
  }
  Await([&] { return server_->counters().not_stored.value() == sent - SyslogServer::kWaitingMax; });
  rename("ALTER TABLE elsewhere RENAME TO login");
  Await([&] { return server_->counters().taken.value() == SyslogServer::kWaitingMax; });
  EXPECT_EQ(book_->present(), 2U);
  Await([&] { return server_->status().store_error.empty(); });
}

TEST_F(SyslogServerTest, ReadsItsPatternsAgain) {
  Start();
  Send("anna@10.20.0.7");
  Await([&] { return server_->status().unmatched.size() == 1; });
  Write("nonsense");
  Await([&] { return !server_->status().patterns_error.empty(); });
  Send("user ben login ip=10.20.0.8");
  Await([&] { return book_->present() == 1; });
  Write("[[pattern]]\nkind = \"login\"\nregex = '(?P<account>\\S+)@(?P<ip>\\S+)'\n");
  Await([&] { return server_->status().patterns_error.empty(); });
  EXPECT_TRUE(server_->status().unmatched.empty());
  Send("anna@10.20.0.7");
  Await([&] { return book_->present() == 2; });
}

TEST_F(SyslogServerTest, CountsWhatTheKernelDrops) {
  auto opened = SyslogServer::Open(options_, *book_);
  ASSERT_TRUE(opened.ok());
  server_ = std::move(*opened);  // nobody takes anything yet
  const std::string line = "noise " + std::string(1000, 'x');
  constexpr uint64_t kLines = 30'000;  // several times the socket's buffer
  for (uint64_t i = 0; i < kLines; ++i) Send(line);
  server_->Start();
  Await([&] { return server_->counters().received.value() > 0; });
  // The kernel tells of its drops with the next that it takes.
  Await([&] {
    Send(line);
    return server_->counters().kernel_drops.value() > 0;
  });
  server_->Stop();
  EXPECT_LT(server_->counters().received.value(), kLines);
}

TEST_F(SyslogServerTest, SaysWhatIsWrongAtTheStart) {
  Write("x = 1\n");
  const auto bad = SyslogServer::Open(options_, *book_);
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().message, HasSubstr("patterns.toml:1:1: unknown key 'x'"));
  Write(kPatterns);
  Start();
  options_.listen_port = server_->port();
  const auto again = SyslogServer::Open(options_, *book_);
  ASSERT_FALSE(again.ok());
  EXPECT_THAT(again.error().message, HasSubstr("Address already in use"));
}

// A log-out that comes late is not that of whoever has the address by now.
TEST_F(SyslogServerTest, ALateLogoutEndsNobodyElse) {
  Start();
  Send("user anna login ip=10.20.0.7");
  Send("user ben login ip=10.20.0.7");
  Send("user anna logout ip=10.20.0.7");
  Send("user carl logout ip=10.20.0.7");
  Await([&] { return server_->counters().taken.value() == 4; });
  const auto now = book_->PresentBindings();
  ASSERT_EQ(now.size(), 1U);
  EXPECT_EQ(now[0].account, "ben");
  EXPECT_TRUE(book_->HistoryOf("carl", 1)->empty());
}

}  // namespace
}  // namespace weir::control::portal

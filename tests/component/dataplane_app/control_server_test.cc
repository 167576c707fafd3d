// The control socket's server by itself: lines in, lines out, limits.
#include "dataplane/app/dataplane/control_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <fstream>

namespace weir::appliance {
namespace {

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() {
    std::string folder = (std::filesystem::temp_directory_path() / "weir-socket-XXXXXX").string();
    folder_ = ::mkdtemp(folder.data());
    path_ = folder_ / "made" / "test.sock";
  }
  ~ControlServerTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  base::Status Listen() {
    auto server =
        ControlServer::Listen(path_, [this](ControlServer::ClientId id, std::string_view line) {
          asked_.emplace_back(id, std::string(line));
          if (line != "later") server_->Reply(id, "re: " + std::string(line));
        });
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
  }

  base::UniqueFd Connect() const {
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static void Send(const base::UniqueFd& fd, std::string_view text) {
    EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  std::string Received(const base::UniqueFd& fd) {
    for (int round = 0; round < 3; ++round) server_->Serve();
    std::string text(4096, '\0');
    const ssize_t count = ::recv(fd.get(), text.data(), text.size(), 0);
    if (count == 0) return "(closed)";
    text.resize(count < 0 ? 0 : static_cast<size_t>(count));
    return text;
  }

  std::filesystem::path folder_;
  std::filesystem::path path_;
  std::vector<std::pair<ControlServer::ClientId, std::string>> asked_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, AnswersALineThatComesInPieces) {
  ASSERT_TRUE(Listen().ok());
  const auto client = Connect();
  Send(client, "one ");
  EXPECT_EQ(Received(client), "");
  Send(client, "two\n");
  EXPECT_EQ(Received(client), "re: one two\n");
}

TEST_F(ControlServerTest, AnswersSeveralLinesInOrderAndPassesOverEmptyOnes) {
  ASSERT_TRUE(Listen().ok());
  const auto client = Connect();
  Send(client, "a\n\n  \nb\nc\n");
  EXPECT_EQ(Received(client), "re: a\nre: b\nre: c\n");
}

TEST_F(ControlServerTest, LooksAtTheNextLineOnlyAfterTheReply) {
  ASSERT_TRUE(Listen().ok());
  const auto client = Connect();
  Send(client, "later\nnext\n");
  EXPECT_EQ(Received(client), "");
  ASSERT_EQ(asked_.size(), 1U);
  server_->Reply(asked_[0].first, "at last");
  EXPECT_EQ(Received(client), "at last\nre: next\n");
}

TEST_F(ControlServerTest, AReplyToAClientThatHasGoneIsNone) {
  ASSERT_TRUE(Listen().ok());
  {
    const auto client = Connect();
    Send(client, "later\n");
    EXPECT_EQ(Received(client), "");
  }
  server_->Serve();
  server_->Reply(asked_[0].first, "too late");
  const auto other = Connect();
  Send(other, "x\n");
  EXPECT_EQ(Received(other), "re: x\n");
}

TEST_F(ControlServerTest, WhoeverShutsDownItsSendingSideGetsItsReply) {
  ASSERT_TRUE(Listen().ok());
  const auto client = Connect();
  Send(client, "last\n");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(Received(client), "re: last\n");
  EXPECT_EQ(Received(client), "(closed)");
}

TEST_F(ControlServerTest, ServesUpToItsLimitOfClientsAtOnce) {
  ASSERT_TRUE(Listen().ok());
  std::vector<base::UniqueFd> clients;
  for (size_t i = 0; i < ControlServer::kClientsMax; ++i) {
    clients.push_back(Connect());
    server_->Serve();
  }
  const auto one_more = Connect();
  Send(one_more, "x\n");
  EXPECT_EQ(Received(one_more), "");
  clients.pop_back();
  EXPECT_EQ(Received(one_more), "re: x\n");
}

TEST_F(ControlServerTest, TakesOverASocketThatNobodyListensOn) {
  {
    ASSERT_TRUE(Listen().ok());
    std::filesystem::create_hard_link(path_, folder_ / "kept");
    server_.reset();
    std::filesystem::rename(folder_ / "kept", path_);
  }
  EXPECT_TRUE(Listen().ok());
}

TEST_F(ControlServerTest, RefusesTheSocketOfALivingOne) {
  ASSERT_TRUE(Listen().ok());
  auto second = ControlServer::Listen(path_, {});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another weir-dataplane"), std::string::npos);
}

TEST_F(ControlServerTest, RefusesAPathThatNoSocketCanHave) {
  path_ = folder_ / std::string(200, 'x');
  EXPECT_FALSE(Listen().ok());
}

}  // namespace
}  // namespace weir::appliance

#include "control/api/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "control/cli/http_client.h"

namespace weir::control::api {
namespace {

constexpr uint8_t kLoopback[4] = {127, 0, 0, 1};
constexpr const char* kToken = "0123456789abcdef0123456789abcdef";

// Answers with what it was asked; "/long" streams, "/broken" breaks off.
Reply Echo(Request& request) {
  if (request.path == "/long") {
    Reply reply;
    reply.content_type = "text/plain";
    reply.stream = [](const ChunkWriter& write) {
      const std::string piece(10'000, 'x');
      for (int index = 0; index < 100; ++index) {
        if (!write(piece)) return false;
      }
      return true;
    };
    return reply;
  }
  if (request.path == "/broken") {
    Reply reply;
    reply.stream = [](const ChunkWriter& write) { return write("half") && false; };
    return reply;
  }
  return JsonReply({{"method", request.method},
                    {"path", request.path},
                    {"actor", request.actor},
                    {"via", request.via},
                    {"body", request.body}});
}

class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-api-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(dir_);
  }

  Server::Options Options() {
    Server::Options options;
    options.socket = dir_ / "control.sock";
    options.listen_address = base::IpAddress::FromV4(kLoopback);
    options.token = kToken;
    options.handle = Echo;
    options.count_request = [this](unsigned) { ++requests_; };
    options.count_refused = [this] { ++refused_; };
    return options;
  }
  void Start(Server::Options options) {
    auto opened = Server::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    server_ = std::move(*opened);
    server_->Start();
  }

  base::UniqueFd ConnectSocket() {
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (dir_ / "control.sock").native().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  base::UniqueFd ConnectPort() {
    base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Sends these bytes and reads until the other end closes.
  static std::string Talk(const base::UniqueFd& fd, const std::string& bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    return ReadAll(fd);
  }
  static std::string ReadAll(const base::UniqueFd& fd) {
    const timeval timeout{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    std::string all;
    char chunk[65536];
    for (ssize_t got; (got = ::recv(fd.get(), chunk, sizeof chunk, 0)) > 0;) {
      all.append(chunk, static_cast<size_t>(got));
    }
    return all;
  }
  cli::HttpAnswer Call(const std::string& method, const std::string& target,
                       const std::string& body = "") {
    return cli::HttpClient(dir_ / "control.sock", "mallory").Call({method, target, body});
  }

  std::filesystem::path dir_;
  std::unique_ptr<Server> server_;
  std::atomic<int> requests_{0};
  std::atomic<int> refused_{0};
};

TEST_F(ServerTest, TheUnixSocketKnowsWhoAsks) {
  Start(Options());
  struct stat info {};
  ASSERT_EQ(::stat((dir_ / "control.sock").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
  const auto answer = Call("POST", "/a?b=c", R"({"note":"n"})");
  ASSERT_EQ(answer.status, 200u) << answer.error;
  const auto body = nlohmann::json::parse(answer.body);
  EXPECT_EQ(body["method"], "POST");
  EXPECT_EQ(body["path"], "/a");
  EXPECT_EQ(body["via"], "socket");
  EXPECT_EQ(body["body"]["note"], "n");
  // Root may say for whom it acts; anybody else is who the kernel says.
  const std::string actor = body["actor"];
  EXPECT_EQ(actor, ::geteuid() == 0 ? "mallory (as root)" : actor.substr(0, actor.find(" (as")));
  EXPECT_EQ(requests_, 1);
}

TEST_F(ServerTest, ThePortWantsTheTokenForAllButMetrics) {
  Start(Options());
  const std::string end = "\r\nHost: x\r\nConnection: close\r\n\r\n";
  EXPECT_NE(Talk(ConnectPort(), "GET /api HTTP/1.1" + end).find("HTTP/1.1 401"), std::string::npos);
  EXPECT_NE(Talk(ConnectPort(), "GET /metrics HTTP/1.1" + end).find("HTTP/1.1 200"),
            std::string::npos);
  EXPECT_NE(Talk(ConnectPort(), "GET /metrics/x HTTP/1.1" + end).find("HTTP/1.1 401"),
            std::string::npos);
  const std::string authorized =
      "GET /api HTTP/1.1\r\nAuthorization: Bearer " + std::string(kToken);
  const std::string answer = Talk(ConnectPort(), authorized + end);
  EXPECT_NE(answer.find("HTTP/1.1 200"), std::string::npos) << answer;
  EXPECT_NE(answer.find("\"actor\":\"token\""), std::string::npos) << answer;
  const std::string wrong = "GET /api HTTP/1.1\r\nAuthorization: Bearer " + std::string(32, 'x');
  EXPECT_NE(Talk(ConnectPort(), wrong + end).find("HTTP/1.1 401"), std::string::npos);
}

TEST_F(ServerTest, LimitsAreAnswered) {
  Start(Options());
  const std::string large_header(kHeaderBytesMax + 1, 'h');
  EXPECT_NE(
      Talk(ConnectSocket(), "GET / HTTP/1.1\r\nX: " + large_header + "\r\n\r\n").find(" 431 "),
      std::string::npos);
  const std::string too_long = std::to_string(kLocalBodyBytesMax + 1);
  EXPECT_NE(Talk(ConnectSocket(), "POST / HTTP/1.1\r\nContent-Length: " + too_long + "\r\n\r\n")
                .find(" 413 "),
            std::string::npos);
  EXPECT_NE(Talk(ConnectSocket(), "no http at all\r\n\r\n").find(" 400 "), std::string::npos);
  EXPECT_EQ(Call("POST", "/", "[1]").status, 400u);
  EXPECT_EQ(Call("POST", "/", "{").status, 400u);
  EXPECT_EQ(Call("GET", "/%zz").status, 400u);
  EXPECT_EQ(Call("POST", "/", "{\"x\":\"" + std::string(900'000, 'x') + "\"}").status, 200u);
}

TEST_F(ServerTest, ARequestThatNeverEndsIsEnded) {
  Server::Options options = Options();
  options.timeout_ms = 100;
  Start(std::move(options));
  EXPECT_NE(Talk(ConnectSocket(), "GET / HTTP/1.1\r\nHos").find(" 408 "), std::string::npos);
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitAreRefusedAndCounted) {
  Server::Options options = Options();
  options.connections_max = 2;
  Start(std::move(options));
  const base::UniqueFd first = ConnectSocket();
  const base::UniqueFd second = ConnectSocket();
  EXPECT_NE(ReadAll(ConnectSocket()).find("HTTP/1.1 503"), std::string::npos);
  EXPECT_EQ(refused_, 1);
}

TEST_F(ServerTest, AConnectionServesSeveralRequests) {
  Start(Options());
  const std::string one = "GET /one HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string last = "GET /two HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const std::string answers = Talk(ConnectSocket(), one + last);
  EXPECT_NE(answers.find("\"path\":\"/one\""), std::string::npos) << answers;
  EXPECT_NE(answers.find("\"path\":\"/two\""), std::string::npos) << answers;
}

TEST_F(ServerTest, ALongReplyComesWholeAndABrokenOneShows) {
  Start(Options());
  const auto whole = Call("GET", "/long");
  ASSERT_EQ(whole.outcome, cli::HttpAnswer::Outcome::kAnswered) << whole.error;
  EXPECT_EQ(whole.body.size(), 1'000'000u);
  EXPECT_EQ(Call("GET", "/broken").outcome, cli::HttpAnswer::Outcome::kCutOff);
  const std::string head =
      Talk(ConnectSocket(), "HEAD /long HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head.find("HTTP/1.1 200"), std::string::npos);
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(ServerTest, StoppingEndsConnectionsThatWait) {
  Start(Options());
  const base::UniqueFd idle = ConnectSocket();
  server_->Stop();
  EXPECT_EQ(ReadAll(idle), "");
  EXPECT_FALSE(std::filesystem::exists(dir_ / "control.sock"));
  EXPECT_EQ(Call("GET", "/").outcome, cli::HttpAnswer::Outcome::kNoConnection);
}

TEST_F(ServerTest, ASecondServerIsRefusedAndALeftoverReplaced) {
  Start(Options());
  const auto second = Server::Open(Options());
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("another weir-control answers"), std::string::npos);
  server_->Stop();
  server_.reset();
  const base::UniqueFd leftover(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (dir_ / "control.sock").native().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(leftover.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  Start(Options());
  EXPECT_EQ(Call("GET", "/").status, 200u);
}

TEST_F(ServerTest, APortInUseAndAPathTooLongAreOneLine) {
  Start(Options());
  Server::Options same_port = Options();
  same_port.socket = dir_ / "other.sock";
  same_port.listen_port = server_->port();
  const auto busy = Server::Open(std::move(same_port));
  ASSERT_FALSE(busy.ok());
  EXPECT_NE(busy.error().message.find("Address already in use"), std::string::npos);
  Server::Options long_path = Options();
  long_path.socket = dir_ / std::string(120, 'x');
  EXPECT_FALSE(Server::Open(std::move(long_path)).ok());
}

}  // namespace
}  // namespace weir::control::api

// The server on loopback, asked as a NAS asks.
#include "control/radius/radius_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "control/radius/udp_socket.h"
#include "tests/unit/control_radius/radius_builder.h"

namespace weir::control::radius {
namespace {

using test_support::Bytes;
using test_support::Number;
using test_support::RadiusBuilder;
using test_support::Text;

constexpr const char* kSecret = "secret-of-tests";

class RadiusServerTest : public testing::Test {
 protected:
  RadiusServerTest() {
    std::string name = std::filesystem::temp_directory_path() / "weir-radius-XXXXXX";
    folder_ = mkdtemp(name.data());
    book_ = LoginBook::Open(folder_ / "accounts.db").value();
    auto clients =
        RadiusClients::Parse(std::string("nas,secret,name\n127.0.0.0/8,") + kSecret + ",\n", "c");
    server_ =
        RadiusServer::Open({*base::IpAddress::Parse("127.0.0.1"), 0, *clients, {}}, *book_).value();
    server_->Start();
    socket_ = base::UniqueFd(::socket(AF_INET, SOCK_DGRAM, 0));
    timeval wait{5, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof to),
              0);
  }
  ~RadiusServerTest() override {
    server_->Stop();
    server_.reset();
    book_.reset();
    std::filesystem::remove_all(folder_);
  }

  static Bytes Start(uint8_t id, const char* session = "1", const char* secret = kSecret) {
    return RadiusBuilder(id)
        .Status(1)
        .Add(1, Text("anna"))
        .Add(44, Text(session))
        .Add(8, {10, 20, 0, 11})
        .Build(secret);
  }

  void Send(const Bytes& datagram) const {
    EXPECT_EQ(::send(socket_.get(), datagram.data(), datagram.size(), 0),
              static_cast<ssize_t>(datagram.size()));
  }
  // Empty: none came.
  Bytes Receive() const {
    Bytes answer(kRadiusBytesMax);
    const ssize_t bytes = ::recv(socket_.get(), answer.data(), answer.size(), 0);
    answer.resize(bytes < 0 ? 0 : static_cast<size_t>(bytes));
    return answer;
  }

  std::filesystem::path folder_;
  std::unique_ptr<LoginBook> book_;
  std::unique_ptr<RadiusServer> server_;
  base::UniqueFd socket_;
};

TEST_F(RadiusServerTest, AnswersWhatIsStored) {
  Send(Start(9));
  const Bytes answer = Receive();
  ASSERT_EQ(answer.size(), 20U);
  EXPECT_EQ(answer[0], 5);
  EXPECT_EQ(answer[1], 9);
  ASSERT_EQ(book_->PresentBindings().size(), 1U);
  EXPECT_EQ(book_->PresentBindings()[0].account, "anna");
  // What comes again is answered alike, and stored once.
  Send(Start(9));
  EXPECT_EQ(Receive(), answer);
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  server_->Stop();  // it counts behind the answer
  EXPECT_EQ(server_->counters().repeated.value(), 1U);
  EXPECT_EQ(server_->counters().answered.value(), 2U);
}

TEST_F(RadiusServerTest, SeesAClockThatDiffers) {
  const auto start = [](uint8_t id, int64_t behind_s) {
    const int64_t now_s = base::WallNow().ns / base::kNsPerSecond;
    return RadiusBuilder(id)
        .Status(1)
        .Add(32, Text("bras-1"))
        .Add(44, Text("x"))
        .Add(55, Number(static_cast<uint32_t>(now_s - behind_s)))
        .Build(kSecret);
  };
  Send(start(1, 20));
  Receive();
  EXPECT_FALSE(server_->clock_note());
  Send(start(2, 2400));
  Receive();
  const auto note = server_->clock_note();
  ASSERT_TRUE(note);
  EXPECT_EQ(note->server, "bras-1");
  EXPECT_NEAR(static_cast<double>(note->ahead_s), -2400, 30);
  EXPECT_EQ(server_->counters().clock_differs.value(), 1U);
}

// What is refused is counted, and not answered. The answer to the last says that all were looked
// at.
TEST_F(RadiusServerTest, AnswersNothingElse) {
  Send(Start(1, "1", "wrong-secret"));
  Send(Bytes(5, 0));
  Bytes access = Start(2);
  access[0] = 1;
  Send(access);
  Send(RadiusBuilder(3).Add(44, Text("x")).Build(kSecret));
  Send(RadiusBuilder(4).Status(1).Build(kSecret));
  Send(RadiusBuilder(5).Status(99).Build(kSecret));
  const Bytes answer = Receive();
  ASSERT_EQ(answer.size(), 20U);
  EXPECT_EQ(answer[1], 5);
  server_->Stop();  // it counts behind the answer
  const RadiusCounters& counters = server_->counters();
  const auto faults = [&](RadiusFault fault) {
    return counters.faults[static_cast<size_t>(fault)].value();
  };
  EXPECT_EQ(faults(RadiusFault::kSecret), 1U);
  EXPECT_EQ(faults(RadiusFault::kLength), 1U);
  EXPECT_EQ(faults(RadiusFault::kCode), 1U);
  EXPECT_EQ(faults(RadiusFault::kNoStatus), 1U);
  EXPECT_EQ(faults(RadiusFault::kNoSession), 1U);
  EXPECT_EQ(counters.received.value(), 6U);
  EXPECT_EQ(counters.answered.value(), 1U);
  EXPECT_EQ(book_->present(), 0U);
}

TEST_F(RadiusServerTest, TakesABurst) {
  constexpr int kRequests = 2000;
  int answered = 0;
  for (int i = 0; i < kRequests; ++i) {
    const std::string session = std::to_string(i);
    Send(Start(static_cast<uint8_t>(i), session.c_str()));
    if (i % 100 == 99) {
      for (int k = 0; k < 100 && !Receive().empty(); ++k) ++answered;
    }
  }
  EXPECT_EQ(answered, kRequests);
  EXPECT_EQ(book_->HistoryOf("anna", 10'000)->size(), size_t{kRequests});
  EXPECT_EQ(book_->present(), 1U);  // the last one has the address
}

// Who may send is read again while it runs; a file that is not good changes nothing.
TEST_F(RadiusServerTest, ReadsItsClientsAgain) {
  server_->Stop();
  const auto file = folder_ / "clients.csv";
  const auto write = [&](const std::string& rows) {
    const auto fresh = folder_ / "fresh";
    std::ofstream(fresh) << "nas,secret,name\n" << rows;
    std::filesystem::permissions(fresh, std::filesystem::perms::owner_all);
    std::filesystem::rename(fresh, file);
  };
  write("192.0.2.1,another-secret,\n");
  server_ =
      RadiusServer::Open(
          {*base::IpAddress::Parse("127.0.0.1"), 0, RadiusClients::Load(file).value(), {}, file},
          *book_)
          .value();
  server_->Start();
  const auto await = [](const auto& condition) {
    for (int i = 0; i < 30'000 && !condition(); ++i) ::usleep(2000);
    EXPECT_TRUE(condition());
  };
  write("nowhere,another-secret,\n");
  await([&] { return !server_->clients_error().empty(); });
  EXPECT_EQ(server_->clients(), 1U);
  write(std::string("127.0.0.0/8,") + kSecret + ",\n192.0.2.1,another-secret,\n");
  await([&] { return server_->clients() == 2; });
  EXPECT_EQ(server_->clients_error(), "");
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server_->port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(socket_.get(), static_cast<sockaddr*>(static_cast<void*>(&to)), sizeof to),
            0);
  Send(Start(9));
  EXPECT_EQ(Receive().size(), 20U);
  server_->Stop();
  EXPECT_EQ(ResultsOf(server_->counters()).at("answered"), 1U);
}

// Of an address and port, in the dual-stack form.
sockaddr_in6 Endpoint(const char* address, uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  const auto bytes = base::IpAddress::Parse(address)->bytes();
  std::memcpy(&out.sin6_addr, bytes.data(), bytes.size());
  return out;
}

sockaddr* Plain(sockaddr_in6& endpoint) {
  return static_cast<sockaddr*>(static_cast<void*>(&endpoint));
}

// A server that listens on every address answers from the one that was asked: a NAS takes no answer
// of another.
TEST_F(RadiusServerTest, AnswersFromTheAddressThatWasAsked) {
  struct Case {
    const char* listen;
    const char* from;
    const char* to;
  };
  for (const Case& one : {Case{"0.0.0.0", "127.0.0.1", "127.0.0.2"},
                          Case{"::", "127.0.0.1", "127.0.0.2"}, Case{"::", "::1", "::1"}}) {
    SCOPED_TRACE(std::string(one.listen) + " asked at " + one.to);
    base::UniqueFd nas(::socket(AF_INET6, SOCK_DGRAM, 0));
    const int off = 0;
    ::setsockopt(nas.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    const timeval wait{5, 0};
    ::setsockopt(nas.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    sockaddr_in6 from = Endpoint(one.from, 0);
    if (::bind(nas.get(), Plain(from), sizeof from) != 0) continue;  // no IPv6 here
    auto clients = RadiusClients::Parse(
        std::string("nas,secret,name\n") + one.from + "," + kSecret + ",\n", "c");
    server_ =
        RadiusServer::Open({*base::IpAddress::Parse(one.listen), 0, *clients, {}}, *book_).value();
    server_->Start();
    const Bytes request = Start(9);
    sockaddr_in6 to = Endpoint(one.to, server_->port());
    // The second is one that comes again.
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(::sendto(nas.get(), request.data(), request.size(), 0, Plain(to), sizeof to),
                static_cast<ssize_t>(request.size()));
      Bytes answer(kRadiusBytesMax);
      UdpPath path;
      socklen_t bytes = sizeof path.from;
      EXPECT_EQ(::recvfrom(nas.get(), answer.data(), answer.size(), 0, Plain(path.from), &bytes),
                20);
      EXPECT_EQ(path.sender().ToString(), one.to);
      EXPECT_EQ(ntohs(path.from.sin6_port), server_->port());
    }
  }
}

TEST_F(RadiusServerTest, CountsWhatTheKernelDrops) {
  server_ = RadiusServer::Open({*base::IpAddress::Parse("::"), 0, RadiusClients(), {}}, *book_)
                .value();  // nobody takes anything yet
  sockaddr_in6 to = Endpoint("127.0.0.1", server_->port());
  const base::UniqueFd nas(::socket(AF_INET6, SOCK_DGRAM, 0));
  const int off = 0;
  ::setsockopt(nas.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  ASSERT_EQ(::connect(nas.get(), Plain(to), sizeof to), 0);
  const Bytes datagram(1000);
  const auto send = [&] { ::send(nas.get(), datagram.data(), datagram.size(), 0); };
  constexpr uint64_t kDatagrams = 30'000;  // several times the socket's buffer
  for (uint64_t i = 0; i < kDatagrams; ++i) send();
  server_->Start();
  const auto& counters = server_->counters();
  const auto await = [&](const auto& condition) {
    for (int i = 0; i < 30'000 && !condition(); ++i) ::usleep(2000);
    EXPECT_TRUE(condition());
  };
  await([&] { return counters.received.value() > 0; });
  // The kernel tells of its drops with the next that it takes.
  await([&] {
    send();
    return counters.kernel_drops.value() > 0;
  });
  server_->Stop();
  EXPECT_LT(counters.received.value(), kDatagrams);
  EXPECT_LE(counters.kernel_drops.value(), kDatagrams);
}

TEST_F(RadiusServerTest, TheBufferIsAsLargeAsTheKernelAllows) {
  size_t allowed = 0;  // to everybody
  std::ifstream("/proc/sys/net/core/rmem_max") >> allowed;
  EXPECT_GE(server_->buffer_bytes(), std::min(allowed, kUdpBufferBytes));
  EXPECT_LE(server_->buffer_bytes(), kUdpBufferBytes);
}

TEST_F(RadiusServerTest, SaysWhichPortCannotBeHad) {
  const auto again = RadiusServer::Open(
      {*base::IpAddress::Parse("127.0.0.1"), server_->port(), RadiusClients(), {}}, *book_);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().message.find("127.0.0.1 port"), std::string::npos);
}

}  // namespace
}  // namespace weir::control::radius

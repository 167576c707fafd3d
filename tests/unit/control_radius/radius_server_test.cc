// The server on loopback, asked as a NAS asks.
#include "control/radius/radius_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>

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

TEST_F(RadiusServerTest, SaysWhichPortCannotBeHad) {
  const auto again = RadiusServer::Open(
      {*base::IpAddress::Parse("127.0.0.1"), server_->port(), RadiusClients(), {}}, *book_);
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.error().message.find("127.0.0.1 port"), std::string::npos);
}

}  // namespace
}  // namespace weir::control::radius

#include "control/policy/list_fetch.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/control_policy/tiny_http_server.h"

namespace weir::control::policy {
namespace {

class ListFetch : public testing::Test {
 protected:
  base::Result<Fetched> Fetch(const std::string& etag = "", const std::string& modified = "") {
    return FetchList({server_.Url("/list"), etag, modified, 5, 1000}, stop_);
  }
  std::string FaultOf() {
    const auto fetched = Fetch();
    return fetched ? "fetched" : fetched.error().message;
  }

  testing_support::TinyHttpServer server_;
  std::atomic<bool> stop_{false};
};

TEST_F(ListFetch, TakesBytesAndWhatTheServerSaysOfThem) {
  server_.AnswerList("a.example\n",
                     "ETag: \"v1\"\r\nLAST-MODIFIED:  Mon, 30 Nov 2026 08:00:00 GMT \r\n");
  const auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_FALSE(fetched->not_modified);
  EXPECT_EQ(fetched->bytes, "a.example\n");
  EXPECT_EQ(fetched->etag, "\"v1\"");
  EXPECT_EQ(fetched->last_modified, "Mon, 30 Nov 2026 08:00:00 GMT");
  const std::string request = server_.requests().at(0);
  EXPECT_EQ(request.find("If-None-Match"), std::string::npos) << request;
  EXPECT_NE(request.find("GET /list HTTP/1.1\r\n"), std::string::npos) << request;
}

TEST_F(ListFetch, AsksWhetherThereIsSomethingNewer) {
  server_.Answer("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
  const auto fetched = Fetch("\"v1\"", "Mon, 30 Nov 2026 08:00:00 GMT");
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_TRUE(fetched->not_modified);
  const std::string request = server_.requests().at(0);
  EXPECT_NE(request.find("If-None-Match: \"v1\"\r\n"), std::string::npos) << request;
  EXPECT_NE(request.find("If-Modified-Since: Mon, 30 Nov 2026 08:00:00 GMT\r\n"), std::string::npos)
      << request;
  EXPECT_EQ(FaultOf(), "the server answers 304") << "which nobody asked for";
}

TEST_F(ListFetch, FollowsToAnotherPlace) {
  server_.Answer("HTTP/1.1 302 Found\r\nETag: \"of the other answer\"\r\nLocation: " +
                 server_.Url("/moved") + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(FaultOf(), "Maximum (5) redirects followed");
  EXPECT_EQ(server_.requests().size(), 6U);
  server_.Answer(
      "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
      "Content-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_NE(FaultOf().find("not supported or disabled"), std::string::npos) << FaultOf();
}

TEST_F(ListFetch, TellsOfAnErrorPage) {
  server_.Answer("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope");
  EXPECT_EQ(FaultOf(), "the server answers 404");
}

TEST_F(ListFetch, StopsAtTheLimit) {
  server_.AnswerList(std::string(1000, 'x'));
  EXPECT_EQ(FaultOf(), "fetched");
  server_.AnswerList(std::string(1001, 'x'));
  EXPECT_EQ(FaultOf(), "it has more than 1000 bytes");
}

TEST_F(ListFetch, NoticesThatBytesAreMissing) {
  server_.Answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\na.example\n");
  EXPECT_NE(FaultOf(), "fetched");
}

TEST_F(ListFetch, TellsThatNobodyIsThere) {
  const auto fetched = FetchList({"http://127.0.0.1:1/list", "", "", 5, 1000}, stop_);
  ASSERT_FALSE(fetched.ok());
  EXPECT_NE(fetched.error().message.find("onnect"), std::string::npos) << fetched.error().message;
}

TEST_F(ListFetch, GivesUpWhenToldTo) {
  server_.Stall();
  std::thread stops([this] {
    while (server_.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop_ = true;
  });
  EXPECT_EQ(FaultOf(), "stopped");
  stops.join();
}

}  // namespace
}  // namespace weir::control::policy

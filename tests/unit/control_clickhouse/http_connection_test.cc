#include "control/clickhouse/http_connection.h"

#include <gmock/gmock.h>

#include "dataplane/base/time.h"
#include "scripted_server.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::atomic<bool> kGoOn{false};

std::string Answer(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

Endpoint EndpointAt(const std::string& url) {
  Endpoint endpoint;
  endpoint.url = url;
  endpoint.user = "weir";
  endpoint.password = "hunter2";
  return endpoint;
}

// What is said of an insert that this answer follows; empty: it went well.
std::string InsertFault(const std::string& answer) {
  const ScriptedServer server(answer);
  HttpConnection connection(EndpointAt(server.url()), kGoOn);
  const auto inserted = connection.Insert("INSERT INTO t FORMAT RowBinary", "rows");
  if (inserted.ok()) return {};
  EXPECT_THAT(inserted.error().message, HasSubstr(server.url()));
  EXPECT_THAT(inserted.error().message, Not(HasSubstr("hunter2")));
  EXPECT_THAT(inserted.error().message, Not(HasSubstr("\n")));
  return inserted.error().message;
}

TEST(HttpConnection, SendsUserAndPasswordInHeaders) {
  const ScriptedServer server(Answer("200 OK", ""));
  HttpConnection connection(EndpointAt(server.url()), kGoOn);
  EXPECT_TRUE(connection.Insert("INSERT INTO t FORMAT RowBinary", "rows").ok());
  // What was shipped before is not passed over.
  EXPECT_THAT(server.asked(), HasSubstr("POST /?insert_deduplicate=0&query=INSERT%20INTO%20t%20"
                                        "FORMAT%20RowBinary HTTP"));
  EXPECT_THAT(server.asked(), HasSubstr("X-ClickHouse-User: weir\r\n"));
  EXPECT_THAT(server.asked(), HasSubstr("X-ClickHouse-Key: hunter2\r\n"));
  EXPECT_THAT(server.asked(), Not(HasSubstr("Expect")));
}

TEST(HttpConnection, OnlyAnEmpty200SaysThatRowsAreIn) {
  EXPECT_EQ(InsertFault(Answer("200 OK", "")), "");
  EXPECT_THAT(InsertFault(Answer("500 Internal Server Error",
                                 "Code: 60, e.displayText() = DB::Exception: Table t doesn't "
                                 "exist, e.what() = DB::Exception\n")),
              HasSubstr("it answers 500: Code: 60. Table t doesn't exist"));
  EXPECT_THAT(InsertFault(Answer("401 Unauthorized", "Code: 193, wrong password")),
              HasSubstr("it answers 401: Code: 193"));
  EXPECT_THAT(InsertFault(Answer("200 OK", "Code: 252, too many parts")), HasSubstr("Code: 252"));
  EXPECT_THAT(InsertFault(Answer("200 OK", "<html>a proxy")), HasSubstr("<html>"));
  EXPECT_THAT(InsertFault(Answer("302 Found", "")), HasSubstr("it answers 302"));
  EXPECT_NE(InsertFault("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), "");  // broke off
  EXPECT_NE(InsertFault("no HTTP at all\r\n\r\n"), "");
}

TEST(HttpConnection, DoesNotWaitForEver) {
  const ScriptedServer server("");
  Endpoint endpoint = EndpointAt(server.url());
  endpoint.quiet_timeout_ms = 300;
  HttpConnection connection(endpoint, kGoOn);
  const int64_t before = base::MonoNow().ns;
  const auto inserted = connection.Insert("INSERT INTO t FORMAT RowBinary", "rows");
  ASSERT_FALSE(inserted.ok());
  EXPECT_THAT(inserted.error().message, HasSubstr("no answer for"));
  EXPECT_LT(base::MonoNow().ns - before, 10 * base::kNsPerSecond);
}

TEST(HttpConnection, EndsWhenItIsToStop) {
  const ScriptedServer server("");
  std::atomic<bool> stop{false};
  HttpConnection connection(EndpointAt(server.url()), stop);
  std::thread stopper([&stop] {
    ::usleep(50'000);
    stop = true;
  });
  EXPECT_FALSE(connection.Insert("INSERT INTO t FORMAT RowBinary", "rows").ok());
  stopper.join();
}

TEST(HttpConnection, RefusesAnEndlessAnswer) {
  const ScriptedServer server(Answer("200 OK", std::string(kAnswerBytesMax + 1, 'x')));
  HttpConnection connection(EndpointAt(server.url()), kGoOn);
  const auto answer = connection.Ask("SELECT 1");
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("more than"));
}

TEST(HttpConnection, SaysThatNobodyIsThere) {
  HttpConnection connection(EndpointAt("http://127.0.0.1:1"), kGoOn);
  const auto answer = connection.Ask("SELECT 1");
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message, HasSubstr("ClickHouse at http://127.0.0.1:1: "));
}

TEST(ServerWords, AreOneShortLine) {
  EXPECT_EQ(ServerWords("Code: 1, e.displayText() = DB::Exception: a\nb"), "Code: 1. a");
  EXPECT_EQ(ServerWords(std::string(9999, 'x')).size(), 400u);
  EXPECT_EQ(ServerWords("a\x1b[2J"), "a?[2J");
}

}  // namespace
}  // namespace weir::control::clickhouse

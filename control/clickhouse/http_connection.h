// Statements to a ClickHouse server by its HTTP interface (libcurl).
//
// One thread an object; it keeps its connection. Every fault is one line that names the server's
// address and never the password. A call ends when no byte has moved for a time, and as soon as
// `stop` is true.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

struct Endpoint {
  std::string url;                // "http://host:8123", without user and password
  std::string database = "weir";  // letters, digits and _ only
  std::string user = "default";
  std::string password;  // empty: none
  int64_t connect_timeout_ms = 5'000;
  int64_t quiet_timeout_ms = 60'000;  // no byte moves, either way
};

inline constexpr size_t kAnswerBytesMax = 1 << 20;  // of Ask()

class HttpConnection {
 public:
  HttpConnection(Endpoint endpoint, const std::atomic<bool>& stop);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // A statement with a short answer. `quiet_ms`: in place of the endpoint's, for what takes long.
  base::Result<std::string> Ask(const std::string& sql, int64_t quiet_ms = 0);

  // `sql` is "INSERT … FORMAT RowBinary", `rows` what follows it. All of the rows are in, or the
  // outcome is not known: then some or all may be in.
  base::Status Insert(const std::string& sql, std::string_view rows);

  // Hands out the answer as it comes. When `take` returns false the rest is not fetched, and that
  // is no fault. A server that fails on the way writes its words into the answer: see RowStream.
  using Take = std::function<bool(std::string_view piece)>;
  base::Status Stream(const std::string& sql, const Take& take);

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  struct Transfer;
  base::Status Perform(Transfer& transfer, const std::string& target, std::string_view body);

  const Endpoint endpoint_;
  const std::atomic<bool>& stop_;
  struct Curl;
  std::unique_ptr<Curl> curl_;
};

// "Code: 60. Table weir.sessions doesn't exist": the first line of what a server says, made short.
std::string ServerWords(std::string_view body);

}  // namespace weir::control::clickhouse

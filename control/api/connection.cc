#include "control/api/connection.h"

#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "control/api/auth.h"
#include "control/api/fd_stream.h"
#include "control/api/server.h"

namespace weir::control::api {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::string_view kClaimedHeader = "X-Weir-Claimed-User";

class HttpConnection {
 public:
  HttpConnection(int fd, const ConnectionOptions& options)
      : stream_(fd), options_(options), buffer_(kHeaderBytesMax + BodyBytesMax()) {}

  void Run() {
    while (ServeOne()) {
    }
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  uint64_t BodyBytesMax() const { return options_.local ? kLocalBodyBytesMax : kBodyBytesMax; }

  // False when the connection is over.
  bool ServeOne() {
    Parser parser;
    parser.header_limit(kHeaderBytesMax);
    parser.body_limit(BodyBytesMax());
    stream_.ExpireAfter(options_.timeout_ms);
    error_code error;
    http::read(stream_, buffer_, parser, error);
    if (error) {
      if (const auto refusal = RefusalOf(error)) Send(*refusal, false, true);
      return false;
    }
    const auto& message = parser.get();
    const bool head = message.method() == http::verb::head;
    const bool keep = message.keep_alive();
    return Send(Answer(message), keep, !head) && keep;
  }

  static std::optional<Reply> RefusalOf(const error_code& error) {
    if (error == http::error::header_limit) return ErrorReply(431, "the header is too large");
    if (error == http::error::body_limit) return ErrorReply(413, "the body is too large");
    if (error == boost::asio::error::timed_out) {
      return ErrorReply(408, "the request took too long to come");
    }
    // Nothing came, or the other end is gone: nobody waits for an answer.
    if (error == http::error::end_of_stream ||
        error.category() == boost::system::system_category()) {
      return std::nullopt;
    }
    return ErrorReply(400, "this is not HTTP/1.1");
  }

  Reply Answer(const http::request<http::string_body>& message) {
    Request request;
    request.method = std::string(message.method_string());
    const auto target = message.target();
    if (auto parsed = ParseTarget({target.data(), target.size()}, request); !parsed) {
      return ErrorReply(400, parsed.error().message);
    }
    if (!options_.local && request.path != "/metrics") {
      const auto authorization = message[http::field::authorization];
      if (!IsAuthorized({authorization.data(), authorization.size()}, options_.token)) {
        return ErrorReply(401, "this port wants the header 'Authorization: Bearer TOKEN'");
      }
    }
    const auto claimed = message[kClaimedHeader];
    request.via = options_.local ? "socket" : "tcp";
    request.actor =
        options_.local ? PeerActor(stream_.fd(), {claimed.data(), claimed.size()}) : "token";
    if (!message.body().empty()) {
      request.body = nlohmann::json::parse(message.body(), nullptr, false);
      if (!request.body.is_object()) return ErrorReply(400, "the body is not a JSON object");
    }
    return (*options_.handle)(request);
  }

  // False when the connection cannot go on.
  bool Send(const Reply& reply, bool keep_alive, bool with_body) {
    (*options_.count_request)(reply.status);
    stream_.ExpireAfter(options_.timeout_ms);
    if (reply.stream && with_body) return SendStream(reply, keep_alive);
    http::response<http::string_body> message{http::status(reply.status), 11};
    SetHeaders(message, reply, keep_alive);
    message.content_length(reply.body.size());
    if (with_body) message.body() = reply.body;
    error_code error;
    http::response_serializer<http::string_body> serializer(message);
    if (with_body) {
      http::write(stream_, serializer, error);
    } else {
      http::write_header(stream_, serializer, error);
    }
    return !error;
  }

  bool SendStream(const Reply& reply, bool keep_alive) {
    http::response<http::empty_body> message{http::status(reply.status), 11};
    SetHeaders(message, reply, keep_alive);
    message.chunked(true);
    http::response_serializer<http::empty_body> serializer(message);
    error_code error;
    http::write_header(stream_, serializer, error);
    if (error) return false;
    const bool whole = reply.stream([this, &error](std::string_view piece) {
      if (error || piece.empty()) return !error;
      stream_.ExpireAfter(options_.timeout_ms);
      boost::asio::write(
          stream_, http::make_chunk(boost::asio::const_buffer(piece.data(), piece.size())), error);
      return !error;
    });
    if (!whole) return false;
    if (!error) boost::asio::write(stream_, http::make_chunk_last(), error);
    return !error;
  }

  template <typename Message>
  static void SetHeaders(Message& message, const Reply& reply, bool keep_alive) {
    message.set(http::field::server, "weir");
    message.set(http::field::content_type, reply.content_type);
    message.set(http::field::cache_control, "no-store");
    message.set("X-Content-Type-Options", "nosniff");
    if (!reply.allow.empty()) message.set(http::field::allow, reply.allow);
    if (reply.status == 401) message.set(http::field::www_authenticate, "Bearer");
    message.keep_alive(keep_alive);
  }

  FdStream stream_;
  const ConnectionOptions& options_;
  boost::beast::flat_buffer buffer_;
};

}  // namespace

void ServeConnection(int fd, const ConnectionOptions& options) {
  HttpConnection(fd, options).Run();
}

void RefuseConnection(int fd) {
  constexpr std::string_view kBusy =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 33\r\n"
      "Connection: close\r\n\r\n{\"error\":\"too many connections\"}\n";
  static_cast<void>(!::send(fd, kBusy.data(), kBusy.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
}

}  // namespace weir::control::api

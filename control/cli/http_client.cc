#include "control/cli/http_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "control/api/fd_stream.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::cli {
namespace {

namespace http = boost::beast::http;
using boost::system::error_code;
using Outcome = HttpAnswer::Outcome;

constexpr int64_t kTimeoutMs = 60'000;
constexpr size_t kPieceBytes = 64 * 1024;

HttpAnswer NoConnection(const std::filesystem::path& socket, int error) {
  HttpAnswer answer;
  answer.error = "weir-control does not answer at " + socket.string() + ": " + std::strerror(error);
  if (error == ENOENT || error == ECONNREFUSED) answer.error += " (is it running?)";
  if (error == EACCES) answer.error += " (try as root, or as a member of the socket's group)";
  return answer;
}

HttpAnswer CutOff(const error_code& error) {
  HttpAnswer answer;
  answer.outcome = Outcome::kCutOff;
  answer.error = "weir-control cut the answer off: " + error.message();
  return answer;
}

base::UniqueFd Connect(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.native().size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return {};
  }
  socket.native().copy(address.sun_path, socket.native().size());
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

HttpAnswer ReadAnswer(api::FdStream& stream, const PieceTaker& take) {
  boost::beast::flat_buffer buffer;
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(std::numeric_limits<uint64_t>::max());
  error_code error;
  http::read_header(stream, buffer, parser, error);
  if (error) return CutOff(error);
  HttpAnswer answer;
  answer.outcome = Outcome::kAnswered;
  answer.status = parser.get().result_int();
  std::array<char, kPieceBytes> space;
  while (!parser.is_done()) {
    parser.get().body().data = space.data();
    parser.get().body().size = space.size();
    stream.ExpireAfter(kTimeoutMs);
    http::read_some(stream, buffer, parser, error);
    if (error == http::error::need_buffer) error = {};
    if (error) return CutOff(error);
    const std::string_view piece(space.data(), space.size() - parser.get().body().size);
    if (!take || answer.status != 200) {
      answer.body += piece;
    } else if (!take(piece)) {
      break;
    }
  }
  return answer;
}

}  // namespace

HttpClient::HttpClient(std::filesystem::path socket, std::string claimed_user)
    : socket_(std::move(socket)), claimed_user_(std::move(claimed_user)) {}

HttpAnswer HttpClient::Call(const HttpCall& call, const PieceTaker& take) const {
  const base::UniqueFd fd = Connect(socket_);
  if (!fd) return NoConnection(socket_, errno);
  api::FdStream stream(fd.get());
  stream.ExpireAfter(kTimeoutMs);
  http::request<http::string_body> request;
  request.version(11);
  request.method_string(call.method);
  request.target(call.target);
  request.set(http::field::host, "weir-control");
  request.set(http::field::user_agent, "weirctl");
  if (!claimed_user_.empty()) request.set("X-Weir-Claimed-User", claimed_user_);
  request.keep_alive(false);
  if (!call.body.empty()) {
    request.set(http::field::content_type, "application/json");
    request.body() = call.body;
  }
  request.prepare_payload();
  error_code error;
  http::write(stream, request, error);
  stream.ExpireAfter(call.wait_ms);
  // An answer may be there although not all was taken: one connection too many is told that way.
  HttpAnswer answer = ReadAnswer(stream, take);
  if (error && answer.outcome != Outcome::kAnswered) return CutOff(error);
  return answer;
}

std::string UrlEncode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHex[byte >> 4];
      encoded += kHex[byte & 15];
    }
  }
  return encoded;
}

}  // namespace weir::control::cli

#include "control/policy/dataplane_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "control/policy/json_fields.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::policy {
namespace {

using base::Error;
using base::Result;
using base::Status;

// The moment when a whole call must be over.
class Deadline {
 public:
  explicit Deadline(int timeout_ms) : end_ns_(base::MonoNow().ns + timeout_ms * base::kNsPerMs) {}

  // Waits until the descriptor is ready; false when the time is over.
  bool Wait(int fd, short events) const {
    for (;;) {
      const int64_t left_ms = (end_ns_ - base::MonoNow().ns) / base::kNsPerMs;
      if (left_ms <= 0) return false;
      pollfd waiting{fd, events, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(left_ms));
      if (ready > 0) return true;
      if (ready < 0 && errno != EINTR) return false;
    }
  }

 private:
  int64_t end_ns_;
};

Error System(int error) { return {std::strerror(error)}; }

Result<base::UniqueFd> Connect(const std::filesystem::path& socket, const Deadline& deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = socket.native();
  if (path.size() >= sizeof address.sun_path) return Error{"the socket's path is too long"};
  path.copy(address.sun_path, path.size());
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return System(errno);
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // A unix socket's connect never goes on in the background: EAGAIN is a full queue there.
    if (errno != EAGAIN && errno != EINTR) return System(errno);
    ::poll(nullptr, 0, 10);
    if (!deadline.Wait(fd.get(), 0)) return Error{"it is too busy to take a connection"};
  }
  return fd;
}

Status SendAll(int fd, std::string_view bytes, const Deadline& deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (!deadline.Wait(fd, POLLOUT)) return Error{"it took too long to take the request"};
    } else if (errno != EINTR) {
      return System(errno);
    }
  }
  return {};
}

Result<std::string> ReceiveLine(int fd, const Deadline& deadline) {
  std::string line;
  char chunk[65536];
  for (;;) {
    const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
    if (got == 0) return Error{"it hung up before it answered"};
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return System(errno);
      if (!deadline.Wait(fd, POLLIN)) return Error{"it took too long to answer"};
      continue;
    }
    const size_t searched = line.size();
    line.append(chunk, static_cast<size_t>(got));
    const size_t end = line.find('\n', searched);
    if (end != std::string::npos) return line.substr(0, end);
    if (line.size() > kReplyBytesMax) return Error{"its answer has no end"};
  }
}

Result<std::string> Exchange(const std::filesystem::path& socket, const std::string& request,
                             const Deadline& deadline) {
  auto fd = Connect(socket, deadline);
  if (!fd) return fd.error();
  if (auto sent = SendAll(fd->get(), request, deadline); !sent) return sent.error();
  return ReceiveLine(fd->get(), deadline);
}

}  // namespace

DataplaneClient::DataplaneClient(std::filesystem::path socket, int timeout_ms)
    : socket_(std::move(socket)), timeout_ms_(timeout_ms) {}

DataplaneReply DataplaneClient::Call(const nlohmann::json& request, int timeout_ms) const {
  using Outcome = DataplaneReply::Outcome;
  const auto line = Exchange(socket_, JsonDump(request) + "\n", Deadline(timeout_ms));
  if (!line) {
    return {Outcome::kAway,
            {},
            "the data plane does not answer at " + socket_.string() + ": " + line.error().message};
  }
  auto body = nlohmann::json::parse(*line, nullptr, false);
  if (!body.is_object() || !JsonMember(body, "ok").is_boolean()) {
    return {
        Outcome::kAway, {}, "the data plane at " + socket_.string() + " answered what is no reply"};
  }
  if (!JsonBool(body, "ok")) {
    std::string error = JsonText(body, "error");
    return {Outcome::kRefused, {}, error.empty() ? "refused by the data plane" : std::move(error)};
  }
  return {Outcome::kOk, std::move(body), {}};
}

}  // namespace weir::control::policy

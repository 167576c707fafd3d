#include "control/api/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/api/connection.h"

namespace weir::control::api {
namespace {

constexpr int kBacklog = 64;

base::Error System(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

base::Result<sockaddr_un> SocketAddress(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    return base::Error{path.string() + ": is too long for a unix socket, the most is " +
                       std::to_string(sizeof address.sun_path - 1) + " bytes"};
  }
  path.native().copy(address.sun_path, path.native().size());
  return address;
}

bool SomebodyAnswers(const sockaddr_un& address) {
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

struct InetAddress {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
};

InetAddress ToSocketAddress(const base::IpAddress& ip, uint16_t port) {
  InetAddress address;
  if (ip.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.bytes().data() + 12, 4);
    address.bytes = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes().data(), 16);
    address.bytes = sizeof v6;
  }
  return address;
}

}  // namespace

Server::Server(Options options) : options_(std::move(options)) {}

Server::~Server() { Stop(); }

base::Result<std::unique_ptr<Server>> Server::Open(Options options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  server->stop_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!server->stop_) return System("eventfd");
  if (auto bound = server->BindSocket(); !bound) return bound.error();
  if (auto bound = server->BindPort(); !bound) return bound.error();
  return server;
}

base::Status Server::BindSocket() {
  const auto address = SocketAddress(options_.socket);
  if (!address) return address.error();
  const std::string name = options_.socket.string();
  if (SomebodyAnswers(*address)) {
    return base::Error{name + ": another weir-control answers there already"};
  }
  ::unlink(name.c_str());
  socket_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return System(name);
  // Nobody else gets in between bind and chmod: a socket that does not listen cannot be connected
  // to.
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::chmod(name.c_str(), 0660) != 0 || ::listen(socket_.get(), kBacklog) != 0) {
    return System(name);
  }
  return {};
}

base::Status Server::BindPort() {
  const InetAddress address = ToSocketAddress(options_.listen_address, options_.listen_port);
  const std::string name = "[control] listen " + options_.listen_address.ToString() + " port " +
                           std::to_string(options_.listen_port);
  listener_.Reset(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return System(name);
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.bytes) !=
          0 ||
      ::listen(listener_.get(), kBacklog) != 0) {
    return System(name);
  }
  sockaddr_storage bound{};
  socklen_t bound_bytes = sizeof bound;
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &bound_bytes);
  port_ = ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(bound).sin_port
                                           : reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
  return {};
}

void Server::Start() {
  acceptor_ = std::thread([this] { Run(); });
}

void Server::Stop() {
  if (!acceptor_.joinable()) return;
  const uint64_t one = 1;
  static_cast<void>(!::write(stop_.get(), &one, sizeof one));
  acceptor_.join();
  Reap(true);
  ::unlink(options_.socket.c_str());
}

void Server::Run() {
  for (;;) {
    std::array<pollfd, 3> waiting{
        {{socket_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), 1000) < 0 && errno != EINTR) return;
    if (waiting[2].revents != 0) return;
    if ((waiting[0].revents & POLLIN) != 0) Accept(socket_.get(), true);
    if ((waiting[1].revents & POLLIN) != 0) Accept(listener_.get(), false);
    Reap(false);
  }
}

void Server::Accept(int listener, bool local) {
  base::UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd) {
    // Out of descriptors: the connection waits in the queue; do not spin on it.
    if (errno == EMFILE || errno == ENFILE) ::poll(nullptr, 0, 100);
    return;
  }
  Reap(false);
  const std::scoped_lock lock(connections_mutex_);
  if (connections_.size() >= options_.connections_max) {
    options_.count_refused();
    RefuseConnection(fd.get());
    return;
  }
  Connection& connection = connections_.emplace_back();
  connection.fd = std::move(fd);
  connection.thread = std::thread([this, &connection, local] {
    Serve(connection.fd.get(), local);
    ::shutdown(connection.fd.get(), SHUT_RDWR);  // the other end need not wait for the join
    connection.done = true;
  });
}

void Server::Serve(int fd, bool local) {
  const ConnectionOptions options{local, options_.token, options_.timeout_ms, &options_.handle,
                                  &options_.count_request};
  ServeConnection(fd, options);
}

// Joins threads that have ended; all of them, after cutting their connections, when stopping.
void Server::Reap(bool all) {
  const std::scoped_lock lock(connections_mutex_);
  for (auto it = connections_.begin(); it != connections_.end();) {
    if (all && !it->done) ::shutdown(it->fd.get(), SHUT_RDWR);
    if (!all && !it->done) {
      ++it;
      continue;
    }
    it->thread.join();
    it = connections_.erase(it);
  }
}

}  // namespace weir::control::api

#include "dataplane/app/dataplane/control_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weir::appliance {
namespace {

constexpr int kBacklog = 16;
constexpr mode_t kSocketMode = 0660;

bool SomebodyListens(const sockaddr_un& address) {
  const base::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

base::Result<std::unique_ptr<ControlServer>> ControlServer::Listen(
    const std::filesystem::path& path, Handler handler) {
  const auto fail = [&path](const std::string& what) {
    return base::Error{fmt::format("control socket {}: {}", path.string(), what)};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return fail(fmt::format("the path is longer than {} bytes", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (error) return fail(error.message());
  if (SomebodyListens(address)) return fail("another weir-dataplane answers there");
  if (std::filesystem::is_socket(path, error)) std::filesystem::remove(path, error);

  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Nobody connects before listen(), so the mode is right when it matters.
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(text.c_str(), kSocketMode) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    return fail(std::strerror(errno));
  }
  return std::unique_ptr<ControlServer>(new ControlServer(path, std::move(fd), std::move(handler)));
}

ControlServer::ControlServer(std::filesystem::path path, base::UniqueFd fd, Handler handler)
    : path_(std::move(path)), listener_(std::move(fd)), handler_(std::move(handler)) {}

ControlServer::~ControlServer() { ::unlink(path_.c_str()); }

void ControlServer::AddTo(std::vector<pollfd>& polled) const {
  if (clients_.size() < kClientsMax) polled.push_back({listener_.get(), POLLIN, 0});
  for (const auto& [id, client] : clients_) {
    const int in = client.awaits_reply || client.closing ? 0 : POLLIN;
    const int out = client.out.empty() ? 0 : POLLOUT;
    polled.push_back({client.fd.get(), static_cast<short>(in | out), 0});
  }
}

void ControlServer::Serve() {
  Accept();
  for (auto at = clients_.begin(); at != clients_.end();) {
    const ClientId id = at->first;
    Client& client = at->second;
    bool alive = Read(client);
    if (alive) HandleLines(id);
    alive = alive && Write(client) && !(client.closing && client.out.empty());
    at = alive ? std::next(at) : clients_.erase(at);
  }
}

void ControlServer::Accept() {
  while (clients_.size() < kClientsMax) {
    base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    clients_[next_id_++].fd = std::move(fd);
  }
}

// False when the client is gone. Reads no further than the request that is being answered: the
// kernel's buffer holds back whoever sends more.
bool ControlServer::Read(Client& client) {
  if (client.awaits_reply || client.closing) {
    pollfd hung_up = {client.fd.get(), 0, 0};
    return ::poll(&hung_up, 1, 0) == 0;
  }
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t count = ::recv(client.fd.get(), chunk.data(), chunk.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (count == 0) {
      // Whoever shuts down its sending side still gets the replies to whole lines.
      client.closing = true;
      return client.awaits_reply || !client.out.empty() ||
             client.in.find('\n') != std::string::npos;
    }
    client.in.append(chunk.data(), static_cast<size_t>(count));
    if (client.in.size() > kRequestBytesMax) {
      client.in.clear();
      client.closing = true;
      client.out += fmt::format(
          "{{\"ok\":false,\"error\":\"the request is longer than {} bytes\"}}\n", kRequestBytesMax);
      return true;
    }
    if (std::memchr(chunk.data(), '\n', static_cast<size_t>(count)) != nullptr) return true;
  }
}

void ControlServer::HandleLines(ClientId id) {
  Client& client = clients_.at(id);
  while (!client.awaits_reply) {
    const size_t end = client.in.find('\n');
    if (end == std::string::npos) return;
    const std::string line = client.in.substr(0, end);
    client.in.erase(0, end + 1);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    client.awaits_reply = true;
    handler_(id, line);
  }
}

void ControlServer::Reply(ClientId client, const std::string& line) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  found->second.out += line;
  found->second.out += '\n';
  found->second.awaits_reply = false;
}

bool ControlServer::Write(Client& client) {
  while (!client.out.empty()) {
    const ssize_t sent =
        ::send(client.fd.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    client.out.erase(0, static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace weir::appliance

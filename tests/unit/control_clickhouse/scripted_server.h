// An HTTP server that says what a test wants it to.
//
// One thread of its own; answers one connection after another.
#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/unique_fd.h"

namespace weir::control::clickhouse {

class ScriptedServer {
 public:
  // What is said to a request: "HTTP/1.1 200 OK\r\n…"; nothing: the connection stays. Called on the
  // server's thread.
  using Script = std::function<std::string(const std::string& request)>;
  static std::string Ok(const std::string& body) {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // The same, whatever it is asked.
  explicit ScriptedServer(const std::string& answer)
      : ScriptedServer(Script([answer](const std::string&) { return answer; })) {}
  explicit ScriptedServer(Script script)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    static_cast<void>(::bind(listener_.get(), any, size));
    static_cast<void>(::listen(listener_.get(), 16));
    static_cast<void>(::getsockname(listener_.get(), any, &size));
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    thread_.join();
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::string asked() const {  // all that came
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  bool Readable(int fd) const {
    pollfd waiting{fd, POLLIN, 0};
    while (!stop_) {
      if (::poll(&waiting, 1, 20) > 0) return true;
    }
    return false;
  }

  void Run() {
    while (Readable(listener_.get())) {
      const base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::string request;
      while (!IsWhole(request) && Readable(fd.get())) {
        char bytes[4096];
        const ssize_t count = ::read(fd.get(), bytes, sizeof bytes);
        if (count <= 0) break;
        request.append(bytes, static_cast<size_t>(count));
      }
      {
        const std::lock_guard lock(mutex_);
        asked_ += request;
      }
      const std::string answer = script_(request);
      if (answer.empty()) {
        silent_.push_back(::dup(fd.get()));
        continue;
      }
      static_cast<void>(::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
    }
    for (const int fd : silent_) ::close(fd);
  }

  // Head and body, as Content-Length says.
  static bool IsWhole(const std::string& request) {
    const size_t head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const size_t field = request.find("Content-Length: ");
    const size_t length = field < head ? std::stoul(request.substr(field + 16)) : 0;
    return request.size() >= head + 4 + length;
  }

  const Script script_;
  const base::UniqueFd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::vector<int> silent_;  // the thread's
  mutable std::mutex mutex_;
  std::string asked_;
  std::thread thread_;
};

}  // namespace weir::control::clickhouse

// An HTTP/1.1 server on loopback for one test: gives each request what is set, and keeps what was
// asked.
#pragma once

#include <arpa/inet.h>
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

namespace weir::control::testing_support {

class TinyHttpServer {
 public:
  TinyHttpServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, bytes) != 0 || ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), generic, &bytes) != 0) {
      std::perror("tiny HTTP server");
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~TinyHttpServer() {
    stopping_ = true;
    thread_.join();
  }

  std::string Url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  // The whole answer, from "HTTP/1.1 200 OK" on.
  void Answer(std::string answer) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(answer);
  }
  void AnswerList(const std::string& body, const std::string& headers = "") {
    Answer("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
           "Connection: close\r\n\r\n" + body);
  }
  // Says nothing until the test ends.
  void Stall() { Answer(""); }
  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  bool Wait(int fd) const {
    while (!stopping_) {
      pollfd waits{fd, POLLIN, 0};
      if (::poll(&waits, 1, 20) > 0) return true;
    }
    return false;
  }

  void Run() {
    while (Wait(listener_.get())) {
      const base::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) Serve(client.get());
    }
  }

  void Serve(int fd) {
    std::string request;
    char chunk[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      if (!Wait(fd)) return;
      const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) return;
      request.append(chunk, static_cast<size_t>(got));
    }
    std::string answer;
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(request);
      answer = answer_;
    }
    if (answer.empty()) {
      Wait(fd);  // until the client gives up
      return;
    }
    for (size_t sent = 0; sent < answer.size();) {
      const ssize_t took = ::send(fd, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (took <= 0) return;
      sent += static_cast<size_t>(took);
    }
  }

  base::UniqueFd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string answer_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace weir::control::testing_support

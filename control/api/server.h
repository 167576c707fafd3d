// HTTP/1.1 on a unix socket and on a loopback port, one thread a connection.
//
// Limits: kConnectionsMax connections, kHeaderBytesMax of header, kBodyBytesMax of body, kTimeoutMs
// for a request to come and for each piece of a reply to go. What exceeds one is answered (431,
// 413, 408, 503) and counted. The unix socket trusts who may open it; the port wants the bearer
// token for all but /metrics.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "control/api/message.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::api {

inline constexpr size_t kConnectionsMax = 64;
inline constexpr uint32_t kHeaderBytesMax = 16 * 1024;
inline constexpr uint64_t kBodyBytesMax = 1024 * 1024;
// By the unix socket: a registry of a million rows.
inline constexpr uint64_t kLocalBodyBytesMax = 64 * kBodyBytesMax;
inline constexpr int64_t kTimeoutMs = 30'000;

class Server {
 public:
  struct Options {
    std::filesystem::path socket;
    base::IpAddress listen_address;
    uint16_t listen_port = 0;  // 0: any free one, see port()
    std::string token;
    size_t connections_max = kConnectionsMax;
    int64_t timeout_ms = kTimeoutMs;
    std::function<Reply(Request&)> handle;        // called by any connection's thread
    std::function<void(unsigned)> count_request;  // with the status code
    std::function<void()> count_refused;          // a connection beyond the limit
  };

  // Binds both. Refuses a socket at which somebody answers; removes one that is left over.
  static base::Result<std::unique_ptr<Server>> Open(Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void Start();
  void Stop();  // ends connections in the middle; idempotent

  uint16_t port() const { return port_; }

 private:
  struct Connection {
    base::UniqueFd fd;  // closed when the thread has been joined
    std::thread thread;
    std::atomic<bool> done{false};
  };

  explicit Server(Options options);

  base::Status BindSocket();
  base::Status BindPort();
  void Run();
  void Accept(int listener, bool local);
  void Serve(int fd, bool local);
  void Reap(bool all);

  const Options options_;
  base::UniqueFd socket_;
  base::UniqueFd listener_;
  base::UniqueFd stop_;  // eventfd
  uint16_t port_ = 0;
  std::thread acceptor_;
  std::mutex connections_mutex_;
  std::list<Connection> connections_;  // the list guarded by connections_mutex_
};

}  // namespace weir::control::api

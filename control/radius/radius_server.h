// Takes RADIUS accounting requests and answers those that are on disk.
//
// Datagrams are taken as many as there are, up to kBatchMax, put into the book in one transaction,
// and answered when that has been committed. A NAS sends again what is not answered: so nothing is
// lost while the disk is full or the book fails, and nothing is answered that is not kept. A
// request that comes again within a minute is answered again and not stored again.
//
// Open() and Stop() by the owner; Start() runs one thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include "control/radius/file_watch.h"
#include "control/radius/login_book.h"
#include "control/radius/radius_clients.h"
#include "control/radius/radius_packet.h"
#include "control/radius/udp_batch.h"
#include "control/radius/udp_socket.h"
#include "dataplane/base/counter.h"

namespace weir::control::radius {

struct RadiusCounters {
  base::Counter received;
  base::Counter answered;
  base::Counter repeated;     // answered again
  base::Counter unknown_nas;  // from a sender that no client stands for
  base::Counter not_stored;   // the book failed: not answered
  base::Counter not_sent;     // the kernel did not take the answer
  std::array<base::Counter, kRadiusFaults> faults;
  base::Counter clock_differs;  // of those stored: tells a time by more than kClockDiffersS off
  base::Counter kernel_drops;   // not in `received`: the socket's buffer was full
};

inline constexpr int64_t kClockDiffersS = 300;

// A server that told a time which was not that here.
struct ClockNote {
  std::string server;
  int64_t ahead_s = 0;  // of this machine's clock; below 0: behind
  base::WallTime arrival;
};

// By result: "answered", "repeated", "unknown_nas", "not_stored", and the faults by their names.
// Each request has one, save one that is answered again, which has two.
std::map<std::string, uint64_t> ResultsOf(const RadiusCounters& counters);

class RadiusServer {
 public:
  static constexpr size_t kBatchMax = 64;

  struct Options {
    base::IpAddress listen_address;
    uint16_t listen_port = 1813;  // 0: any free port
    RadiusClients clients;
    std::function<void(std::string_view)> log;
    // Where the clients are from: read again when it changes. Empty: they stay as they are.
    std::filesystem::path clients_file = {};
  };

  // The book outlives it. Fails when the port cannot be had.
  static base::Result<std::unique_ptr<RadiusServer>> Open(Options options, LoginBook& book);
  ~RadiusServer() { Stop(); }
  RadiusServer(const RadiusServer&) = delete;
  RadiusServer& operator=(const RadiusServer&) = delete;

  void Start();
  void Stop();  // idempotent

  uint16_t port() const { return socket_.port; }
  // Less than kUdpBufferBytes where the kernel does not allow it.
  size_t buffer_bytes() const { return socket_.buffer_bytes; }
  size_t clients() const { return clients_count_.value(); }
  // Why the clients' file as it is now is not in use; empty: it is.
  std::string clients_error() const;
  // The last server whose clock differs; empty: there was none.
  std::optional<ClockNote> clock_note() const;
  const RadiusCounters& counters() const { return counters_; }

 private:
  // RFC 5080 §2.2.2: a request is the same when all of these are.
  using RequestKey = std::tuple<base::IpAddress, uint16_t, uint8_t,
                                std::array<uint8_t, kRadiusAuthenticatorBytes>>;
  struct Taken;

  RadiusServer(Options options, LoginBook& book, UdpSocket socket)
      : options_(std::move(options)),
        book_(book),
        socket_(std::move(socket)),
        clients_(options_.clients),
        watch_(options_.clients_file) {
    clients_count_.Set(clients_.size());
  }

  void Run();
  void TakeBatch(UdpBatch& batch);
  bool Accept(Taken& taken);
  void Answer(const Taken& taken);
  void LookAtClock(const Taken& taken, const AccountingEvent& event);
  void ForgetOld(base::MonoTime now);
  void LookAtClients();
  void Log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

  const Options options_;
  LoginBook& book_;
  const UdpSocket socket_;
  RadiusClients clients_;
  base::Counter clients_count_;
  FileWatch watch_;
  mutable std::mutex error_mutex_;
  std::string clients_error_;  // guarded by error_mutex_, as the next
  std::optional<ClockNote> clock_note_;
  std::map<RequestKey, base::MonoTime> answered_;
  bool failing_ = false;
  RadiusCounters counters_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weir::control::radius

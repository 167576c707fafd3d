// Takes portals' syslog lines over UDP (RFC 5426) and puts what they say into the log-ins.
//
// UDP syslog is not answered: a line that the network, a full socket or a full disk costs is lost.
// So each that is not understood or not kept is counted by reason, the kernel's drops too, and what
// the book does not take at once waits in memory, up to kWaitingMax, until it does.
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
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "control/portal/portal_patterns.h"
#include "control/radius/file_watch.h"
#include "control/radius/login_book.h"
#include "control/radius/udp_batch.h"
#include "control/radius/udp_socket.h"
#include "dataplane/base/counter.h"

namespace weir::control::portal {

struct SyslogCounters {
  base::Counter received;
  base::Counter taken;           // became an event, and is in the book
  base::Counter unknown_sender;  // from nobody that may send
  base::Counter too_long;        // more than kSyslogBytesMax bytes
  base::Counter over_rate;       // more lines in a second than may come
  base::Counter not_stored;      // the book failed, and more waited than may
  std::array<base::Counter, kLineFaults> faults;
  base::Counter kernel_drops;  // not in `received`: the socket's buffer was full
  // Of those that were taken:
  base::Counter bad_time;  // another time was taken
  base::Counter bad_mac;   // without a MAC address
};

// By result; but for those that wait their sum is `received`.
std::map<std::string, uint64_t> ResultsOf(const SyslogCounters& counters);

class SyslogServer {
 public:
  static constexpr size_t kBatchMax = 64;
  static constexpr size_t kWaitingMax = 10'000;
  static constexpr size_t kUnmatchedShownMax = 10;

  struct Options {
    base::IpAddress listen_address;
    uint16_t listen_port = 5514;  // 0: any free port
    std::vector<base::IpPrefix> senders;
    std::filesystem::path patterns_file;  // read again when it changes
    uint32_t lines_per_second = 10'000;
    bool expires_logins = false;  // nobody else does
    std::function<void(std::string_view)> log;
  };

  // The book outlives it. Fails when the patterns are not good or the port cannot be had.
  static base::Result<std::unique_ptr<SyslogServer>> Open(Options options, radius::LoginBook& book);
  ~SyslogServer() { Stop(); }
  SyslogServer(const SyslogServer&) = delete;
  SyslogServer& operator=(const SyslogServer&) = delete;

  void Start();
  void Stop();  // idempotent

  uint16_t port() const { return socket_.port; }
  // Less than radius::kUdpBufferBytes where the kernel does not allow it.
  size_t buffer_bytes() const { return socket_.buffer_bytes; }
  const SyslogCounters& counters() const { return counters_; }

  struct Status {
    size_t patterns = 0;
    std::string patterns_error;  // why the file as it is now is not in use; empty: it is
    std::string store_error;     // why the book takes nothing; empty: it does
    // The first lines that no pattern matched, or that could not be understood, since the patterns
    // were read; fit to be shown.
    std::vector<std::string> unmatched;
  };
  Status status() const;

 private:
  SyslogServer(Options options, PortalPatterns patterns, radius::LoginBook& book,
               radius::UdpSocket socket);

  void Run();
  void TakeBatch(radius::UdpBatch& batch);
  bool Admit(const base::IpAddress& sender, size_t bytes);
  void Take(std::string_view datagram, const base::IpAddress& sender);
  void ApplyWaiting();
  void LookAtPatterns();
  void Log(std::string_view line) const {
    if (options_.log) options_.log(line);
  }

  const Options options_;
  radius::LoginBook& book_;
  const radius::UdpSocket socket_;
  SyslogCounters counters_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  // The thread's own.
  PortalPatterns patterns_;
  radius::FileWatch watch_;
  std::vector<radius::AccountingEvent> waiting_;
  base::MonoTime second_begun_;
  uint32_t lines_this_second_ = 0;

  mutable std::mutex status_mutex_;
  Status status_;  // guarded by status_mutex_
};

}  // namespace weir::control::portal

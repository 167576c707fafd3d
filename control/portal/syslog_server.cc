#include "control/portal/syslog_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/radius/udp_socket.h"

namespace weir::control::portal {
namespace {

constexpr int kPollMs = 200;
constexpr int64_t kLookEveryNs = base::kNsPerSecond;
constexpr int64_t kApplyAgainNs = base::kNsPerSecond / 2;  // after a failure
constexpr int64_t kExpireEveryNs = 10 * base::kNsPerSecond;
constexpr size_t kShownBytesMax = 300;

base::Error System(const std::string& what) {
  return base::Error{fmt::format("portals' syslog: {}: {}", what, std::strerror(errno))};
}

}  // namespace

std::map<std::string, uint64_t> ResultsOf(const SyslogCounters& counters) {
  std::map<std::string, uint64_t> results{{"taken", counters.taken.value()},
                                          {"unknown_sender", counters.unknown_sender.value()},
                                          {"too_long", counters.too_long.value()},
                                          {"over_rate", counters.over_rate.value()},
                                          {"not_stored", counters.not_stored.value()}};
  for (size_t i = 1; i < kLineFaults; ++i) {
    results[std::string(LineFaultName(static_cast<LineFault>(i)))] = counters.faults[i].value();
  }
  return results;
}

// Memory for one batch of datagrams.
class SyslogServer::Receiver {
 public:
  Receiver() : bytes_(kBatchMax * kSyslogBytesMax) {
    for (size_t i = 0; i < kBatchMax; ++i) {
      parts_[i] = {&bytes_[i * kSyslogBytesMax], kSyslogBytesMax};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = &from_[i];
      messages_[i].msg_hdr.msg_control = &controls_[i];
    }
  }

  // How many there were.
  size_t Receive(int socket) {
    for (mmsghdr& message : messages_) {
      message.msg_hdr.msg_namelen = sizeof(sockaddr_in6);
      message.msg_hdr.msg_controllen = sizeof(Control);
    }
    const int count =
        ::recvmmsg(socket, messages_.data(), kBatchMax, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    return count < 0 ? 0 : static_cast<size_t>(count);
  }
  // As many as were sent; more than kSyslogBytesMax: the rest is gone.
  size_t bytes_sent(size_t i) const { return messages_[i].msg_len; }
  std::string_view datagram(size_t i) const {
    return {&bytes_[i * kSyslogBytesMax], std::min(bytes_sent(i), kSyslogBytesMax)};
  }
  base::IpAddress sender(size_t i) const { return radius::AddressOf(from_[i]); }
  // What the kernel had dropped of this socket when this one came (SO_RXQ_OVFL), modulo 2^32; it is
  // not said while it is 0.
  std::optional<uint32_t> drops(size_t i) {
    msghdr& header = messages_[i].msg_hdr;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SO_RXQ_OVFL) continue;
      uint32_t count = 0;
      std::memcpy(&count, CMSG_DATA(part), sizeof count);
      return count;
    }
    return std::nullopt;
  }

 private:
  union Control {
    cmsghdr header;
    std::array<char, 64> bytes;
  };

  std::vector<char> bytes_;
  std::array<mmsghdr, kBatchMax> messages_{};
  std::array<iovec, kBatchMax> parts_{};
  std::array<sockaddr_in6, kBatchMax> from_{};
  std::array<Control, kBatchMax> controls_{};
};

SyslogServer::SyslogServer(Options options, PortalPatterns patterns, radius::LoginBook& book,
                           base::UniqueFd socket, uint16_t port)
    : options_(std::move(options)),
      book_(book),
      socket_(std::move(socket)),
      port_(port),
      patterns_(std::move(patterns)),
      watch_(options_.patterns_file) {
  status_.patterns = patterns_.size();
}

base::Result<std::unique_ptr<SyslogServer>> SyslogServer::Open(Options options,
                                                               radius::LoginBook& book) {
  auto patterns = PortalPatterns::Load(options.patterns_file);
  if (!patterns) return patterns.error();
  auto socket = radius::BindUdp(options.listen_address, options.listen_port);
  if (!socket) return base::Error{"portals' syslog: " + socket.error().message};
  const int on = 1;
  if (::setsockopt(socket->fd.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0) {
    return System("the kernel does not count what it drops");
  }
  return std::unique_ptr<SyslogServer>(new SyslogServer(std::move(options), std::move(*patterns),
                                                        book, std::move(socket->fd), socket->port));
}

void SyslogServer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SyslogServer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void SyslogServer::Run() {
  Receiver receiver;
  const base::WallTime listening_since = base::WallNow();
  base::MonoTime look_due = base::MonoNow();
  base::MonoTime expire_due = look_due;
  base::MonoTime apply_due = look_due;
  while (!stopping_) {
    pollfd waits{socket_.get(), POLLIN, 0};
    if (::poll(&waits, 1, kPollMs) > 0) TakeBatch(receiver);
    const base::MonoTime now = base::MonoNow();
    if (now >= apply_due) {
      ApplyWaiting();
      if (!waiting_.empty()) apply_due = {now.ns + kApplyAgainNs};
    }
    if (now >= look_due) {
      look_due = {now.ns + kLookEveryNs};
      LookAtPatterns();
    }
    if (!options_.expires_logins || now < expire_due) continue;
    expire_due = {now.ns + kExpireEveryNs};
    if (const auto expired = book_.Expire(base::WallNow(), listening_since); !expired) {
      Log("log-ins that were not heard of any more cannot be ended: " + expired.error().message);
    }
  }
  ApplyWaiting();
  counters_.not_stored.Add(waiting_.size());  // where the book still does not take them
}

void SyslogServer::TakeBatch(Receiver& receiver) {
  const size_t count = receiver.Receive(socket_.get());
  for (size_t i = 0; i < count; ++i) {
    if (const auto drops = receiver.drops(i)) {
      const auto known = static_cast<uint32_t>(counters_.kernel_drops.value());
      counters_.kernel_drops.Add(*drops - known);  // modulo 2^32, as the kernel's
    }
    counters_.received.Add();
    const base::IpAddress sender = receiver.sender(i);
    if (Admit(sender, receiver.bytes_sent(i))) Take(receiver.datagram(i), sender);
  }
}

// Whether the line is to be read; else it is counted.
bool SyslogServer::Admit(const base::IpAddress& sender, size_t bytes) {
  const bool known = std::any_of(options_.senders.begin(), options_.senders.end(),
                                 [&](const base::IpPrefix& one) { return one.Contains(sender); });
  if (!known) {
    counters_.unknown_sender.Add();
    return false;
  }
  if (bytes > kSyslogBytesMax) {
    counters_.too_long.Add();
    return false;
  }
  const base::MonoTime now = base::MonoNow();
  if (now.ns - second_begun_.ns >= base::kNsPerSecond) {
    second_begun_ = now;
    lines_this_second_ = 0;
  }
  if (lines_this_second_ >= options_.lines_per_second) {
    counters_.over_rate.Add();
    return false;
  }
  ++lines_this_second_;
  return true;
}

void SyslogServer::Take(std::string_view datagram, const base::IpAddress& sender) {
  auto outcome = patterns_.Match(ReadSyslogLine(datagram), sender, base::WallNow());
  if (outcome.fault != LineFault::kNone) {
    counters_.faults[static_cast<size_t>(outcome.fault)].Add();
    const std::lock_guard lock(status_mutex_);
    if (status_.unmatched.size() < kUnmatchedShownMax) {
      status_.unmatched.push_back(fmt::format("{} from {}: {}", LineFaultName(outcome.fault),
                                              sender.ToString(), Shown(datagram, kShownBytesMax)));
    }
    return;
  }
  if (waiting_.size() == kWaitingMax) {
    counters_.not_stored.Add();
    return;
  }
  if (outcome.bad_time) counters_.bad_time.Add();
  if (outcome.bad_mac) counters_.bad_mac.Add();
  waiting_.push_back(std::move(outcome.event));
}

void SyslogServer::ApplyWaiting() {
  if (waiting_.empty()) return;
  const auto applied = book_.Apply(waiting_);
  const std::string error = applied ? "" : applied.error().message;
  if (applied) {
    counters_.taken.Add(waiting_.size());
    waiting_.clear();
  }
  const std::lock_guard lock(status_mutex_);
  if (error.empty() != status_.store_error.empty()) {
    Log(error.empty() ? "log-ins of portals are stored again"
                      : "log-ins of portals cannot be stored, and wait: " + error);
  }
  status_.store_error = error;
}

void SyslogServer::LookAtPatterns() {
  if (!watch_.Changed()) return;
  auto fresh = PortalPatterns::Load(watch_.path());
  const std::lock_guard lock(status_mutex_);
  status_.patterns_error = fresh ? "" : fresh.error().message;
  if (!fresh) {
    return Log("the portals' patterns as they were before stay in use: " + status_.patterns_error);
  }
  patterns_ = std::move(*fresh);
  status_.patterns = patterns_.size();
  status_.unmatched.clear();
  Log(fmt::format("{} is read again: {} patterns", watch_.path().string(), patterns_.size()));
}

SyslogServer::Status SyslogServer::status() const {
  const std::lock_guard lock(status_mutex_);
  return status_;
}

}  // namespace weir::control::portal

#include "control/portal/syslog_server.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <span>
#include <utility>

namespace weir::control::portal {
namespace {

constexpr int kPollMs = 200;
constexpr int64_t kLookEveryNs = base::kNsPerSecond;
constexpr int64_t kApplyAgainNs = base::kNsPerSecond / 2;  // after a failure
constexpr int64_t kExpireEveryNs = 10 * base::kNsPerSecond;
constexpr size_t kShownBytesMax = 300;

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
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

SyslogServer::SyslogServer(Options options, PortalPatterns patterns, radius::LoginBook& book,
                           radius::UdpSocket socket)
    : options_(std::move(options)),
      book_(book),
      socket_(std::move(socket)),
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
  return std::unique_ptr<SyslogServer>(
      new SyslogServer(std::move(options), std::move(*patterns), book, std::move(*socket)));
}

void SyslogServer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void SyslogServer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void SyslogServer::Run() {
  radius::UdpBatch batch(kBatchMax, kSyslogBytesMax);
  const base::WallTime listening_since = base::WallNow();
  base::MonoTime look_due = base::MonoNow();
  base::MonoTime expire_due = look_due;
  base::MonoTime apply_due = look_due;
  while (!stopping_) {
    pollfd waits{socket_.fd.get(), POLLIN, 0};
    if (::poll(&waits, 1, kPollMs) > 0) TakeBatch(batch);
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

void SyslogServer::TakeBatch(radius::UdpBatch& batch) {
  const size_t count = batch.Receive(socket_.fd.get());
  batch.CountDrops(counters_.kernel_drops);
  for (size_t i = 0; i < count; ++i) {
    counters_.received.Add();
    const base::IpAddress sender = batch.path(i).sender();
    if (Admit(sender, batch.bytes_sent(i))) Take(TextOf(batch.datagram(i)), sender);
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

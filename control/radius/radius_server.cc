#include "control/radius/radius_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include <cstdlib>
#include <span>
#include <utility>

namespace weir::control::radius {
namespace {

constexpr int kPollMs = 200;
constexpr int64_t kRepeatedNs = 60 * base::kNsPerSecond;
// Where there are more, one that comes again goes to the book again, which knows it.
constexpr size_t kAnsweredMax = 500'000;
constexpr int64_t kLookEveryNs = base::kNsPerSecond;
constexpr int64_t kExpireEveryNs = 10 * base::kNsPerSecond;

}  // namespace

std::map<std::string, uint64_t> ResultsOf(const RadiusCounters& counters) {
  std::map<std::string, uint64_t> results{{"answered", counters.answered.value()},
                                          {"repeated", counters.repeated.value()},
                                          {"unknown_nas", counters.unknown_nas.value()},
                                          {"not_stored", counters.not_stored.value()},
                                          {"not_sent", counters.not_sent.value()}};
  for (size_t i = 1; i < kRadiusFaults; ++i) {
    results[std::string(RadiusFaultName(static_cast<RadiusFault>(i)))] = counters.faults[i].value();
  }
  return results;
}

// A request and where it came from.
struct RadiusServer::Taken {
  UdpPath path;
  base::IpAddress sender;
  std::span<const uint8_t> datagram;  // as long as its batch
  const RadiusClient* client = nullptr;
  AccountingRequest request;
  base::WallTime arrival;

  RequestKey key() const {
    return {sender, ntohs(path.from.sin6_port), request.id, request.authenticator};
  }
};

base::Result<std::unique_ptr<RadiusServer>> RadiusServer::Open(Options options, LoginBook& book) {
  auto socket = BindUdp(options.listen_address, options.listen_port);
  if (!socket) return base::Error{"RADIUS: " + socket.error().message};
  return std::unique_ptr<RadiusServer>(
      new RadiusServer(std::move(options), book, std::move(*socket)));
}

void RadiusServer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void RadiusServer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void RadiusServer::Run() {
  UdpBatch batch(kBatchMax, kRadiusBytesMax);
  const base::WallTime listening_since = base::WallNow();
  base::MonoTime expire_due = base::MonoNow();
  base::MonoTime look_due = expire_due;
  while (!stopping_) {
    pollfd waits{socket_.fd.get(), POLLIN, 0};
    if (::poll(&waits, 1, kPollMs) > 0) TakeBatch(batch);
    const base::MonoTime now = base::MonoNow();
    if (now >= look_due) {
      look_due = {now.ns + kLookEveryNs};
      LookAtClients();
    }
    if (now < expire_due) continue;
    expire_due = {now.ns + kExpireEveryNs};
    ForgetOld(now);
    if (const auto expired = book_.Expire(base::WallNow(), listening_since); !expired) {
      Log("log-ins that were not heard of any more cannot be ended: " + expired.error().message);
    }
  }
}

void RadiusServer::TakeBatch(UdpBatch& batch) {
  const size_t count = batch.Receive(socket_.fd.get());
  batch.CountDrops(counters_.kernel_drops);
  std::vector<Taken> good;
  std::vector<AccountingEvent> events;
  for (size_t i = 0; i < count; ++i) {
    Taken taken;
    taken.path = batch.path(i);
    taken.sender = taken.path.sender();
    taken.datagram = batch.datagram(i);
    taken.arrival = base::WallNow();
    counters_.received.Add();
    if (!Accept(taken)) continue;
    if (answered_.contains(taken.key())) {
      counters_.repeated.Add();
      Answer(taken);
      continue;
    }
    events.push_back(
        EventOf(taken.request, taken.sender, taken.client->framed_prefix, taken.arrival));
    LookAtClock(taken, events.back());
    good.push_back(std::move(taken));
  }
  if (good.empty()) return;
  if (const auto applied = book_.Apply(events); !applied) {
    counters_.not_stored.Add(good.size());
    if (!std::exchange(failing_, true)) {
      Log("log-ins cannot be stored, and are not answered: " + applied.error().message);
    }
    return;
  }
  if (std::exchange(failing_, false)) Log("log-ins are stored again");
  const base::MonoTime now = base::MonoNow();
  for (const Taken& taken : good) {
    Answer(taken);
    if (answered_.size() < kAnsweredMax) answered_.emplace(taken.key(), now);
  }
}

// Whether it is one that must be stored; else it is counted, and not answered.
bool RadiusServer::Accept(Taken& taken) {
  taken.client = clients_.Find(taken.sender);
  if (taken.client == nullptr) {
    counters_.unknown_nas.Add();
    return false;
  }
  RadiusFault fault = ReadAccountingRequest(taken.datagram, taken.request);
  const bool is_whole = fault != RadiusFault::kLength && fault != RadiusFault::kCode;
  // What a stranger sends says nothing about the NAS.
  if (is_whole && !IsAuthentic(taken.datagram, taken.client->secret)) fault = RadiusFault::kSecret;
  if (fault == RadiusFault::kNone) return true;
  counters_.faults[static_cast<size_t>(fault)].Add();
  return false;
}

void RadiusServer::Answer(const Taken& taken) {
  const std::vector<uint8_t> answer = WriteAccountingResponse(taken.request, taken.client->secret);
  const bool sent = SendBack(socket_.fd.get(), taken.path, answer);
  (sent ? counters_.answered : counters_.not_sent).Add();
}

// Between two batches, as requests point to their clients.
void RadiusServer::LookAtClients() {
  if (!watch_.Changed()) return;
  auto fresh = RadiusClients::Load(watch_.path());
  if (fresh) {
    clients_ = std::move(*fresh);
    clients_count_.Set(clients_.size());
    Log(fmt::format("{} is read again: {} clients", watch_.path().string(), clients_.size()));
  } else {
    Log("the RADIUS clients as they were before stay in use: " + fresh.error().message);
  }
  const std::lock_guard lock(error_mutex_);
  clients_error_ = fresh ? "" : fresh.error().message;
}

// Log-ins are by the server's clock, and so are wrong with it. Only who has sent late without
// saying so looks the same.
void RadiusServer::LookAtClock(const Taken& taken, const AccountingEvent& event) {
  const int64_t ahead_s = ClockAheadS(taken.request, taken.arrival);
  if (std::abs(ahead_s) <= kClockDiffersS) return;
  counters_.clock_differs.Add();
  const std::lock_guard lock(error_mutex_);
  clock_note_ = {event.nas_name, ahead_s, taken.arrival};
}

std::optional<ClockNote> RadiusServer::clock_note() const {
  const std::lock_guard lock(error_mutex_);
  return clock_note_;
}

std::string RadiusServer::clients_error() const {
  const std::lock_guard lock(error_mutex_);
  return clients_error_;
}

void RadiusServer::ForgetOld(base::MonoTime now) {
  std::erase_if(answered_, [&](const auto& one) { return now.ns - one.second.ns > kRepeatedNs; });
}

}  // namespace weir::control::radius

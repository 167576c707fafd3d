#include "control/policy/identity_publisher.h"

#include <fmt/format.h>

#include <chrono>
#include <random>
#include <utility>

#include "control/accounts/readable_text.h"
#include "control/accounts/utf8.h"
#include "control/policy/json_fields.h"

namespace weir::control::policy {
namespace {

using accounts::Present;
using nlohmann::json;

// About what an entry takes beside its account.
constexpr size_t kEntryBytes = 80;

std::string RandomWord() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

IdentityPublisher::IdentityPublisher(Options options, const accounts::Directory& directory,
                                     accounts::RegistryFile* registry)
    : options_(std::move(options)),
      directory_(directory),
      registry_(registry),
      dataplane_(options_.dataplane_socket, options_.dataplane_timeout_ms),
      boot_(RandomWord()) {}

void IdentityPublisher::Start() {
  thread_.Start(std::chrono::milliseconds(options_.look_ms), [this] { Look(); });
}

void IdentityPublisher::Look() {
  if (registry_ != nullptr) registry_->Look();
  // Asked before the bindings: what changes in between is sent at the next look.
  const uint64_t generation = directory_.generation();
  const bool changed = in_step_ && generation != told_generation_;
  const base::MonoTime now = base::MonoNow();
  if (!changed && now < next_idle_) return;
  next_idle_ = {now.ns + options_.idle_ms * base::kNsPerMs};

  Sent sent = Sent::kAgain;
  if (in_step_ && !changed) {
    sent = Send({}, json::object());
    if (sent == Sent::kTaken) return;
  }
  std::vector<Present> present = Tellable(directory_.PresentBindings());
  if (changed) sent = SendChanges(present);
  if (sent == Sent::kAgain) sent = SendAll(present);
  in_step_ = sent == Sent::kTaken;
  if (sent == Sent::kAgain) Failed("the data plane is told by somebody else as well");
  if (!in_step_) return;
  told_ = std::move(present);
  told_generation_ = generation;
}

// Without those whose accounts the data plane would not take: it would refuse all the others with
// them.
std::vector<Present> IdentityPublisher::Tellable(std::vector<Present> present) {
  const size_t left_out = std::erase_if(present, [](const Present& one) {
    return one.account.empty() || one.account.size() > accounts::kAccountBytesMax ||
           !accounts::IsUtf8(one.account);
  });
  if (std::exchange(left_out_, left_out) != left_out && left_out > 0) {
    options_.log(
        fmt::format("{} accounts are no UTF-8 or longer than {} bytes: rules do not see them",
                    left_out, accounts::kAccountBytesMax));
  }
  return present;
}

IdentityPublisher::Sent IdentityPublisher::SendChanges(const std::vector<Present>& present) {
  Update update;
  Sent sent = Sent::kTaken;
  accounts::ForEachDifference(told_, present, [&](const Present* was, const Present* is) {
    if (sent != Sent::kTaken) return;
    if (is == nullptr) {
      update.remove.push_back(was->ip.ToString());
    } else {
      update.set.push_back({{"ip", is->ip.ToString()}, {"account", is->account}});
    }
    update.bytes += kEntryBytes + (is == nullptr ? 0 : is->account.size());
    if (update.bytes >= options_.batch_bytes_max)
      sent = Send(std::exchange(update, {}), json::object());
  });
  if (sent == Sent::kTaken && update.bytes > 0) sent = Send(std::move(update), json::object());
  if (sent != Sent::kTaken) return sent;
  const std::scoped_lock lock(status_mutex_);
  status_.last_change = base::WallNow();
  ++status_.updates;
  return sent;
}

IdentityPublisher::Sent IdentityPublisher::SendAll(const std::vector<Present>& present) {
  seq_ = 0;
  bool first = true;
  auto at = present.begin();
  do {
    Update update;
    for (; at != present.end() && update.bytes < options_.batch_bytes_max; ++at) {
      update.set.push_back({{"ip", at->ip.ToString()}, {"account", at->account}});
      update.bytes += kEntryBytes + at->account.size();
    }
    const json flags{{"full", true}, {"first", first}, {"last", at == present.end()}};
    if (const Sent sent = Send(std::move(update), flags); sent != Sent::kTaken) return sent;
    first = false;
  } while (at != present.end());
  options_.log(fmt::format("the data plane is told of {} addresses", present.size()));
  const std::scoped_lock lock(status_mutex_);
  status_.last_change = base::WallNow();
  ++status_.updates;
  return Sent::kTaken;
}

IdentityPublisher::Sent IdentityPublisher::Send(Update update, const json& flags) {
  json request{{"cmd", "identity.update"},
               {"boot", boot_},
               {"seq", ++seq_},
               {"set", std::move(update.set)},
               {"remove", std::move(update.remove)}};
  request.update(flags);
  const DataplaneReply reply = dataplane_.Call(request);
  if (!reply.ok()) {
    Failed(reply.error);
    return Sent::kFailed;
  }
  if (JsonBool(reply.body, "again")) return Sent::kAgain;
  const std::scoped_lock lock(status_mutex_);
  status_.in_step = true;
  status_.error.clear();
  status_.addresses = JsonCount(reply.body, "addresses");
  status_.refused = JsonCount(reply.body, "refused");
  status_.prefixes_refused = JsonCount(reply.body, "prefixes_refused");
  return Sent::kTaken;
}

void IdentityPublisher::Failed(const std::string& error) {
  const std::scoped_lock lock(status_mutex_);
  status_.in_step = false;
  if (std::exchange(status_.error, error) != error) {
    options_.log("the data plane is not told whose the addresses are: " + error);
  }
}

IdentityStatus IdentityPublisher::status() const {
  const std::scoped_lock lock(status_mutex_);
  return status_;
}

}  // namespace weir::control::policy

#include "control/sealing/anchor_mailer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <sstream>
#include <utility>

#include "control/sealing/durable_file.h"

namespace weir::control::sealing {
namespace {

constexpr auto kEvery = std::chrono::seconds(30);
constexpr std::string_view kStateBegin = "weir anchor mail 1\n";

// Whether `after_ns` have passed since then, by a clock that may have been set back.
bool IsOver(const std::optional<base::WallTime>& since, int64_t after_ns, base::WallTime now) {
  return !since || now.ns - since->ns >= after_ns || now < *since;
}

std::string StateText(uint64_t mailed, base::WallTime last) {
  return fmt::format("{}mailed {} {}\n", kStateBegin, mailed, base::FormatRfc3339(last));
}

}  // namespace

base::Result<std::unique_ptr<AnchorMailer>> AnchorMailer::Open(Options options) {
  std::unique_ptr<AnchorMailer> mailer(new AnchorMailer(std::move(options)));
  mailer->status_.to = mailer->options_.to;
  if (auto loaded = mailer->Load(); !loaded.ok()) return loaded.error();
  return mailer;
}

base::Status AnchorMailer::Load() {
  std::ifstream in(options_.state_file, std::ios::binary);
  if (!in) return {};  // nothing was mailed yet
  std::ostringstream read;
  read << in.rdbuf();
  const std::string text = std::move(read).str();
  constexpr std::string_view kMailed = "mailed ";
  const base::Error fault{options_.state_file.string() +
                          ": it is not what Weir writes; remove it, and an anchor is mailed anew"};
  std::string_view rest(text);
  if (!rest.starts_with(kStateBegin)) return fault;
  rest.remove_prefix(kStateBegin.size());
  const size_t space = rest.find(' ', kMailed.size());
  if (!rest.starts_with(kMailed) || space == rest.npos || !rest.ends_with('\n')) return fault;
  const std::string_view number = rest.substr(kMailed.size(), space - kMailed.size());
  uint64_t mailed = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), mailed);
  const auto last = base::ParseRfc3339(rest.substr(space + 1, rest.size() - space - 2));
  if (parsed.ec != std::errc() || !last.ok() || text != StateText(mailed, *last)) return fault;
  status_.mailed = mailed;
  status_.last = *last;
  return {};
}

void AnchorMailer::Start() {
  // The status has what went wrong, and the log.
  thread_.Start(kEvery, [this] { static_cast<void>(Work(base::WallNow())); });
}

AnchorMailStatus AnchorMailer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

base::Status AnchorMailer::Work(base::WallTime now) {
  const std::lock_guard work(work_);
  const AnchorMailStatus before = status();
  const auto since = queued_at_ ? queued_at_ : before.last;
  const auto newest = options_.newest();
  if (newest && IsOver(since, options_.every_ns, now)) {
    Queue(*newest);
    queued_at_ = now;
  }
  if (queue_.empty() || !IsOver(tried_, retry_ns_, now)) return {};
  return Send(now);
}

base::Status AnchorMailer::SendNow(base::WallTime now) {
  const std::lock_guard work(work_);
  const auto newest = options_.newest();
  if (!newest) return base::Error{"there is no seal yet that could be mailed"};
  Queue(*newest);
  queued_at_ = now;
  return Send(now);
}

void AnchorMailer::Queue(const Anchor& anchor) {
  if (std::ranges::find(queue_, anchor) != queue_.end()) return;
  queue_.push_back(anchor);
  const bool full = queue_.size() > kQueueMax;
  if (full) queue_.pop_front();  // a newer one vouches for it
  const std::lock_guard lock(mutex_);
  if (full) status_.dropped++;
  status_.queued = queue_.size();
}

mail::Message AnchorMailer::MessageOf(base::WallTime now) const {
  const Anchor& newest = queue_.back();
  mail::Message message;
  message.from = options_.from;
  message.to = options_.to;
  message.date = now;
  message.subject =
      fmt::format("Weir anchor of {} seal {}", newest.record.substr(0, 8), newest.number);
  message.id = fmt::format("{}.{}.{}", newest.record, newest.number, now.ns);
  message.text =
      "Keep this mail where the appliance cannot reach it. With it, saved as a file,\n"
      "  weirctl audit verify --anchor FILE\n"
      "finds out a record that was set back or made anew as a whole.\n\n";
  for (const Anchor& anchor : queue_) message.text += AnchorLine(anchor);
  return message;
}

base::Status AnchorMailer::Send(base::WallTime now) {
  tried_ = now;
  const uint64_t newest = queue_.back().number;
  auto sent = sender_.Send(MessageOf(now));
  if (sent.ok()) {
    queue_.clear();
    sent = ReplaceFile(options_.state_file, StateText(newest, now), 0644);
    const std::lock_guard lock(mutex_);
    status_.mailed = newest;
    status_.last = now;
    status_.mails++;
  }
  Took(sent);
  return sent;
}

void AnchorMailer::Took(const base::Status& sent) {
  retry_ns_ = sent.ok() ? 0 : std::clamp(2 * retry_ns_, kRetryMinNs, kRetryMaxNs);
  const std::string error = sent.ok() ? "" : sent.error().message;
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(status_.error, error);
    status_.queued = queue_.size();
    if (!sent.ok()) status_.failures++;
  }
  if (!error.empty() && error != before) {
    options_.log(fmt::format("seals: the anchor by mail: {}; again in {} s", error,
                             retry_ns_ / base::kNsPerSecond));
  }
  if (error.empty() && !before.empty()) options_.log("seals: the anchor by mail: sent again");
}

}  // namespace weir::control::sealing

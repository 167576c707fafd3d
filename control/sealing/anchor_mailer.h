// Mails the newest seal's anchor once a day, and when somebody asks.
//
// Start() runs one thread; every call may come from any thread. Nobody waits for it: what cannot be
// mailed stays in a queue of kQueueMax anchors, the oldest of which goes first, and is tried again
// after a minute, then two, four … up to an hour. The queue is lost with the process: the next mail
// then has the newest anchor, which vouches for all before it.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/mail/smtp_sender.h"
#include "control/sealing/anchor.h"
#include "dataplane/base/repeating_thread.h"

namespace weir::control::sealing {

struct AnchorMailStatus {
  std::string to;
  uint64_t mailed = 0;                 // the number of the newest seal that was
  std::optional<base::WallTime> last;  // when
  uint64_t queued = 0;                 // anchors that wait
  uint64_t mails = 0;                  // since the program's start, as are those below
  uint64_t failures = 0;
  uint64_t dropped = 0;  // anchors that had no room in the queue
  std::string error;     // of the last attempt; empty: it went well
};

class AnchorMailer {
 public:
  static constexpr size_t kQueueMax = 32;
  static constexpr int64_t kRetryMinNs = 60 * base::kNsPerSecond;
  static constexpr int64_t kRetryMaxNs = 3600 * base::kNsPerSecond;

  struct Options {
    mail::SmtpServer server;
    std::string from;
    std::string to;
    std::filesystem::path state_file;  // what was mailed last and when
    int64_t every_ns = 24 * 3600 * base::kNsPerSecond;
    std::function<std::optional<Anchor>()> newest;  // empty: there is no seal yet
    std::function<void(std::string_view)> log = [](std::string_view) {};
  };

  // Fails when the state file is there and not what this class writes.
  static base::Result<std::unique_ptr<AnchorMailer>> Open(Options options);
  ~AnchorMailer() { Stop(); }
  AnchorMailer(const AnchorMailer&) = delete;
  AnchorMailer& operator=(const AnchorMailer&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent; ends a transfer

  // Mails what is due at `now`.
  base::Status Work(base::WallTime now);
  // Mails the newest anchor at once, with whatever waits. Fails when there is none.
  base::Status SendNow(base::WallTime now);

  AnchorMailStatus status() const;

 private:
  explicit AnchorMailer(Options options)
      : options_(std::move(options)), sender_(options_.server, thread_.stop_flag()) {}

  base::Status Load();
  void Queue(const Anchor& anchor);
  base::Status Send(base::WallTime now);
  mail::Message MessageOf(base::WallTime now) const;
  void Took(const base::Status& sent);

  const Options options_;
  base::RepeatingThread thread_;
  const mail::SmtpSender sender_;

  std::mutex work_;  // guards these
  std::deque<Anchor> queue_;
  std::optional<base::WallTime> queued_at_;  // when an anchor became due last
  std::optional<base::WallTime> tried_;
  int64_t retry_ns_ = 0;  // 0: the last attempt went well

  mutable std::mutex mutex_;  // guards the rest
  AnchorMailStatus status_;
};

}  // namespace weir::control::sealing

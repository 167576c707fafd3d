// Seals the record: hour by hour, once an hour has settled; anew where records came late; and
// before anything is dropped because its time is over. Also drops it.
//
// Start() runs one thread; every call may come from any thread, and waits for work in progress.
// What it is given must outlive it. The order in which things are written, and what a crash in
// between leaves, is docs/formats/seals.md.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "control/sealing/anchor.h"
#include "control/sealing/archive.h"
#include "control/sealing/legal_holds.h"
#include "control/sealing/record_digests.h"
#include "control/sealing/seal_log.h"
#include "control/sealing/signing_key.h"
#include "dataplane/base/repeating_thread.h"

namespace weir::control::sealing {

struct SealerStatus {
  std::string record;                       // its name, as seals have it
  uint64_t seals = 0;                       // the number of the newest
  std::string digest;                       // its own
  std::optional<base::WallTime> until;      // sessions that began before are sealed
  std::optional<base::WallTime> written;    // the newest, by this process
  std::string key;                          // fingerprint of the key that signs now
  std::optional<base::WallTime> key_since;  // of its first seal, or of the hand-over to it
  uint64_t amendments = 0;                  // since the program's start, as are those below
  uint64_t failures = 0;
  uint64_t anchored = 0;  // the number of the newest seal that the anchor has
  uint64_t anchor_failures = 0;
  // Between spans, the newest kUnsealedMax: a seal there is gone, or damaged.
  static constexpr size_t kUnsealedMax = 200;
  std::vector<audit::TimeSpan> unsealed;
  // Could not be sealed anew when that was tried last, an hour ago at most; the first kUnsealedMax.
  std::vector<audit::TimeSpan> unamended;
  // Why the record seems to have been begun anew at this start, past one that was there; empty: it
  // does not.
  std::string begun_anew;
  std::string error;         // of the last attempt; empty: it went well
  std::string anchor_error;  // the same
};

class Sealer {
 public:
  struct Options {
    std::filesystem::path dir;          // of key and log; made when missing
    std::filesystem::path anchor_file;  // empty: none
    // An hour is sealed when it is over for so long: parts of sessions end within half an hour.
    int64_t settle_ns = 45 * 60 * base::kNsPerSecond;
    audit::RetentionDays retention{365, 365, 365, 365};
    std::optional<uint32_t> retention_operations_days{};  // none: they stay
    // Whether everything that happened until then has reached the store.
    std::function<bool(base::WallTime)> caught_up = [](base::WallTime) { return true; };
    std::function<void(std::string_view)> log = [](std::string_view) {};
  };

  // Completes what a crash has cut short.
  static base::Result<std::unique_ptr<Sealer>> Open(Options options, const Record& record,
                                                    LegalHolds& holds);
  ~Sealer() { Stop(); }
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent; ends work in progress

  // What is due at `now`: hours, amendments, retention.
  base::Status Work(base::WallTime now);
  // Everything that began before `until`, at once.
  base::Status SealUntil(base::WallTime until, base::WallTime now);

  // While somebody holds it, nothing is sealed or dropped.
  std::unique_lock<std::mutex> Pause() { return std::unique_lock(work_); }

  // A new key takes over: the last seal of the present one names it, and it has signed that seal as
  // well. The present key's private half is destroyed.
  base::Status RotateKey(base::WallTime now);

  SealerStatus status() const;
  std::optional<Anchor> newest_anchor() const;  // empty: there is no seal yet
  struct Signed {
    std::string manifest;      // of this record
    PublicKey key;             // that has signed it
    uint64_t seals_bytes = 0;  // the log as it was then: the key is that of its end
  };
  base::Result<Signed> Sign(Manifest manifest);
  PublicKey public_key() const;
  const SealLog& log() const { return log_; }

 private:
  Sealer(Options options, const Record& record, LegalHolds& holds)
      : options_(std::move(options)), record_(record), holds_(holds), log_(options_.dir) {}

  base::Status Load();
  base::Status LoadSeals();
  base::Status NameRecord();
  void LookAtAnchor();
  void TellBegunAnew(std::string why);
  base::Status LoadKey();
  void Use(SigningKey key);
  base::Status SealSpans(base::WallTime until, base::WallTime now);
  base::Status SealSpan(const audit::TimeSpan& span, base::WallTime now);
  base::Result<std::vector<audit::TimeSpan>> LateSpans() const;
  base::Status AmendLate(base::WallTime now);
  base::Status AmendSpan(const audit::TimeSpan& span, base::WallTime now);
  base::Status TakeReplaced(Seal& seal) const;
  base::Status TakePresent(Seal& seal) const;
  base::Status DropOld(base::WallTime now);
  base::Status CheckHolds();
  base::Status CheckSealedOperations() const;
  base::Result<DroppedOperations> PlanOperations(base::WallTime now,
                                                 const audit::RetentionLimits& limits);
  void HoldWholeSpans(audit::RetentionLimits& limits) const;
  base::Status Drop(const Seal& seal);
  uint64_t LastEnd(NumberedClass numbered, uint64_t upto) const;
  audit::RetentionPlan AtSealEnds(audit::RetentionPlan plan) const;
  base::Result<base::WallTime> Begin(base::WallTime now);
  base::Status KeepParts(Seal& seal, const SealParts& parts) const;
  base::Status HandOverKey(base::WallTime now);
  audit::SealHead Make(Seal& seal, base::WallTime now) const;
  void Prepare(Seal& seal, base::WallTime now) const;
  audit::SealHead HeadOf(const Seal& seal) const;
  void Remember(const Seal& seal, const audit::SealHead& head);
  base::Status CompleteLog();
  void TellAnchor();
  base::Status Finished(base::Status status);
  KeepOn UntilStopped() const;

  const Options options_;
  const Record record_;
  LegalHolds& holds_;
  SealLog log_;

  std::mutex work_;                // guards these
  std::optional<SigningKey> key_;  // set by Open()
  bool handing_over_ = false;      // key_ is the next one, and the files do not have it yet
  std::string signer_;             // of the next seal, as the seals say; empty: there is none
  std::string record_name_;
  bool had_key_ = false;  // before this start, and what follows from that is not told yet
  audit::SealHead head_;
  uint64_t logged_ = 0;                     // the number of the newest seal that the log has
  std::optional<base::WallTime> until_;     // the end of the last span
  std::optional<base::WallTime> amended_;   // when last, by the caller's clock
  std::optional<base::WallTime> retained_;  // the same
  std::string amend_error_;                 // of then; empty: all that was late is sealed
  // Every span, with its newest digest, by its beginning.
  struct Sealed {
    audit::TimeSpan span;
    Digest sessions;                // its sha256 empty: nobody knows (dropped_day.h)
    std::vector<uint64_t> parts{};  // the numbers of seals that have parts of it
  };
  std::vector<Sealed> spans_;
  // Where each class's numbers were cut by seals, in order: the last is how far it is sealed.
  std::array<std::vector<uint64_t>, kNumberedClasses> ends_;
  std::vector<NumberedDigest> operations_;  // as sealed, of those that are still there

  mutable std::mutex mutex_;  // guards the rest
  SealerStatus status_;

  base::RepeatingThread thread_;
};

}  // namespace weir::control::sealing

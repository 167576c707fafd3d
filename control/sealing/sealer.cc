#include "control/sealing/sealer.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "control/audit/store_keys.h"
#include "control/sealing/dropped_day.h"
#include "control/sealing/hold_log.h"
#include "control/sealing/record_lines.h"

namespace weir::control::sealing {
namespace {

constexpr auto kEvery = std::chrono::seconds(30);
constexpr size_t kRecordNameBytes = 16;
// The first seal comes no later than this behind the time in which an hour settles.
constexpr int64_t kFirstSealNs = 3 * audit::kHourNs;

base::Result<std::string> MakeRecordName() {
  std::array<unsigned char, kRecordNameBytes> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return base::Error{"libcrypto has no random numbers"};
  }
  std::string name;
  for (const unsigned char byte : bytes) name += fmt::format("{:02x}", byte);
  return name;
}

// As seals write it: to the microsecond.
base::WallTime Cut(base::WallTime time) { return {time.ns - time.ns % base::kNsPerUs}; }

// The first error counts.
void Keep(base::Status& status, const base::Status& next) {
  if (status.ok()) status = next;
}

bool IsDue(const std::optional<base::WallTime>& last, base::WallTime now) {
  return !last || now.ns - last->ns >= audit::kHourNs || now < *last;
}

}  // namespace

base::Result<std::unique_ptr<Sealer>> Sealer::Open(Options options, const Record& record,
                                                   LegalHolds& holds) {
  if (auto limits = audit::RetentionLimitsAt({}, options.retention); !limits.ok()) {
    return limits.error();
  }
  if (options.retention_operations_days.value_or(audit::kRetentionDaysMin) <
      audit::kRetentionDaysMin) {
    return base::Error{fmt::format("operations are to be kept for {} days: at least {}",
                                   *options.retention_operations_days, audit::kRetentionDaysMin)};
  }
  std::error_code failed;
  std::filesystem::create_directories(options.dir, failed);
  if (failed) return base::Error{options.dir.string() + ": cannot be made: " + failed.message()};
  std::unique_ptr<Sealer> sealer(new Sealer(std::move(options), record, holds));
  if (auto loaded = sealer->Load(); !loaded.ok()) return loaded.error();
  return sealer;
}

base::Status Sealer::Load() {
  std::error_code ignored;
  had_key_ = std::filesystem::exists(options_.dir / "seal.key", ignored);
  if (auto loaded = LoadSeals(); !loaded.ok()) return loaded;
  if (auto loaded = LoadKey(); !loaded.ok()) return loaded;
  LookAtAnchor();
  return {};
}

base::Status Sealer::NameRecord() {
  if (record_name_.empty()) {
    auto name = MakeRecordName();
    if (!name.ok()) return name.error();
    record_name_ = *name;
  }
  const std::lock_guard lock(mutex_);
  status_.record = record_name_;
  return {};
}

// Who deletes the seals, here and in the store, has the same key sign another history under another
// name. The anchor knows the name that was.
void Sealer::LookAtAnchor() {
  if (options_.anchor_file.empty()) return;
  const auto last = FindLastAnchor(options_.anchor_file);
  if (!last.ok() || !*last || (*last)->record == record_name_) return;
  TellBegunAnew(fmt::format("the anchor ends with seal {} of record {}, and this is record {}",
                            (*last)->number, (*last)->record, record_name_));
}

void Sealer::TellBegunAnew(std::string why) {
  had_key_ = false;  // told once
  options_.log("seals: the record was begun anew: " + why);
  operations::Operation operation;
  operation.time = base::WallNow();
  operation.actor = "weir-control";
  operation.via = "itself";
  operation.action = "audit record";
  operation.target = record_name_;
  operation.outcome = "begun anew: " + why;
  if (auto logged = record_.operations.Append(operation); !logged.ok()) {
    options_.log("seals: " + logged.error().message);
  }
  const std::lock_guard lock(mutex_);
  status_.begun_anew = std::move(why);
}

base::Status Sealer::LoadKey() {
  auto key = SigningKey::LoadAs(options_.dir, signer_);
  if (!key.ok()) return key.error();
  if (!signer_.empty() && key->public_key().fingerprint() != signer_) {
    options_.log("seals: seal.key is not the key that is to sign: weirctl audit verify");
  }
  Use(std::move(*key));
  return {};
}

void Sealer::Use(SigningKey key) {
  const std::lock_guard lock(mutex_);
  key_ = std::move(key);
  status_.key = key_->public_key().fingerprint();
}

base::Status Sealer::LoadSeals() {
  const auto state = record_.store.Sealed();
  if (!state.ok()) return state.error();
  if (auto opened = log_.Open(); !opened.ok()) return opened;
  const auto seals = log_.Read();
  if (!seals.ok()) return seals.error();
  for (const LoggedSeal& logged : *seals) {
    if (!logged.seal) {
      options_.log("seals: one in the log is damaged: weirctl audit verify tells which");
      continue;
    }
    Remember(*logged.seal, {logged.seal->number, logged.digest, logged.text});
  }
  logged_ = head_.number;
  if (head_.number > state->head.number) {
    if (state->head.number != 0 || state->until) {
      options_.log(fmt::format("seals: the log has seal {}, the store knows {}: it was set back",
                               head_.number, state->head.number));
    }
    if (auto noted = record_.store.NoteSeal(head_, {}); !noted.ok()) return noted;
  } else if (state->head.number > head_.number) {
    if (head_.number + 1 != state->head.number) {
      options_.log(fmt::format("seals: the log ends with seal {}, the store knows {}: it was cut",
                               head_.number, state->head.number));
    }
    const auto parsed = ParseSeal(state->head.text);
    if (!parsed.ok()) return base::Error{"the store's seal: " + parsed.error().message};
    Remember(parsed->seal, state->head);
    if (auto completed = CompleteLog(); !completed.ok()) return completed;
  }
  if (until_) {
    if (auto marked = record_.store.MarkSealed(*until_); !marked.ok()) return marked;
  }
  return NameRecord();
}

void Sealer::Start() {
  // The status has what went wrong, and the log.
  thread_.Start(kEvery, [this] { static_cast<void>(Work(base::WallNow())); });
}

KeepOn Sealer::UntilStopped() const {
  return [this, left = 0]() mutable {
    constexpr int kLookEvery = 10'000;
    if (left-- > 0) return true;
    left = kLookEvery;
    return !thread_.stopping();
  };
}

SealerStatus Sealer::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::optional<Anchor> Sealer::newest_anchor() const {
  const std::lock_guard lock(mutex_);
  if (status_.seals == 0) return std::nullopt;
  return Anchor{status_.record, status_.seals, status_.digest};
}

base::Status Sealer::Work(base::WallTime now) {
  const std::lock_guard work(work_);
  auto status = CompleteLog();
  const base::WallTime until = audit::HourStart({now.ns - options_.settle_ns});
  if (status.ok() && options_.caught_up({until.ns + options_.settle_ns})) {
    status = SealSpans(until, now);
  }
  const bool sealed = status.ok();
  if (sealed && IsDue(amended_, now)) Keep(status, AmendLate(now));
  if (sealed && IsDue(retained_, now)) Keep(status, DropOld(now));
  TellAnchor();
  return Finished(std::move(status));
}

base::Status Sealer::SealUntil(base::WallTime until, base::WallTime now) {
  const std::lock_guard work(work_);
  auto status = CompleteLog();
  if (status.ok()) status = SealSpans(Cut(until), now);
  if (status.ok()) status = AmendLate(now);
  TellAnchor();
  return Finished(std::move(status));
}

base::Result<Sealer::Signed> Sealer::Sign(Manifest manifest) {
  const std::lock_guard work(work_);
  if (auto completed = CompleteLog(); !completed.ok()) return completed.error();
  manifest.record = record_name_;
  return Signed{ManifestText(manifest, *key_), key_->public_key(), log_.bytes()};
}

PublicKey Sealer::public_key() const {
  const std::lock_guard lock(mutex_);
  return key_->public_key();
}

base::Status Sealer::RotateKey(base::WallTime now) {
  const std::lock_guard work(work_);
  auto status = CompleteLog();
  if (status.ok()) status = HandOverKey(now);
  TellAnchor();
  return Finished(std::move(status));
}

// The store's write decides: before it the next key is one that never took over, after it the
// present one has signed its last seal.
base::Status Sealer::HandOverKey(base::WallTime now) {
  if (head_.number == 0) return base::Error{"there is no seal yet that a new key could follow"};
  // An attempt that failed may have reached the store all the same: its key is still needed then.
  if (auto noted = record_.store.NoteSeal(head_, {}); !noted.ok()) return noted;
  auto next = SigningKey::MakeNext(options_.dir);
  if (!next.ok()) return next.error();
  Seal seal;
  seal.kind = SealKind::kHandOver;
  seal.hand_over.from = key_->public_key().der();
  seal.hand_over.to = next->public_key().der();
  Prepare(seal, now);
  Accept(seal, *next);
  const audit::SealHead head = HeadOf(seal);
  if (auto noted = record_.store.NoteSeal(head, {}); !noted.ok()) return noted;
  Remember(seal, head);
  Use(std::move(*next));
  handing_over_ = true;
  return CompleteLog();
}

// One line when trouble begins, and one when it is over. Spans that are not sealed anew are trouble
// until they are.
base::Status Sealer::Finished(base::Status status) {
  const std::string error = status.ok() ? amend_error_ : status.error().message;
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(status_.error, error);
    if (!status.ok()) status_.failures++;
  }
  if (!error.empty() && error != before) options_.log("seals: " + error);
  // A write of the store that failed: nothing is written before it is opened again.
  if (!status.ok()) static_cast<void>(record_.store.Recover());
  if (error.empty() && !before.empty()) options_.log("seals: written again");
  return status;
}

// Where the first seal begins: with the oldest session, or with this hour.
base::Result<base::WallTime> Sealer::Begin(base::WallTime now) {
  base::WallTime begin = audit::HourStart(now);
  audit::Query oldest;
  oldest.limit = 1;
  const auto read = record_.store.Sessions(oldest, [&](const audit::SessionRecord& session) {
    begin = std::min(begin, audit::HourStart(session.event.start));
    return true;
  });
  if (!read.ok()) return read.error();
  return begin;
}

// Hour by hour; hours of a day (UTC) in which nothing began, one behind the other, are one span.
// None crosses midnight: sessions are dropped by days, and a span goes as a whole.
base::Status Sealer::SealSpans(base::WallTime until, base::WallTime now) {
  const auto begin = until_ ? *until_ : Begin(now);
  if (!begin.ok()) return begin.error();
  if (!until_ && had_key_ && now.ns - begin->ns > options_.settle_ns + kFirstSealNs) {
    TellBegunAnew(fmt::format("there was a key and no seal, with sessions since {}",
                              base::FormatRfc3339(*begin)));
  }
  had_key_ = false;
  for (base::WallTime from = *begin; from < until && !thread_.stopping();) {
    const base::WallTime end = std::min(until, audit::DayStart(audit::DayOf(from) + 1));
    base::WallTime to = end;
    audit::Query first;
    first.from = from;
    first.to = end;
    first.by_start = true;
    first.limit = 1;
    const auto read = record_.store.Sessions(first, [&](const audit::SessionRecord& session) {
      const base::WallTime hour = audit::HourStart(session.event.start);
      to = hour > from ? hour : base::WallTime{hour.ns + audit::kHourNs};
      return true;
    });
    if (!read.ok()) return read.error();
    to = std::min(to, end);
    if (auto sealed = SealSpan({from, to}, now); !sealed.ok()) return sealed;
    from = to;
  }
  return {};
}

base::Status Sealer::SealSpan(const audit::TimeSpan& span, base::WallTime now) {
  // From here on the store keeps how the sessions were, and so they can be read at leisure.
  if (auto marked = record_.store.MarkSealed(span.to); !marked.ok()) return marked;
  Seal seal;
  seal.kind = SealKind::kSpan;
  seal.span = span;
  SealParts parts;
  auto sessions = DigestSessions(record_, span, Moment::kSealed, UntilStopped(), &parts);
  if (!sessions.ok()) return sessions.error();
  seal.sessions = std::move(*sessions);
  for (size_t i = 0; i < kNumberedClasses; i++) {
    const uint64_t after = ends_[i].empty() ? 0 : ends_[i].back();
    auto numbered = DigestNumbered(record_, static_cast<NumberedClass>(i), after, kToTheLast,
                                   UntilStopped(), &parts);
    if (!numbered.ok()) return numbered.error();
    seal.numbered[i] = std::move(*numbered);
  }
  if (auto kept = KeepParts(seal, parts); !kept.ok()) return kept;
  const audit::SealHead head = Make(seal, now);
  if (auto noted = record_.store.NoteSeal(head, {}); !noted.ok()) return noted;
  Remember(seal, head);
  return CompleteLog();
}

// Before the seal is written: a seal's parts are there as long as its span is.
base::Status Sealer::KeepParts(Seal& seal, const SealParts& parts) const {
  if (parts.empty()) return {};
  const std::string text = PartsText(parts);
  seal.parts = SealDigest(text);
  return WriteParts(options_.dir, head_.number + 1, text);
}

// The spans that have late sessions, each once.
base::Result<std::vector<audit::TimeSpan>> Sealer::LateSpans() const {
  const auto hours = record_.store.LateHours();
  if (!hours.ok()) return hours.error();
  std::vector<audit::TimeSpan> spans;
  for (const audit::LateHour& late : *hours) {
    const audit::TimeSpan hour{late.hour, {late.hour.ns + audit::kHourNs}};
    bool known = false;
    for (const Sealed& sealed : spans_) {
      if (sealed.span.to <= hour.from || hour.to <= sealed.span.from) continue;
      known = true;
      if (spans.empty() || spans.back() != sealed.span) spans.push_back(sealed.span);
    }
    if (!known) spans.push_back(hour);  // from before the first seal, or dropped
  }
  return spans;
}

// A span that cannot be sealed anew holds up no other. The error is the first one's.
base::Status Sealer::AmendLate(base::WallTime now) {
  amended_ = now;
  const auto spans = LateSpans();
  if (!spans.ok()) return spans.error();
  base::Status status;
  std::vector<audit::TimeSpan> unamended;
  for (const audit::TimeSpan& span : *spans) {
    if (thread_.stopping()) return {};
    const auto count = record_.store.CountLate(span);
    if (count.ok() && count->records == 0) continue;
    const auto amended = count.ok() ? AmendSpan(span, now) : base::Status(count.error());
    if (!amended.ok()) unamended.push_back(span);
    Keep(status, amended);
  }
  amend_error_ = status.ok() ? "" : status.error().message;
  if (unamended.size() > SealerStatus::kUnsealedMax) unamended.resize(SealerStatus::kUnsealedMax);
  const std::lock_guard lock(mutex_);
  status_.unamended = std::move(unamended);
  return status;
}

base::Status Sealer::AmendSpan(const audit::TimeSpan& span, base::WallTime now) {
  if (auto completed = CompleteLog(); !completed.ok()) return completed;  // of the span before
  const auto known = std::find_if(spans_.begin(), spans_.end(),
                                  [&](const Sealed& sealed) { return sealed.span == span; });
  Seal seal;
  seal.kind = SealKind::kAmendment;
  seal.span = span;
  seal.replaced = known == spans_.end() ? Digest{0, LineDigest().Hex()} : known->sessions;
  // How the sessions were stays, whatever is written meanwhile.
  if (auto proven = TakeReplaced(seal); !proven.ok()) return proven;
  audit::SealHead head;
  // How they are does not change meanwhile.
  const auto amended = record_.store.Amend(span, [&]() -> base::Result<audit::SealHead> {
    if (auto taken = TakePresent(seal); !taken.ok()) return taken.error();
    head = Make(seal, now);
    return head;
  });
  if (!amended.ok()) return amended;
  Remember(seal, head);
  {
    const std::lock_guard lock(mutex_);
    status_.amendments++;
  }
  return CompleteLog();
}

namespace {

base::Error Unamendable(const Seal& seal, std::string_view why) {
  return base::Error{
      fmt::format("the sessions from {} on {}, and are not sealed anew: weirctl audit verify",
                  base::FormatRfc3339(seal.span.from), why)};
}

}  // namespace

// As the sessions were is what was sealed, and each that changed since goes on from that
// (AsSealed). All else is not the store's doing, and no seal is to cover it.
base::Status Sealer::TakeReplaced(Seal& seal) const {
  const auto was = DigestSessions(record_, seal.span, Moment::kSealed, UntilStopped());
  if (thread_.stopping()) return base::Error{"stopped before the end"};
  if (!was.ok()) {
    return Unamendable(seal, "cannot be read as they were sealed: " + was.error().message);
  }
  if (*was != seal.replaced && !seal.replaced.sha256.empty()) {
    return Unamendable(seal, "are not those that were sealed");
  }
  seal.replaced = *was;
  return {};
}

// There are more by those that the store has noted as new, and never fewer.
base::Status Sealer::TakePresent(Seal& seal) const {
  const auto late = record_.store.CountLate(seal.span);
  if (!late.ok()) return late.error();
  seal.late = late->records;
  SealParts parts;
  const auto is = DigestSessions(record_, seal.span, Moment::kNow, UntilStopped(), &parts);
  if (!is.ok()) return is.error();
  if (is->records != seal.replaced.records + late->added) {
    return Unamendable(seal, "are not as many as came late");
  }
  seal.sessions = *is;
  return KeepParts(seal, parts);
}

base::Status Sealer::DropOld(base::WallTime now) {
  if (auto completed = CompleteLog(); !completed.ok()) return completed;
  auto limits = audit::RetentionLimitsAt(now, options_.retention);
  if (!limits.ok()) return limits.error();
  auto active = holds_.Active();
  if (!active.ok()) return active.error();  // who cannot read the holds drops nothing
  if (auto checked = CheckHolds(); !checked.ok()) return checked;
  limits->holds = std::move(*active);
  using audit::RecordClass;
  for (const auto& [record_class, numbered] :
       {std::pair{RecordClass::kFinding, NumberedClass::kFindings},
        {RecordClass::kHealth, NumberedClass::kHealth},
        {RecordClass::kLogin, NumberedClass::kLogins}}) {
    limits->ends[static_cast<size_t>(record_class)] = ends_[static_cast<size_t>(numbered)];
  }
  HoldWholeSpans(*limits);
  auto plan = record_.store.PlanRetention(*limits);
  if (!plan.ok()) return plan.error();
  const auto operations = PlanOperations(now, *limits);
  if (!operations.ok()) return operations.error();
  retained_ = now;
  Seal seal;
  seal.kind = SealKind::kRetention;
  seal.dropped = AtSealEnds(*plan);
  seal.dropped_operations = *operations;
  if (seal.dropped.empty() && seal.dropped_operations.upto == 0) return {};
  if (auto checked = CheckSealedOperations(); !checked.ok()) return checked;
  const audit::SealHead head = Make(seal, now);
  if (auto noted = record_.store.NoteSeal(head, {}); !noted.ok()) return noted;
  Remember(seal, head);
  if (auto completed = CompleteLog(); !completed.ok()) return completed;
  return Drop(seal);
}

// A span that crosses midnight proves nothing once one of its days is gone.
void Sealer::HoldWholeSpans(audit::RetentionLimits& limits) const {
  for (const Sealed& sealed : spans_) {
    const base::WallTime last{sealed.span.to.ns - 1};
    const bool crosses = audit::DayOf(sealed.span.from) != audit::DayOf(last);
    if (!crosses || sealed.sessions.sha256.empty() || !limits.Hold(sealed.span)) continue;
    limits.holds.push_back(sealed.span);
  }
}

// Who writes to the disk can take a hold out of the table, and Weir itself would destroy what it
// held. The operations log, which is sealed, still has it.
base::Status Sealer::CheckHolds() {
  const auto logged = ReadLoggedHolds(record_.operations);
  if (!logged.ok()) return logged.error();
  const auto table = holds_.List();
  if (!table.ok()) return table.error();
  const auto missing = MissingHolds(*logged, *table);
  if (missing.empty()) return {};
  return base::Error{fmt::format(
      "nothing is dropped: {} was made by operation {} and never released, and is not so in the "
      "table of holds. weirctl audit hold makes it anew, weirctl audit release {} then ends this",
      HoldTarget(missing.front().id, missing.front().span), missing.front().number,
      missing.front().id)};
}

// A log that is not what was sealed says nothing of holds.
base::Status Sealer::CheckSealedOperations() const {
  for (const NumberedDigest& sealed : operations_) {
    const auto is = DigestNumbered(record_, NumberedClass::kOperations, sealed.after, sealed.upto,
                                   UntilStopped());
    if (!is.ok()) return is.error();
    if (is->digest == sealed.digest) continue;
    return base::Error{fmt::format(
        "nothing is dropped: operations {} to {} are not those that were sealed, and so nobody "
        "knows what is held: weirctl audit verify",
        sealed.after + 1, sealed.upto)};
  }
  return {};
}

base::Status Sealer::Drop(const Seal& seal) {
  const auto result = record_.store.EnforceRetention(seal.dropped);
  if (!result.ok()) return result.error();
  uint64_t operations = 0;
  if (seal.dropped_operations.upto != 0) {
    const auto dropped = record_.operations.DropUpto(
        {static_cast<int64_t>(seal.dropped_operations.upto), seal.dropped_operations.chain});
    if (!dropped.ok()) return dropped.error();
    operations = *dropped;
  }
  const std::string days = result->days_dropped.empty()
                               ? std::string("none of a day")
                               : "those of " + result->days_dropped.front();
  options_.log(fmt::format(
      "retention: {} records and {} operations are dropped, their time is over; of sessions {}",
      result->records_dropped, operations, days));
  return {};
}

// Those up to the last that a seal ends with, before the first that must stay.
base::Result<DroppedOperations> Sealer::PlanOperations(base::WallTime now,
                                                       const audit::RetentionLimits& limits) {
  constexpr int64_t kOnce = 1'000'000;  // more than one seal has
  if (!options_.retention_operations_days) return DroppedOperations{};
  const base::WallTime before{now.ns - *options_.retention_operations_days * audit::kDayNs};
  const auto holds = ReadLoggedHolds(record_.operations);
  if (!holds.ok()) return holds.error();
  const auto held = std::ranges::find_if(*holds, [](const auto& hold) { return !hold.release; });
  const auto start = record_.operations.Start();
  if (!start.ok()) return start.error();
  int64_t last = start->number;
  const auto read = record_.operations.Read(
      start->number + 1, start->number + kOnce, [&](const operations::Operation& operation) {
        const base::WallTime time = operation.time;
        if (time >= before || limits.Hold({time, {time.ns + 1}})) return false;
        // What says that something is held goes last.
        if (held != holds->end() && operation.number >= held->number) return false;
        last = operation.number;
        return true;
      });
  if (!read.ok()) return read.error();
  const uint64_t upto = LastEnd(NumberedClass::kOperations, static_cast<uint64_t>(last));
  if (upto <= static_cast<uint64_t>(start->number)) return DroppedOperations{};
  const auto point = record_.operations.PointAt(static_cast<int64_t>(upto));
  if (!point.ok()) return point.error();
  return DroppedOperations{upto, point->chain};
}

// The last number up to `upto` that a seal ends with; 0: there is none.
uint64_t Sealer::LastEnd(NumberedClass numbered, uint64_t upto) const {
  const auto& ends = ends_[static_cast<size_t>(numbered)];
  const auto after = std::upper_bound(ends.begin(), ends.end(), upto);
  return after == ends.begin() ? 0 : *(after - 1);
}

// Only what is sealed goes, and of what was sealed together all or nothing: so the rest can still
// be checked.
audit::RetentionPlan Sealer::AtSealEnds(audit::RetentionPlan plan) const {
  plan.findings_upto = LastEnd(NumberedClass::kFindings, plan.findings_upto);
  plan.health_upto = LastEnd(NumberedClass::kHealth, plan.health_upto);
  plan.logins_upto = LastEnd(NumberedClass::kLogins, plan.logins_upto);
  if (plan.day && (!until_ || audit::DayStart(*plan.day + 1) > *until_)) plan.day.reset();
  return plan;
}

audit::SealHead Sealer::Make(Seal& seal, base::WallTime now) const {
  Prepare(seal, now);
  return HeadOf(seal);
}

void Sealer::Prepare(Seal& seal, base::WallTime now) const {
  seal.record = record_name_;
  seal.number = head_.number + 1;
  seal.previous = head_.number == 0 ? std::string(kNoPrevious) : head_.digest;
  seal.written = Cut(now);
  seal.signer = key_->public_key().fingerprint();
}

audit::SealHead Sealer::HeadOf(const Seal& seal) const {
  audit::SealHead head;
  head.number = seal.number;
  head.text = SealText(seal, *key_);
  head.digest = SealDigest(head.text);
  return head;
}

void Sealer::Remember(const Seal& seal, const audit::SealHead& head) {
  head_ = head;
  record_name_ = seal.record;
  const bool another_key = seal.signer != signer_;
  signer_ = seal.signer;
  const auto from = [](const Sealed& sealed) { return sealed.span.from; };
  std::optional<audit::TimeSpan> unsealed;
  switch (seal.kind) {
    case SealKind::kSpan:
      if (until_ && *until_ < seal.span.from) unsealed = {*until_, seal.span.from};
      for (size_t i = 0; i < kNumberedClasses; i++) {
        if (ends_[i].empty() || ends_[i].back() < seal.numbered[i].upto) {
          ends_[i].push_back(seal.numbered[i].upto);
        }
      }
      operations_.push_back(seal.numbered[static_cast<size_t>(NumberedClass::kOperations)]);
      if (operations_.back().after == operations_.back().upto) operations_.pop_back();
      until_ = seal.span.to;
      [[fallthrough]];
    case SealKind::kAmendment: {
      auto place = std::ranges::lower_bound(spans_, seal.span.from, {}, from);
      if (place == spans_.end() || place->span != seal.span) {
        place = spans_.insert(place, Sealed{seal.span, {}});
      }
      place->sessions = seal.sessions;
      if (!seal.parts.empty()) place->parts.push_back(seal.number);
      break;
    }
    case SealKind::kRetention:
      std::erase_if(operations_, [&](const NumberedDigest& sealed) {
        return sealed.upto <= seal.dropped_operations.upto;
      });
      if (!seal.dropped.day) break;
      DropDay(spans_, *seal.dropped.day, [&](const Sealed& sealed) {
        for (const uint64_t parts : sealed.parts) RemoveParts(options_.dir, parts);
      });
      break;
    case SealKind::kHandOver:
      if (const auto next = PublicKey::ParseDer(seal.hand_over.to); next.ok()) {
        signer_ = next->fingerprint();
      }
      break;
  }
  const std::lock_guard lock(mutex_);
  if (another_key || seal.kind == SealKind::kHandOver) status_.key_since = seal.written;
  if (unsealed) status_.unsealed.push_back(*unsealed);
  if (status_.unsealed.size() > SealerStatus::kUnsealedMax) {
    status_.unsealed.erase(status_.unsealed.begin());
  }
  status_.record = record_name_;
  status_.seals = head.number;
  status_.digest = head.digest;
  status_.until = until_;
  status_.written = seal.written;
}

// The store has a seal first, whole with what it changes there; the log gets it from here.
base::Status Sealer::CompleteLog() {
  if (logged_ != head_.number) {
    if (auto written = log_.Append(head_.text); !written.ok()) return written;
    logged_ = head_.number;
  }
  if (handing_over_) {
    if (auto adopted = key_->Adopt(options_.dir); !adopted.ok()) return adopted;
    handing_over_ = false;
  }
  return {};
}

void Sealer::TellAnchor() {
  if (options_.anchor_file.empty() || head_.number == 0) return;
  {
    const std::lock_guard lock(mutex_);
    if (status_.anchored == head_.number) return;
  }
  const auto told = AppendAnchor(options_.anchor_file, {record_name_, head_.number, head_.digest});
  const std::string error = told.ok() ? "" : told.error().message;
  std::string before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(status_.anchor_error, error);
    if (told.ok()) status_.anchored = head_.number;
    if (!told.ok()) status_.anchor_failures++;
  }
  if (!error.empty() && error != before) options_.log("seals: the anchor: " + error);
}

}  // namespace weir::control::sealing

#include "control/sealing/verifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "control/audit/store_keys.h"
#include "control/sealing/dropped_day.h"
#include "control/sealing/hold_log.h"
#include "control/sealing/key_chain.h"
#include "control/sealing/record_lines.h"

namespace weir::control::sealing {
namespace {

constexpr int kReportEvery = 100'000;  // records

// What the seals say together: the newest word on every span and number.
struct Expected {
  // Where the parts of a digest are to be found.
  struct PartsOf {
    uint64_t seal = 0;
    std::string sha256;  // empty: it has none
  };
  struct Span {
    audit::TimeSpan span;
    Digest sessions;  // its sha256 empty: nobody knows (dropped_day.h)
    PartsOf parts;
  };
  struct Numbers {
    NumberedClass numbered;
    NumberedDigest digest;
    base::WallTime span;  // of the seal, for messages
    PartsOf parts;
  };
  std::vector<Span> spans;  // by their beginning
  std::vector<Numbers> numbers;
  std::set<audit::DayNumber> days_dropped;
  std::array<uint64_t, kNumberedClasses> dropped_upto{};
  // Where the operations log may begin: an entry that was dropped, and the chain up to it.
  std::map<uint64_t, std::string> operations_from;
  struct Drop {
    uint64_t seal = 0;
    base::WallTime written;
    audit::DayNumber day = 0;
    uint64_t operations_upto = 0;  // sealed before
  };
  std::vector<Drop> drops;
};

class Verifier {
 public:
  Verifier(const Record& record, const SealLog& log, const VerifyOptions& options)
      : record_(record), log_(log), options_(options) {}

  base::Result<Verification> Run();

 private:
  void Fail(std::string where, std::string what);
  base::Status CheckLog();
  base::Status CheckHead();
  void CheckAnchors();
  void Expect(const Seal& seal);
  void ExpectSpan(const Seal& seal);
  void ExpectAmendment(const Seal& seal);
  base::Status CheckSpans();
  base::Status CheckSpan(const Expected::Span& expected);
  std::string PlaceOf(const Expected::Span& expected) const;
  std::string PlaceOf(const Expected::Numbers& expected) const;
  using Compare = std::function<std::string(const SealParts& was, const SealParts& is)>;
  std::string PlaceIn(const Expected::PartsOf& parts, const std::function<bool(SealParts&)>& gather,
                      const Compare& compare) const;
  base::Status CheckIndex();
  base::Status CheckGaps();
  base::Status CheckGap(const audit::TimeSpan& gap);
  base::Status CheckNumbers();
  base::Status CheckOperations();
  base::Status CheckHeld();
  bool IsAskedFor(const audit::TimeSpan& span) const {
    return !options_.only || (span.from < options_.only->to && options_.only->from < span.to);
  }
  KeepOn Counting();

  const Record record_;
  const SealLog& log_;
  const VerifyOptions& options_;
  std::vector<LoggedSeal> seals_;
  Expected expected_;
  Verification result_;
  VerifyProgress progress_;
  uint64_t operations_upto_ = 0;  // by the seals that were read
};

void Verifier::Fail(std::string where, std::string what) {
  result_.fault_count++;
  if (result_.faults.size() >= Verification::kFaultsMax) return;
  result_.faults.push_back({std::move(where), std::move(what)});
}

KeepOn Verifier::Counting() {
  return [this] {
    result_.records++;
    progress_.records = result_.records;
    return result_.records % kReportEvery != 0 || options_.progress(progress_);
  };
}

base::Result<Verification> Verifier::Run() {
  for (const auto step : {&Verifier::CheckLog, &Verifier::CheckHead, &Verifier::CheckSpans,
                          &Verifier::CheckIndex, &Verifier::CheckGaps, &Verifier::CheckNumbers,
                          &Verifier::CheckOperations, &Verifier::CheckHeld}) {
    if (auto done = (this->*step)(); !done.ok()) return done.error();
  }
  return result_;
}

base::Status Verifier::CheckLog() {
  auto seals = log_.Read();
  if (!seals.ok()) return seals.error();
  seals_ = std::move(*seals);
  KeyChain keys(seals_, options_.key);
  const LoggedSeal* previous = nullptr;
  for (size_t i = 0; i < seals_.size(); i++) {
    const LoggedSeal& logged = seals_[i];
    const std::string where = logged.seal ? fmt::format("seal {}", logged.seal->number)
                                          : fmt::format("the {}. seal of the log", i + 1);
    for (std::string& fault : CheckSeal(logged, previous, keys.current())) {
      Fail(where, std::move(fault));
    }
    if (std::string fault = keys.Pass(logged); !fault.empty()) Fail(where, std::move(fault));
    if (logged.seal) Expect(*logged.seal);
    previous = &logged;
  }
  result_.seals = seals_.size();
  result_.days_dropped = expected_.days_dropped.size();
  const std::string& trusted =
      options_.fingerprint.empty() ? options_.key.fingerprint() : options_.fingerprint;
  if (!seals_.empty() && !keys.Has(trusted)) {
    Fail("seals", fmt::format("key {} is none of those that have signed them", trusted));
  }
  CheckAnchors();
  return {};
}

// The store knows the newest seal as well.
base::Status Verifier::CheckHead() {
  const auto state = record_.store.Sealed();
  if (!state.ok()) return state.error();
  const audit::SealHead& head = state->head;
  const uint64_t last = seals_.empty() || !seals_.back().seal ? 0 : seals_.back().seal->number;
  if (head.number > last) {
    Fail("seals", fmt::format("the end of the log is gone: its last seal is {}, the store had {}",
                              last, head.number));
  } else if (head.number < last) {
    Fail("seals", fmt::format("the store was set back: it knows of seal {}, the log has {}",
                              head.number, last));
  } else if (!seals_.empty() && head.digest != seals_.back().digest) {
    Fail(fmt::format("seal {}", last), "it is not the one that the store knows");
  }
  const auto hours = record_.store.LateHours();
  if (!hours.ok()) return hours.error();
  for (const audit::LateHour& hour : *hours) result_.waiting += hour.records;
  return {};
}

void Verifier::CheckAnchors() {
  std::map<uint64_t, std::string> digests;
  std::string name;
  for (const LoggedSeal& logged : seals_) {
    if (!logged.seal) continue;
    digests[logged.seal->number] = logged.digest;
    name = logged.seal->record;
  }
  const std::string& expected = options_.record;
  if (!expected.empty() && !name.empty() && name != expected) {
    Fail("seals",
         fmt::format("they are of record {}, and not of {}: it was begun anew", name, expected));
  }
  if (options_.anchors.empty()) return;
  if (name.empty()) name = expected;
  const uint64_t last = digests.empty() ? 0 : digests.rbegin()->first;
  uint64_t beyond = 0;
  std::map<std::string, uint64_t> others;  // records, and how far they are anchored
  for (const Anchor& anchor : options_.anchors) {
    if (!name.empty() && anchor.record != name) {
      others[anchor.record] = std::max(others[anchor.record], anchor.number);
      continue;
    }
    result_.anchors++;
    const auto found = digests.find(anchor.number);
    if (anchor.number > last) {
      beyond = std::max(beyond, anchor.number);
    } else if (found == digests.end() || found->second != anchor.digest) {
      Fail(fmt::format("seal {}", anchor.number), "it is not the one that was anchored");
    }
  }
  if (beyond > 0) {
    Fail("seals", fmt::format("the record was set back: seal {} was anchored, the last one is {}",
                              beyond, last));
  }
  if (result_.anchors == 0) Fail("seals", "no anchor is of this record");
  if (!expected.empty()) return;
  for (const auto& [record, upto] : others) {
    Fail("anchors", fmt::format("they have record {} too, up to seal {}: this one was begun anew, "
                                "unless others use the file (--record {})",
                                record, upto, name));
  }
}

void Verifier::Expect(const Seal& seal) {
  switch (seal.kind) {
    case SealKind::kSpan:
      return ExpectSpan(seal);
    case SealKind::kAmendment:
      return ExpectAmendment(seal);
    case SealKind::kHandOver:
      result_.hand_overs++;
      return;
    case SealKind::kRetention:
      break;
  }
  const audit::RetentionPlan& dropped = seal.dropped;
  if (dropped.day) {
    expected_.days_dropped.insert(*dropped.day);
    expected_.drops.push_back({seal.number, seal.written, *dropped.day, operations_upto_});
    DropDay(expected_.spans, *dropped.day, [](const Expected::Span&) {});
  }
  const auto raise = [&](NumberedClass numbered, uint64_t upto) {
    uint64_t& known = expected_.dropped_upto[static_cast<size_t>(numbered)];
    known = std::max(known, upto);
  };
  raise(NumberedClass::kFindings, dropped.findings_upto);
  raise(NumberedClass::kHealth, dropped.health_upto);
  raise(NumberedClass::kLogins, dropped.logins_upto);
  if (const DroppedOperations& operations = seal.dropped_operations; operations.upto != 0) {
    raise(NumberedClass::kOperations, operations.upto);
    expected_.operations_from[operations.upto] = operations.chain;
  }
}

void Verifier::ExpectSpan(const Seal& seal) {
  const std::string where = fmt::format("seal {}", seal.number);
  if (result_.sealed && seal.span.from != result_.sealed->to) {
    Fail(where,
         fmt::format("it begins at {}, and the one before ends at {}",
                     base::FormatRfc3339(seal.span.from), base::FormatRfc3339(result_.sealed->to)));
  }
  if (!result_.sealed) result_.sealed = seal.span;
  result_.sealed->to = seal.span.to;
  expected_.spans.push_back({seal.span, seal.sessions, {seal.number, seal.parts}});
  std::array<uint64_t, kNumberedClasses> upto{};
  for (const Expected::Numbers& numbers : expected_.numbers) {
    upto[static_cast<size_t>(numbers.numbered)] = numbers.digest.upto;
  }
  for (size_t i = 0; i < kNumberedClasses; i++) {
    const auto numbered = static_cast<NumberedClass>(i);
    if (seal.numbered[i].after != upto[i]) {
      Fail(where, fmt::format("its {} do not go on where those of the seal before end",
                              NumberedClassName(numbered)));
    }
    expected_.numbers.push_back(
        {numbered, seal.numbered[i], seal.span.from, {seal.number, seal.parts}});
  }
  operations_upto_ = seal.numbered[static_cast<size_t>(NumberedClass::kOperations)].upto;
}

void Verifier::ExpectAmendment(const Seal& seal) {
  result_.amended++;
  result_.late += seal.late;
  const auto from = [](const Expected::Span& span) { return span.span.from; };
  const auto place = std::ranges::lower_bound(expected_.spans, seal.span.from, {}, from);
  const bool known = place != expected_.spans.end() && place->span == seal.span;
  const Digest before = known ? place->sessions : Digest{0, LineDigest().Hex()};
  if (seal.replaced != before && !before.sha256.empty()) {
    Fail(fmt::format("seal {}", seal.number), "it amends what was not sealed so");
  }
  // The store takes no session away, and each that it adds is late.
  if (seal.sessions.records < seal.replaced.records) {
    Fail(fmt::format("seal {}", seal.number), "it has fewer sessions than were sealed before");
  } else if (seal.sessions.records - seal.replaced.records > seal.late) {
    Fail(fmt::format("seal {}", seal.number), "it has more sessions than came late");
  }
  if (known) {
    place->sessions = seal.sessions;
    place->parts = {seal.number, seal.parts};
  } else {
    expected_.spans.insert(place, {seal.span, seal.sessions, {seal.number, seal.parts}});
  }
}

base::Status Verifier::CheckSpans() {
  progress_.of = expected_.spans.size();
  for (const Expected::Span& expected : expected_.spans) {
    if (expected.sessions.sha256.empty()) {
      result_.unproven++;
    } else if (IsAskedFor(expected.span)) {
      if (auto checked = CheckSpan(expected); !checked.ok()) return checked;
      result_.spans++;
    }
    progress_.done++;
    if (!options_.progress(progress_)) return base::Error{"stopped before the end"};
  }
  return {};
}

base::Status Verifier::CheckSpan(const Expected::Span& expected) {
  const auto digest = DigestSessions(record_, expected.span, Moment::kSealed, Counting());
  const std::string where = base::FormatRfc3339(expected.span.from);
  if (!digest.ok()) {
    // A record that cannot be read is a fault of the record, not of the check.
    Fail(where, "the sessions cannot be read: " + digest.error().message);
    return options_.progress(progress_) ? base::Status() : digest.error();
  }
  if (*digest == expected.sessions) return {};
  const uint64_t was = expected.sessions.records;
  const uint64_t is = digest->records;
  const std::string place = PlaceOf(expected);
  if (is < was) {
    Fail(where, fmt::format("{} of {} sessions are missing{}", was - is, was, place));
  } else if (is > was) {
    Fail(where, fmt::format("{} sessions were added to {}{}", is - was, was, place));
  } else {
    Fail(where, fmt::format("of {} sessions, one or more are not what they were{}", was, place));
  }
  return {};
}

// In which minutes; empty: the seal does not tell.
std::string Verifier::PlaceOf(const Expected::Span& expected) const {
  const auto gather = [&](SealParts& is) {
    return DigestSessions(
               record_, expected.span, Moment::kSealed, [] { return true; }, &is)
        .ok();
  };
  return PlaceIn(expected.parts, gather, MinutesThatDiffer);
}

// Among which numbers.
std::string Verifier::PlaceOf(const Expected::Numbers& expected) const {
  const NumberedClass numbered = expected.numbered;
  const auto gather = [&](SealParts& is) {
    return DigestNumbered(
               record_, numbered, expected.digest.after, expected.digest.upto, [] { return true; },
               &is)
        .ok();
  };
  return PlaceIn(expected.parts, gather, [numbered](const SealParts& was, const SealParts& is) {
    return NumbersThatDiffer(numbered, was, is);
  });
}

std::string Verifier::PlaceIn(const Expected::PartsOf& parts,
                              const std::function<bool(SealParts&)>& gather,
                              const Compare& compare) const {
  if (parts.sha256.empty()) return "";
  const auto was = ReadParts(log_.file().parent_path(), parts.seal, parts.sha256);
  if (!was.ok()) return "; where, cannot be told: " + was.error().message;
  SealParts is;
  return gather(is) ? ": " + compare(*was, is) : "";
}

// Whatever reads sessions by time is led by the index: so nothing may lie beside it.
base::Status Verifier::CheckIndex() {
  const audit::TimeSpan all{{INT64_MIN}, {INT64_MAX}};
  const auto faults = record_.store.CheckIndex(options_.only.value_or(all),
                                               [this] { return options_.progress(progress_); });
  if (!faults.ok()) {
    Fail("index", "sessions and index cannot be compared: " + faults.error().message);
    return options_.progress(progress_) ? base::Status() : faults.error();
  }
  for (const audit::IndexFault& fault : *faults) {
    Fail(base::FormatRfc3339(fault.hour), fault.what);
  }
  return {};
}

// Sessions in a time that no seal speaks of.
base::Status Verifier::CheckGaps() {
  if (expected_.spans.empty()) return {};
  base::WallTime covered{INT64_MIN};
  for (const Expected::Span& span : expected_.spans) {
    if (covered < span.span.from) {
      if (auto checked = CheckGap({covered, span.span.from}); !checked.ok()) return checked;
    }
    covered = std::max(covered, span.span.to);
  }
  return {};
}

base::Status Verifier::CheckGap(const audit::TimeSpan& gap) {
  if (!IsAskedFor(gap)) return {};
  audit::Query query;
  query.from = gap.from;
  query.to = gap.to;
  query.by_start = true;
  std::map<base::WallTime, uint64_t> hours;
  const auto read = record_.store.Sessions(query, [&](const audit::SessionRecord& session) {
    // A day that is being dropped may be there still.
    if (!expected_.days_dropped.contains(audit::DayOf(session.event.start))) {
      hours[audit::HourStart(session.event.start)]++;
    }
    return true;
  });
  if (!read.ok()) return read.error();
  for (const auto& [hour, count] : hours) {
    const auto late = record_.store.CountLate({hour, {hour.ns + audit::kHourNs}});
    if (!late.ok()) return late.error();
    if (count <= late->added) continue;
    Fail(base::FormatRfc3339(hour),
         fmt::format("{} sessions were added to a time that was sealed without any",
                     count - late->added));
  }
  return {};
}

base::Status Verifier::CheckNumbers() {
  for (const Expected::Numbers& expected : expected_.numbers) {
    const size_t index = static_cast<size_t>(expected.numbered);
    const NumberedDigest& sealed = expected.digest;
    if (sealed.upto <= expected_.dropped_upto[index] || sealed.after == sealed.upto) continue;
    if (options_.only && !IsAskedFor({expected.span, {expected.span.ns + 1}})) continue;
    const auto digest =
        DigestNumbered(record_, expected.numbered, sealed.after, sealed.upto, Counting());
    const std::string where = fmt::format("{} {} to {}", NumberedClassName(expected.numbered),
                                          sealed.after + 1, sealed.upto);
    if (!digest.ok()) {
      Fail(where, "they cannot be read: " + digest.error().message);
      if (!options_.progress(progress_)) return digest.error();
    } else if (digest->digest != sealed.digest) {
      Fail(where, fmt::format("sealed with the hour from {}, they are not what they were: {} "
                              "records, sealed were {}{}",
                              base::FormatRfc3339(expected.span), digest->digest.records,
                              sealed.digest.records, PlaceOf(expected)));
    }
  }
  return {};
}

base::Status Verifier::CheckOperations() {
  const auto check = record_.operations.CheckChain();
  if (!check.ok()) return check.error();
  result_.records += check->entries;
  for (const std::string& fault : check->faults) Fail("operations", fault);
  const auto start = record_.operations.Start();
  if (!start.ok()) return start.error();
  if (start->number == 0) return {};
  const auto sealed = expected_.operations_from.find(static_cast<uint64_t>(start->number));
  if (sealed == expected_.operations_from.end()) {
    Fail("operations",
         fmt::format("those up to {} are gone, and no seal has dropped them", start->number));
  } else if (sealed->second != start->chain) {
    Fail("operations", fmt::format("they do not go on from operation {} as it was sealed when it "
                                   "was dropped",
                                   start->number));
  }
  return {};
}

// A day may have been dropped that a hold kept: one that was sealed with the operations before the
// drop, and released after it or not at all. Of numbered records nobody can tell their times.
base::Status Verifier::CheckHeld() {
  if (expected_.drops.empty()) return {};
  const auto holds = ReadLoggedHolds(record_.operations);
  if (!holds.ok()) return holds.error();
  for (const Expected::Drop& drop : expected_.drops) {
    const audit::TimeSpan day{audit::DayStart(drop.day), audit::DayStart(drop.day + 1)};
    for (const LoggedHold& hold : *holds) {
      const auto sealed = [&](int64_t number) {
        return static_cast<uint64_t>(number) <= drop.operations_upto;
      };
      const bool released =
          hold.release && (sealed(hold.release->number) || hold.release->time <= drop.written);
      if (!sealed(hold.number) || released) continue;
      if (hold.span.from >= day.to || day.from >= hold.span.to) continue;
      Fail(fmt::format("seal {}", drop.seal),
           fmt::format("it drops the sessions of {}, which hold {} was to keep",
                       audit::DayName(drop.day), hold.id));
    }
  }
  return {};
}

}  // namespace

base::Result<Verification> Verify(const Record& record, const SealLog& log,
                                  const VerifyOptions& options) {
  return Verifier(record, log, options).Run();
}

}  // namespace weir::control::sealing

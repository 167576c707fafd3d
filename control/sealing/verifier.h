// Checks the record against its seals: every changed, missing, added or reordered record, a cut
// tail, a record that was set back, and sessions that look-ups would not find.
//
// Reads everything once; any thread. Nothing is sealed meanwhile: the caller holds Sealer::Pause().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/sealing/anchor.h"
#include "control/sealing/record_digests.h"
#include "control/sealing/seal_log.h"
#include "control/sealing/signing_key.h"

namespace weir::control::sealing {

struct VerifyProgress {
  uint64_t done = 0;  // spans
  uint64_t of = 0;
  uint64_t records = 0;
};

struct VerifyOptions {
  // The key that signs now, or any that has: hand-overs are followed from the first one on.
  PublicKey key;
  std::optional<audit::TimeSpan> only;  // spans outside are not read
  std::vector<Anchor> anchors;          // empty: none was given
  // After every span, and now and then within one; false ends the check with an error.
  std::function<bool(const VerifyProgress&)> progress = [](const VerifyProgress&) { return true; };
  // Instead of `key`'s: of the key that is trusted.
  std::string fingerprint{};
  // The record that is expected. Anchors of others are passed over then; without it they are a
  // fault, for a record that was begun anew looks so.
  std::string record{};
};

struct Fault {
  // "2026-11-22T14:00:00.000000Z" of a span, "seal 17", "operations" …
  std::string where;
  std::string what;

  bool operator==(const Fault&) const = default;
};

struct Verification {
  static constexpr size_t kFaultsMax = 1000;

  uint64_t seals = 0;
  uint64_t spans = 0;         // read
  uint64_t records = 0;       // read, of all classes
  uint64_t amended = 0;       // amendments in the log
  uint64_t late = 0;          // sessions that came or changed late, by them
  uint64_t waiting = 0;       // sessions that came or changed since, and wait for their amendment
  uint64_t days_dropped = 0;  // by retention
  uint64_t unproven = 0;      // rests of spans that crossed midnight, of which a day was dropped
  uint64_t anchors = 0;       // that belong to this record
  uint64_t hand_overs = 0;    // of the signing key
  std::optional<audit::TimeSpan> sealed;  // from the first span to the last
  uint64_t fault_count = 0;
  std::vector<Fault> faults;  // the first ones

  bool good() const { return fault_count == 0; }
};

base::Result<Verification> Verify(const Record& record, const SealLog& log,
                                  const VerifyOptions& options);

}  // namespace weir::control::sealing

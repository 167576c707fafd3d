// A seal: what the record was at a moment, signed, and tied to the seal before it. The text is
// docs/formats/seals.md.
//
// Values and pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/session_store.h"
#include "control/sealing/signing_key.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::sealing {

enum class SealKind : uint8_t {
  kSpan,       // the sessions that began in a stretch of time, and what was numbered since
  kAmendment,  // such a stretch once more: sessions came or changed late
  kRetention,  // what is about to be dropped, its time being over
  kHandOver,   // another key signs from the next seal on
};

// Records that are numbered, and sealed by their numbers.
enum class NumberedClass : uint8_t { kFindings, kHealth, kLogins, kOperations };
inline constexpr size_t kNumberedClasses = 4;
std::string_view NumberedClassName(NumberedClass numbered);  // "findings" …

struct Digest {
  uint64_t records = 0;
  std::string sha256;  // 64 hex digits, over the records' lines (record_lines.h)

  bool operator==(const Digest&) const = default;
};

struct NumberedDigest {
  Digest digest;
  uint64_t after = 0;  // of the records numbered above this …
  uint64_t upto = 0;   // … up to this

  bool operator==(const NumberedDigest&) const = default;
};

// Keys are as PublicKey::der() has them.
struct HandOver {
  std::string from;      // the key that signs this seal
  std::string to;        // the one that signs from the next seal on
  std::string accepted;  // signature of that one, of all lines before

  bool operator==(const HandOver&) const = default;
};

struct DroppedOperations {
  uint64_t upto = 0;  // 0: none
  std::string chain;  // 64 hex digits: of the log (operations::OperationsLog) at that entry

  bool operator==(const DroppedOperations&) const = default;
};

struct Seal {
  std::string record;    // 32 hex digits: which record this is, made by chance at its beginning
  uint64_t number = 0;   // 1, 2, 3 …
  std::string previous;  // SealDigest() of the seal before; 64 zeros at the beginning
  SealKind kind = SealKind::kSpan;
  base::WallTime written;
  std::string signer;  // PublicKey::fingerprint()

  // kSpan and kAmendment.
  audit::TimeSpan span;
  Digest sessions;
  std::string parts;  // 64 hex digits, of the text in seal_parts.h; empty: there is none
  // kSpan; index: NumberedClass.
  std::array<NumberedDigest, kNumberedClasses> numbered;
  // kAmendment.
  Digest replaced;
  uint64_t late = 0;  // sessions that came or changed
  // kRetention.
  audit::RetentionPlan dropped;
  DroppedOperations dropped_operations;
  // kHandOver.
  HandOver hand_over;

  bool operator==(const Seal&) const = default;
};

inline constexpr std::string_view kNoPrevious =
    "0000000000000000000000000000000000000000000000000000000000000000";

// Signs it: the whole text, which ends in an empty line.
std::string SealText(const Seal& seal, const SigningKey& key);

// Fills in `hand_over.accepted`: `next` signs what stands before it.
void Accept(Seal& seal, const SigningKey& next);

// SHA-256 of a whole text.
std::string SealDigest(std::string_view text);

struct ParsedSeal {
  Seal seal;
  std::string_view signed_text;  // into the text: what the signature is over
  std::string_view signature;    // into the text
  std::string_view accepted;     // into the text: what the next key has signed; kHandOver only
};
// Takes nothing that SealText() would not have written, to the byte; the signature is not checked.
base::Result<ParsedSeal> ParseSeal(std::string_view text);

}  // namespace weir::control::sealing

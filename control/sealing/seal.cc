#include "control/sealing/seal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/audit/store_keys.h"
#include "dataplane/base/sha256.h"

namespace weir::control::sealing {
namespace {

constexpr std::string_view kFirstLine = "weir seal 1\n";
constexpr std::string_view kFirstLineOf2 = "weir seal 2\n";
static_assert(kFirstLine.size() == kFirstLineOf2.size());
constexpr std::string_view kSignature = "\nsignature ";
constexpr std::string_view kAccepted = "\naccepted ";
constexpr size_t kDigestDigits = 64;
constexpr size_t kRecordDigits = 32;

std::string_view KindName(SealKind kind) {
  switch (kind) {
    case SealKind::kSpan:
      return "span";
    case SealKind::kAmendment:
      return "amendment";
    case SealKind::kRetention:
      return "retention";
    case SealKind::kHandOver:
      return "hand-over";
  }
  return "";
}

std::string DigestText(const Digest& digest) {
  return fmt::format("{} {}", digest.records, digest.sha256);
}

std::string Unsigned(const Seal& seal) {
  const bool plain = seal.parts.empty() && seal.dropped_operations.upto == 0;
  std::string text(plain ? kFirstLine : kFirstLineOf2);
  const auto line = [&text](std::string_view key, std::string_view value) {
    text.append(key).append(" ").append(value).append("\n");
  };
  line("record", seal.record);
  line("number", std::to_string(seal.number));
  line("previous", seal.previous);
  line("kind", KindName(seal.kind));
  line("written", base::FormatRfc3339(seal.written));
  line("signer", seal.signer);
  if (seal.kind == SealKind::kRetention) {
    const audit::RetentionPlan& dropped = seal.dropped;
    if (dropped.day) line("drops-sessions-of", audit::DayName(*dropped.day));
    if (dropped.findings_upto != 0) {
      line("drops-findings-upto", std::to_string(dropped.findings_upto));
    }
    if (dropped.health_upto != 0) line("drops-health-upto", std::to_string(dropped.health_upto));
    if (dropped.logins_upto != 0) line("drops-logins-upto", std::to_string(dropped.logins_upto));
    if (const auto& operations = seal.dropped_operations; operations.upto != 0) {
      line("drops-operations-upto", fmt::format("{} {}", operations.upto, operations.chain));
    }
    return text;
  }
  if (seal.kind == SealKind::kHandOver) {
    line("key", seal.hand_over.from);
    line("next-key", seal.hand_over.to);
    if (!seal.hand_over.accepted.empty()) line("accepted", seal.hand_over.accepted);
    return text;
  }
  line("from", base::FormatRfc3339(seal.span.from));
  line("to", base::FormatRfc3339(seal.span.to));
  line("sessions", DigestText(seal.sessions));
  if (seal.kind == SealKind::kAmendment) {
    line("replaces", DigestText(seal.replaced));
    line("late", std::to_string(seal.late));
    if (!seal.parts.empty()) line("parts", seal.parts);
    return text;
  }
  for (size_t i = 0; i < kNumberedClasses; i++) {
    const NumberedDigest& numbered = seal.numbered[i];
    line(NumberedClassName(static_cast<NumberedClass>(i)),
         fmt::format("{} {} {}", DigestText(numbered.digest), numbered.after, numbered.upto));
  }
  if (!seal.parts.empty()) line("parts", seal.parts);
  return text;
}

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

// Reads lines "key value" one behind the other; the first that is not as asked fails all.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}

  bool failed() const { return failed_; }
  bool at_end() const { return text_.empty(); }

  // Whether the next line has that key.
  bool Has(std::string_view key) const {
    return text_.starts_with(key) && text_.size() > key.size() && text_[key.size()] == ' ';
  }

  // The value's next word.
  std::string_view Word(std::string_view key) {
    if (!Begin(key)) return {};
    const std::string_view value = rest_of_line_;
    rest_of_line_ = {};
    return value;
  }
  std::string Hex(std::string_view key, size_t digits) {
    const std::string_view value = Word(key);
    failed_ = failed_ || !IsHex(value, digits);
    return std::string(value);
  }
  uint64_t Number(std::string_view key) {
    uint64_t number = 0;
    Begin(key);
    TakeNumber(number);
    End();
    return number;
  }
  base::WallTime Time(std::string_view key) {
    const auto time = base::ParseRfc3339(Word(key));
    failed_ = failed_ || !time.ok();
    return time.ok() ? *time : base::WallTime{};
  }
  Digest ReadDigest(std::string_view key) {
    Digest digest;
    Begin(key);
    TakeDigest(digest);
    End();
    return digest;
  }
  NumberedDigest ReadNumbered(std::string_view key) {
    NumberedDigest numbered;
    Begin(key);
    TakeDigest(numbered.digest);
    TakeNumber(numbered.after);
    TakeNumber(numbered.upto);
    End();
    return numbered;
  }

 private:
  bool Begin(std::string_view key) {
    const size_t end = text_.find('\n');
    if (failed_ || !Has(key) || end == text_.npos) {
      failed_ = true;
      return false;
    }
    rest_of_line_ = text_.substr(key.size() + 1, end - key.size() - 1);
    text_.remove_prefix(end + 1);
    return true;
  }
  void End() { failed_ = failed_ || !rest_of_line_.empty(); }
  std::string_view TakeWord() {
    const size_t space = std::min(rest_of_line_.find(' '), rest_of_line_.size());
    const std::string_view word = rest_of_line_.substr(0, space);
    rest_of_line_.remove_prefix(std::min(space + 1, rest_of_line_.size()));
    return word;
  }
  void TakeNumber(uint64_t& number) {
    const std::string_view word = TakeWord();
    const char* const end = word.data() + word.size();
    const auto parsed = std::from_chars(word.data(), end, number);
    failed_ = failed_ || word.empty() || parsed.ec != std::errc() || parsed.ptr != end;
  }
  void TakeDigest(Digest& digest) {
    TakeNumber(digest.records);
    digest.sha256 = TakeWord();
    failed_ = failed_ || !IsHex(digest.sha256, kDigestDigits);
  }

  std::string_view text_;
  std::string_view rest_of_line_;
  bool failed_ = false;
};

void ReadSpan(Lines& lines, Seal& seal) {
  seal.span.from = lines.Time("from");
  seal.span.to = lines.Time("to");
  seal.sessions = lines.ReadDigest("sessions");
  if (seal.kind == SealKind::kAmendment) {
    seal.replaced = lines.ReadDigest("replaces");
    seal.late = lines.Number("late");
  }
  for (size_t i = 0; seal.kind == SealKind::kSpan && i < kNumberedClasses; i++) {
    seal.numbered[i] = lines.ReadNumbered(NumberedClassName(static_cast<NumberedClass>(i)));
  }
  if (lines.Has("parts")) seal.parts = lines.Hex("parts", kDigestDigits);
}

void ReadDropped(Lines& lines, Seal& seal, bool& failed) {
  audit::RetentionPlan& dropped = seal.dropped;
  DroppedOperations& operations = seal.dropped_operations;
  if (lines.Has("drops-sessions-of")) {
    dropped.day = audit::ParseDayName(lines.Word("drops-sessions-of"));
    failed = failed || !dropped.day;
  }
  if (lines.Has("drops-findings-upto")) {
    dropped.findings_upto = lines.Number("drops-findings-upto");
  }
  if (lines.Has("drops-health-upto")) dropped.health_upto = lines.Number("drops-health-upto");
  if (lines.Has("drops-logins-upto")) dropped.logins_upto = lines.Number("drops-logins-upto");
  if (lines.Has("drops-operations-upto")) {
    const Digest read = lines.ReadDigest("drops-operations-upto");
    operations = {read.records, read.sha256};
  }
}

void ReadHandOver(Lines& lines, HandOver& hand_over, bool& failed) {
  hand_over.from = lines.Word("key");
  hand_over.to = lines.Word("next-key");
  hand_over.accepted = lines.Word("accepted");
  failed = failed || !PublicKey::ParseDer(hand_over.from).ok() ||
           !PublicKey::ParseDer(hand_over.to).ok() || hand_over.accepted.empty();
}

}  // namespace

std::string_view NumberedClassName(NumberedClass numbered) {
  switch (numbered) {
    case NumberedClass::kFindings:
      return "findings";
    case NumberedClass::kHealth:
      return "health";
    case NumberedClass::kLogins:
      return "logins";
    case NumberedClass::kOperations:
      return "operations";
  }
  return "";
}

std::string SealText(const Seal& seal, const SigningKey& key) {
  std::string text = Unsigned(seal);
  const std::string signature = key.Sign(text);
  text.append(kSignature.substr(1)).append(signature).append("\n\n");
  return text;
}

void Accept(Seal& seal, const SigningKey& next) {
  seal.hand_over.accepted.clear();
  seal.hand_over.accepted = next.Sign(Unsigned(seal));
}

std::string SealDigest(std::string_view text) { return base::Sha256Hex(text); }

base::Result<ParsedSeal> ParseSeal(std::string_view text) {
  const base::Error fault{"it is not the text of a seal of format 1 or 2"};
  const size_t at = text.find(kSignature);
  const bool begins = text.starts_with(kFirstLine) || text.starts_with(kFirstLineOf2);
  if (!begins || at == text.npos || !text.ends_with("\n\n")) return fault;
  ParsedSeal parsed;
  parsed.signed_text = text.substr(0, at + 1);
  parsed.signature = text.substr(at + kSignature.size());
  parsed.signature.remove_suffix(2);
  if (parsed.signature.find('\n') != text.npos) return fault;

  Seal& seal = parsed.seal;
  Lines lines(parsed.signed_text.substr(kFirstLine.size()));
  seal.record = lines.Hex("record", kRecordDigits);
  seal.number = lines.Number("number");
  seal.previous = lines.Hex("previous", kDigestDigits);
  const std::string_view kind = lines.Word("kind");
  bool failed = true;
  for (const auto known :
       {SealKind::kSpan, SealKind::kAmendment, SealKind::kRetention, SealKind::kHandOver}) {
    if (kind != KindName(known)) continue;
    seal.kind = known;
    failed = false;
  }
  seal.written = lines.Time("written");
  seal.signer = lines.Hex("signer", kDigestDigits);
  if (seal.kind == SealKind::kRetention) {
    ReadDropped(lines, seal, failed);
  } else if (seal.kind == SealKind::kHandOver) {
    parsed.accepted = parsed.signed_text.substr(0, parsed.signed_text.find(kAccepted) + 1);
    ReadHandOver(lines, seal.hand_over, failed);
  } else {
    ReadSpan(lines, seal);
  }
  if (failed || lines.failed() || !lines.at_end()) return fault;
  if (Unsigned(seal) != parsed.signed_text) return fault;
  return parsed;
}

}  // namespace weir::control::sealing

#include "control/sealing/archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/audit/session_csv.h"
#include "control/audit/store_keys.h"
#include "control/sealing/dropped_day.h"
#include "control/sealing/record_csv.h"
#include "control/sealing/record_lines.h"

namespace weir::control::sealing {
namespace {

bool Overlaps(const audit::TimeSpan& a, const audit::TimeSpan& b) {
  return a.from < b.to && b.from < a.to;
}

// "20261122T090000.000000Z"
std::string CompactTime(base::WallTime time) {
  std::string text = base::FormatRfc3339(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

// The newest seals of what is still there.
struct Standing {
  std::vector<ArchivePart> sessions;  // by their beginning
  std::vector<std::pair<ArchivePart, audit::TimeSpan>> numbered;
  std::array<uint64_t, kNumberedClasses> dropped_upto{};
};

void AddSpan(Standing& standing, const Seal& seal) {
  const auto from = [](const ArchivePart& part) { return part.span.from; };
  auto place = std::ranges::lower_bound(standing.sessions, seal.span.from, {}, from);
  if (place == standing.sessions.end() || place->span != seal.span) {
    place = standing.sessions.insert(place, ArchivePart{});
  }
  place->span = seal.span;
  place->digest = seal.sessions;
  if (seal.kind != SealKind::kSpan) return;
  for (size_t i = 0; i < kNumberedClasses; i++) {
    const NumberedDigest& numbered = seal.numbered[i];
    if (numbered.digest.records == 0) continue;
    ArchivePart part;
    part.kind = ArchivePart::Kind::kNumbered;
    part.numbered = static_cast<NumberedClass>(i);
    part.after = numbered.after;
    part.upto = numbered.upto;
    part.digest = numbered.digest;
    standing.numbered.emplace_back(part, seal.span);
  }
}

void Drop(Standing& standing, const Seal& seal) {
  const audit::RetentionPlan& dropped = seal.dropped;
  if (dropped.day) {
    DropDay(standing.sessions, *dropped.day, [](const ArchivePart&) {});
  }
  const auto raise = [&](NumberedClass numbered, uint64_t upto) {
    uint64_t& known = standing.dropped_upto[static_cast<size_t>(numbered)];
    known = std::max(known, upto);
  };
  raise(NumberedClass::kFindings, dropped.findings_upto);
  raise(NumberedClass::kHealth, dropped.health_upto);
  raise(NumberedClass::kLogins, dropped.logins_upto);
  raise(NumberedClass::kOperations, seal.dropped_operations.upto);
}

Standing StandingSeals(const std::vector<LoggedSeal>& seals) {
  Standing standing;
  for (const LoggedSeal& logged : seals) {
    if (!logged.seal || logged.seal->kind == SealKind::kHandOver) continue;
    if (logged.seal->kind == SealKind::kRetention) {
      Drop(standing, *logged.seal);
    } else {
      AddSpan(standing, *logged.seal);
    }
  }
  return standing;
}

// One line, whatever somebody has typed.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return line;
}

std::string FileLine(const Manifest::File& file) {
  const ArchivePart& part = file.part;
  std::string what;
  switch (part.kind) {
    case ArchivePart::Kind::kSessions:
      what = fmt::format("sessions {} {}", base::FormatRfc3339(part.span.from),
                         base::FormatRfc3339(part.span.to));
      break;
    case ArchivePart::Kind::kNumbered:
      what = fmt::format("{} {} {}", NumberedClassName(part.numbered), part.after, part.upto);
      break;
    case ArchivePart::Kind::kQuery:
      what = fmt::format("query {} {}", base::FormatRfc3339(part.span.from),
                         base::FormatRfc3339(part.span.to));
      break;
  }
  if (part.csv) {
    // The lines that the rows were made of: what the seal is over.
    what = "csv-" + what + (part.digest.sha256.empty() ? "" : " " + part.digest.sha256);
  }
  return fmt::format("file {} {} {} {}\n", file.digest.records, file.digest.sha256, PartName(part),
                     what);
}

std::string HeaderOf(const ArchivePart& part) {
  return part.kind == ArchivePart::Kind::kNumbered ? CsvHeader(part.numbered)
                                                   : audit::SessionCsvHeader();
}

}  // namespace

std::string PartName(const ArchivePart& part) {
  const char* const ending = part.csv ? "csv" : "jsonl";
  switch (part.kind) {
    case ArchivePart::Kind::kSessions:
      return fmt::format("sessions-{}.{}", CompactTime(part.span.from), ending);
    case ArchivePart::Kind::kNumbered:
      return fmt::format("{}-{}-{}.{}", NumberedClassName(part.numbered), part.after + 1, part.upto,
                         ending);
    case ArchivePart::Kind::kQuery:
      return fmt::format("query-{}.{}", CompactTime(part.span.from), ending);
  }
  return "";
}

std::vector<ArchivePart> PlanArchive(const std::vector<LoggedSeal>& seals,
                                     const audit::TimeSpan& span) {
  const Standing standing = StandingSeals(seals);
  std::vector<ArchivePart> parts;
  for (const ArchivePart& part : standing.sessions) {
    if (part.digest.records > 0 && Overlaps(part.span, span)) parts.push_back(part);
  }
  for (const auto& [part, sealed_with] : standing.numbered) {
    const bool dropped = part.upto <= standing.dropped_upto[static_cast<size_t>(part.numbered)];
    if (!dropped && Overlaps(sealed_with, span)) parts.push_back(part);
  }
  return parts;
}

std::vector<ArchivePart> PlanQuery(const std::vector<LoggedSeal>& seals,
                                   const audit::TimeSpan& span) {
  std::vector<ArchivePart> parts;
  for (const ArchivePart& sealed : StandingSeals(seals).sessions) {
    const bool empty = sealed.digest.records == 0 && !sealed.digest.sha256.empty();
    if (empty || !Overlaps(sealed.span, span)) continue;
    const audit::TimeSpan asked{std::max(sealed.span.from, span.from),
                                std::min(sealed.span.to, span.to)};
    const bool same_day =
        !parts.empty() && audit::DayOf(parts.back().span.from) == audit::DayOf(asked.from);
    if (same_day) {
      parts.back().span.to = asked.to;
      continue;
    }
    ArchivePart part;
    part.kind = ArchivePart::Kind::kQuery;
    part.span = asked;
    parts.push_back(part);
  }
  return parts;
}

std::optional<base::WallTime> SealedUntil(const std::vector<LoggedSeal>& seals) {
  std::optional<base::WallTime> until;
  for (const LoggedSeal& logged : seals) {
    if (!logged.seal || logged.seal->kind != SealKind::kSpan) continue;
    if (!until || *until < logged.seal->span.to) until = logged.seal->span.to;
  }
  return until;
}

base::Status ReadPart(const Record& record, const ArchivePart& part, const audit::Query& query,
                      const LineTaker& take) {
  bool stopped = false;
  const auto hand_out = [&](const std::string& line) {
    stopped = !take(line);
    return !stopped;
  };
  const auto hand_out_session = [&](const audit::SessionRecord& session) {
    return hand_out(part.csv ? audit::SessionToCsv(session) : SessionLine(session));
  };
  const auto number = [&](uint64_t seq, const auto& item, const auto& line_of) {
    if (seq > part.upto) return false;
    const std::string line = line_of(item);
    return hand_out(part.csv ? CsvRowOf(part.numbered, line) : line);
  };
  if (part.csv && !hand_out(HeaderOf(part))) return base::Error{"stopped before the end"};
  base::Status read;
  switch (part.kind) {
    case ArchivePart::Kind::kSessions:
      read = record.store.SessionsAsSealed(part.span.from, part.span.to, hand_out_session);
      break;
    case ArchivePart::Kind::kQuery: {
      audit::Query asked = query;
      asked.from = part.span.from;
      asked.to = part.span.to;
      asked.by_start = true;
      const auto result = record.store.Sessions(asked, hand_out_session);
      if (!result.ok()) read = result.error();
      break;
    }
    case ArchivePart::Kind::kNumbered:
      switch (part.numbered) {
        case NumberedClass::kFindings:
          read = record.store.Findings(
              part.after, [&](const auto& one) { return number(one.seq, one, FindingLine); });
          break;
        case NumberedClass::kHealth:
          read = record.store.Health(
              part.after, [&](const auto& one) { return number(one.seq, one, HealthLine); });
          break;
        case NumberedClass::kLogins:
          read = record.store.Logins(
              part.after, [&](const auto& one) { return number(one.seq, one, LoginLine); });
          break;
        case NumberedClass::kOperations:
          read = record.operations.Read(static_cast<int64_t>(part.after) + 1,
                                        static_cast<int64_t>(part.upto), [&](const auto& one) {
                                          return number(static_cast<uint64_t>(one.number), one,
                                                        OperationLine);
                                        });
          break;
      }
      break;
  }
  if (!read.ok()) return read;
  if (stopped) return base::Error{"stopped before the end"};
  return {};
}

std::string ManifestText(const Manifest& manifest, const SigningKey& key) {
  std::string text = "weir export 1\n";
  const auto line = [&text](std::string_view name, const std::string& value) {
    if (!value.empty()) text.append(name).append(" ").append(value).append("\n");
  };
  line("record", manifest.record);
  line("made", base::FormatRfc3339(manifest.made));
  line("by", OneLine(manifest.by));
  line("reason", OneLine(manifest.reason));
  line("request", OneLine(manifest.request));
  const auto time = [&line](std::string_view name, const std::optional<base::WallTime>& value) {
    if (value) line(name, base::FormatRfc3339(*value));
  };
  time("from", manifest.from);
  time("to", manifest.to);
  time("sealed-until", manifest.sealed_until);
  line("query", OneLine(manifest.query));
  line("signer", key.public_key().fingerprint());
  for (const Manifest::File& file : manifest.files) text += FileLine(file);
  const std::string signature = key.Sign(text);
  return text + "signature " + signature + "\n\n";
}

}  // namespace weir::control::sealing

// An archive of the record for somebody else: files of lines, and a manifest that says what they
// are, for whom and why, signed with the seals' key. The format is docs/formats/export.md.
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/query.h"
#include "control/sealing/record_digests.h"
#include "control/sealing/seal_log.h"

namespace weir::control::sealing {

// One file. What is sealed together is one, so that the file's digest is the seal's.
struct ArchivePart {
  enum class Kind : uint8_t {
    kSessions,  // all of a sealed span
    kNumbered,  // all records of a class that a seal has
    kQuery,     // the sessions of a span that a question finds: not sealed as such
  };
  Kind kind = Kind::kSessions;
  audit::TimeSpan span;  // of kSessions and kQuery
  NumberedClass numbered = NumberedClass::kFindings;
  uint64_t after = 0;  // of kNumbered
  uint64_t upto = 0;
  Digest digest;     // of the seal, over lines; of kQuery: not known, its sha256 empty
  bool csv = false;  // handed out as rows of CSV, with a header, made of the same records
};

// The file's name: "sessions-20261122T090000.000000Z.jsonl", "findings-1-17.csv".
std::string PartName(const ArchivePart& part);

// Everything that is sealed of [from, to), as the newest seals have it; what retention has dropped
// is not there. Spans that began before `from` or go on after `to` are in it whole.
std::vector<ArchivePart> PlanArchive(const std::vector<LoggedSeal>& seals,
                                     const audit::TimeSpan& span);

// The same for the sessions that a question finds: a file for each day (UTC) with sealed spans.
std::vector<ArchivePart> PlanQuery(const std::vector<LoggedSeal>& seals,
                                   const audit::TimeSpan& span);

// Sessions that began before are sealed; nullopt: none are.
std::optional<base::WallTime> SealedUntil(const std::vector<LoggedSeal>& seals);

// Hands out the lines of a part: of kQuery those of sessions that began in its span and meet
// `query`, its times left out. Of CSV the first line is the header. A false from `take` ends it
// with an error.
using LineTaker = std::function<bool(std::string_view)>;
base::Status ReadPart(const Record& record, const ArchivePart& part, const audit::Query& query,
                      const LineTaker& take);

struct Manifest {
  struct File {
    ArchivePart part;
    Digest digest;  // of the file as it is handed out
  };
  std::string record;
  base::WallTime made;
  std::string by;
  std::string reason;
  std::string request;
  // The time that was asked for, as far as it was limited, and how far the record was sealed then.
  std::optional<base::WallTime> from;
  std::optional<base::WallTime> to;
  std::optional<base::WallTime> sealed_until;
  std::string query;  // empty: everything
  std::vector<File> files;
};

// Signed; ends in an empty line.
std::string ManifestText(const Manifest& manifest, const SigningKey& key);

}  // namespace weir::control::sealing

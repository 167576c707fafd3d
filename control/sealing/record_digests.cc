#include "control/sealing/record_digests.h"

#include <limits>

#include "control/sealing/record_lines.h"

namespace weir::control::sealing {
namespace {

const base::Error kStopped{"stopped before the end"};

}  // namespace

base::Result<Digest> DigestSessions(const Record& record, const audit::TimeSpan& span,
                                    Moment moment, const KeepOn& keep_on, SealParts* parts) {
  LineDigest lines;
  SealParts unused;
  PartGatherer gatherer(parts == nullptr ? unused : *parts);
  bool stopped = false;
  const audit::SessionVisitor visit = [&](const audit::SessionRecord& session) {
    const std::string line = SessionLine(session);
    lines.Add(line);
    if (parts != nullptr) gatherer.AddSession(session.event.start, line);
    stopped = !keep_on();
    return !stopped;
  };
  base::Status read;
  if (moment == Moment::kSealed) {
    read = record.store.SessionsAsSealed(span.from, span.to, visit);
  } else {
    audit::Query query;
    query.from = span.from;
    query.to = span.to;
    query.by_start = true;
    if (const auto result = record.store.Sessions(query, visit); !result.ok()) {
      read = result.error();
    }
  }
  if (!read.ok()) return read.error();
  if (stopped) return kStopped;
  gatherer.Finish();
  return Digest{lines.records(), lines.Hex()};
}

base::Result<NumberedDigest> DigestNumbered(const Record& record, NumberedClass numbered,
                                            uint64_t after, uint64_t upto, const KeepOn& keep_on,
                                            SealParts* parts) {
  LineDigest lines;
  SealParts unused;
  PartGatherer gatherer(parts == nullptr ? unused : *parts);
  bool stopped = false;
  uint64_t last = after;
  const auto take = [&](uint64_t number, const auto& item, const auto& line_of) {
    if (number > upto) return false;
    const std::string line = line_of(item);
    lines.Add(line);
    if (parts != nullptr) gatherer.AddNumbered(numbered, number, line);
    last = number;
    stopped = !keep_on();
    return !stopped;
  };
  base::Status read;
  switch (numbered) {
    case NumberedClass::kFindings:
      read = record.store.Findings(
          after, [&](const auto& finding) { return take(finding.seq, finding, FindingLine); });
      break;
    case NumberedClass::kHealth:
      read = record.store.Health(
          after, [&](const auto& health) { return take(health.seq, health, HealthLine); });
      break;
    case NumberedClass::kLogins:
      read = record.store.Logins(
          after, [&](const auto& login) { return take(login.seq, login, LoginLine); });
      break;
    case NumberedClass::kOperations: {
      constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
      read = record.operations.Read(
          static_cast<int64_t>(after) + 1, static_cast<int64_t>(std::min(upto, kMax)),
          [&](const operations::Operation& operation) {
            return take(static_cast<uint64_t>(operation.number), operation, OperationLine);
          });
      break;
    }
  }
  if (!read.ok()) return read.error();
  if (stopped) return kStopped;
  gatherer.Finish();
  return NumberedDigest{{lines.records(), lines.Hex()}, after, upto == kToTheLast ? last : upto};
}

}  // namespace weir::control::sealing

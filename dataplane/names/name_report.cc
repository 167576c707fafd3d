#include "dataplane/names/name_report.h"

namespace weir::names {

Report ReportHello(const ClientHello& hello, Source source, NameSink& sink) {
  if (hello.sslv2) return {Outcome::kNone, Coverage::kSslV2Hello};
  sink.OnClientHello(hello, source);
  Report report;
  for (const ByteSpan raw : std::span(hello.server_names).first(hello.server_name_count)) {
    HostName name;
    // The bytes of a uint8_t array may be looked at as char.
    const auto* text = static_cast<const char*>(static_cast<const void*>(raw.data()));
    if (!NormaliseHost({text, raw.size()}, name)) continue;
    report.outcome = Outcome::kFound;
    sink.OnName(name, source);
  }
  const bool encrypted = hello.has_ech || hello.has_esni;
  if (report.outcome == Outcome::kFound) {
    report.coverage = encrypted ? Coverage::kNamedOuter : Coverage::kNamed;
  } else if (hello.server_name_count > 0) {
    report.coverage = Coverage::kInvalidName;
  } else {
    report.coverage = encrypted ? Coverage::kEncryptedSni : Coverage::kNoSni;
  }
  return report;
}

Report ReportDns(const DnsMessage& message, NameSink& sink) {
  Report report = {Outcome::kNone, Coverage::kDnsNoName};
  if (!message.is_query()) return report;
  DnsQuestionReader questions(message);
  DnsQuestion question;
  while (questions.Next(question) == Outcome::kFound) {
    if (question.name.bytes == 0) continue;
    sink.OnName(question.name, Source::kDnsQuery);
    report = {Outcome::kFound, Coverage::kNamed};
  }
  return report;
}

Coverage CoverageOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMalformed:
      return Coverage::kMalformed;
    case Outcome::kTooLong:
      return Coverage::kTooLong;
    case Outcome::kNotThis:
      return Coverage::kUnknown;
    case Outcome::kConflict:
    case Outcome::kCrowded:
    case Outcome::kNeedMore:
    case Outcome::kFound:
    case Outcome::kNone:
      return Coverage::kUndecided;
  }
  return Coverage::kUndecided;
}

}  // namespace weir::names

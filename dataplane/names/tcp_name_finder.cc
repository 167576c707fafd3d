#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/names/dns_message.h"
#include "dataplane/names/name_finder.h"
#include "dataplane/names/name_report.h"
#include "dataplane/names/prelude.h"

namespace weir::names {
namespace {

// Protocols within one another on one connection: CONNECT in CONNECT, SOCKS before TLS, Upgrade.
constexpr uint8_t kRestartsMax = 8;
// What a text protocol may say before it turns to TLS.
constexpr uint32_t kPassedBytesMax = 16384;
constexpr size_t kDnsLengthBytes = 2;

// A DNS message with its length before it, asked before it is whole: can it be one? On port 53 as
// lax as the parser, elsewhere only what resolvers' clients send.
Outcome RecogniseDns(ByteSpan stream, bool is_dns_port) {
  constexpr size_t kAnyPortBytesMax = 1024;
  if (stream.size() < kDnsLengthBytes + kDnsHeaderBytes) {
    const bool possible = is_dns_port || stream.empty() || stream[0] < kAnyPortBytesMax >> 8;
    return possible ? Outcome::kNeedMore : Outcome::kNotThis;
  }
  const size_t message_bytes = base::LoadBe<uint16_t>(stream.data());
  const uint8_t* header = stream.data() + kDnsLengthBytes;
  const uint16_t flags = base::LoadBe<uint16_t>(header + 2);
  const uint16_t questions = base::LoadBe<uint16_t>(header + 4);
  const uint32_t answers = base::LoadBe<uint32_t>(header + 6);
  if (message_bytes <= kDnsHeaderBytes || (flags & 0x8000) != 0 || questions == 0) {
    return Outcome::kNotThis;
  }
  if (!is_dns_port && (message_bytes > kAnyPortBytesMax || (flags & 0x7840) != 0 ||
                       questions != 1 || answers != 0)) {
    return Outcome::kNotThis;
  }
  if (stream.size() < kDnsLengthBytes + message_bytes) {
    return message_bytes > kTlsStreamBytesMax - kDnsLengthBytes ? Outcome::kNotThis
                                                                : Outcome::kNeedMore;
  }
  DnsMessage message;
  const Outcome outcome = ParseDnsMessage(stream.subspan(kDnsLengthBytes, message_bytes), message);
  const bool fits = outcome == Outcome::kFound && (is_dns_port || (message.whole && !message.odd));
  return fits ? Outcome::kFound : Outcome::kNotThis;
}

}  // namespace

FinderStep TcpNameFinder::Consume(ByteSpan stream, NameContext& context, NameSink& sink) {
  FinderStep total;
  bool found = false;
  while (phase_ != Phase::kFinished && !stream.empty()) {
    const Phase before = phase_;
    const FinderStep step = Step(stream, context, sink);
    total.consumed += step.consumed;
    total.outcome = step.outcome;
    found = found || step.outcome == Outcome::kFound;
    stream = stream.subspan(step.consumed);
    total.paused = step.paused && !stream.empty();
    if (total.paused || (step.consumed == 0 && phase_ == before)) break;
  }
  if (found) total.outcome = Outcome::kFound;
  return total;
}

FinderStep TcpNameFinder::Step(ByteSpan stream, NameContext& context, NameSink& sink) {
  switch (phase_) {
    case Phase::kDetect:
      return Detect(stream, context);
    case Phase::kTls:
      return ReadTls(stream, context, sink);
    case Phase::kHttp:
      return ReadHttp(stream, sink);
    case Phase::kDns:
      return ReadDns(stream, sink);
    case Phase::kText:
      return ReadText(stream);
    case Phase::kFinished:
      break;
  }
  return {};
}

FinderStep TcpNameFinder::Detect(ByteSpan stream, NameContext& context) {
  if (++restarts_ > kRestartsMax) return Finish(Outcome::kNotThis, Coverage::kUnknown);
  // First, and within SOCKS alone, so that what is found does not depend on how much is there.
  Prelude prelude = FindPrelude(stream, within_socks_);
  if (within_socks_ && prelude.outcome == Outcome::kNotThis) {
    within_socks_ = false;
    prelude = FindPrelude(stream, false);
  }
  if (prelude.outcome == Outcome::kFound) {
    within_socks_ = GoesOnWithSocks5(stream, within_socks_);
    return {Outcome::kNeedMore, prelude.bytes, false};
  }
  if (within_socks_ && prelude.outcome == Outcome::kNeedMore) return Undecided();
  ClientHello hello;
  const Outcome tls = ParseTlsClientHello(stream, context.handshake(), hello).outcome;
  const Outcome http = HttpRequests::Recognise(stream);
  const Outcome dns = RecogniseDns(stream, is_dns_port_);
  needed_bytes_ = 0;
  const bool only_tls =
      tls == Outcome::kNeedMore && http == Outcome::kNotThis && dns == Outcome::kNotThis;
  if (only_tls || (tls != Outcome::kNotThis && tls != Outcome::kNeedMore)) {
    phase_ = Phase::kTls;
  } else if (dns == Outcome::kFound) {
    phase_ = Phase::kDns;
  } else if (http == Outcome::kFound) {
    phase_ = Phase::kHttp;
    http_ = HttpRequests();
  } else if (http == Outcome::kNone) {
    return Finish(Outcome::kNone, Coverage::kHttp2);
  } else {
    const bool more =
        tls == Outcome::kNeedMore || http == Outcome::kNeedMore || dns == Outcome::kNeedMore;
    const bool may_grow = more && stream.size() < kTlsStreamBytesMax;
    if (may_grow || prelude.outcome == Outcome::kNeedMore) return Undecided();
    return DetectText(stream);
  }
  return {};
}

FinderStep TcpNameFinder::Undecided() {
  --restarts_;
  return {};
}

FinderStep TcpNameFinder::DetectText(ByteSpan stream) {
  // An HTTP response is text too, but no client's: mid-stream, the server was taken for the client.
  if (!after_http_ && !IsHttpResponse(stream) &&
      SkipTextBeforeTls(stream).outcome != Outcome::kNotThis) {
    phase_ = Phase::kText;
    return {};
  }
  return Finish(Outcome::kNotThis, Coverage::kUnknown);
}

FinderStep TcpNameFinder::ReadTls(ByteSpan stream, NameContext& context, NameSink& sink) {
  if (stream.size() < needed_bytes_) return {};
  ClientHello hello;
  const TlsParse parse = ParseTlsClientHello(stream, context.handshake(), hello);
  if (parse.outcome == Outcome::kNeedMore) {
    needed_bytes_ = static_cast<uint32_t>(parse.needed_bytes);
    return {};
  }
  if (parse.outcome == Outcome::kNotThis) {
    phase_ = Phase::kDetect;  // it looked like TLS for a while
    --restarts_;
    return {};
  }
  if (parse.outcome != Outcome::kFound && parse.outcome != Outcome::kNone) {
    return Finish(parse.outcome, CoverageOf(parse.outcome));
  }
  const Report report = ReportHello(hello, Source::kTlsSni, sink);
  return Finish(report.outcome, report.coverage);
}

FinderStep TcpNameFinder::ReadHttp(ByteSpan stream, NameSink& sink) {
  const uint32_t names_before = http_.names();
  const HttpStep step = http_.Consume(stream, sink);
  const bool found = http_.names() > names_before;
  if (found) {
    Note(Coverage::kNamed);
  } else if (http_.requests() > 0) {
    Note(http_.invalid_names() > 0 ? Coverage::kInvalidName : Coverage::kHttpNoHost);
  }
  FinderStep out = {found ? Outcome::kFound : Outcome::kNeedMore, step.consumed, step.paused};
  if (step.outcome == Outcome::kNone || step.outcome == Outcome::kNotThis) {
    // A tunnel, or the protocol that an Upgrade asked for.
    phase_ = Phase::kDetect;
    after_http_ = step.outcome == Outcome::kNotThis;
  } else if (step.outcome != Outcome::kNeedMore) {
    Finish(step.outcome, CoverageOf(step.outcome));
    if (!found) out.outcome = step.outcome;
  }
  return out;
}

FinderStep TcpNameFinder::ReadDns(ByteSpan stream, NameSink& sink) {
  if (stream.size() < kDnsLengthBytes) return {};
  const size_t message_bytes = base::LoadBe<uint16_t>(stream.data());
  const size_t bytes = kDnsLengthBytes + message_bytes;
  if (bytes > kTlsStreamBytesMax) return Finish(Outcome::kTooLong, Coverage::kTooLong);
  if (stream.size() < bytes) return {};
  DnsMessage message;
  const Outcome outcome = ParseDnsMessage(stream.subspan(kDnsLengthBytes, message_bytes), message);
  if (outcome != Outcome::kFound && outcome != Outcome::kNone) {
    const bool broken = outcome == Outcome::kNotThis;
    return Finish(broken ? Outcome::kMalformed : outcome,
                  broken ? Coverage::kMalformed : Coverage::kTooLong);
  }
  const Report report = ReportDns(message, sink);
  Note(report.coverage);
  const bool found = report.outcome == Outcome::kFound;
  return {found ? Outcome::kFound : Outcome::kNeedMore, bytes, found};
}

FinderStep TcpNameFinder::ReadText(ByteSpan stream) {
  const Prelude text = SkipTextBeforeTls(stream);
  passed_bytes_ += static_cast<uint32_t>(std::min<size_t>(text.bytes, kPassedBytesMax + 1));
  if (text.outcome == Outcome::kNotThis || passed_bytes_ > kPassedBytesMax) {
    return Finish(Outcome::kNotThis, Coverage::kUnknown);
  }
  if (text.outcome == Outcome::kFound) phase_ = Phase::kDetect;
  return {Outcome::kNeedMore, text.bytes, false};
}

FinderStep TcpNameFinder::Finish(Outcome outcome, Coverage coverage) {
  phase_ = Phase::kFinished;
  Note(coverage);
  return {outcome};
}

void TcpNameFinder::Note(Coverage coverage) {
  if (Improves(coverage_, coverage)) coverage_ = coverage;
}

}  // namespace weir::names

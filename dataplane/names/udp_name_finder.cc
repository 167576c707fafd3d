#include <algorithm>

#include "dataplane/names/dns_message.h"
#include "dataplane/names/google_quic.h"
#include "dataplane/names/name_finder.h"
#include "dataplane/names/name_report.h"

namespace weir::names {
namespace {

constexpr uint16_t kDnsPort = 53;
constexpr uint16_t kNetbiosPort = 137;  // DNS's form with names of another kind

// RFC 9147 §4: a DTLS record's first three bytes.
bool IsDtls(ByteSpan datagram) {
  return datagram.size() >= 13 && datagram[0] >= 20 && datagram[0] <= 25 && datagram[1] == 0xfe &&
         datagram[2] >= 0xfc;
}

// A client's first datagram in a version that is not known here: RFC 8999's form, and the sizes
// that every version so far has asked for.
bool IsUnknownQuic(const QuicPacket& packet, ByteSpan datagram) {
  constexpr size_t kFirstDatagramBytes = 1200;
  constexpr size_t kFirstCidBytes = 8;
  return packet.kind == QuicPacket::Kind::kUnknownVersion &&
         datagram.size() >= kFirstDatagramBytes && packet.dcid.size() >= kFirstCidBytes &&
         packet.dcid.size() <= kQuicCidBytesMax;
}

// What a resolver's client sends, for ports that say nothing.
bool IsPlainQuery(const DnsMessage& message) {
  constexpr uint16_t kMustBeZero = 0xf800 | 0x0040;  // response, opcode, Z
  return message.whole && (message.flags & kMustBeZero) == 0 && message.question_count == 1 &&
         message.answer_count == 0 && message.authority_count == 0;
}

}  // namespace

Outcome UdpNameFinder::Consume(ByteSpan datagram, UdpPorts ports, NameContext& context,
                               NameSink& sink) {
  if (ports.dst == kDnsPort) {
    const Outcome dns = ConsumeDns(datagram, ports, sink);
    if (dns != Outcome::kNotThis) return dns;
  }
  const Outcome quic = ConsumeQuic(datagram, context, sink);
  if (quic != Outcome::kNotThis) return quic;
  if (IsDtls(datagram)) {
    Note(Coverage::kDtls);
    return Outcome::kNone;
  }
  if (ports.dst != kDnsPort && ports.dst != kNetbiosPort) {
    const Outcome dns = ConsumeDns(datagram, ports, sink);
    if (dns != Outcome::kNotThis) return dns;
  }
  Note(Coverage::kUnknown);
  return Outcome::kNotThis;
}

bool UdpNameFinder::in_progress() const {
  return std::any_of(leases_.begin(), leases_.end(),
                     [](const QuicLease& lease) { return lease.generation != 0; });
}

Outcome UdpNameFinder::ConsumeDns(ByteSpan datagram, UdpPorts ports, NameSink& sink) {
  DnsMessage message;
  const Outcome outcome = ParseDnsMessage(datagram, message);
  if (outcome == Outcome::kNotThis) return outcome;
  if (ports.dst != kDnsPort && (outcome != Outcome::kFound || !IsPlainQuery(message))) {
    return Outcome::kNotThis;
  }
  if (outcome == Outcome::kTooLong) {
    Note(Coverage::kTooLong);
    return outcome;
  }
  const Report report = ReportDns(message, sink);
  Note(report.coverage);
  return report.outcome;
}

Outcome UdpNameFinder::ConsumeQuic(ByteSpan datagram, NameContext& context, NameSink& sink) {
  ClientHello hello;
  const Outcome clear = ParseClearGoogleQuic(datagram, hello);
  if (clear == Outcome::kFound || clear == Outcome::kNone) {
    const Report report = ReportHello(hello, Source::kQuicSni, sink);
    Note(report.coverage);
    return report.outcome;
  }
  if (clear == Outcome::kNeedMore) {
    Note(Coverage::kQuicUndecided);
    return Outcome::kNeedMore;
  }
  const QuicPacket first = ReadQuicPacket(datagram);
  if (first.version == nullptr) {
    if (!IsUnknownQuic(first, datagram)) return Outcome::kNotThis;
    Note(Coverage::kQuicVersion);
    return Outcome::kNone;
  }
  Outcome outcome = ContinueAttempt(datagram, context, sink);
  if (outcome != Outcome::kNotThis) return outcome;
  QuicInitial& fresh = context.fresh_attempt();
  fresh.Reset();
  outcome = fresh.AddDatagram(datagram, context.crypto(), context.plain(), hello);
  if (outcome == Outcome::kFound || outcome == Outcome::kNone) {
    const Report report = ReportHello(hello, Source::kQuicSni, sink);
    Note(report.coverage);
    return report.outcome;
  }
  if (outcome == Outcome::kNeedMore) Keep(fresh, context.attempts());
  if (outcome == Outcome::kNeedMore || outcome == Outcome::kNotThis) {
    Note(Coverage::kQuicUndecided);
    return Outcome::kNeedMore;
  }
  Note(CoverageOf(outcome));
  return outcome;
}

Outcome UdpNameFinder::ContinueAttempt(ByteSpan datagram, NameContext& context, NameSink& sink) {
  for (QuicLease& lease : leases_) {
    QuicInitial* attempt = context.attempts().Find(lease);
    if (attempt == nullptr) {
      lease = QuicLease();
      continue;
    }
    ClientHello hello;
    const Outcome outcome =
        attempt->AddDatagram(datagram, context.crypto(), context.plain(), hello);
    if (outcome == Outcome::kNotThis) continue;
    if (outcome == Outcome::kNeedMore || outcome == Outcome::kMalformed) {
      // What contradicts is not taken; the attempt goes on with what came first.
      if (outcome == Outcome::kMalformed) Note(Coverage::kMalformed);
      return outcome;
    }
    Report report = {outcome, CoverageOf(outcome)};
    if (outcome != Outcome::kTooLong) report = ReportHello(hello, Source::kQuicSni, sink);
    context.attempts().Return(lease);
    Note(report.coverage);
    return report.outcome;
  }
  return Outcome::kNotThis;
}

void UdpNameFinder::Keep(const QuicInitial& attempt, QuicAttempts& attempts) {
  QuicLease& lease = leases_[next_lease_];
  next_lease_ = static_cast<uint8_t>((next_lease_ + 1) % kAttemptsMax);
  attempts.Return(lease);
  lease = attempts.Lend();
  attempts.Find(lease)->CopyFrom(attempt);
}

void UdpNameFinder::Note(Coverage coverage) {
  if (Improves(coverage_, coverage)) coverage_ = coverage;
}

}  // namespace weir::names

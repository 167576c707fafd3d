#include <algorithm>

#include "dataplane/names/dns_message.h"
#include "dataplane/names/google_quic.h"
#include "dataplane/names/name_finder.h"
#include "dataplane/names/name_report.h"

namespace weir::names {
namespace {

constexpr uint16_t kNetbiosPort = 137;  // DNS's form with names of another kind

// RFC 9147 §4: a DTLS record's first three bytes.
bool IsDtls(ByteSpan datagram) {
  return datagram.size() >= 13 && datagram[0] >= 20 && datagram[0] <= 25 && datagram[1] == 0xfe &&
         datagram[2] >= 0xfc;
}

// A client's first datagram in a version that is not listed: RFC 8999's form, and the sizes
// that every version so far has asked for.
bool MayBeginUnlisted(const QuicPacket& packet, ByteSpan datagram) {
  constexpr size_t kFirstDatagramBytes = 1200;
  constexpr size_t kFirstCidBytes = 8;
  return packet.kind == QuicPacket::Kind::kUnlisted && datagram.size() >= kFirstDatagramBytes &&
         packet.dcid.size() >= kFirstCidBytes && packet.dcid.size() <= kQuicCidBytesMax;
}

// What a resolver's client sends, for ports that say nothing.
bool IsPlainQuery(const DnsMessage& message) {
  constexpr uint16_t kMustBeZero = 0xf800 | 0x0040;  // response, opcode, Z
  return message.whole && !message.odd && (message.flags & kMustBeZero) == 0 &&
         message.question_count == 1 && message.answer_count == 0 && message.authority_count == 0;
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
  for (size_t i = 0; i < kAttemptsMax; ++i) {
    if (leases_[i].generation != 0 && !finished_[i]) return true;
  }
  return false;
}

bool UdpNameFinder::Keeps(QuicAttempts& attempts) const {
  return std::ranges::any_of(
      leases_, [&](const QuicLease& lease) { return attempts.Find(lease) != nullptr; });
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
  const bool unlisted = first.kind == QuicPacket::Kind::kUnlisted;
  if (first.version == nullptr && !unlisted) return Outcome::kNotThis;
  const Outcome outcome = ContinueAttempt(datagram, context, sink);
  if (outcome != Outcome::kNotThis) return outcome;
  if (unlisted && !MayBeginUnlisted(first, datagram)) return Outcome::kNotThis;
  return BeginAttempt(datagram, unlisted, context, sink);
}

Outcome UdpNameFinder::ContinueAttempt(ByteSpan datagram, NameContext& context, NameSink& sink) {
  for (size_t i = 0; i < kAttemptsMax; ++i) {
    QuicInitial* attempt = context.attempts().Find(leases_[i]);
    if (attempt == nullptr) {
      lost_ = lost_ || (leases_[i].generation != 0 && !settled_[i]);
      leases_[i] = QuicLease();
      continue;
    }
    ClientHello hello;
    const Outcome outcome = attempt->AddDatagram(datagram, context.quic_tools(), hello);
    if (outcome == Outcome::kNotThis) continue;
    finished_[i] = attempt->finished();
    if (attempt->settled() && !settled_[i]) {
      settled_[i] = true;
      context.attempts().Settle(leases_[i]);
    }
    return Tell(outcome, hello, sink);
  }
  return Outcome::kNotThis;
}

Outcome UdpNameFinder::BeginAttempt(ByteSpan datagram, bool unlisted, NameContext& context,
                                    NameSink& sink) {
  static constexpr QuicVersion kAsListed{};
  QuicInitial& fresh = context.fresh_attempt();
  ClientHello hello;
  Outcome outcome = Outcome::kNotThis;
  for (const QuicVersion& version :
       unlisted ? UnlistedQuicVersions() : std::span<const QuicVersion>(&kAsListed, 1)) {
    fresh.Reset();
    outcome =
        fresh.AddDatagram(datagram, context.quic_tools(), hello, unlisted ? &version : nullptr);
    if (outcome != Outcome::kNotThis) break;
  }
  if (outcome == Outcome::kNeedMore) {
    Note(Coverage::kQuicUndecided);
    const bool kept = Keep(fresh, context.attempts());
    return kept && !lost_ ? outcome : Outcome::kCrowded;
  }
  if (outcome != Outcome::kNotThis) return Tell(outcome, hello, sink);
  if (unlisted) {
    Note(Coverage::kQuicVersion);
    return Outcome::kNone;
  }
  // Not to be opened: of an attempt whose start was not seen, or that was forgotten.
  Note(Coverage::kQuicUndecided);
  return lost_ ? Outcome::kCrowded : Outcome::kNeedMore;
}

Outcome UdpNameFinder::Tell(Outcome outcome, const ClientHello& hello, NameSink& sink) {
  const bool whole = outcome == Outcome::kFound || outcome == Outcome::kNone;
  const Report report =
      whole ? ReportHello(hello, Source::kQuicSni, sink) : Report{outcome, CoverageOf(outcome)};
  Note(report.coverage);
  return report.outcome;
}

// False when all that was begun is still in progress: what is begun first stays.
bool UdpNameFinder::Keep(const QuicInitial& attempt, QuicAttempts& attempts) {
  const auto free = std::find_if(leases_.begin(), leases_.end(),
                                 [](const QuicLease& lease) { return lease.generation == 0; });
  auto at = static_cast<size_t>(free - leases_.begin());
  if (free == leases_.end()) {
    const auto done = std::find(settled_.begin(), settled_.end(), true);
    if (done == settled_.end()) return false;
    at = static_cast<size_t>(done - settled_.begin());
  }
  leases_[at] = attempts.Lend();
  finished_[at] = settled_[at] = false;
  attempts.Find(leases_[at])->CopyFrom(attempt);
  return true;
}

void UdpNameFinder::Note(Coverage coverage) {
  if (Improves(coverage_, coverage)) coverage_ = coverage;
}

}  // namespace weir::names

// Finds the host names of a flow: chooses the protocol by the client's first bytes, whatever the
// port, and tells each name as soon as the bytes that hold it are whole.
//
// Owned by a flow, used by its worker's thread with that worker's NameContext. No allocation; a
// finder holds no bytes of the stream: the caller keeps what was not consumed and shows it again
// with more behind it, at most kTlsStreamBytesMax.
//
//   first bytes -> TLS: the ClientHello's names, and the end
//               -> HTTP/1: the hosts of each request; behind a CONNECT, first bytes again
//               -> DNS over TCP: the names of each message
//               -> a prelude (PROXY, SOCKS, STARTTLS, ...): passed over, first bytes again
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/names/http_request.h"
#include "dataplane/names/name_context.h"
#include "dataplane/names/name_sink.h"
#include "dataplane/names/outcome.h"

namespace weir::names {

struct FinderStep {
  // kFound: at least one name was told in this call. kNeedMore: undecided, or no name in this call.
  // kNone, kNotThis, kMalformed, kTooLong: it is over without a further name.
  Outcome outcome = Outcome::kNeedMore;
  size_t consumed = 0;  // bytes not to be shown again
  // Enough was told for one call, and the rest not looked at: the caller shows it again at once.
  bool paused = false;
};

// For the client's side of a TCP connection.
class TcpNameFinder {
 public:
  explicit TcpNameFinder(uint16_t dst_port = 0) : is_dns_port_(dst_port == 53) {}

  // `stream`: the client's bytes in order, those first that an earlier call did not consume.
  FinderStep Consume(std::span<const uint8_t> stream, NameContext& context, NameSink& sink);

  // How many bytes from here on do not matter, whatever they are (an HTTP body's): the caller may
  // Pass() over them instead of showing them.
  uint64_t passable() const { return phase_ == Phase::kHttp ? http_.passable() : 0; }
  void Pass(uint64_t count) { http_.Pass(count); }

  // Nothing more will be found: the caller may stop, and free what it keeps of the stream.
  bool finished() const { return phase_ == Phase::kFinished; }
  // Named, or why not. The first name decides; a reason stands until there is a name.
  Coverage coverage() const { return coverage_; }

 private:
  enum class Phase : uint8_t { kDetect, kTls, kHttp, kDns, kText, kFinished };

  FinderStep Step(std::span<const uint8_t> stream, NameContext& context, NameSink& sink);
  FinderStep Detect(std::span<const uint8_t> stream, NameContext& context);
  FinderStep Undecided();
  FinderStep DetectText(std::span<const uint8_t> stream);
  FinderStep ReadTls(std::span<const uint8_t> stream, NameContext& context, NameSink& sink);
  FinderStep ReadHttp(std::span<const uint8_t> stream, NameSink& sink);
  FinderStep ReadDns(std::span<const uint8_t> stream, NameSink& sink);
  FinderStep ReadText(std::span<const uint8_t> stream);
  FinderStep Finish(Outcome outcome, Coverage coverage);
  void Note(Coverage coverage);

  HttpRequests http_;
  uint32_t needed_bytes_ = 0;  // of an unfinished ClientHello
  uint32_t passed_bytes_ = 0;  // of text and preludes
  Phase phase_ = Phase::kDetect;
  Coverage coverage_ = Coverage::kUndecided;
  uint8_t restarts_ = 0;
  bool is_dns_port_;
  bool within_socks_ = false;
  bool after_http_ = false;
};

struct UdpPorts {
  uint16_t src = 0;
  uint16_t dst = 0;
};

// For the client's side of a UDP flow. Never finished: DNS asks again on the same ports, and a QUIC
// client may open another connection. A datagram without anything for it costs a few comparisons.
//
// Who must not be led astray drops the datagrams of kConflict and kCrowded and keeps the finder for
// as long as it is in_progress() or Keeps() anything. Then every byte of a hello that a server can
// have was read here, and no name gets through untold. A hello that is whole here need not be so
// there, if a part of it was made to die on the way: what comes later must still fit to it.
class UdpNameFinder {
 public:
  // Attempts of one flow that are put together side by side. A client's connection takes one, or
  // two after a Retry or another version; more are several connections on the same ports.
  static constexpr size_t kAttemptsMax = 4;

  Outcome Consume(std::span<const uint8_t> datagram, UdpPorts ports, NameContext& context,
                  NameSink& sink);

  Coverage coverage() const { return coverage_; }
  // A QUIC ClientHello was begun and is not whole: the flow's next packets may complete it.
  bool in_progress() const;
  // An attempt of several datagrams, whole or not, has its place still.
  bool Keeps(QuicAttempts& attempts) const;

 private:
  Outcome ConsumeDns(std::span<const uint8_t> datagram, UdpPorts ports, NameSink& sink);
  Outcome ConsumeQuic(std::span<const uint8_t> datagram, NameContext& context, NameSink& sink);
  Outcome ContinueAttempt(std::span<const uint8_t> datagram, NameContext& context, NameSink& sink);
  Outcome BeginAttempt(std::span<const uint8_t> datagram, bool unlisted, NameContext& context,
                       NameSink& sink);
  Outcome Tell(Outcome outcome, const ClientHello& hello, NameSink& sink);
  bool Keep(const QuicInitial& attempt, QuicAttempts& attempts);
  void Note(Coverage coverage);

  std::array<QuicLease, kAttemptsMax> leases_;
  std::array<bool, kAttemptsMax> finished_{};  // attempts that will tell nothing more
  std::array<bool, kAttemptsMax> settled_{};   // and may be forgotten
  bool lost_ = false;  // the place of an attempt that was not settled was taken away
  Coverage coverage_ = Coverage::kUndecided;
};

}  // namespace weir::names

// Which segments of a TCP connection the other end will take, as far as one can know in between.
//
// A segment that the server would throw away must not be read as the client's words, nor count as
// the end of the connection. What is doubtful is refused: an inline monitor drops what it refuses,
// so both see the same. One object a connection, while its name is being found out; its worker's
// thread; no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::stream {

// The options that the checks need (RFC 7323, RFC 2385, RFC 5925).
struct TcpOptions {
  uint32_t timestamp = 0;
  uint8_t window_scale = 0;
  bool has_timestamp = false;
  bool has_window_scale = false;
  bool is_signed = false;  // MD5 or TCP-AO
};

// `options`: between the fixed header and the payload; broken ones end the list.
TcpOptions ParseTcpOptions(std::span<const uint8_t> options);

struct Segment {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint32_t payload_bytes = 0;
  uint16_t window = 0;
  uint8_t flags = 0;
  bool checksum_is_known = false;
  bool checksum_is_right = false;
  TcpOptions options;
};

// Why the receiver would not take a segment; each is a counter.
enum class SegmentFault : uint8_t {
  kNone,
  kChecksum,      // RFC 9293 §3.1
  kNoAck,         // data without ACK (§3.10.7.4)
  kBadAck,        // acknowledges what was never sent, or too old (RFC 5961 §5)
  kOldTimestamp,  // PAWS (RFC 7323 §5.3)
  kOutOfWindow,   // behind the window's right edge (RFC 9293 §3.4)
  kSigned,        // an MD5 or AO signature that the SYN did not announce
  kSynAgain,      // a SYN within an established connection (RFC 5961 §4)
  kInexactReset,  // an RST at another number than the next expected (RFC 5961 §3)
  kNoHandshake,   // data behind a SYN that the other end has not answered
  kUrgent,        // urgent data: whether its octet is part of the stream is the server's choice
  kWrongSide,     // it says to come from the one end, and came in on the other's side
  kCount,
};
std::string_view SegmentFaultName(SegmentFault fault);

// Of two ends: the client, whose bytes are read, and the server.
enum class Peer : uint8_t { kClient, kServer };

class TcpCheck {
 public:
  // What is wrong with a segment; a segment without a fault is taken account of. Numbers against
  // what the other end has sent and will take are compared only when `strict`: a capture that
  // missed packets would fail them.
  SegmentFault Look(Peer sender, const Segment& segment, bool strict);

  // In mid-stream nobody saw what the client has sent before; its server has.
  void ClientHasSent(uint32_t ack);

  bool seen(Peer peer) const { return Of(peer).seen; }
  bool syn_seen(Peer peer) const { return Of(peer).syn_seen; }
  // A SYN of the client's, and the server's answer to it.
  bool handshake_seen() const { return Of(Peer::kClient).syn_seen && Of(Peer::kServer).syn_seen; }
  // And the client's answer to that: the server may hear from it at any time.
  bool connected() const { return handshake_seen() && Of(Peer::kClient).has_ack; }
  // Behind the last byte that the peer has sent, and what it has acknowledged of the other's.
  uint32_t sent_end(Peer peer) const { return Of(peer).sent_end; }
  bool has_ack(Peer peer) const { return Of(peer).has_ack; }
  uint32_t ack(Peer peer) const { return Of(peer).ack; }
  // An RST or FIN of the peer's that counts: the other end has acknowledged nothing behind it.
  bool reset(Peer peer) const { return Of(peer).reset; }
  bool fin(Peer peer) const { return Of(peer).fin; }

 private:
  enum class Checksums : uint8_t { kUntold, kVerified, kUnfinished };

  struct End {
    uint32_t first_seq = 0;   // the SYN's number, or of the first segment seen
    uint32_t sent_end = 0;    // behind the last number used
    uint32_t fin_end = 0;     // behind its FIN
    uint32_t reset_at = 0;    // its RST's number
    uint32_t ack = 0;         // the highest sent by this end
    uint32_t right_edge = 0;  // this end's window: the last number that it will take
    uint32_t largest_window = 0;
    uint32_t timestamp = 0;  // the newest that counts for PAWS
    uint8_t window_scale = kLargestScale;
    Checksums checksums = Checksums::kUntold;
    bool seen = false;
    bool syn_seen = false;
    bool has_ack = false;
    bool has_timestamp = false;
    bool is_signed = false;
    bool reset = false;
    bool fin = false;
  };
  static constexpr uint8_t kLargestScale = 14;  // RFC 7323 §2.3; also where no SYN told

  End& Of(Peer peer) { return ends_[static_cast<size_t>(peer)]; }
  const End& Of(Peer peer) const { return ends_[static_cast<size_t>(peer)]; }

  static SegmentFault CheckChecksum(End& sender, const End& receiver, const Segment& segment);
  static bool IsForged(const End& sender, const Segment& segment);
  static SegmentFault CheckReset(const End& sender, const End& receiver, const Segment& segment);
  static SegmentFault CheckAck(const End& sender, const End& receiver, const Segment& segment);
  static SegmentFault CheckSyn(const End& sender, const End& receiver, const Segment& segment,
                               bool strict);
  static SegmentFault CheckEstablished(const End& sender, const End& receiver,
                                       const Segment& segment, bool strict);
  static void Take(End& sender, End& receiver, const Segment& segment);
  static void TakeFin(End& sender, const End& receiver, uint32_t end);
  static void TakeTimestamp(End& sender, const End& receiver, const Segment& segment);
  static void TakeAck(End& sender, End& receiver, const Segment& segment);

  std::array<End, 2> ends_;
};

}  // namespace weir::stream

// The server at the far end: what its application gets of the frames that Weir let through.
//
// Written from the standards and from what real stacks are known to do, and from nothing of Weir's:
// it is the judge. It reads IPv4 without options and IPv6 with at most a fragment header, in
// untagged Ethernet frames.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "tests/support/packet_builder.h"

namespace weir::property {

using testing::Bytes;

// Which bytes stand where two pieces overlap, fragments and segments alike.
enum class Overlap : uint8_t {
  kFirst,    // what came first
  kLast,     // what came last
  kBsd,      // the older, unless the newer begins before it
  kLinux,    // the older only if it begins before the newer
  kWindows,  // the older, unless the newer holds it whole and more on both sides
  kCount,
};

// What a server forgives. Checksums it never does.
struct ServerKind {
  Overlap overlap = Overlap::kFirst;
  bool drops_overlapping_fragments = true;  // RFC 5722; of IPv6 always
  bool minds_ack = true;                    // acknowledgements out of range, or none at all
  bool minds_timestamps = true;             // PAWS
  bool minds_md5 = true;                    // the MD5 option, which it has no key for
  bool resets_in_window = false;            // before RFC 5961
};

// Bytes at offsets, written by pieces that may overlap.
class OverlapBuffer {
 public:
  explicit OverlapBuffer(Overlap policy) : policy_(policy) {}

  // True when some byte was there already, and also when all of them were, the same.
  struct Written {
    bool overlapped = false;
    bool repeated = false;
  };
  Written Write(uint32_t offset, std::span<const uint8_t> bytes);
  // The first offset at or after `from` that nobody has written.
  uint32_t GapFrom(uint32_t from) const;
  const Bytes& bytes() const { return bytes_; }

 private:
  struct Piece {
    uint32_t begin;
    uint32_t end;
  };
  bool NewerWins(const Piece& older, const Piece& newer) const;

  Overlap policy_;
  Bytes bytes_;
  std::vector<uint32_t> owners_;  // 0: nobody; else the piece behind
  std::vector<Piece> pieces_;
};

// A datagram as its destination reads it.
struct Datagram4 {
  uint8_t protocol = 0;
  Bytes bytes;  // behind the IP header
};

// IP's receiving end.
class Reassembler {
 public:
  explicit Reassembler(const ServerKind& kind) : kind_(kind) {}

  // The datagram that the frame is or completes.
  std::optional<Datagram4> Take(std::span<const uint8_t> frame);

 private:
  struct Pending {
    explicit Pending(Overlap overlap) : buffer(overlap) {}
    OverlapBuffer buffer;
    uint32_t end = 0;  // 0: the last fragment is not there
    bool dead = false;
  };
  struct Header;
  std::optional<Datagram4> Join(const Header& header, std::span<const uint8_t> payload);

  ServerKind kind_;
  std::map<std::pair<uint32_t, uint8_t>, Pending> pending_;  // by identification and protocol
};

// TCP's.
class TcpServer {
 public:
  TcpServer(const ServerKind& kind, uint32_t isn) : kind_(kind), isn_(isn), buffer_(kind.overlap) {}

  // `checksum_right` was found by the caller, who knows the addresses.
  void Take(std::span<const uint8_t> segment);

  // The data a SYN brings is taken (RFC 7413).
  void AllowSynData() { takes_syn_data_ = true; }
  // The server has sent so many bytes of its stream, FIN included.
  void Sent(uint32_t bytes) { sent_ = bytes; }

  bool heard_syn() const { return heard_syn_; }
  bool established() const { return established_; }
  bool reset() const { return reset_; }
  bool finished() const { return fin_at_ != kNowhere && received_ == fin_at_; }
  // Of the client's stream, in order, as the application has them.
  uint32_t received() const { return received_; }
  std::span<const uint8_t> stream() const { return std::span(buffer_.bytes()).first(received_); }
  uint32_t acknowledged() const { return acknowledged_; }  // of the server's stream
  uint32_t ack_number() const;
  // Something came that is answered with an acknowledgement; asked once.
  bool OwesAck();

 private:
  static constexpr uint32_t kNowhere = 0xffffffff;
  static constexpr uint32_t kWindow = 65535;

  struct Segment;
  static Segment Read(std::span<const uint8_t> bytes);
  void Listen(const Segment& segment);
  bool Acceptable(const Segment& segment);
  void TakeBytes(int64_t offset, const Segment& segment);

  ServerKind kind_;
  uint32_t isn_;
  OverlapBuffer buffer_;
  uint32_t client_isn_ = 0;
  uint32_t received_ = 0;
  uint32_t sent_ = 0;
  uint32_t acknowledged_ = 0;
  uint32_t fin_at_ = kNowhere;
  std::optional<uint32_t> recent_timestamp_;
  bool takes_syn_data_ = false;
  bool heard_syn_ = false;
  bool established_ = false;
  bool reset_ = false;
  bool owes_ack_ = false;
};

}  // namespace weir::property

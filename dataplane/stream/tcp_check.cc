#include "dataplane/stream/tcp_check.h"

#include <algorithm>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"
#include "dataplane/stream/client_stream.h"

namespace weir::stream {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr uint8_t kUrg = 0x20;  // RFC 9293 §3.1

// IANA's TCP option kinds.
enum OptionKind : uint8_t {
  kEndOfOptions = 0,
  kNoOperation = 1,
  kWindowScale = 3,
  kTimestamps = 8,
  kMd5Signature = 19,
  kAuthentication = 29,
};

void TakeOption(uint8_t kind, base::Cursor body, TcpOptions& out) {
  switch (kind) {
    case kWindowScale:
      out.window_scale = body.U8();
      out.has_window_scale = body.ok();
      break;
    case kTimestamps:
      out.timestamp = body.U32();
      out.has_timestamp = body.ok();
      break;
    case kMd5Signature:
    case kAuthentication:
      out.is_signed = true;
      break;
    default:
      break;
  }
}

bool IsSyn(const Segment& segment) { return (segment.flags & kSyn) != 0; }
bool HasAck(const Segment& segment) { return (segment.flags & kAck) != 0; }

uint32_t EndOf(const Segment& segment) {
  const uint32_t virtual_bytes =
      (IsSyn(segment) ? 1U : 0U) + ((segment.flags & kFin) != 0 ? 1U : 0U);
  return segment.seq + segment.payload_bytes + virtual_bytes;
}

}  // namespace

TcpOptions ParseTcpOptions(std::span<const uint8_t> options) {
  TcpOptions out;
  base::Cursor cursor(options);
  while (!cursor.empty()) {
    const uint8_t kind = cursor.U8();
    if (kind == kEndOfOptions) break;
    if (kind == kNoOperation) continue;
    const uint8_t bytes = cursor.U8();
    if (bytes < 2) break;
    const auto body = cursor.Bytes(bytes - 2U);
    if (!cursor.ok()) break;
    TakeOption(kind, base::Cursor(body), out);
  }
  return out;
}

std::string_view SegmentFaultName(SegmentFault fault) {
  switch (fault) {
    case SegmentFault::kNone:
      return "none";
    case SegmentFault::kChecksum:
      return "checksum";
    case SegmentFault::kNoAck:
      return "no_ack";
    case SegmentFault::kBadAck:
      return "bad_ack";
    case SegmentFault::kOldTimestamp:
      return "old_timestamp";
    case SegmentFault::kOutOfWindow:
      return "out_of_window";
    case SegmentFault::kSigned:
      return "signed";
    case SegmentFault::kSynAgain:
      return "syn_again";
    case SegmentFault::kInexactReset:
      return "inexact_reset";
    case SegmentFault::kNoHandshake:
      return "no_handshake";
    case SegmentFault::kUrgent:
      return "urgent";
    case SegmentFault::kWrongSide:
      return "wrong_side";
    case SegmentFault::kCount:
      break;
  }
  return "unknown";
}

// Whoever leaves the checksum to a network card shows it unfinished from the first segment on,
// which tells nothing about the wire: such an end's checksums are not looked at. The first is the
// newest SYN, until one is answered.
SegmentFault TcpCheck::CheckChecksum(End& sender, const End& receiver, const Segment& segment) {
  if (!segment.checksum_is_known) return SegmentFault::kNone;
  const bool begins = IsSyn(segment) && !receiver.has_ack;
  if (sender.checksums == Checksums::kUntold || begins) {
    sender.checksums = segment.checksum_is_right ? Checksums::kVerified : Checksums::kUnfinished;
  }
  const bool wrong = sender.checksums == Checksums::kVerified && !segment.checksum_is_right;
  return wrong ? SegmentFault::kChecksum : SegmentFault::kNone;
}

// A signature that the SYN did not announce: the receiver has no key for it, and throws it away.
bool TcpCheck::IsForged(const End& sender, const Segment& segment) {
  return segment.options.is_signed && sender.syn_seen && !sender.is_signed;
}

SegmentFault TcpCheck::CheckReset(const End& sender, const End& receiver, const Segment& segment) {
  if (IsForged(sender, segment)) return SegmentFault::kSigned;
  // The answer to a SYN has no number of its own (RFC 9293 §3.10.7.1).
  if (!sender.seen) return SegmentFault::kNone;
  const bool exact =
      segment.seq == sender.sent_end || (receiver.has_ack && segment.seq == receiver.ack);
  return exact ? SegmentFault::kNone : SegmentFault::kInexactReset;
}

SegmentFault TcpCheck::CheckAck(const End& sender, const End& receiver, const Segment& segment) {
  if (receiver.seen && SeqDistance(receiver.sent_end, segment.ack) > 0) {
    return SegmentFault::kBadAck;
  }
  if (!sender.has_ack) return SegmentFault::kNone;
  // RFC 5961 §5.2, and not older than the first byte, as Linux has it.
  uint32_t oldest = sender.largest_window;
  if (receiver.syn_seen) oldest = std::min(oldest, sender.ack - receiver.first_seq);
  const bool too_old = SeqDistance(sender.ack - oldest, segment.ack) < 0;
  return too_old ? SegmentFault::kBadAck : SegmentFault::kNone;
}

SegmentFault TcpCheck::CheckEstablished(const End& sender, const End& receiver,
                                        const Segment& segment, bool strict) {
  if (!HasAck(segment)) return SegmentFault::kNoAck;
  if (IsForged(sender, segment)) return SegmentFault::kSigned;
  const TcpOptions& options = segment.options;
  const bool is_old = sender.has_timestamp && options.has_timestamp &&
                      SeqDistance(sender.timestamp, options.timestamp) < 0;
  if (is_old) return SegmentFault::kOldTimestamp;
  if (strict) {
    // RFC 6093 §2.3: most sockets take the octet out of the stream, some leave it in.
    const bool urgent = (segment.flags & kUrg) != 0 && segment.payload_bytes > 0;
    if (urgent) return SegmentFault::kUrgent;
    // The receiver may never have got this SYN, and be in the middle of another connection.
    const bool unanswered = sender.syn_seen && !receiver.syn_seen;
    if (unanswered && segment.payload_bytes > 0) return SegmentFault::kNoHandshake;
    const SegmentFault fault = CheckAck(sender, receiver, segment);
    if (fault != SegmentFault::kNone) return fault;
    const bool beyond = receiver.has_ack && SeqDistance(receiver.right_edge, segment.seq) > 0;
    if (beyond) return SegmentFault::kOutOfWindow;
  }
  return SegmentFault::kNone;
}

SegmentFault TcpCheck::CheckSyn(const End& sender, const End& receiver, const Segment& segment,
                                bool strict) {
  const bool is_again = sender.syn_seen && segment.seq == sender.first_seq;
  // Until the receiver has answered nobody knows which of several SYNs it took.
  if (sender.seen && receiver.has_ack && !is_again) return SegmentFault::kSynAgain;
  if (!strict || !HasAck(segment) || !receiver.syn_seen) return SegmentFault::kNone;
  const int32_t acked = SeqDistance(receiver.first_seq, segment.ack);
  const bool fits = acked > 0 && SeqDistance(receiver.sent_end, segment.ack) <= 0;
  return fits ? SegmentFault::kNone : SegmentFault::kBadAck;
}

void TcpCheck::Take(End& sender, End& receiver, const Segment& segment) {
  const uint32_t end = EndOf(segment);
  const bool begins = !sender.seen || (IsSyn(segment) && segment.seq != sender.first_seq);
  if (begins) sender.first_seq = segment.seq;
  if (begins || SeqDistance(sender.sent_end, end) > 0) sender.sent_end = end;
  sender.seen = true;
  if (IsSyn(segment)) {
    sender.syn_seen = true;
    sender.is_signed = segment.options.is_signed;
    sender.window_scale = segment.options.has_window_scale
                              ? std::min(segment.options.window_scale, kLargestScale)
                              : uint8_t{0};
  }
  if ((segment.flags & kFin) != 0) TakeFin(sender, receiver, end);
  TakeTimestamp(sender, receiver, segment);
  if (HasAck(segment)) TakeAck(sender, receiver, segment);
}

// One that lies behind what the receiver has is a repetition, or a fake (RFC 9293 §3.4).
void TcpCheck::TakeFin(End& sender, const End& receiver, uint32_t end) {
  if (receiver.has_ack && SeqDistance(receiver.ack, end) < 0) return;
  sender.fin = true;
  sender.fin_end = end;
}

// RFC 7323 §4.3: only a segment at the window's left edge moves the newest timestamp.
void TcpCheck::TakeTimestamp(End& sender, const End& receiver, const Segment& segment) {
  if (!segment.options.has_timestamp) return;
  const bool at_edge = !receiver.has_ack || SeqDistance(receiver.ack, segment.seq) <= 0;
  const bool newer = SeqDistance(sender.timestamp, segment.options.timestamp) > 0;
  if (!sender.has_timestamp || (at_edge && newer)) sender.timestamp = segment.options.timestamp;
  sender.has_timestamp = true;
}

void TcpCheck::TakeAck(End& sender, End& receiver, const Segment& segment) {
  if (!sender.has_ack || SeqDistance(sender.ack, segment.ack) > 0) sender.ack = segment.ack;
  // Who takes data behind an end has never seen that end.
  if (SeqDistance(receiver.fin_end, segment.ack) > 0) receiver.fin = false;
  if (SeqDistance(receiver.reset_at, segment.ack) > 0) receiver.reset = false;
  // What is acknowledged was sent, whether it was seen here or not.
  if (receiver.seen && SeqDistance(receiver.sent_end, segment.ack) > 0) {
    receiver.sent_end = segment.ack;
  }
  const unsigned shift = IsSyn(segment) ? 0U : sender.window_scale;
  const uint32_t window = static_cast<uint32_t>(segment.window) << shift;
  const uint32_t edge = segment.ack + window;
  if (!sender.has_ack || SeqDistance(sender.right_edge, edge) > 0) sender.right_edge = edge;
  sender.largest_window = std::max(sender.largest_window, window);
  sender.has_ack = true;
}

void TcpCheck::ClientHasSent(uint32_t ack) {
  End& client = Of(Peer::kClient);
  const bool unknown = client.seen && !client.syn_seen;
  if (unknown && SeqDistance(client.sent_end, ack) > 0) client.sent_end = ack;
}

SegmentFault TcpCheck::Look(Peer from, const Segment& segment, bool strict) {
  End& sender = Of(from);
  End& receiver = Of(from == Peer::kClient ? Peer::kServer : Peer::kClient);
  SegmentFault fault = CheckChecksum(sender, receiver, segment);
  if (fault != SegmentFault::kNone) return fault;
  if ((segment.flags & kRst) != 0) {
    fault = CheckReset(sender, receiver, segment);
    if (fault != SegmentFault::kNone) return fault;
    sender.reset = true;
    sender.reset_at = segment.seq;
    return fault;
  }
  fault = IsSyn(segment) ? CheckSyn(sender, receiver, segment, strict)
                         : CheckEstablished(sender, receiver, segment, strict);
  if (fault == SegmentFault::kNone) Take(sender, receiver, segment);
  return fault;
}

}  // namespace weir::stream

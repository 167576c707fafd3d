#include "dataplane/pipeline/conversation.h"

namespace weir::pipeline {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

// An end may acknowledge less than the most that was sent to it, but only so much less.
constexpr uint32_t kAckBehindMax = 1U << 20;

// Distance in sequence space (RFC 9293 §3.4).
int32_t Ahead(uint32_t of, uint32_t than) { return static_cast<int32_t>(of - than); }

struct Range {
  uint32_t from;
  uint32_t to;
};

// SYN and FIN take a number each.
Range RangeOf(const packet::Headers& headers) {
  const uint32_t virtual_bytes =
      ((headers.tcp_flags & kSyn) != 0 ? 1U : 0U) + ((headers.tcp_flags & kFin) != 0 ? 1U : 0U);
  return {headers.tcp_seq, headers.tcp_seq + headers.payload_bytes + virtual_bytes};
}

}  // namespace

void Conversation::End::Begin(uint32_t seq, bool is_syn) {
  first = is_syn ? seq + 1 : seq;
  next = highest = seq;
  ahead_from = ahead_to = seq;
  seen = true;
}

void Conversation::End::Add(uint32_t from, uint32_t to) {
  if (Ahead(to, highest) > 0) highest = to;
  if (Ahead(highest, first) > 0 && highest - first > kAckBehindMax) first = highest - kAckBehindMax;
  if (Ahead(from, next) > 0) {
    const bool none = ahead_from == ahead_to;
    const bool touches = !none && Ahead(from, ahead_to) <= 0 && Ahead(to, ahead_from) >= 0;
    if (none || (!touches && Ahead(from, ahead_from) < 0)) {
      ahead_from = from;
      ahead_to = to;
    } else if (touches) {
      if (Ahead(from, ahead_from) < 0) ahead_from = from;
      if (Ahead(to, ahead_to) > 0) ahead_to = to;
    }
    return;
  }
  if (Ahead(to, next) > 0) next = to;
  if (ahead_from == ahead_to || Ahead(ahead_from, next) > 0) return;
  if (Ahead(ahead_to, next) > 0) next = ahead_to;
  ahead_from = ahead_to = next;
}

bool Conversation::End::Sent(uint32_t ack) const {
  return seen && Ahead(ack, first) >= 0 && Ahead(highest, ack) >= 0;
}

void Conversation::Acknowledged(const packet::Packet& packet, flow::Endpoint sender) {
  const packet::Headers& headers = packet.headers;
  if ((headers.tcp_flags & kAck) == 0 || (headers.tcp_flags & kRst) != 0) return;
  End& other = EndAt(flow::Other(sender));
  if (!other.Sent(headers.tcp_ack)) return;
  EndAt(sender).proven = true;
  // What the peer has acknowledged it has: also what Weir lost count of behind several gaps.
  other.Add(other.next, headers.tcp_ack);
}

void Conversation::Passed(const packet::Packet& packet, flow::Endpoint sender) {
  const packet::Headers& headers = packet.headers;
  if ((headers.tcp_flags & kRst) != 0) return;
  Acknowledged(packet, sender);
  End& end = EndAt(sender);
  const bool is_syn = (headers.tcp_flags & kSyn) != 0;
  // A SYN sent again with another number begins again until the first was acknowledged.
  const bool begins = !end.seen || (is_syn && !EndAt(flow::Other(sender)).proven);
  const Range range = RangeOf(headers);
  if (begins) end.Begin(range.from, is_syn);
  end.Add(range.from, range.to);
  const auto timestamps = respond::ReadTcpTimestamps(packet);
  if (!timestamps.has_value()) return;
  if (!end.has_timestamp || Ahead(timestamps->value, end.timestamp) > 0) {
    end.timestamp = timestamps->value;
  }
  end.has_timestamp = true;
}

uint32_t Conversation::NextBehind(const packet::Packet& packet, flow::Endpoint sender) const {
  End end = EndAt(sender);
  const Range range = RangeOf(packet.headers);
  if (!end.seen) end.Begin(range.from, false);
  end.Add(range.from, range.to);
  return end.next;
}

}  // namespace weir::pipeline

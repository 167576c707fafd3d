// Where both directions of a TCP connection stand, and whether its two ends have proved that they
// hear each other.
//
// An end has proved it when it has acknowledged what passed Weir from the other end: a spoofed
// packet does not know those numbers. In a connection whose SYNs were seen the range is what was
// really sent; begun in mid-stream, what was seen since. Answers rest on this: `proven` says
// whether there may be any, `next` where they stand in the stream.
//
// Kept only while a flow is learning; a worker's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/flow/flow_key.h"
#include "dataplane/packet/packet.h"
#include "dataplane/respond/respond.h"

namespace weir::pipeline {

class Conversation {
 public:
  // A segment that Weir let through, so that the other end will have its bytes.
  void Passed(const packet::Packet& packet, flow::Endpoint sender);

  // The acknowledgement alone, of a segment that Weir has stopped.
  void Acknowledged(const packet::Packet& packet, flow::Endpoint sender);

  bool proven() const { return ends_[0].proven && ends_[1].proven; }
  bool seen(flow::Endpoint end) const { return EndAt(end).seen; }

  // The next number of `end`'s that the other waits for, once all that passed has arrived.
  uint32_t next(flow::Endpoint end) const { return EndAt(end).next; }
  // The same as if this segment of `sender`'s had passed too.
  uint32_t NextBehind(const packet::Packet& packet, flow::Endpoint sender) const;

  // The newest timestamp that `end` has sent (RFC 7323), if it uses them.
  std::optional<uint32_t> timestamp(flow::Endpoint end) const {
    const End& at = EndAt(end);
    return at.has_timestamp ? std::optional(at.timestamp) : std::nullopt;
  }

 private:
  struct End {
    uint32_t first = 0;       // the lowest number that may be acknowledged
    uint32_t next = 0;        // behind the bytes that passed without a gap
    uint32_t ahead_from = 0;  // bytes that passed behind a gap: the first such range
    uint32_t ahead_to = 0;
    uint32_t highest = 0;  // behind everything that passed
    uint32_t timestamp = 0;
    bool seen = false;
    bool proven = false;  // has acknowledged the other
    bool has_timestamp = false;

    void Begin(uint32_t seq, bool is_syn);
    void Add(uint32_t from, uint32_t to);
    bool Sent(uint32_t ack) const;
  };

  const End& EndAt(flow::Endpoint end) const { return ends_[static_cast<size_t>(end)]; }
  End& EndAt(flow::Endpoint end) { return ends_[static_cast<size_t>(end)]; }

  std::array<End, 2> ends_;
};

}  // namespace weir::pipeline

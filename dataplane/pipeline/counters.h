// What a worker counts. Written by its worker only; the main thread reads them relaxed, so a sum
// over counters may be a few packets apart while traffic flows, and is exact when it stops.
#pragma once

#include <array>

#include "dataplane/base/counter.h"
#include "dataplane/dhcp/message.h"
#include "dataplane/fragments/event.h"
#include "dataplane/names/outcome.h"
#include "dataplane/packet/packet.h"
#include "dataplane/respond/withheld.h"
#include "dataplane/stream/tcp_check.h"

namespace weir::pipeline {

using base::Counter;

template <typename Enum>
using CounterArray = std::array<Counter, static_cast<size_t>(Enum::kCount)>;

// Under what a session counts whose name was or was not seen: names::Coverage, and what the flow
// itself says.
enum class CoverageReason : uint8_t {
  kDot = names::kCoverages,  // DNS over TLS or QUIC, by its port
  kDoh,                      // DNS over HTTPS, as nDPI labels it
  kVpn,                      // ESP, AH, or what nDPI counts among the VPNs
  kNoPayload,                // a handshake or less
  kNoNames,                  // neither TCP nor UDP
  kCount,
};
constexpr CoverageReason CoverageReasonOf(names::Coverage coverage) {
  return static_cast<CoverageReason>(coverage);
}

// received = forwarded + the sum of dropped, always.
struct alignas(64) Counters {
  Counter rx_packets;
  Counter rx_bytes;
  Counter forwarded_packets;
  CounterArray<packet::DropReason> dropped;
  Counter short_way;                       // of the forwarded: on the short way (short_way.h)
  CounterArray<packet::ParseNote> parsed;  // every packet, by what parse made of it
  CounterArray<fragments::Event> fragments;
  CounterArray<dhcp::Seen> dhcp;
  Counter responses;                                   // frames Weir made itself
  CounterArray<respond::Withheld> responses_withheld;  // answers that were due, and not sent
  Counter sessions_recorded;                           // first announcements that the sink took
  Counter flows_refused;     // packets whose flow found no place in the table
  Counter learning_refused;  // flows that found no place to find out their name
  Counter learning_taken;    // places that were taken from flows which could do without
  Counter streams_given_up;  // no longer read: no room for the client's bytes
  Counter stream_waits;      // segments dropped until there is room for them
  Counter stream_gaps;       // streams begun again behind bytes never seen
  Counter stream_conflicts;  // segments with other bytes than those seen first
  CounterArray<stream::SegmentFault> stream_faults;  // segments that the other end will not take
  CounterArray<CoverageReason> coverage;             // sessions that have ended
  Counter names_found;
  Counter keywords_found;    // judgements for a keyword of a request, beside those for its names
  Counter ech_hidden;        // DNS answers whose keys for encrypted hellos were made unusable
  Counter names_overflowed;  // more names in one packet than are judged one by one
  Counter findings;
  Counter flows_rechecked;  // to be judged again, as an address is somebody else's now
  Counter tunnelled;        // packets with IP layers around the one that is looked at
  Counter too_deep;         // packets with more layers than are followed

  uint64_t responses_withheld_total() const {
    uint64_t total = 0;
    for (const Counter& reason : responses_withheld) total += reason.value();
    return total;
  }
};

}  // namespace weir::pipeline

// Which side of the bridge the ends of a packet are on: by its port, or in a capture by address.
#pragma once

#include "dataplane/events/event.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/options.h"

namespace weir::pipeline {

struct Sides {
  packet::Side src = packet::Side::kUnknown;
  packet::Side dst = packet::Side::kUnknown;
};

// Of the datagram that the headers describe, and of one with these addresses around it.
Sides SidesOf(const packet::Packet& packet, const Options& options);
Sides SidesOf(const packet::Packet& packet, const packet::OuterLayer& outer,
              const Options& options);

// Of a session whose initiator and responder are on these sides.
events::Direction DirectionOf(packet::Side initiator, packet::Side responder);

// The other way round.
packet::Side InitiatorSide(events::Direction direction);
packet::Side ResponderSide(events::Direction direction);

// The packet came in by the port behind which its session's initiator, or responder, is. Who forges
// both ends of a conversation from one side of the bridge is on the wrong one with half of it.
// Always so in a capture.
bool IsOnItsSide(const packet::Packet& packet, events::Direction direction, bool from_initiator);

}  // namespace weir::pipeline

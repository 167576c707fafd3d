// In which packets a flight leaves the client, and in which order they come to Weir.
#pragma once

#include <vector>

#include "tests/property/ops.h"

namespace weir::property {

struct PlannedPacket {
  enum class Kind : uint8_t { kUnit, kAck, kProbe, kPause, kStranger, kFake };

  Kind kind = Kind::kUnit;
  Range unit;       // bytes of the client's stream; on UDP one datagram of the flight
  uint32_t id = 0;  // copies have that of their original
  bool is_copied = false;
  bool lost_before = false;
  bool lost_behind = false;
  const Op* fragment = nullptr;
  const Op* fake_fragment = nullptr;
  const Op* op = nullptr;  // of a pause or a fake
};

// `units`: the flight without anything done to it, in the order in which it was said.
std::vector<PlannedPacket> PlanFlight(const std::vector<Range>& units, const std::vector<Op>& ops,
                                      uint32_t flight, uint32_t flights);

// A flight on TCP: a segment for each message, but for what cuts and joins say; from byte `from` of
// the stream on. `ends`: where each of the exchange's messages ends in the stream.
std::vector<Range> Segments(const std::vector<uint32_t>& ends, const std::vector<Op>& ops,
                            const std::vector<size_t>& flights, uint32_t flight, uint32_t from);

}  // namespace weir::property

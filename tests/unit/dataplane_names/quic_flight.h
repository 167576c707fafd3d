// What a QUIC client sends until its server knows the name, as odd as the standard lets it be: the
// hello in many CRYPTO frames over several Initials in any order, other packets and frames between,
// duplicates, 0-RTT, a Retry, a version refused, a connection id that changes.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "quic_builder.h"

namespace weir::names::testing {

struct QuicFlight {
  std::string name;              // the only one in it
  std::vector<Bytes> datagrams;  // the payloads in the order of their arrival
};

// The same for the same state of `random`.
QuicFlight MakeQuicFlight(std::mt19937& random, const std::string& name, Crypto& crypto);

}  // namespace weir::names::testing

// An exchange as it takes place: a client that says what was planned and says it again when it
// must, a server that answers what it got, and Weir between them.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tests/property/far_end.h"
#include "tests/property/wire.h"

namespace weir::property {

struct Case {
  uint64_t seed = 0;
  bool hostile = false;
  Exchange exchange;
  ServerKind server;
  std::vector<Op> ops;
};

Case MakeCase(uint64_t seed, bool hostile);
std::string Words(const Case& of);

struct Outcome {
  std::vector<testing::SeenSession> sessions;  // of the exchange, and of a stranger
  std::vector<testing::SeenFinding> findings;
  Tally tally;
  Tally stranger;
  uint64_t early_drops = 0;
  std::vector<bool> complete;  // the server's application got this message
  bool told = false;           // and it got to know a name that is blocked
  bool knocked = false;        // and anything at all came to it
  std::vector<WireFrame> frames;
};

// `bench` has the case's policy and no flow. With `keep`, the outcome has the frames.
Outcome Converse(testing::PipelineHarness& bench, const Case& of, bool keep = false);

}  // namespace weir::property

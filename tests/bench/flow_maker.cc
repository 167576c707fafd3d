#include "tests/bench/flow_maker.h"

#include <algorithm>
#include <array>

#include "dataplane/base/byte_order.h"

namespace weir::bench {

uint64_t Scramble(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint16_t MixedPayloadBytes(uint64_t random) {
  const uint64_t twelfth = random % 12;
  if (twelfth < 7) return 0;
  return twelfth < 11 ? 536 : 1400;
}

Ends FlowMaker::EndsOf(uint64_t number) const {
  Ends ends;
  const uint64_t random = Scramble(number ^ seed_);
  ends.v6 = random % 5 == 0;
  // The number itself is in port and address, so that no two flows are one.
  ends.client_port = static_cast<uint16_t>(1024 + number % 60000);
  const auto client = static_cast<uint32_t>(number / 60000);
  const auto server = static_cast<uint32_t>(random >> 32);
  ends.Place(client, server);
  return ends;
}

}  // namespace weir::bench

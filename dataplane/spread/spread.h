// Chooses the worker of a frame by its outermost IP addresses.
//
// Both directions of a flow have one answer, and so have all fragments of a datagram and all that a
// tunnel carries. Fixed after construction; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/siphash.h"

namespace weir::spread {

struct AddressPair {
  base::IpAddress src;
  base::IpAddress dst;
};

// Those of the outermost IP header of an Ethernet frame, exactly where parse::Parse finds it.
// `wire_bytes`: the frame's length where a capture has cut it. None: no IP, or a header that is
// cut.
std::optional<AddressPair> OutermostAddresses(std::span<uint8_t> frame, uint32_t wire_bytes);

class Spread {
 public:
  static constexpr unsigned kSlots = 1024;

  // `shares`: how many of the slots each worker has, kSlots in all; see shares.h.
  Spread(const std::array<uint8_t, 16>& secret, std::span<const uint32_t> shares);

  // The first worker's where there are no addresses.
  unsigned WorkerOf(std::span<uint8_t> frame, uint32_t wire_bytes) const {
    const auto addresses = OutermostAddresses(frame, wire_bytes);
    return addresses ? WorkerOf(*addresses) : 0;
  }
  unsigned WorkerOf(const AddressPair& addresses) const {
    return slots_[HashOf(addresses) % kSlots];
  }

 private:
  uint64_t HashOf(const AddressPair& addresses) const;

  base::HashKey key_;
  std::array<uint8_t, kSlots> slots_{};
};

}  // namespace weir::spread

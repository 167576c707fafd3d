// One flow: 64 bytes that every packet touches, and 64 that only its beginning and its records do.
//
// The worker that owns the table owns its flows. Times are microseconds since the table's epoch,
// the first time it was shown, so that 48 bits last nine years.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/base/mac_address.h"
#include "dataplane/flow/flow_key.h"

namespace weir::flow {

using FlowIndex = uint32_t;
using PoolIndex = uint32_t;
inline constexpr uint32_t kNone = 0xffffffff;
inline constexpr uint32_t kListLineMax = (1U << 24) - 1;

enum StateBit : uint8_t {
  kInitiatorIsHigh = 0x01,
  kDrops = 0x02,      // the verdict: every packet is dropped
  kEmbryonic = 0x04,  // no payload seen yet
  kLearning = 0x08,   // cold.learning names its working state
  kFinFromLow = 0x10,
  kFinFromHigh = 0x20,
  kAnswered = 0x10,  // all but TCP: the responder was heard, on its own side of the bridge
  kAsksDns = 0x20,   // all but TCP: its name is a DNS question's, and there may be more of them
  kReset = 0x40,
  kMinuteParity = 0x80,  // of the last refresh
};

// A count of packets that has come so far is carried into the cold half, in units of it. The field
// has a bit more, so that who counts need only look at that bit before.
inline constexpr unsigned kPacketsCarryBits = 23;
inline constexpr uint64_t kPacketsMustCarry = uint64_t{1} << kPacketsCarryBits;

struct alignas(64) HotFlow {
  FlowKey key;
  uint64_t last_seen_us : 48;
  // Short for the policy version that gave the verdict; 0: none did yet. A flow that sleeps
  // through 32,767 policies would be taken for decided: expiry looks at every flow far more often
  // than that.
  uint64_t policy_epoch : 16;
  // Sent by the low endpoint in this part; from kPacketsMustCarry on, they go on in the cold half.
  uint64_t packets_low : 24;
  uint64_t packets_high : 24;
  uint64_t tcp_flags : 8;
  uint64_t state : 8;
  uint32_t bytes[2];  // by Endpoint; goes on in the cold half

  void SeenAt(uint64_t us) { last_seen_us = us & ((uint64_t{1} << 48) - 1); }
  bool Has(StateBit bit) const { return (state & bit) != 0; }
  void Set(StateBit bit) { state = static_cast<uint8_t>(state | bit); }
  void Clear(StateBit bit) { state = static_cast<uint8_t>(state & ~bit); }
  Endpoint initiator() const { return Has(kInitiatorIsHigh) ? Endpoint::kHigh : Endpoint::kLow; }
  // Weir itself has reset both ends: neither will send again.
  void ResetByWeir() {
    Set(kReset);
    Set(kFinFromLow);
    Set(kFinFromHigh);
  }
  bool fin_both() const {
    return Has(kFinFromLow) && Has(kFinFromHigh) && key.protocol == packet::ip_protocol::kTcp;
  }
};
static_assert(sizeof(HotFlow) == 64);

// The two words of a HotFlow behind its key, with its fields where the compiler puts them: first
// declared, lowest bits (System V ABI, AMD64). For who counts every packet: one read and one write
// of each.
struct HotWords {
  uint64_t seen;     // last_seen_us, policy_epoch
  uint64_t counted;  // packets_low, packets_high, tcp_flags, state

  explicit HotWords(const HotFlow& hot) { std::memcpy(this, At(hot), sizeof *this); }
  void StoreTo(HotFlow& hot) const { std::memcpy(At(hot), this, sizeof *this); }

  static uint64_t Seen(uint64_t us, uint16_t policy_epoch) {
    return (us & kTimeMask) | uint64_t{policy_epoch} << kTimeBits;
  }
  // Of `counted`: the given state bits, and that a count of packets must be carried.
  static constexpr uint64_t StateOrCarry(uint8_t state_bits) {
    return uint64_t{state_bits} << kStateAt | kPacketsMustCarry << kPacketsBits | kPacketsMustCarry;
  }
  uint8_t state() const { return static_cast<uint8_t>(counted >> kStateAt); }
  void CountPacket(Endpoint sender, uint8_t tcp_flags) {
    counted += uint64_t{1} << (kPacketsBits * static_cast<unsigned>(sender));
    counted |= uint64_t{tcp_flags} << kTcpFlagsAt;
  }

 private:
  static constexpr unsigned kPacketsBits = 24;
  static constexpr unsigned kTcpFlagsAt = 2 * kPacketsBits;
  static constexpr unsigned kStateAt = kTcpFlagsAt + 8;
  static constexpr unsigned kTimeBits = 48;
  static constexpr uint64_t kTimeMask = (uint64_t{1} << kTimeBits) - 1;

  static const std::byte* At(const HotFlow& hot) {
    return static_cast<const std::byte*>(static_cast<const void*>(&hot)) + sizeof(FlowKey);
  }
  static std::byte* At(HotFlow& hot) {
    return static_cast<std::byte*>(static_cast<void*>(&hot)) + sizeof(FlowKey);
  }
};

struct alignas(64) ColdFlow {
  uint64_t session_id;
  uint64_t start_us;  // of the session
  base::MacAddress src_mac;
  base::MacAddress dst_mac;
  uint32_t part_start_ms;  // since start_us
  PoolIndex name;          // string pool; kNone
  PoolIndex rule;          // string pool: the rule's id; kNone
  PoolIndex learning;
  uint32_t list_line : 24;
  uint32_t coverage : 7;   // names::Coverage: what the parsers came to
  uint32_t conversed : 1;  // TCP: each end has acknowledged what the other sent
  uint16_t app_master;
  uint16_t app;
  uint16_t revision;
  uint16_t part;
  uint16_t bytes_carry[2];   // overflows of HotFlow::bytes, by Endpoint
  uint8_t packets_carry[2];  // times kPacketsMustCarry
  uint8_t category;
  uint8_t name_source : 3;
  uint8_t verdict : 3;
  uint8_t direction : 2;
};
static_assert(sizeof(ColdFlow) == 64);

}  // namespace weir::flow

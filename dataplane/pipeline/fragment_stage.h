// Fragments on their way through: each passes as it comes, while its datagram is put together here;
// the one that completes the datagram becomes what the whole becomes.
//
// Fragments are counted to the flow of their datagram once that is known: when it is whole, or when
// it is given up, then with ports 0 where its first fragment never came. Until then they are
// counted to none. So the order in which they come shows in no record.
//
// Nothing is dropped unless the policy in force blocks something. Worker's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/fragments/reassembler.h"
#include "dataplane/pipeline/worker.h"
#include "rules/compile/compiled_policy.h"

namespace weir::pipeline {

class FragmentStage final : private fragments::LostListener {
 public:
  // A datagram put together may hold, in a tunnel, a fragment of another; deeper ones are treated
  // as if there were no room for them.
  static constexpr unsigned kDepthMax = 2;

  // Throws std::bad_alloc.
  explicit FragmentStage(Worker& worker);

  // What is in force for the packets to come.
  void Use(const rules::CompiledPolicy& policy, bool bypass) {
    enforcing_ = policy.blocks() && !bypass;
  }
  bool enforcing() const { return enforcing_; }

  enum class Next : uint8_t {
    kWait,   // kept, or dropped; counted later
    kJudge,  // Build() the whole, judge it, Conclude()
    kAlone,  // part of no datagram in the making: to be counted, and judged by its addresses
  };
  struct Taken {
    Next next = Next::kWait;
    fragments::DatagramIndex datagram = fragments::kNoDatagram;  // kWait: kNoDatagram if lost
    bool ports_known = false;
    // The fragment as its flow may see it: addresses, and the ports of its datagram where they are
    // known; nothing of the transport header, which counts only when the datagram is whole. Its
    // bytes are the link-layer header only.
    packet::Packet bare;
  };
  // A packet that is a fragment; `depth`: how many datagrams it was taken out of. Marks it dropped
  // where that is its fate whatever its flow.
  Taken Take(packet::Packet& packet, const fragments::Charge& charge, unsigned depth);

  // The whole of a kJudge, not yet parsed, and what it counts for. Valid until the next Build() of
  // the same depth.
  struct Whole {
    packet::Packet packet;
    fragments::Charge charge;
    fragments::Reassembler::Completed completed;
  };
  Whole& Build(const Taken& taken, const packet::Packet& piece, unsigned depth);
  void Conclude(const Whole& whole);

  // The flow of a kWait is blocked already: nothing more of its datagram passes.
  void Block(const Taken& taken, base::MonoTime now);

  // Fragments that no datagram will be made of, to be charged to their flow after each call of this
  // stage; nullptr when there are no more. Valid until the next call.
  struct Lost {
    packet::Packet bare;
    fragments::Charge charge;
    bool blocked = false;  // by the verdict of their flow
    std::array<uint8_t, 12> macs;
  };
  Lost* NextLost();

  // Gives up what is out of time, a bounded piece a call.
  void Expire(base::MonoTime now);
  // Gives up one more, and forgets which keys are closed; false when there are none left.
  bool GiveUp();

 private:
  // A fragment can push out a datagram a chunk, and a few for other reasons.
  static constexpr size_t kLostMax = 64;
  static constexpr uint32_t kExpiredATick = kLostMax / 2;

  void OnLost(const fragments::Datagram& datagram, fragments::Event why) override;
  void OnKeyForgotten() override { Count(fragments::Event::kForgotten); }
  void Count(fragments::Event event) {
    worker_.counters.fragments[static_cast<size_t>(event)].Add();
  }
  bool Stops(fragments::Event event) const;
  Taken Alone(const packet::Packet& packet, const fragments::Reassembler::Added& added) const;

  Worker& worker_;
  const fragments::Limits limits_;
  fragments::Reassembler table_;
  base::HugeArray<std::array<uint8_t, fragments::kWholeBytesMax>> buffers_;
  std::array<Whole, kDepthMax> wholes_;
  std::array<Lost, kLostMax> lost_;
  size_t lost_count_ = 0;
  size_t lost_next_ = 0;
  bool enforcing_ = false;
};

}  // namespace weir::pipeline

// Which flow a packet belongs to: found, begun anew, counted, and ended in its time.
//
// Worker's thread.
#pragma once

#include <optional>

#include "dataplane/pipeline/session_writer.h"
#include "dataplane/pipeline/short_way.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class FlowStage {
 public:
  FlowStage(Worker& worker, SessionWriter& writer);

  // First half, for a whole batch: the keys, then the buckets and then the flows on their way into
  // the cache. Parses a packet only where a glance is not enough.
  void Prefetch(packet::Batch& batch, std::span<Wanted, packet::kBatchMax> out) const;
  // Of a packet that Parse() has seen.
  Wanted PrefetchParsed(const packet::Packet& packet) const;

  // For the packets of a moment, under the policy of `epoch`.
  ShortWay ShortWayAt(const Now& now, uint16_t epoch) { return {worker_.flows, now.us, epoch}; }

  // Second half: the packet's flow, charged with the packet. Nothing for a packet that makes no
  // flow: it is forwarded, or, with the table full and fail = "closed", marked as dropped.
  std::optional<FlowPacket> Locate(packet::Packet& packet, const Wanted& wanted, const Now& now) {
    return Locate(packet, wanted, now, ChargeOf(packet));
  }
  // The same for what stands for several packets: a datagram put together from fragments.
  std::optional<FlowPacket> Locate(packet::Packet& packet, const Wanted& wanted, const Now& now,
                                   const fragments::Charge& charge);
  static fragments::Charge ChargeOf(const packet::Packet& packet) {
    return {packet.headers.wire_ip_bytes, 1, packet.time, packet.time};
  }

  // The packet's flow as it stands, nothing counted; kNone when there is none.
  flow::FlowIndex Find(const packet::Packet& packet);

  // Looks at some places of the table, as many as bring it round once in kSweepRoundUs: ends what
  // was silent too long, refreshes the rest.
  void Sweep(const Now& now);

  void CloseAll(const Now& now, events::EndReason reason);

  // Closes the session's part and begins the next, which is announced by whoever asks for it. False
  // when there may be no more parts.
  bool NextPart(flow::FlowIndex index, const Now& now);

 private:
  static constexpr unsigned kPartsMax = 0xffff;

  [[gnu::noinline]] void ParseUnusual(packet::Packet& packet, Wanted& out) const;

  flow::FlowIndex Begin(const packet::Packet& packet, const Wanted& wanted, const Now& now,
                        const fragments::Charge& charge);
  flow::FlowIndex InsertOrEvict(const Wanted& wanted, const Now& now);
  void Describe(flow::FlowIndex index, const packet::Packet& packet, flow::Endpoint sender,
                const Now& now);
  void SetTimes(flow::FlowIndex index, const Now& now, const fragments::Charge& charge);
  bool IsOver(const packet::Packet& packet, flow::FlowIndex index, flow::Endpoint sender,
              const Now& now) const;
  bool IsBegunAgain(const packet::Packet& packet, flow::FlowIndex index, flow::Endpoint sender,
                    const Now& now) const;
  bool IsBegunByTheOther(flow::FlowIndex index, flow::Endpoint sender) const;
  bool IsSilent(flow::FlowIndex index, const Now& now) const;
  bool IsStalled(flow::FlowIndex index, const Now& now) const;
  void Count(flow::FlowIndex index, flow::Endpoint sender, const Now& now,
             const fragments::Charge& charge);
  bool StartLearningOf(flow::FlowIndex index);
  void NoteTransport(const packet::Headers& headers, flow::FlowIndex index, flow::Endpoint sender);
  bool NextPartIfDue(flow::FlowIndex index, const Now& now);
  void Close(flow::FlowIndex index, const Now& now, events::EndReason reason);
  events::EndReason ReasonOf(flow::FlowIndex index, const Now& now,
                             events::EndReason otherwise) const;
  uint64_t refresh_us() const;
  void Refresh(flow::FlowIndex index, const Now& now);

  Worker& worker_;
  SessionWriter& writer_;
  uint32_t cursor_ = 0;
  uint64_t swept_at_us_ = 0;
  uint64_t places_due_ = 0;  // times kSweepRoundUs
};

}  // namespace weir::pipeline

// A TCP packet's place in its connection: who is the client, whether the other end will take the
// segment, and what each end has acknowledged, while the flow's name is being found out.
//
// A segment with a fault is not looked at further. Where the policy blocks by name it is dropped as
// well, so that what Weir does not read never reaches the server either. Worker's thread.
#pragma once

#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class StreamStage {
 public:
  explicit StreamStage(Worker& worker) : worker_(worker) {}

  // False: the later stages must not look at the packet.
  bool Check(FlowPacket& at);

 private:
  bool FindClient(const FlowPacket& at, Learning& learning) const;
  void NoteSyn(const FlowPacket& at, Learning& learning) const;
  stream::SegmentFault Look(const FlowPacket& at, stream::Peer peer, Learning& learning) const;
  static void ReadFrom(uint32_t seq, uint16_t server_port, Learning& learning);
  void KeepEnds(FlowPacket& at, const Learning& learning) const;
  bool Refuse(FlowPacket& at, stream::SegmentFault fault);

  Worker& worker_;
};

}  // namespace weir::pipeline

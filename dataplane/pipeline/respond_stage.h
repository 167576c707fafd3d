// Whether a refused packet is answered, and if so, the answers into the outbox.
//
// An answer needs a conversation: both ends have spoken, and for TCP the refused packet
// acknowledges what the other end sent. So a spoofed packet draws nothing. `drop` is silent.
// Worker's thread.
#pragma once

#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class RespondStage {
 public:
  explicit RespondStage(Worker& worker) : worker_(worker) {}

  // Looks at packets dropped as kRejected only.
  void Answer(const FlowPacket& at);

 private:
  bool IsDue(const FlowPacket& at) const;
  void AnswerTcp(const FlowPacket& at);
  bool Send(bool (*build)(const packet::Packet&, respond::OutFrame&), const packet::Packet& packet);

  Worker& worker_;
};

}  // namespace weir::pipeline

// Keys for encrypted hellos taken out of plain DNS answers that are forwarded, where the operator
// asked for it and the policy blocks by name.
//
// The one stage that changes a packet: two bytes for each key, and the checksum. Worker's thread.
#pragma once

#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class StripStage {
 public:
  explicit StripStage(Worker& worker) : worker_(worker) {}

  void Look(FlowPacket& at);

 private:
  Worker& worker_;
};

}  // namespace weir::pipeline

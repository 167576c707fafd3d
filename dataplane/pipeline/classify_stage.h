// The flow's packets shown to the classifier while it can still learn something. Worker's thread.
#pragma once

#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class ClassifyStage {
 public:
  explicit ClassifyStage(Worker& worker) : worker_(worker) {}

  void Look(FlowPacket& at);

 private:
  Worker& worker_;
};

}  // namespace weir::pipeline

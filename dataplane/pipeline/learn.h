// The beginning and the end of learning about a flow. Worker's thread.
#pragma once

#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

// False, and counted, when there is no place, and none that another flow could do without.
bool StartLearning(Worker& worker, flow::FlowIndex index);

// Takes the classifier's last guess and gives everything back. Fine for a flow that is not
// learning.
void StopLearning(Worker& worker, flow::FlowIndex index);

// Stops when neither a name nor an application can still be learnt.
void StopLearningIfDone(Worker& worker, flow::FlowIndex index);

// True when the flow's label has changed.
bool SetLabel(flow::ColdFlow& cold, const classify::Label& label);

}  // namespace weir::pipeline

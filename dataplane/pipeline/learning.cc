#include "dataplane/pipeline/learning.h"

namespace weir::pipeline {

LearningPool::LearningPool(uint32_t learning_max, stream::BufferPool& buffers)
    : buffers_(buffers), entries_(learning_max, Learning(buffers)) {
  free_.reserve(learning_max);
  for (uint32_t i = learning_max; i > 0; --i) free_.push_back(i - 1);
}

flow::PoolIndex LearningPool::Take() {
  if (free_.empty()) return flow::kNone;
  const flow::PoolIndex index = free_.back();
  free_.pop_back();
  entries_[index] = Learning(buffers_);
  return index;
}

void LearningPool::Give(flow::PoolIndex index) {
  entries_[index].client.Stop();
  free_.push_back(index);
}

}  // namespace weir::pipeline

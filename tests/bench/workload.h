// One kind of work for the pipeline, in equal pieces, and how pieces are timed.
#pragma once

#include <functional>
#include <vector>

#include "tests/bench/bench_pipeline.h"
#include "tests/bench/spread.h"

namespace weir::bench {

struct Workload {
  BenchPipeline::Setup setup;
  std::function<void(BenchPipeline&)> warm_up;
  std::function<void(BenchPipeline&)> piece;
};

// The workload with its pipeline, warm.
class Running {
 public:
  explicit Running(Workload workload);

  BenchPipeline::Timed Piece();
  BenchPipeline& pipeline() { return pipeline_; }

 private:
  Workload workload_;
  BenchPipeline pipeline_;
};

struct PairOfRuns {
  Spread first;   // cycles a packet
  Spread second;  // the same
  Spread ratio;   // second / first, piece by piece
};
// So many pieces of each in turn; who begins changes.
PairOfRuns Alternate(Running& first, Running& second, unsigned runs);

}  // namespace weir::bench

#include "tests/bench/workload.h"

#include <algorithm>
#include <utility>

namespace weir::bench {
namespace {

double CyclesAPacket(const BenchPipeline::Timed& timed) {
  return static_cast<double>(timed.cycles) / static_cast<double>(timed.packets);
}

}  // namespace

Running::Running(Workload workload) : workload_(std::move(workload)), pipeline_(workload_.setup) {
  workload_.warm_up(pipeline_);
  Piece();  // the caches too
}

BenchPipeline::Timed Running::Piece() {
  pipeline_.Flush();
  pipeline_.Take();
  workload_.piece(pipeline_);
  pipeline_.Flush();
  return pipeline_.Take();
}

PairOfRuns Alternate(Running& first, Running& second, unsigned runs) {
  std::vector<double> ones;
  std::vector<double> others;
  std::vector<double> ratios;
  for (unsigned run = 0; run < runs; ++run) {
    double one = 0;
    double other = 0;
    if (run % 2 == 0) {
      one = CyclesAPacket(first.Piece());
      other = CyclesAPacket(second.Piece());
    } else {
      other = CyclesAPacket(second.Piece());
      one = CyclesAPacket(first.Piece());
    }
    ones.push_back(one);
    others.push_back(other);
    ratios.push_back(other / one);
  }
  return {SpreadOf(ones), SpreadOf(others), SpreadOf(ratios)};
}

}  // namespace weir::bench

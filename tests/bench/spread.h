// The runs of one measurement: their median, and how far they lie apart.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace weir::bench {

struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// Of at least one value.
Spread SpreadOf(std::vector<double> values);

nlohmann::json ToJson(const Spread& spread);

}  // namespace weir::bench

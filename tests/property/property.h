// The two properties, how they are tried over many seeds, and how a failing case is made small.
//
// One thread. A bench serves many cases one after the other; a case that fails is tried again on a
// new one, so that what it printed can be repeated by its seed alone.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/property/conversation.h"

namespace weir::property {

class Benches {
 public:
  testing::PipelineHarness& For(const Case& of);

 private:
  static constexpr unsigned kCasesMax = 500;  // then a new one

  struct Bench {
    std::unique_ptr<testing::PipelineHarness> harness;
    unsigned cases = 0;
  };
  std::vector<Bench> benches_;
};

// What is wrong with the case; nothing when all is well.
//
// Honest: the exchange has the same verdict, name and record as when nothing happens to it on its
// way; what is allowed arrives whole, with nothing dropped; what is blocked does not get there.
// Hostile: no server gets to know a blocked name.
std::optional<std::string> FaultOf(Benches& benches, const Case& of);

// The smallest case found that still fails: operations and messages taken out as long as it does.
using Fails = std::function<bool(const Case&)>;
Case Minimise(const Case& failing, const Fails& fails);

// FaultOf() for so many seeds from `first` on. The report of the first that fails, with its frames
// written to a capture in `folder`; nothing when none does.
std::optional<std::string> TrySeeds(uint64_t first, uint64_t count, bool hostile,
                                    const std::string& folder);

}  // namespace weir::property

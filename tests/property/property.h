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

// What is left of a case: numbers of its operations and of its messages, in their order.
struct Kept {
  std::vector<uint32_t> ops;
  std::vector<uint32_t> messages;
};
Kept AllOf(const Case& of);
Case Reduced(const Case& whole, const Kept& kept);
// "WEIR_OPS=3,9 WEIR_MESSAGES=0", and what stands behind one of the signs.
std::string Words(const Kept& kept);
std::vector<uint32_t> ReadNumbers(const std::string& words);

// The smallest that still fails, of `from`, which does: halves, quarters, … single operations and
// messages are taken out until none can be.
using Fails = std::function<bool(const Case&)>;
Kept Minimise(const Case& whole, const Kept& from, const Fails& fails);

struct Trial {
  uint64_t first = 1;
  uint64_t count = 1;
  bool hostile = false;
  std::function<Kept(const Case&)> kept = AllOf;  // what to try of each
  std::string folder;                             // for a capture of a case that fails
};
using Judge = std::function<std::optional<std::string>(Benches&, const Case&)>;

// The report of the first case that fails: what is wrong, the line that tries its smallest form
// again, and that in words. Nothing when none does.
std::optional<std::string> Try(const Trial& trial, const Judge& judge = FaultOf);

}  // namespace weir::property

// Longer runs: WEIR_SEEDS=10000000 property_test; one case again: WEIR_SEED=1234 property_test.
#include "tests/property/property.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace weir::property {
namespace {

constexpr uint64_t kSeeds = 100'000;

struct Span {
  uint64_t first = 1;
  uint64_t count = kSeeds;
};

Span AskedFor() {
  const char* seed = std::getenv("WEIR_SEED");
  const char* seeds = std::getenv("WEIR_SEEDS");
  if (seed != nullptr) return {std::stoull(seed), 1};
  if (seeds != nullptr) return {1, std::stoull(seeds)};
  return {};
}

void ExpectNoFault(bool hostile) {
  const Span span = AskedFor();
  const auto fault = TrySeeds(span.first, span.count, hostile, ::testing::TempDir());
  EXPECT_FALSE(fault.has_value()) << fault.value_or("");
}

TEST(Property, AnExchangeLooksTheSameHoweverItTravels) { ExpectNoFault(false); }

TEST(Property, ABlockedNameStaysBlockedWhateverIsAddedToIt) { ExpectNoFault(true); }

}  // namespace
}  // namespace weir::property

// Longer runs:        WEIR_SEEDS=10000000 property_test
// From another start: WEIR_FIRST=1000000 WEIR_SEEDS=1000000 property_test
// One case again:     WEIR_SEED=4711 [WEIR_OPS=3,9 WEIR_MESSAGES=0] property_test
#include "tests/property/property.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace weir::property {
namespace {

constexpr uint64_t kSeeds = 100'000;

uint64_t NumberFrom(const char* sign, uint64_t otherwise) {
  const char* word = std::getenv(sign);
  return word == nullptr ? otherwise : std::stoull(word);
}

Trial AskedFor(bool hostile) {
  Trial trial;
  trial.hostile = hostile;
  trial.folder = ::testing::TempDir();
  trial.first = NumberFrom("WEIR_FIRST", 1);
  trial.count = NumberFrom("WEIR_SEEDS", kSeeds);
  if (std::getenv("WEIR_SEED") == nullptr) return trial;
  trial.first = NumberFrom("WEIR_SEED", 1);
  trial.count = 1;
  trial.kept = [](const Case& of) {
    Kept kept = AllOf(of);
    if (const char* ops = std::getenv("WEIR_OPS")) kept.ops = ReadNumbers(ops);
    if (const char* messages = std::getenv("WEIR_MESSAGES")) kept.messages = ReadNumbers(messages);
    return kept;
  };
  return trial;
}

void ExpectNoFault(bool hostile) {
  const auto fault = Try(AskedFor(hostile));
  EXPECT_FALSE(fault.has_value()) << fault.value_or("");
}

TEST(Property, AnExchangeLooksTheSameHoweverItTravels) { ExpectNoFault(false); }

TEST(Property, ABlockedNameStaysBlockedWhateverIsAddedToIt) { ExpectNoFault(true); }

}  // namespace
}  // namespace weir::property

// Looks through the store and the consumer's file once all is over, and compares with the books.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "books.h"

namespace weir::crash {

// What the store says was lost, by start and class: the sums of its `events lost`.
class Announced {
 public:
  explicit Announced(uint32_t boots_max) : of_(boots_max) {}
  void Add(uint64_t boot, std::string_view loss_class, uint64_t count);
  const LossClassCounts& of(uint32_t boot) const { return of_[boot]; }

 private:
  std::vector<LossClassCounts> of_;
};

// Sessions in their newest revision and with the end they must have, findings, health, totals,
// index, and the consumer's rows: each once, and none that nobody offered. Expectations are those
// of GoogleTest. `last_boot`: the data plane's newest start.
void ExpectStoredAsBooked(const SharedBooks& books, const std::filesystem::path& folder,
                          uint32_t last_boot, Announced& announced);

}  // namespace weir::crash

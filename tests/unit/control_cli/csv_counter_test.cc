#include "control/cli/csv_counter.h"

#include <gtest/gtest.h>

namespace weir::control::cli {
namespace {

uint64_t CountIn(std::string_view text, size_t piece_bytes) {
  CsvCounter counter;
  for (size_t at = 0; at < text.size(); at += piece_bytes) {
    counter.Add(text.substr(at, piece_bytes));
  }
  return counter.records();
}

TEST(CsvCounter, CountsRowsHoweverTheyAreCut) {
  const std::string_view text = "a,b\r\n1,\"two\r\nlines \"\"quoted\"\"\"\r\n2,\"\"\r\n";
  for (size_t piece_bytes = 1; piece_bytes <= text.size(); piece_bytes++) {
    EXPECT_EQ(CountIn(text, piece_bytes), 2u) << piece_bytes;
  }
}

TEST(CsvCounter, AHeaderAloneIsNone) {
  EXPECT_EQ(CountIn("", 1), 0u);
  EXPECT_EQ(CountIn("a,b\r\n", 1), 0u);
}

}  // namespace
}  // namespace weir::control::cli

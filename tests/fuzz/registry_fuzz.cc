// The registry's CSV: an address that a row gives an account is found under it.
#include <algorithm>
#include <string_view>

#include "control/accounts/csv.h"
#include "control/accounts/registry.h"
#include "fuzz_check.h"

using namespace weir::control::accounts;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  CsvReader reader(text);
  CsvRow row;
  size_t line = 0;
  while (reader.Next(row)) {
    FUZZ_CHECK(row.line > line && !row.fields.empty());
    line = row.line;
    size_t bytes = 0;
    for (const auto& field : row.fields) bytes += field.size();
    FUZZ_CHECK(bytes <= size);
  }
  const auto registry = Registry::Parse(text, "r.csv");
  if (!registry.ok()) {
    FUZZ_CHECK(registry.error().message.starts_with("r.csv"));
    return 0;
  }
  FUZZ_CHECK(registry->rows() <= line);
  return 0;
}

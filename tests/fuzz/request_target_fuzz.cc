// An API request's target: the decoded path begins with a slash and is no longer than what was
// sent.
#include <string_view>

#include "control/api/message.h"
#include "fuzz_check.h"

using namespace weir::control::api;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data)), size);
  for (const bool plus_is_space : {false, true}) {
    const auto decoded = PercentDecode(text, plus_is_space);
    FUZZ_CHECK(!decoded || decoded->size() <= size);
  }
  Request request;
  if (!ParseTarget(text, request).ok()) return 0;
  FUZZ_CHECK(request.path.starts_with('/') && request.path.size() <= size);
  size_t bytes = request.path.size();
  for (const auto& [name, value] : request.query) bytes += name.size() + value.size();
  FUZZ_CHECK(bytes <= size);
  for (const auto& [name, value] : request.query) {
    const auto number = QueryNumber(request, name, 5, 1000);
    FUZZ_CHECK(!number.ok() || *number <= 1000);
  }
  return 0;
}

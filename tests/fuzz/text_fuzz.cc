// Short texts that people write: what is taken is printed in its one form, which means the same.
//
// The first byte says what the text is.
#include <string>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"
#include "fuzz_check.h"

using namespace weir::base;

namespace {

template <typename T>
void CheckPrints(std::string_view text) {
  const auto parsed = T::Parse(text);
  if (!parsed.ok()) {
    FUZZ_CHECK(!parsed.error().message.empty());
    return;
  }
  const auto again = T::Parse(parsed->ToString());
  FUZZ_CHECK(again.ok() && *again == *parsed);
}

void CheckTime(std::string_view text) {
  const auto time = ParseRfc3339(text);
  if (!time.ok()) return;
  const auto again = ParseRfc3339(FormatRfc3339(*time));
  FUZZ_CHECK(again.ok() && again->ns <= time->ns && time->ns - again->ns < kNsPerUs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data + 1)),
                              size - 1);
  switch (data[0] % 4) {
    case 0:
      CheckPrints<IpAddress>(text);
      break;
    case 1:
      CheckPrints<IpPrefix>(text);
      break;
    case 2:
      CheckPrints<MacAddress>(text);
      break;
    default:
      CheckTime(text);
      break;
  }
  return 0;
}

// Host names: printable, small, and the same when normalised again; readable without fault.
#include <cstdint>

#include "dataplane/base/idna.h"
#include "dataplane/names/name.h"
#include "fuzz_check.h"

using namespace weir::names;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  HostName once;
  if (!NormaliseHost({static_cast<const char*>(static_cast<const void*>(data)), size}, once)) {
    FUZZ_CHECK(once.bytes == 0);
    return 0;
  }
  FUZZ_CHECK(once.bytes > 0);
  for (const char c : once.view()) FUZZ_CHECK(c > ' ' && c < 0x7f && (c < 'A' || c > 'Z'));
  HostName twice;
  FUZZ_CHECK(NormaliseHost(once.view(), twice));
  FUZZ_CHECK(once.view() == twice.view());
  weir::base::ReadableHostBuffer buffer;
  const std::string_view readable = weir::base::ReadableHost(once.view(), buffer);
  FUZZ_CHECK(!readable.empty() && readable.size() <= buffer.size());
  return 0;
}

// A list by HTTP or HTTPS (libcurl). Blocks its thread; any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "dataplane/base/result.h"

namespace weir::control::policy {

struct FetchRequest {
  std::string url;
  // What the server said of the copy that is there (RFC 9110 §8.8); empty: none is.
  std::string etag;
  std::string last_modified;
  uint32_t timeout_s = 60;  // for all of it
  uint64_t bytes_max = 0;   // after decompression
};

struct Fetched {
  bool not_modified = false;  // then the rest is empty
  std::string bytes;
  std::string etag;
  std::string last_modified;
};

// Follows up to five redirections, from https to https only. Fails with one line: no connection, a
// certificate that does not hold, a status other than 200 and 304, too many bytes, too slow; and as
// soon as `stop` is true.
base::Result<Fetched> FetchList(const FetchRequest& request, const std::atomic<bool>& stop);

}  // namespace weir::control::policy

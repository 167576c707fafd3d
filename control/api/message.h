// A request and its reply as the handlers see them, free of HTTP's wire form.
//
// Values; they belong to the connection's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::api {

struct Request {
  std::string method;                              // "GET"
  std::string path;                                // decoded, without the query
  std::map<std::string, std::string> query;        // decoded; of a name given twice, the last
  nlohmann::json body;                             // null when there was none
  std::map<std::string, std::string> path_values;  // "{id}" of the route
  std::string actor;                               // who asks, for the logs
  std::string via;                                 // "socket" or "tcp"

  std::string QueryText(const std::string& name) const {
    const auto found = query.find(name);
    return found == query.end() ? std::string() : found->second;
  }
  std::string BodyText(const char* name) const;
  const std::string& PathValue(const std::string& name) const { return path_values.at(name); }
};

// Where a long reply goes, a piece at a time. False: the client is gone or too slow; stop.
using ChunkWriter = std::function<bool(std::string_view)>;

struct Reply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // of a 405
  // Instead of a body. False: the answer is not whole, and the connection is cut to show it.
  std::function<bool(const ChunkWriter&)> stream;
};

Reply JsonReply(const nlohmann::json& value, unsigned status = 200);
// {"error": "…"}: 400 a bad request, 404 not there, 409 refused, 503 the data plane is away.
Reply ErrorReply(unsigned status, std::string_view error);

// "%41+b" -> "A b"; nullopt for a '%' without two hex digits. `plus_is_space` in queries only.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// Splits a request target into path and query; fails on what does not decode.
base::Status ParseTarget(std::string_view target, Request& request);

// A whole number in [min, max] from the query; `fallback` when it is not given.
base::Result<uint64_t> QueryNumber(const Request& request, const std::string& name,
                                   uint64_t fallback, uint64_t max);

// A time from the query, RFC 3339; `fallback` when it is not given.
base::Result<base::WallTime> QueryTime(const Request& request, const std::string& name,
                                       base::WallTime fallback);

}  // namespace weir::control::api

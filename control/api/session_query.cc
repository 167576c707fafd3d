#include "control/api/session_query.h"

#include "dataplane/base/idna.h"

namespace weir::control::api {
namespace {

base::Status ReadTime(const Request& request, const char* name,
                      std::optional<base::WallTime>& time) {
  const std::string text = request.QueryText(name);
  if (text.empty()) return {};
  const auto parsed = base::ParseRfc3339(text);
  if (!parsed) return base::Error{std::string(name) + ": " + parsed.error().message};
  time = *parsed;
  return {};
}

// The form in which names are recorded, a dot before it kept. What has no such form stays: DNS
// names are recorded with odd bytes too, written \DDD.
std::string RecordedName(std::string text) {
  const bool below = text.starts_with('.');
  base::HostBuffer buffer;
  const base::NormalHost host = base::NormaliseHost(std::string_view(text).substr(below), buffer);
  if (!host.ok()) return text;
  return (below ? "." : "") + std::string(host.name);
}

}  // namespace

base::Result<audit::Query> ToSessionQuery(const Request& request) {
  audit::Query query;
  query.account = request.QueryText("account");
  query.name = RecordedName(request.QueryText("name"));
  query.rule = request.QueryText("rule");
  query.cursor = request.QueryText("cursor");
  query.newest_first = request.QueryText("order") == "newest";
  if (const std::string ip = request.QueryText("ip"); !ip.empty()) {
    const auto parsed = base::IpAddress::Parse(ip);
    if (!parsed) return base::Error{"ip: " + parsed.error().message};
    query.ip = *parsed;
  }
  if (!request.QueryText("port").empty()) {
    const auto port = QueryNumber(request, "port", 0, 65'535);
    if (!port) return port.error();
    query.port = static_cast<uint16_t>(*port);
  }
  const auto limit = QueryNumber(request, "limit", audit::kNoLimit, audit::kNoLimit);
  if (!limit) return limit.error();
  query.limit = *limit;
  if (auto read = ReadTime(request, "from", query.from); !read) return read.error();
  if (auto read = ReadTime(request, "to", query.to); !read) return read.error();
  if (auto read = ReadTime(request, "at", query.at); !read) return read.error();
  return query;
}

}  // namespace weir::control::api

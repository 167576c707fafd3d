#include "control/clickhouse/conditions.h"

#include <fmt/format.h>

#include <limits>

#include "control/clickhouse/session_row.h"
#include "dataplane/events/event.h"

namespace weir::control::clickhouse {
namespace {

std::string Bytes(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return fmt::format("unhex('{}')", hex);
}

std::string Bytes(const base::IpAddress& ip) {
  return Bytes(
      std::string_view(reinterpret_cast<const char*>(ip.bytes().data()), base::IpAddress::kBytes));
}

// Exactly, or with a leading dot the name and all below it; any case.
std::string NameCondition(std::string_view name) {
  const std::string lower = audit::LowerCase(name);
  if (!lower.starts_with('.')) return fmt::format(" AND lower(name) = {}", Bytes(lower));
  return fmt::format(" AND (lower(name) = {} OR endsWith(lower(name), {}))",
                     Bytes(std::string_view(lower).substr(1)), Bytes(lower));
}

}  // namespace

std::string QueryConditions(const audit::Query& query) {
  std::string sql;
  if (query.session_id) sql += fmt::format(" AND session_id = {}", *query.session_id);
  if (!query.account.empty()) sql += fmt::format(" AND account = {}", Bytes(query.account));
  if (query.ip) {
    sql += fmt::format(" AND (src_ip = {0} OR dst_ip = {0})", Bytes(*query.ip));
  }
  if (!query.name.empty()) sql += NameCondition(query.name);
  if (query.port) {
    sql += fmt::format(" AND (src_port = {0} OR dst_port = {0}) AND proto_number IN (6, 17, 132)",
                       *query.port);
  }
  if (query.state) sql += fmt::format(" AND state = '{}'", SessionStateName(*query.state));
  if (query.verdict) sql += fmt::format(" AND verdict = '{}'", VerdictName(*query.verdict));
  if (!query.rule.empty()) sql += fmt::format(" AND rule = {}", Bytes(query.rule));
  return sql;
}

std::string StartConditions(int64_t from_ns, int64_t to_ns) {
  const base::WallTime last{to_ns - 1};
  const auto first_day = DateOf({from_ns});
  const auto last_day = DateOf(last);
  std::string sql = fmt::format("day >= '{}' AND day <= '{}'", audit::DayName(first_day),
                                audit::DayName(last_day));
  if (audit::DayOf({from_ns}) == audit::DayOf(last)) {
    const int64_t day_ns = audit::DayStart(audit::DayOf(last)).ns;
    sql += fmt::format(" AND hour >= {} AND hour <= {}", (from_ns - day_ns) / audit::kHourNs,
                       (last.ns - day_ns) / audit::kHourNs);
  }
  return sql + fmt::format(" AND start_ns >= {} AND start_ns < {}", from_ns, to_ns);
}

std::string MomentConditions(const audit::SessionFilter& filter) {
  std::string sql;
  if (filter.to().ns != std::numeric_limits<int64_t>::max()) {
    sql += fmt::format(" AND start_ns < {}", filter.to().ns);
  }
  if (filter.from().ns != std::numeric_limits<int64_t>::min()) {
    sql += fmt::format(" AND (start_ns >= {0} OR end_ns >= {0})", filter.from().ns);
  }
  return sql;
}

std::string CursorCondition(const std::optional<audit::SessionOrder>& cursor, bool newest_first) {
  if (!cursor) return {};
  return fmt::format(
      " AND (start_ns {0} {1} OR (start_ns = {1} AND (session_id {0} {2} OR (session_id = {2} AND "
      "part {0} {3}))))",
      newest_first ? '<' : '>', cursor->start.ns, cursor->session_id, cursor->part);
}

std::string OrderBy(bool newest_first) {
  const std::string_view way = newest_first ? "DESC" : "ASC";
  return fmt::format(" ORDER BY start_ns {0}, session_id {0}, part {0}, version DESC", way);
}

}  // namespace weir::control::clickhouse

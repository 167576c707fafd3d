#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/row_stream.h"
#include "control/api/session_query.h"
#include "control/audit/session_csv.h"
#include "control/policy/json_fields.h"
#include "control/sealing/record_lines.h"

namespace weir::control::api {
namespace {

constexpr uint64_t kTopSecondsMax = 7 * 86'400;
constexpr uint64_t kTopRowsMax = 1000;
constexpr uint64_t kTopRecordsMax = 2'000'000;
constexpr size_t kTopKeysMax = 200'000;
constexpr size_t kReasonBytesMax = 500;

struct Lookup {
  audit::Query query;
  bool csv = false;
  Operation operation;
};

// Hands the rows out; false when the answer is not whole, and then the connection is cut to show
// it.
bool StreamSessions(const Parts& parts, const Request& request, const Lookup& lookup,
                    const ChunkWriter& write) {
  RowStream rows(write);
  bool sending = !lookup.csv || rows.Add(audit::SessionCsvHeader());
  const auto result = parts.store.Sessions(lookup.query, [&](const audit::SessionRecord& record) {
    sending = sending &&
              rows.Add(lookup.csv ? audit::SessionToCsv(record) : sealing::SessionLine(record));
    return sending;
  });
  sending = sending && rows.Flush();
  Operation operation = lookup.operation;
  if (!result) {
    // Why, as the last line, for the cut connection cannot say it.
    const std::string why = policy::JsonDump({{"error", result.error().message}}) + "\n";
    if (!lookup.csv && sending) static_cast<void>(write(why));
    operation.outcome = "failed: " + result.error().message;
  } else {
    operation.outcome = sending ? "done" : "cut off";
    operation.rows = static_cast<int64_t>(result->visited);
  }
  const bool logged = !LogOperation(parts, request, operation).has_value();
  return result.ok() && sending && logged;
}

// --- top ---

struct TopRow {
  uint64_t sessions = 0;
  uint64_t bytes = 0;
  uint64_t packets = 0;
};

std::string TopKey(std::string_view what, const audit::SessionRecord& record) {
  if (what == "apps") {
    return record.event.app.empty() ? std::string("(unknown)") : std::string(record.event.app);
  }
  if (what == "names") return std::string(record.event.name);
  return record.identity.account.empty() ? audit::InsideIp(record.event).ToString()
                                         : std::string(record.identity.account);
}

nlohmann::json TopJson(const std::unordered_map<std::string, TopRow>& rows, size_t limit) {
  std::vector<std::pair<std::string, TopRow>> sorted(rows.begin(), rows.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.bytes != b.second.bytes ? a.second.bytes > b.second.bytes : a.first < b.first;
  });
  if (sorted.size() > limit) sorted.resize(limit);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [key, row] : sorted) {
    list.push_back({{"what", key},
                    {"sessions", row.sessions},
                    {"bytes", row.bytes},
                    {"packets", row.packets}});
  }
  return list;
}

}  // namespace

Reply GetSessions(const Parts& parts, const Request& request) {
  Lookup lookup;
  const std::string reason = request.QueryText("reason");
  if (reason.empty()) {
    return ErrorReply(
        400,
        "a look-up of sessions wants a reason: who looks at people's traffic says why, "
        "and it is logged");
  }
  if (reason.size() > kReasonBytesMax) return ErrorReply(400, "the reason is too long");
  const std::string format = request.QueryText("format");
  if (!format.empty() && format != "json" && format != "csv") {
    return ErrorReply(400, "format: '" + format + "' is not json or csv");
  }
  const auto query = ToSessionQuery(request);
  if (!query) return ErrorReply(400, query.error().message);
  lookup.query = *query;
  lookup.csv = format == "csv";
  lookup.operation.action = "sessions";
  const std::string asked = LogQuery(request);
  lookup.operation.target = asked.empty() ? "all" : asked;
  lookup.operation.outcome = "begun";
  // Before the first row goes out: nothing is looked at that is not written down.
  if (auto failed = LogOperation(parts, request, lookup.operation)) return *failed;
  Reply reply;
  reply.content_type = lookup.csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
  reply.stream = [parts, request, lookup](const ChunkWriter& write) {
    return StreamSessions(parts, request, lookup, write);
  };
  return reply;
}

Reply GetTop(const Parts& parts, const Request& request) {
  const std::string& what = request.PathValue("what");
  if (what != "talkers" && what != "apps" && what != "names") {
    return ErrorReply(404, "there is no top '" + what + "'; there are talkers, apps, names");
  }
  const auto seconds = QueryNumber(request, "seconds", 300, kTopSecondsMax);
  if (!seconds) return ErrorReply(400, seconds.error().message);
  const auto limit = QueryNumber(request, "limit", 20, kTopRowsMax);
  if (!limit) return ErrorReply(400, limit.error().message);
  audit::Query query;
  query.from = {base::WallNow().ns - static_cast<int64_t>(*seconds) * base::kNsPerSecond};
  query.limit = kTopRecordsMax;
  query.newest_first = true;
  std::unordered_map<std::string, TopRow> rows;
  uint64_t not_ranked = 0;
  const auto result = parts.store.Sessions(query, [&](const audit::SessionRecord& record) {
    std::string key = TopKey(what, record);
    if (key.empty()) return true;
    if (rows.size() >= kTopKeysMax && !rows.contains(key)) {
      ++not_ranked;
      return true;
    }
    TopRow& row = rows[std::move(key)];
    ++row.sessions;
    row.bytes += record.event.bytes_to_dst + record.event.bytes_to_src;
    row.packets += record.event.packets_to_dst + record.event.packets_to_src;
    return true;
  });
  if (!result) return ErrorReply(500, result.error().message);
  Operation operation;
  operation.action = "top " + what;
  operation.target = fmt::format("the last {} s", *seconds);
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(result->visited);
  if (auto failed = LogRepeatedLook(parts, request, operation)) return *failed;
  return JsonReply({{"seconds", *seconds},
                    {"sessions", result->visited},
                    {"not_ranked", not_ranked},
                    {"whole", result->next_cursor.empty()},
                    {"top", TopJson(rows, *limit)}});
}

}  // namespace weir::control::api

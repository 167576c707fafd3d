// Accounts: who has an address, whose addresses are, and a new registry.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "control/accounts/registry_diff.h"
#include "control/api/account_history.h"
#include "control/api/account_views.h"
#include "control/api/handlers.h"
#include "control/api/logged_act.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr size_t kChangesMax = 10'000;  // of each kind in an answer
constexpr uint64_t kHistoryMax = 10'000;

base::Result<HistoryQuestion> ReadQuestion(const Request& request) {
  HistoryQuestion question;
  question.what = request.QueryText("what");
  if (question.what.empty()) {
    return base::Error{"a history wants what: an address or an account"};
  }
  const auto limit = QueryNumber(request, "limit", question.limit, kHistoryMax);
  if (!limit) return limit.error();
  question.limit = *limit;
  for (const auto& [name, time] :
       {std::pair("from", &question.time.from), std::pair("to", &question.time.to)}) {
    const auto given = QueryTime(request, name, *time);
    if (!given) return given.error();
    *time = *given;
  }
  if (question.time.from >= question.time.to) {
    return base::Error{"from is not before to: give the earlier time first"};
  }
  return question;
}

// " from … to …", as far as they are given.
std::string PeriodText(const accounts::Period& time) {
  const accounts::Period always;
  std::string text;
  if (time.from != always.from) text += " from " + base::FormatRfc3339(time.from);
  if (time.to != always.to) text += " to " + base::FormatRfc3339(time.to);
  return text;
}

// The counts are of all changes, the lists hold kChangesMax of each kind.
json DiffJson(const std::vector<accounts::RowChange>& changes) {
  json added = json::array();
  json removed = json::array();
  json changed = json::array();
  std::array<size_t, 3> counts{};
  for (const accounts::RowChange& change : changes) {
    const size_t kind = change.before && change.after ? 2 : change.before ? 1 : 0;
    if (++counts[kind] > kChangesMax) continue;
    if (kind == 0) added.push_back(ToJson(*change.after));
    if (kind == 1) removed.push_back(ToJson(*change.before));
    if (kind == 2) {
      changed.push_back({{"before", ToJson(*change.before)}, {"after", ToJson(*change.after)}});
    }
  }
  return {{"same", changes.empty()},      {"rows_added", counts[0]},
          {"rows_removed", counts[1]},    {"rows_changed", counts[2]},
          {"added", std::move(added)},    {"removed", std::move(removed)},
          {"changed", std::move(changed)}};
}

}  // namespace

Reply GetAccountsLookup(const Parts& parts, const Request& request) {
  const std::string what = request.QueryText("what");
  if (what.empty()) return ErrorReply(400, "a look-up wants what: an address or an account");
  const auto at = QueryTime(request, "at", base::WallNow());
  if (!at) return ErrorReply(400, at.error().message);
  const json bindings = BindingsOf(parts.directory, what, *at);
  Operation operation;
  operation.action = "accounts lookup";
  operation.target = what + " at " + base::FormatRfc3339(*at);
  operation.outcome = fmt::format("done: {} found", bindings.size());
  operation.rows = static_cast<int64_t>(bindings.size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (bindings.empty()) {
    return ErrorReply(404, "nothing is known of '" + what + "' at " + base::FormatRfc3339(*at));
  }
  return JsonReply({{"bindings", bindings}});
}

Reply GetAccountsHistory(const Parts& parts, const Request& request) {
  const auto question = ReadQuestion(request);
  if (!question) return ErrorReply(400, question.error().message);
  const HistorySources sources{parts.directory, parts.registry_history, parts.logins, parts.leases};
  if (sources.empty()) {
    return ErrorReply(409,
                      "nobody tells whose the addresses are: set [accounts] registry, "
                      "radius_clients, syslog_patterns or dhcp_servers");
  }
  const auto history = HistoryOf(sources, *question);
  size_t found = 0;
  for (const char* list : {"rows", "logins", "leases"}) {
    if (history) found += history->at(list).size();
  }
  Operation operation;
  operation.action = "accounts history";
  operation.target = question->what + PeriodText(question->time);
  operation.outcome =
      history ? fmt::format("done: {} found", found) : "refused: " + history.error().message;
  if (history) operation.rows = static_cast<int64_t>(found);
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (!history) return ErrorReply(500, history.error().message);
  if (found == 0) {
    return ErrorReply(404,
                      "nothing is known of '" + question->what + "'" + PeriodText(question->time));
  }
  return JsonReply(*history);
}

Reply PostAccountsDiff(const Parts& parts, const Request& request) {
  const json& text = policy::JsonMember(request.body, "csv");
  if (!text.is_string()) return ErrorReply(400, "a diff wants \"csv\", the registry's text");
  if (parts.registry == nullptr) {
    return ErrorReply(409, "there is no registry to compare with: set [accounts] registry");
  }
  const auto parsed = accounts::Registry::Parse(text.get_ref<const std::string&>(), "import");
  if (!parsed) return ErrorReply(409, parsed.error().message);
  const auto present = parts.directory.registry();
  const std::vector<accounts::RowChange> changes = accounts::Diff(*present, *parsed);
  // It hands out the rows that would change.
  Operation operation;
  operation.action = "accounts diff";
  operation.target = parts.registry->path().string();
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(changes.size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  json diff = DiffJson(changes);
  diff["rows_before"] = present->rows();
  diff["rows_after"] = parsed->rows();
  return JsonReply(diff);
}

Reply PostAccountsImport(const Parts& parts, const Request& request) {
  const json& text = policy::JsonMember(request.body, "csv");
  if (!text.is_string()) return ErrorReply(400, "an import wants \"csv\", the registry's text");
  if (parts.registry == nullptr) {
    return ErrorReply(409, "there is no registry to import into: set [accounts] registry");
  }
  Operation operation;
  operation.action = "accounts import";
  operation.target = parts.registry->path().string();
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto counts = parts.registry->Import(text.get_ref<const std::string&>(), request.actor);
  if (!counts) return act.EndWithError(409, counts.error().message);
  return act.End(fmt::format("done: {} rows", counts->rows),
                 JsonReply({{"rows", counts->rows},
                            {"added", counts->added},
                            {"removed", counts->removed},
                            {"changed", counts->changed}}));
}

}  // namespace weir::control::api

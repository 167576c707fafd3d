#include <fmt/format.h>

#include "control/api/handlers.h"
#include "control/api/logged_act.h"
#include "control/policy/json_fields.h"
#include "control/policy/list_json.h"
#include "dataplane/base/sha256.h"
#include "rules/lists/read_list.h"

namespace weir::control::api {
namespace {

// The list that a request has with it, its bytes as text; nullopt: it has none. A file is never
// opened here: it would be read by the rights of weir-control, for whoever asks.
base::Result<std::optional<std::string>> ContentOf(const Request& request) {
  if (!policy::JsonMember(request.body, "file").is_null()) {
    return base::Error{"weir-control opens no file: send its text as \"content\""};
  }
  const nlohmann::json& content = policy::JsonMember(request.body, "content");
  if (content.is_null()) return std::optional<std::string>();
  if (!content.is_string()) return base::Error{"\"content\" is the list's text"};
  return std::optional<std::string>(content.get<std::string>());
}

Operation OperationOf(const char* action, const Request& request,
                      const std::optional<std::string>& content) {
  Operation operation;
  operation.action = action;
  operation.target = request.PathValue("name");
  if (content) {
    operation.target +=
        fmt::format(" with {} bytes, sha256 {}", content->size(), base::Sha256Hex(*content));
  }
  return operation;
}

// For the log, which keeps nobody's lines.
std::string OutcomeOf(const base::Result<policy::ListLook>& look) {
  if (!look) return "refused: " + rules::WithoutExample(look.error().message);
  const bool same = !look->changed && look->diff.added + look->diff.removed == 0;
  if (same) return "done: unchanged";
  return fmt::format("done: {} added, {} removed", look->diff.added, look->diff.removed);
}

Reply LookReply(const base::Result<policy::ListLook>& look) {
  return look ? JsonReply(policy::ToJson(*look)) : ErrorReply(409, look.error().message);
}

}  // namespace

Reply ListLists(const Parts& parts, const Request&) {
  nlohmann::json lists = nlohmann::json::array();
  for (const policy::ListState& state : parts.policy.lists().States()) {
    lists.push_back(policy::ToJson(state));
  }
  return JsonReply({{"lists", lists}});
}

Reply PostListCheck(const Parts& parts, const Request& request) {
  auto content = ContentOf(request);
  if (!content) return ErrorReply(400, content.error().message);
  Operation operation = OperationOf("lists check", request, *content);
  const auto look = parts.policy.lists().Check(request.PathValue("name"), std::move(*content));
  operation.outcome = OutcomeOf(look);
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  return LookReply(look);
}

Reply PostListRefresh(const Parts& parts, const Request& request) {
  const bool force = policy::JsonBool(request.body, "force");
  LoggedAct act(
      parts, request,
      OperationOf(force ? "lists refresh --force" : "lists refresh", request, std::nullopt));
  if (auto refused = act.Begin()) return *refused;
  const auto look = parts.policy.lists().Refresh(request.PathValue("name"), force);
  return act.End(OutcomeOf(look), LookReply(look));
}

Reply PostListImport(const Parts& parts, const Request& request) {
  auto content = ContentOf(request);
  if (!content) return ErrorReply(400, content.error().message);
  if (!*content) return ErrorReply(400, "an import wants \"content\", the list's text");
  const bool force = policy::JsonBool(request.body, "force");
  LoggedAct act(parts, request,
                OperationOf(force ? "lists import --force" : "lists import", request, *content));
  if (auto refused = act.Begin()) return *refused;
  const auto look =
      parts.policy.lists().Import(request.PathValue("name"), std::move(**content), force);
  return act.End(OutcomeOf(look), LookReply(look));
}

}  // namespace weir::control::api

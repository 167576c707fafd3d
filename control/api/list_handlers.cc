#include <fmt/format.h>

#include "control/api/handlers.h"
#include "control/policy/json_fields.h"
#include "control/policy/list_json.h"

namespace weir::control::api {
namespace {

// What became of a look that was asked for, for the log and for who asked.
Reply LookReply(const Parts& parts, const Request& request, const std::string& action,
                const base::Result<policy::ListLook>& look) {
  Operation operation;
  operation.action = action;
  operation.target = request.PathValue("name");
  operation.reason = request.BodyText("reason");
  if (!look) {
    operation.outcome = "refused: " + look.error().message;
  } else {
    operation.outcome = look->changed ? fmt::format("done: {} added, {} removed", look->diff.added,
                                                    look->diff.removed)
                                      : "done: unchanged";
  }
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (!look) return ErrorReply(409, look.error().message);
  return JsonReply(policy::ToJson(*look));
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
  const auto look = parts.policy.lists().Check(request.PathValue("name"), request.BodyText("file"));
  if (!look) return ErrorReply(409, look.error().message);
  return JsonReply(policy::ToJson(*look));
}

Reply PostListRefresh(const Parts& parts, const Request& request) {
  const bool force = policy::JsonBool(request.body, "force");
  const auto look = parts.policy.lists().Refresh(request.PathValue("name"), force);
  return LookReply(parts, request, force ? "lists refresh --force" : "lists refresh", look);
}

Reply PostListImport(const Parts& parts, const Request& request) {
  const std::string file = request.BodyText("file");
  if (file.empty()) return ErrorReply(400, "import wants a file");
  const bool force = policy::JsonBool(request.body, "force");
  const auto look = parts.policy.lists().Import(request.PathValue("name"), file, force);
  return LookReply(parts, request, "lists import " + file, look);
}

}  // namespace weir::control::api

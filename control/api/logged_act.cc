#include "control/api/logged_act.h"

#include <utility>

#include "control/api/handlers.h"
#include "control/api/log_text.h"

namespace weir::control::api {

LoggedAct::LoggedAct(const Parts& parts, const Request& request, Operation operation)
    : parts_(parts), operation_(std::move(operation)) {
  operation_.actor = request.actor;
  operation_.via = request.via;
  if (operation_.reason.empty()) operation_.reason = LogReason(request);
}

std::optional<Reply> LoggedAct::Begin() {
  const auto begun = Append("begun");
  if (begun.ok()) return std::nullopt;
  return NotLoggedReply(begun.error());
}

void LoggedAct::BeginUnlogged() {
  unlogged_ = true;
  Alarm(Line());
}

base::Status LoggedAct::Finish(const std::string& outcome) {
  const auto written = Append(outcome);
  if (written.ok()) return {};
  const std::string fault =
      outcome + "; but the operations log cannot be written: " + written.error().message;
  Alarm(Line() + ": " + fault);
  return base::Error{fault};
}

Reply LoggedAct::End(const std::string& outcome, Reply reply) {
  const auto finished = Finish(outcome);
  if (finished.ok()) return reply;
  if (!unlogged_) return ErrorReply(500, finished.error().message);
  auto answer = nlohmann::json::parse(reply.body, nullptr, false);
  answer["not_logged"] = finished.error().message;
  return JsonReply(answer, reply.status);
}

Reply LoggedAct::EndWithError(unsigned status, const std::string& error) {
  const std::string line = error.substr(0, error.find('\n'));
  return End((status < 500 ? "refused: " : "failed: ") + line, ErrorReply(status, error));
}

base::Status LoggedAct::Append(const std::string& outcome) {
  operation_.time = base::WallNow();
  operation_.outcome = outcome;
  return parts_.operations.Append(operation_);
}

void LoggedAct::Alarm(const std::string& line) const {
  if (parts_.alarm != nullptr) parts_.alarm(line);
}

std::string LoggedAct::Line() const {
  std::string line = operation_.action;
  if (!operation_.target.empty()) line += " " + operation_.target;
  line += " by " + operation_.actor + " (" + operation_.via + ")";
  return operation_.reason.empty() ? line : line + ": " + operation_.reason;
}

}  // namespace weir::control::api

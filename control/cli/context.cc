#include "control/cli/context.h"

#include <utility>

#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {

void Context::LookBecause(const std::string& reason, const std::string& request) {
  because_.clear();
  for (const auto& [name, value] : {std::pair{"reason", &reason}, {"request", &request}}) {
    if (value->empty()) continue;
    because_ += (because_.empty() ? "" : "&") + std::string(name) + "=" + UrlEncode(*value);
  }
}

std::optional<nlohmann::json> Context::Ask(HttpCall call, unsigned also) {
  if (!because_.empty()) {
    call.target += (call.target.find('?') == std::string::npos ? "?" : "&") + because_;
  }
  const HttpAnswer answer = client_.Call(call);
  status_ = answer.status;
  const bool wanted = answer.outcome == HttpAnswer::Outcome::kAnswered &&
                      (answer.status == 200 || answer.status == 202 || answer.status == also);
  if (!wanted) {
    Failed(answer);
    return std::nullopt;
  }
  auto body = nlohmann::json::parse(answer.body, nullptr, false);
  if (!body.is_object()) {
    Failed(kRefused, "weir-control answered what is no JSON");
    return std::nullopt;
  }
  return body;
}

int Context::Failed(const HttpAnswer& answer) {
  if (answer.outcome == HttpAnswer::Outcome::kNoConnection) {
    return Failed(kNoConnection, answer.error);
  }
  if (answer.outcome == HttpAnswer::Outcome::kCutOff) return Failed(kRefused, answer.error);
  const auto body = nlohmann::json::parse(answer.body, nullptr, false);
  std::string line = policy::JsonText(body, "error");
  if (line.empty()) line = "weir-control answered " + std::to_string(answer.status);
  return Failed(answer.status == 400 ? kUsage : kRefused, line);
}

int Context::Failed(int code, std::string_view line) {
  exit_code_ = code;
  if (as_json_) PrintJson({{"error", line}});
  Warn(line);
  return code;
}

void Context::Warn(std::string_view text) {
  // A message may have a line for each fault.
  std::string lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines += "weirctl: " + Printable(text.substr(0, end)) + "\n";
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  std::fwrite(lines.data(), 1, lines.size(), stderr);
}

void Context::Print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void Context::Print(const Table& table) const { Print(table.Render(TerminalColumns())); }

void Context::PrintJson(const nlohmann::json& value) const {
  Print(policy::JsonDump(value) + "\n");
}

}  // namespace weir::control::cli

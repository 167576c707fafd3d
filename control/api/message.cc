#include "control/api/message.h"

#include <charconv>

#include "control/policy/json_fields.h"
#include "dataplane/base/hex.h"

namespace weir::control::api {
std::string Request::BodyText(const char* name) const { return policy::JsonText(body, name); }

Reply JsonReply(const nlohmann::json& value, unsigned status) {
  Reply reply;
  reply.status = status;
  reply.body = policy::JsonDump(value) + "\n";
  return reply;
}

Reply ErrorReply(unsigned status, std::string_view error) {
  return JsonReply({{"error", error}}, status);
}

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[at] != '%') {
      decoded += text[at];
    } else {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = base::HexDigit(text[at + 1]);
      const int low = base::HexDigit(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high << 4 | low);
      at += 2;
    }
  }
  return decoded;
}

base::Status ParseTarget(std::string_view target, Request& request) {
  const base::Error bad{"the request's target does not decode"};
  const size_t question = target.find('?');
  const auto path = PercentDecode(target.substr(0, question), false);
  if (!path || !path->starts_with('/')) return bad;
  request.path = *path;
  if (question == std::string_view::npos) return {};
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = pair.find('=');
    const auto name = PercentDecode(pair.substr(0, equals), true);
    const auto value = equals == std::string_view::npos
                           ? std::optional<std::string>("")
                           : PercentDecode(pair.substr(equals + 1), true);
    if (!name || !value) return bad;
    request.query[*name] = *value;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return {};
}

base::Result<uint64_t> QueryNumber(const Request& request, const std::string& name,
                                   uint64_t fallback, uint64_t max) {
  const std::string text = request.QueryText(name);
  if (text.empty()) return fallback;
  uint64_t value = 0;
  const auto [after, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || after != text.data() + text.size() || value > max) {
    return base::Error{name + ": '" + text + "' is not a number from 0 to " + std::to_string(max)};
  }
  return value;
}

base::Result<base::WallTime> QueryTime(const Request& request, const std::string& name,
                                       base::WallTime fallback) {
  const std::string text = request.QueryText(name);
  if (text.empty()) return fallback;
  auto time = base::ParseRfc3339(text);
  if (!time) return base::Error{name + ": " + time.error().message};
  return time;
}

}  // namespace weir::control::api

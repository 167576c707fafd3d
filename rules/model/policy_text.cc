#include "rules/model/policy_text.h"

#include <fmt/format.h>

namespace weir::rules {

std::string_view VerbName(Verb verb) {
  switch (verb) {
    case Verb::kProtect:
      return "protect";
    case Verb::kAllow:
      return "allow";
    case Verb::kDrop:
      return "drop";
    case Verb::kReject:
      return "reject";
    case Verb::kMonitor:
      return "monitor";
  }
  return "";
}

std::string_view ModeName(Mode mode) { return mode == Mode::kMonitor ? "monitor" : "enforce"; }

std::optional<Mode> FindMode(std::string_view word) {
  if (word == "monitor") return Mode::kMonitor;
  if (word == "enforce") return Mode::kEnforce;
  return std::nullopt;
}

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kNone:
      return "";
    case Severity::kInfo:
      return "info";
    case Severity::kLow:
      return "low";
    case Severity::kMedium:
      return "medium";
    case Severity::kHigh:
      return "high";
    case Severity::kCritical:
      return "critical";
  }
  return "";
}

std::string_view SelectorName(Selector selector) {
  constexpr std::string_view kNames[] = {"any", "host",     "domain",  "ip",   "port",    "port",
                                         "app", "category", "keyword", "list", "account", "group",
                                         "mac", "vlan",     "from",    "to"};
  return kNames[static_cast<size_t>(selector)];
}

std::string_view KeywordFieldName(KeywordField field) {
  constexpr std::string_view kNames[] = {"name", "http.host", "http.url", "http.header",
                                         "http.body"};
  return kNames[static_cast<size_t>(field)];
}

std::string ToText(const PolicyText& policy, const Location& where) {
  return fmt::format("{}:{}:{}", policy.source_names[where.source], where.line, where.column);
}

}  // namespace weir::rules

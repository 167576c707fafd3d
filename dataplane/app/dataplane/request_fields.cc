#include "dataplane/app/dataplane/request_fields.h"

#include <fmt/format.h>

#include <utility>

namespace weir::appliance {
namespace {

constexpr size_t kWordShownMax = 80;

}  // namespace

std::string Line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json Refusal(const std::string& error) { return {{"ok", false}, {"error", error}}; }

std::string Shown(std::string_view text) { return std::string(text.substr(0, kWordShownMax)); }

base::Result<std::string> Text(const Request& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end()) return std::string();
  if (!found->is_string()) return base::Error{fmt::format("\"{}\" must be a string", key)};
  return found->get<std::string>();
}

base::Result<uint64_t> Number(const Request& request, const char* key, uint64_t otherwise,
                              uint64_t most) {
  const auto found = request.find(key);
  if (found == request.end()) return otherwise;
  if (!found->is_number_unsigned() || found->get<uint64_t>() > most) {
    return base::Error{fmt::format("\"{}\" must be a number from 0 to {}", key, most)};
  }
  return found->get<uint64_t>();
}

base::Result<std::vector<rules::PolicySource>> PolicySources(const Request& request) {
  const auto given = request.find("sources");
  const base::Error expected{"\"sources\" must be a list of {\"name\":\"…\",\"text\":\"…\"}"};
  if (given == request.end() || !given->is_array()) return expected;
  std::vector<rules::PolicySource> sources;
  for (const Request& source : *given) {
    if (!source.is_object()) return expected;
    auto name = Text(source, "name");
    auto text = Text(source, "text");
    if (!name || !text || name->empty() || !source.contains("text")) return expected;
    sources.push_back({std::move(*name), std::move(*text)});
  }
  return sources;
}

base::Result<std::optional<rules::Mode>> PolicyMode(const Request& request) {
  auto word = Text(request, "mode");
  if (!word) return word.error();
  const std::optional<rules::Mode> mode = rules::FindMode(*word);
  if (word->empty() || mode) return mode;
  return base::Error{"\"mode\" must be \"monitor\" or \"enforce\""};
}

}  // namespace weir::appliance

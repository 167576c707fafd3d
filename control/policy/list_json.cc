#include "control/policy/list_json.h"

namespace weir::control::policy {

using nlohmann::json;

json ToJson(const rules::ListContent& content) {
  json skipped = json::array();
  for (size_t i = 0; i < static_cast<size_t>(rules::SkipReason::kCount); ++i) {
    const auto reason = static_cast<rules::SkipReason>(i);
    const rules::ListContent::Skipped& of_reason = content.skipped(reason);
    if (of_reason.count == 0) continue;
    json first = json::array();
    for (const auto& line : of_reason.first) {
      first.push_back({{"line", line.line}, {"text", line.text}});
    }
    skipped.push_back({{"reason", rules::SkipReasonName(reason)},
                       {"count", of_reason.count},
                       {"first", std::move(first)}});
  }
  return {{"format", rules::ListFormatName(content.format)},
          {"lines", content.lines},
          {"names", content.name_count()},
          {"ranges", content.ranges.size()},
          {"endpoints", content.endpoints.size()},
          {"entries", content.entry_count()},
          {"skipped", std::move(skipped)}};
}

json ToJson(const ListState& state) {
  json object{{"name", state.spec.name},
              {"source", state.spec.source},
              {"has_copy", state.has_copy},
              {"failures", state.failures}};
  if (!state.digest.empty()) object["digest"] = state.digest;
  if (!state.fault.empty()) object["fault"] = state.fault;
  const auto put_time = [&](const char* key, base::WallTime time) {
    if (time.ns != 0) object[key] = base::FormatRfc3339(time);
  };
  put_time("taken", state.taken);
  put_time("success", state.success);
  put_time("looked", state.looked);
  if (state.content) object["content"] = ToJson(*state.content);
  return object;
}

json ToJson(const ListLook& look) {
  json object{{"changed", look.changed},
              {"added", look.diff.added},
              {"removed", look.diff.removed},
              {"first_added", look.diff.first_added},
              {"first_removed", look.diff.first_removed}};
  if (look.content) object["content"] = ToJson(*look.content);
  return object;
}

}  // namespace weir::control::policy

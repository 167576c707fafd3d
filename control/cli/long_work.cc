#include "control/cli/long_work.h"

#include <utility>

#include "control/cli/line_splitter.h"
#include "control/cli/progress_bar.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

std::optional<json> FollowLongWork(Context& context, const HttpCall& call, std::string what,
                                   const char* count_key) {
  json result;
  std::string error;
  LineSplitter lines;
  ProgressBar bar(std::move(what));
  const HttpAnswer answer = context.client().Call(call, [&](std::string_view piece) {
    lines.Add(piece, [&](std::string_view line) {
      const json news = json::parse(line, nullptr, false);
      if (const json& progress = JsonMember(news, "progress"); progress.is_object()) {
        bar.Show(JsonCount(progress, "done"), JsonCount(progress, "of"),
                 JsonCount(progress, count_key));
      }
      if (JsonMember(news, "result").is_object()) result = JsonMember(news, "result");
      if (!JsonText(news, "error").empty()) error = JsonText(news, "error");
    });
    return true;
  });
  bar.Clear();
  if (!error.empty()) {
    context.Failed(kRefused, error);
    return std::nullopt;
  }
  if (answer.outcome != HttpAnswer::Outcome::kAnswered || answer.status != 200) {
    context.Failed(answer);
    return std::nullopt;
  }
  return result;
}

}  // namespace weir::control::cli

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "control/cli/commands.h"
#include "control/cli/line_splitter.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

constexpr size_t kBarColumns = 20;

void ShowProgress(const json& progress) {
  const uint64_t total = JsonCount(progress, "rows_total");
  const uint64_t done = std::min(JsonCount(progress, "rows_done"), total);
  const size_t filled = total == 0 ? kBarColumns : done * kBarColumns / total;
  std::string line = fmt::format("[{}{}] {} of {} records, {}/s", std::string(filled, '#'),
                                 std::string(kBarColumns - filled, ' '), done, total,
                                 JsonCount(progress, "rows_per_second"));
  if (JsonMember(progress, "seconds_left").is_number()) {
    line +=
        ", " + ShortSeconds(static_cast<int64_t>(JsonCount(progress, "seconds_left"))) + " left";
  }
  if (const std::string trouble = JsonText(progress, "trouble"); !trouble.empty()) {
    line += "; waits: " + Printable(trouble);
  }
  const size_t columns = TerminalColumns();
  if (columns > 1) line = FitColumns(line, columns - 1);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
}

}  // namespace

std::string ArchiveLine(const json& archive) {
  const std::string trouble = JsonText(archive, "trouble");
  std::string line = fmt::format("{} days only there, {} changes wait", JsonCount(archive, "days"),
                                 JsonCount(archive, "outbox_rows"));
  if (const uint64_t differing = JsonCount(archive, "days_differing"); differing > 0) {
    line += fmt::format(", {} days DIFFER", differing);
  }
  if (JsonText(archive, "migration") != "done") {
    line += ", migration " + JsonText(archive, "migration");
  }
  return trouble.empty() ? line : line + "; AWAY: " + trouble;
}

// The migration runs in weir-control: whoever ends this ends what he sees, and nothing else.
int RunAuditMigrate(Context& context, bool again) {
  const auto begun =
      context.Ask({"POST", "/api/v1/audit/migrate", policy::JsonDump({{"again", again}})});
  if (!begun) return context.exit_code();
  const bool show_progress = !context.as_json() && ::isatty(STDERR_FILENO) == 1;
  LineSplitter lines;
  json last;
  const HttpAnswer got =
      context.client().Call({"GET", "/api/v1/audit/migrate", ""}, [&](std::string_view piece) {
        lines.Add(piece, [&](std::string_view line) {
          last = json::parse(line, nullptr, false);
          if (context.as_json()) context.PrintJson(last);
          if (show_progress) ShowProgress(last);
        });
        return true;
      });
  if (show_progress) std::fprintf(stderr, "\r\033[K");
  if (got.outcome != HttpAnswer::Outcome::kAnswered || got.status != 200) {
    return context.Failed(got);
  }
  if (!context.as_json()) {
    context.Print(fmt::format("{} records are in the archive\n", JsonCount(last, "rows_done")));
  }
  return JsonText(last, "state") == "done" ? kDone : kRefused;
}

}  // namespace weir::control::cli

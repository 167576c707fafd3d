#include "control/sealing/hold_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace weir::control::sealing {
namespace {

constexpr std::string_view kBegin = "hold ";
constexpr std::string_view kTo = " to ";

// A hold without a beginning or an end has there a time that nobody can write.
base::WallTime Bound(std::string_view text, int64_t open_ns) {
  const auto time = base::ParseRfc3339(text);
  return time.ok() ? *time : base::WallTime{open_ns};
}

audit::TimeSpan SpanOf(std::string_view from, std::string_view to) {
  return {Bound(from, std::numeric_limits<int64_t>::min()),
          Bound(to, std::numeric_limits<int64_t>::max())};
}

// Takes "hold 17" off.
std::optional<int64_t> TakeId(std::string_view& rest) {
  if (!rest.starts_with(kBegin)) return std::nullopt;
  rest.remove_prefix(kBegin.size());
  int64_t id = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), id);
  if (parsed.ec != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(parsed.ptr - rest.data()));
  return id;
}

std::optional<LoggedHold> ParseHold(const operations::Operation& operation) {
  std::string_view rest(operation.target);
  const auto id = TakeId(rest);
  const size_t to = rest.find(kTo);
  if (!id || !rest.starts_with(": ") || to == rest.npos) return std::nullopt;
  return LoggedHold{
      *id, SpanOf(rest.substr(2, to - 2), rest.substr(to + kTo.size())), operation.number, {}};
}

}  // namespace

std::string HoldTarget(int64_t id, const audit::TimeSpan& span) {
  return fmt::format("{}{}: {}{}{}", kBegin, id, base::FormatRfc3339(span.from), kTo,
                     base::FormatRfc3339(span.to));
}

std::string ReleaseTarget(int64_t id) { return fmt::format("{}{}", kBegin, id); }

base::Result<std::vector<LoggedHold>> ReadLoggedHolds(operations::OperationsLog& log) {
  std::vector<LoggedHold> holds;
  const auto read =
      log.Read(1, std::numeric_limits<int64_t>::max(), [&](const operations::Operation& operation) {
        if (operation.outcome != "done") return true;
        if (operation.action == kHoldAction) {
          if (auto hold = ParseHold(operation)) holds.push_back(*hold);
        } else if (operation.action == kReleaseAction) {
          std::string_view rest(operation.target);
          const auto id = TakeId(rest);
          for (LoggedHold& hold : holds) {
            if (id == hold.id && !hold.release) hold.release = {operation.number, operation.time};
          }
        }
        return true;
      });
  if (!read.ok()) return read.error();
  return holds;
}

std::vector<LoggedHold> MissingHolds(const std::vector<LoggedHold>& logged,
                                     const std::vector<LegalHold>& table) {
  std::vector<LoggedHold> missing;
  for (const LoggedHold& hold : logged) {
    if (hold.release) continue;
    const bool there = std::ranges::any_of(table, [&](const LegalHold& row) {
      return row.id == hold.id && !row.released &&
             SpanOf(base::FormatRfc3339(row.span.from), base::FormatRfc3339(row.span.to)) ==
                 hold.span;
    });
    if (!there) missing.push_back(hold);
  }
  return missing;
}

}  // namespace weir::control::sealing

// What would change: rules files on disk against what is in force, and a block before it is made.
#include <fmt/format.h>

#include <memory>
#include <utility>

#include "control/api/handlers.h"
#include "control/api/views.h"
#include "control/policy/json_fields.h"
#include "control/policy/trial.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr uint64_t kSessionsDefault = 20'000;
constexpr uint64_t kSessionsMax = 1'000'000;
constexpr int64_t kPastNs = int64_t{24} * 3600 * base::kNsPerSecond;
constexpr int64_t kDiffNs = 300 * base::kNsPerSecond;
// Of a dry run, which answers in one piece.
constexpr uint64_t kDryRunSessions = 10'000;
constexpr int64_t kDryRunNs = 5 * base::kNsPerSecond;

struct Limits {
  uint64_t sessions = kSessionsDefault;
  int64_t time_ns = kDiffNs;
};

// Called with the sessions judged so far; false to stop.
using Progress = std::function<bool(uint64_t looked_at)>;

// The newest sessions of the last day by both policies, as "past" of the answer: how far back it
// reaches, whether that is the whole day, and why not.
json JudgePast(const Parts& parts, policy::Trial& trial, const Limits& limits,
               const Progress& progress) {
  audit::Query query;
  query.from = {base::WallNow().ns - kPastNs};
  query.limit = limits.sessions;
  query.newest_first = true;
  const int64_t end_ns = base::MonoNow().ns + limits.time_ns;
  std::optional<base::WallTime> oldest;
  std::string stopped;
  uint64_t reported = 0;
  const auto result = parts.store.Sessions(query, [&](const audit::SessionRecord& record) {
    oldest = record.event.start;
    if (const auto added = trial.Add(record.event); !added) stopped = added.error().message;
    const uint64_t looked_at = trial.past().looked_at();
    if (stopped.empty() && looked_at != reported) {
      reported = looked_at;
      if (!progress(looked_at)) stopped = "nobody reads the answer any more";
      if (base::MonoNow().ns > end_ns) stopped = "the time for it was over";
    }
    return stopped.empty();
  });
  if (stopped.empty()) {
    if (const auto last = trial.Flush(); !last) stopped = last.error().message;
  }
  json past = trial.past().ToJson();
  past["whole"] = result.ok() && result->next_cursor.empty() && stopped.empty();
  if (oldest) past["oldest"] = base::FormatRfc3339(*oldest);
  if (!result) past["stopped"] = result.error().message;
  if (!stopped.empty()) past["stopped"] = stopped;
  return past;
}

json LiveJson(const policy::Trial& trial) {
  json live = trial.live().ToJson();
  live["total"] = trial.live_total();
  return live;
}

Operation DiffOperation(uint64_t sessions) {
  Operation operation;
  operation.action = "rules diff";
  operation.target = fmt::format("up to {} sessions of the last 24 h", sessions);
  return operation;
}

// Lines of JSON: how far it is, and last of all the whole answer.
bool StreamDiff(const Parts& parts, const Request& request, policy::Trial& trial, json answer,
                const Limits& limits, const ChunkWriter& write) {
  answer["live"] = LiveJson(trial);
  answer["past"] = JudgePast(parts, trial, limits, [&](uint64_t looked_at) {
    const json line{{"progress", {{"looked_at", looked_at}, {"most", limits.sessions}}}};
    return write(policy::JsonDump(line) + "\n");
  });
  Operation operation = DiffOperation(limits.sessions);
  operation.outcome = "done";
  operation.rows = static_cast<int64_t>(trial.past().looked_at());
  if (LogOperation(parts, request, operation)) return false;
  return write(policy::JsonDump(answer) + "\n");
}

}  // namespace

json WhatBlockChanges(const Parts& parts, const policy::Block& block) {
  const auto sources = parts.policy.WithBlock(block);
  if (!sources) return {{"error", sources.error().message}};
  auto trial = policy::Trial::Begin(parts.policy.dataplane(), *sources, parts.policy.mode());
  if (!trial) return {{"error", trial.error().message}};
  json changes{{"live", LiveJson(*trial)}};
  changes["past"] =
      JudgePast(parts, *trial, {kDryRunSessions, kDryRunNs}, [](uint64_t) { return true; });
  return changes;
}

Reply PostRulesDiff(const Parts& parts, const Request& request) {
  Limits limits;
  const json& sessions = policy::JsonMember(request.body, "sessions");
  if (!sessions.is_null()) {
    if (!sessions.is_number_unsigned() || sessions.get<uint64_t>() > kSessionsMax) {
      return ErrorReply(400, fmt::format("\"sessions\" is a number from 0 to {}", kSessionsMax));
    }
    limits.sessions = sessions.get<uint64_t>();
  }
  const policy::DiskPolicy disk = parts.policy.DiskWouldBe();
  if (!disk.check.ok()) return JsonReply(ToJson(disk.check), 409);
  Operation operation = DiffOperation(limits.sessions);
  operation.outcome = "begun";
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  json answer{{"version", parts.policy.status().version}, {"rules", ToJson(disk.diff)}};
  auto trial = policy::Trial::Begin(parts.policy.dataplane(), disk.sources, parts.policy.mode());
  Reply reply;
  reply.content_type = "application/x-ndjson";
  if (!trial) {
    // The text can be compared all the same.
    answer["not_judged"] = trial.error().message;
    reply.body = policy::JsonDump(answer) + "\n";
    return reply;
  }
  const auto shared = std::make_shared<policy::Trial>(std::move(*trial));
  reply.stream = [parts, request, shared, answer, limits](const ChunkWriter& write) {
    return StreamDiff(parts, request, *shared, answer, limits, write);
  };
  return reply;
}

}  // namespace weir::control::api

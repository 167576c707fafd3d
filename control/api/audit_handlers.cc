// The record and its seals: how they are, checked, sealed at once, held for the law.
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <charconv>

#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/logged_act.h"
#include "control/api/row_stream.h"
#include "control/audit/disk_forecast.h"
#include "control/policy/json_fields.h"
#include "control/sealing/anchor.h"
#include "control/sealing/hold_log.h"
#include "control/sealing/record_gaps.h"
#include "control/sealing/verifier.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr int kCatchUpMs = 5000;
constexpr int64_t kProgressEveryNs = base::kNsPerSecond / 4;

json TimeOrNull(const std::optional<base::WallTime>& time) {
  return time ? json(base::FormatRfc3339(*time)) : json();
}

json SealsJson(const sealing::Sealer& sealer) {
  const sealing::SealerStatus status = sealer.status();
  json unamended = json::array();
  for (const audit::TimeSpan& span : status.unamended) {
    unamended.push_back(
        {{"from", base::FormatRfc3339(span.from)}, {"to", base::FormatRfc3339(span.to)}});
  }
  return {{"record", status.record},
          {"newest", status.seals},
          {"digest", status.digest},
          {"sealed_until", TimeOrNull(status.until)},
          {"written", TimeOrNull(status.written)},
          {"key", status.key},
          {"key_since", TimeOrNull(status.key_since)},
          {"amendments", status.amendments},
          {"unamended", unamended},
          {"failures", status.failures},
          {"error", status.error},
          {"anchored", status.anchored},
          {"anchor_failures", status.anchor_failures},
          {"anchor_error", status.anchor_error}};
}

json AnchorMailJson(const sealing::AnchorMailer& mailer) {
  const sealing::AnchorMailStatus status = mailer.status();
  return {{"to", status.to},           {"mailed", status.mailed}, {"last", TimeOrNull(status.last)},
          {"queued", status.queued},   {"mails", status.mails},   {"failures", status.failures},
          {"dropped", status.dropped}, {"error", status.error}};
}

json ClassesJson(const Parts& parts, const audit::StoreStats& stats,
                 const operations::OperationsLog::Extent& operations) {
  const base::AuditConfig& audit = parts.config.audit;
  const uint32_t logins = audit.retention_logins_days.value_or(audit.retention_days);
  const uint32_t events = audit.retention_events_days.value_or(audit.retention_days);
  const std::array<uint32_t, audit::kRecordClasses> days{audit.retention_days, logins, events,
                                                         events};
  json classes = json::array();
  for (size_t i = 0; i < audit::kRecordClasses; i++) {
    classes.push_back({{"class", audit::RecordClassName(static_cast<audit::RecordClass>(i))},
                       {"records", stats.classes[i].records},
                       {"oldest", TimeOrNull(stats.classes[i].oldest)},
                       {"kept_days", days[i]}});
  }
  const std::optional<uint32_t>& operations_days = audit.retention_operations_days;
  classes.push_back({{"class", "operation"},
                     {"records", operations.entries},
                     {"oldest", TimeOrNull(operations.oldest)},
                     {"kept_days", operations_days ? json(*operations_days) : json()}});
  return classes;
}

constexpr int64_t kSealOverdueNs = 3 * 3600 * base::kNsPerSecond;

json GapJson(const sealing::RecordGap& gap) {
  json out{{"kind", sealing::GapKindName(gap.kind)},
           {"from", base::FormatRfc3339(gap.span.from)},
           {"to", base::FormatRfc3339(gap.span.to)},
           {"goes_on", gap.goes_on},
           {"is_about", gap.is_about}};
  switch (gap.kind) {
    case sealing::RecordGap::Kind::kNotSealed:
      out["classes"] = {"session", "login", "finding", "health", "operation"};
      break;
    case sealing::RecordGap::Kind::kNotRecording:
      out["classes"] = {"session", "finding", "health"};
      break;
    case sealing::RecordGap::Kind::kEventsLost:
      out["classes"] = json::array({gap.lost_class});
      out["events"] = gap.events;
      break;
    case sealing::RecordGap::Kind::kNotReadable:
      out["classes"] = {"session", "finding", "health"};
      out["events"] = gap.events;
      break;
  }
  return out;
}

json HoldJson(const sealing::LegalHold& hold) {
  json out{{"id", hold.id},
           {"from", base::FormatRfc3339(hold.span.from)},
           {"to", base::FormatRfc3339(hold.span.to)},
           {"reason", hold.reason},
           {"request", hold.request},
           {"actor", hold.actor},
           {"made", base::FormatRfc3339(hold.made)}};
  if (hold.released) {
    out["released"] = base::FormatRfc3339(*hold.released);
    out["released_by"] = hold.released_by;
  }
  return out;
}

json ResultJson(const sealing::Verification& result) {
  json faults = json::array();
  for (const sealing::Fault& fault : result.faults) {
    faults.push_back({{"where", fault.where}, {"what", fault.what}});
  }
  json out{{"good", result.good()},
           {"seals", result.seals},
           {"spans", result.spans},
           {"records", result.records},
           {"amended", result.amended},
           {"late", result.late},
           {"waiting", result.waiting},
           {"days_dropped", result.days_dropped},
           {"unproven", result.unproven},
           {"anchors", result.anchors},
           {"hand_overs", result.hand_overs},
           {"faults", faults},
           {"fault_count", result.fault_count}};
  if (result.sealed) {
    out["sealed_from"] = base::FormatRfc3339(result.sealed->from);
    out["sealed_until"] = base::FormatRfc3339(result.sealed->to);
  }
  return out;
}

// What a check is to look at; the error is a sentence for who asked.
base::Result<sealing::VerifyOptions> ToOptions(const Parts& parts, const Request& request) {
  sealing::VerifyOptions options{parts.sealer.public_key(), {}, {}};
  if (const std::string text = request.BodyText("anchors"); !text.empty()) {
    auto anchors = sealing::ParseAnchors(text);
    if (!anchors.ok()) return anchors.error();
    options.anchors = std::move(*anchors);
  }
  if (const std::string text = request.BodyText("key"); !text.empty()) {
    auto key = sealing::PublicKey::Parse(text);
    if (!key.ok()) return key.error();
    options.key = std::move(*key);
  }
  options.fingerprint = request.BodyText("fingerprint");
  if (!options.fingerprint.empty() && !sealing::IsFingerprint(options.fingerprint)) {
    return base::Error{"a key's fingerprint is 64 digits 0-9 a-f"};
  }
  options.record = request.BodyText("record");
  if (!options.record.empty() && !sealing::IsRecordName(options.record)) {
    return base::Error{"a record's name is 32 digits 0-9 a-f"};
  }
  auto only = BodySpan(request);
  if (!only.ok()) return only.error();
  options.only = *only;
  return options;
}

// Lines of progress, and one of the result; false when it ended early.
bool StreamVerify(const Parts& parts, const Request& request, sealing::VerifyOptions options,
                  Operation operation, const ChunkWriter& write) {
  const auto pause = parts.sealer.Pause();
  int64_t told_ns = 0;
  options.progress = [&](const sealing::VerifyProgress& progress) {
    const int64_t now_ns = base::MonoNow().ns;
    if (now_ns - told_ns < kProgressEveryNs) return true;
    told_ns = now_ns;
    return write(
        json{{"progress",
              {{"done", progress.done}, {"of", progress.of}, {"records", progress.records}}}}
            .dump() +
        "\n");
  };
  const auto result = sealing::Verify({parts.store, parts.operations}, parts.sealer.log(), options);
  if (!result.ok()) {
    operation.outcome = "failed: " + result.error().message;
  } else {
    operation.outcome = result->good() ? "done: nothing is wrong"
                                       : fmt::format("done: {} faults", result->fault_count);
    operation.rows = static_cast<int64_t>(result->records);
  }
  const bool logged = !LogOperation(parts, request, operation).has_value();
  const json last =
      result.ok() ? json{{"result", ResultJson(*result)}} : json{{"error", result.error().message}};
  return logged && write(policy::JsonDump(last) + "\n") && result.ok();
}

// Whether the operations log has a hold that the table has lost: it is released by saying so.
bool HeldByTheLog(const Parts& parts, int64_t id) {
  const auto logged = sealing::ReadLoggedHolds(parts.operations);
  return logged.ok() && std::ranges::any_of(*logged, [&](const sealing::LoggedHold& hold) {
           return hold.id == id && !hold.release;
         });
}

}  // namespace

base::Result<std::optional<audit::TimeSpan>> BodySpan(const Request& request) {
  audit::TimeSpan span{{INT64_MIN}, {INT64_MAX}};
  const auto take = [&request](const char* name, base::WallTime& time) -> base::Result<bool> {
    const std::string text = request.BodyText(name);
    if (text.empty()) return false;
    const auto parsed = base::ParseRfc3339(text);
    if (!parsed) return base::Error{std::string(name) + ": " + parsed.error().message};
    time = *parsed;
    return true;
  };
  const auto from = take("from", span.from);
  if (!from.ok()) return from.error();
  const auto to = take("to", span.to);
  if (!to.ok()) return to.error();
  if (span.from >= span.to) return base::Error{"'to' is not later than 'from'"};
  if (!*from && !*to) return std::optional<audit::TimeSpan>();
  return std::optional<audit::TimeSpan>(span);
}

Reply GetAuditStatus(const Parts& parts, const Request&) {
  const auto stats = parts.store.Stats();
  if (!stats.ok()) return ErrorReply(500, stats.error().message);
  const auto operations = parts.operations.Describe();
  if (!operations.ok()) return ErrorReply(500, operations.error().message);
  json status{{"classes", ClassesJson(parts, *stats, *operations)},
              {"bytes_on_disk", stats->bytes_on_disk},
              {"days", stats->days},
              {"days_packed", stats->days_packed},
              {"days_dropped", stats->days_dropped},
              {"records_dropped", stats->records_dropped},
              {"open_sessions", stats->open_sessions},
              {"seals", SealsJson(parts.sealer)}};
  if (parts.config.audit.anchor_file.empty()) {
    status["anchor_file"] = json();
  } else {
    status["anchor_file"] = parts.config.audit.anchor_file.string();
  }
  status["anchor_mail"] =
      parts.anchor_mail == nullptr ? json() : AnchorMailJson(*parts.anchor_mail);
  struct statvfs disk {};
  if (::statvfs(parts.config.control.data_dir.c_str(), &disk) == 0) {
    const uint64_t free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
    status["free_bytes"] = free_bytes;
    const auto forecast =
        audit::ForecastDisk(*stats, free_bytes, parts.config.audit.days_kept_here());
    if (forecast.full_in_seconds) status["full_in_seconds"] = *forecast.full_in_seconds;
    status["never_full"] = forecast.known && !forecast.full_in_seconds;
  }
  const auto late = parts.store.LateHours();
  if (!late.ok()) return ErrorReply(500, late.error().message);
  uint64_t waiting = 0;
  for (const audit::LateHour& hour : *late) waiting += hour.records;
  status["seals"]["waiting"] = waiting;
  const auto sensor = parts.policy.dataplane().Call({{"cmd", "stats"}});
  const bool recording = sensor.outcome != policy::DataplaneReply::Outcome::kAway;
  const auto gaps = sealing::FindGaps(parts.store, parts.sealer.status(), base::WallNow(),
                                      kSealOverdueNs, recording);
  if (!gaps.ok()) return ErrorReply(500, gaps.error().message);
  status["gaps"] = json::array();
  for (const sealing::RecordGap& gap : gaps->gaps) status["gaps"].push_back(GapJson(gap));
  status["gaps_older"] = gaps->older;
  status["gaps_whole"] = gaps->whole;
  const auto holds = parts.holds.List();
  if (!holds.ok()) return ErrorReply(500, holds.error().message);
  status["holds"] = json::array();
  for (const sealing::LegalHold& hold : *holds) {
    if (!hold.released) status["holds"].push_back(HoldJson(hold));
  }
  return JsonReply(status);
}

Reply PostAuditVerify(const Parts& parts, const Request& request) {
  auto options = ToOptions(parts, request);
  if (!options.ok()) return ErrorReply(400, options.error().message);
  Operation operation;
  operation.action = "audit verify";
  operation.target = options->only ? base::FormatRfc3339(options->only->from) + " to " +
                                         base::FormatRfc3339(options->only->to)
                                   : std::string("all");
  Reply reply;
  reply.content_type = "application/x-ndjson";
  reply.stream = [parts, request, options = std::move(*options),
                  operation](const ChunkWriter& write) {
    return StreamVerify(parts, request, options, operation, write);
  };
  return reply;
}

Reply PostAuditSeal(const Parts& parts, const Request& request) {
  const base::WallTime now = base::WallNow();
  Operation operation;
  operation.action = "audit seal";
  operation.target = "until " + base::FormatRfc3339(now);
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  // What happened before this moment is to be in it.
  const bool caught_up = parts.ingest.WaitUntilCaughtUp(kCatchUpMs);
  const auto sealed = parts.sealer.SealUntil(now, now);
  if (!sealed.ok()) return act.EndWithError(500, sealed.error().message);
  json out = SealsJson(parts.sealer);
  out["caught_up"] = caught_up;
  return act.End("done", JsonReply(out));
}

Reply PostAuditAnchor(const Parts& parts, const Request& request) {
  const auto anchor = parts.sealer.newest_anchor();
  if (!anchor) return ErrorReply(409, "there is no seal yet: weirctl audit seal");
  std::string line = sealing::AnchorLine(*anchor);
  line.pop_back();
  json out{{"line", line}, {"number", anchor->number}, {"mail", nullptr}};
  Operation operation;
  operation.action = "audit anchor";
  operation.target = fmt::format("seal {}", anchor->number);
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  if (parts.anchor_mail == nullptr) return act.End("shown", JsonReply(out));
  const auto sent = parts.anchor_mail->SendNow(base::WallNow());
  if (!sent.ok()) {
    return act.End("failed: " + sent.error().message,
                   ErrorReply(502, sent.error().message + "; it is tried again"));
  }
  out["mail"] = AnchorMailJson(*parts.anchor_mail);
  return act.End("mailed", JsonReply(out));
}

Reply PostKeyRotate(const Parts& parts, const Request& request) {
  Operation operation;
  operation.action = "audit key rotate";
  operation.reason = LogReason(request.BodyText("reason"), "");
  if (operation.reason.empty()) return ErrorReply(400, "a new signing key wants a reason");
  const std::string before = parts.sealer.status().key;
  operation.target = before;
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto rotated = parts.sealer.RotateKey(base::WallNow());
  const std::string after = parts.sealer.status().key;
  if (after != before) act.operation().target += " to " + after;
  if (!rotated.ok()) return act.EndWithError(500, rotated.error().message);
  json out = SealsJson(parts.sealer);
  out["key_before"] = before;
  return act.End("done", JsonReply(out));
}

Reply ListHolds(const Parts& parts, const Request&) {
  const auto holds = parts.holds.List();
  if (!holds.ok()) return ErrorReply(500, holds.error().message);
  json list = json::array();
  for (const sealing::LegalHold& hold : *holds) list.push_back(HoldJson(hold));
  return JsonReply({{"holds", list}});
}

Reply PostHold(const Parts& parts, const Request& request) {
  const auto span = BodySpan(request);
  if (!span.ok()) return ErrorReply(400, span.error().message);
  sealing::LegalHold hold;
  hold.reason = request.BodyText("reason");
  hold.request = request.BodyText("request");
  if (!*span || hold.reason.empty()) {
    return ErrorReply(400, "a hold wants 'from', 'to' and a 'reason'");
  }
  hold.span = **span;
  hold.actor = request.actor;
  hold.made = base::WallNow();
  Operation operation;
  operation.action = sealing::kHoldAction;
  operation.target =
      base::FormatRfc3339(hold.span.from) + " to " + base::FormatRfc3339(hold.span.to);
  operation.reason = LogReason(hold.reason, hold.request);
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const auto id = parts.holds.Add(hold);
  if (!id.ok()) return act.EndWithError(409, id.error().message);
  hold.id = *id;
  act.operation().target = sealing::HoldTarget(*id, hold.span);
  return act.End("done", JsonReply(HoldJson(hold)));
}

Reply DeleteHold(const Parts& parts, const Request& request) {
  const std::string& text = request.PathValue("id");
  int64_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return ErrorReply(400, "'" + text + "' is no number of a hold");
  }
  Operation operation;
  operation.action = sealing::kReleaseAction;
  operation.target = sealing::ReleaseTarget(id);
  if (request.QueryText("reason").empty()) {
    return ErrorReply(400, "to release a hold wants a reason");
  }
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  auto released = parts.holds.Release(id, request.actor, base::WallNow());
  if (!released.ok() && HeldByTheLog(parts, id)) released = {};
  if (!released.ok()) return act.EndWithError(404, released.error().message);
  return act.End("done", JsonReply({{"released", id}}));
}

}  // namespace weir::control::api

// Backups: how they are, one made now, the newest one read back.
#include <fmt/format.h>

#include "control/api/handlers.h"
#include "control/api/logged_act.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr int64_t kProgressEveryNs = base::kNsPerSecond / 4;

json TimeOrNull(const std::optional<base::WallTime>& time) {
  return time ? json(base::FormatRfc3339(*time)) : json();
}

json OutcomeJson(const backup::BackupOutcome& outcome) {
  return {{"set", outcome.set},
          {"name", outcome.name},
          {"kind", backup::KindName(outcome.kind)},
          {"files", outcome.files},
          {"bytes", outcome.bytes},
          {"new_files", outcome.new_files},
          {"new_bytes", outcome.new_bytes},
          {"why_full", outcome.why_full}};
}

json OutcomeJson(const backup::ReadOutcome& outcome) {
  return {{"set", outcome.backup.set_dir.filename().string()},
          {"name", outcome.backup.name},
          {"good", outcome.fault_count == 0},
          {"files", outcome.files},
          {"bytes", outcome.bytes},
          {"fault_count", outcome.fault_count},
          {"faults", outcome.faults}};
}

// Tells the client how far it is; ends the work when the client is gone.
backup::OnProgress Teller(const ChunkWriter& write) {
  return [&write, told_ns = int64_t{0}](const backup::Progress& progress) mutable {
    const int64_t now_ns = base::MonoNow().ns;
    if (now_ns - told_ns < kProgressEveryNs) return true;
    told_ns = now_ns;
    return write(json{{"progress", {{"done", progress.done}, {"of", progress.of}}}}.dump() + "\n");
  };
}

// The last line; false when the answer is not whole.
bool Tell(LoggedAct& act, const std::string& outcome, const json& last, const ChunkWriter& write) {
  const auto logged = act.Finish(outcome);
  const json line = logged.ok() ? last : json{{"error", logged.error().message}};
  return write(policy::JsonDump(line) + "\n") && logged.ok();
}

bool StreamBackup(backup::BackupService& service, LoggedAct& act, bool full,
                  const ChunkWriter& write) {
  const auto outcome = service.Backup(full, base::WallNow(), Teller(write));
  if (!outcome.ok()) {
    const std::string& error = outcome.error().message;
    return Tell(act, "failed: " + error, {{"error", error}}, write);
  }
  act.operation().target = outcome->set + "/" + outcome->name;
  return Tell(
      act,
      fmt::format("done: {}, {} of {} files are new, {} bytes", backup::KindName(outcome->kind),
                  outcome->new_files, outcome->files, outcome->new_bytes),
      {{"result", OutcomeJson(*outcome)}}, write);
}

bool StreamVerify(backup::BackupService& service, LoggedAct& act, const ChunkWriter& write) {
  const auto outcome = service.Verify(base::WallNow(), Teller(write));
  if (!outcome.ok()) {
    const std::string& error = outcome.error().message;
    return Tell(act, "failed: " + error, {{"error", error}}, write);
  }
  act.operation().target = outcome->backup.set_dir.filename().string() + "/" + outcome->backup.name;
  return Tell(act,
              outcome->fault_count == 0 ? "done: nothing is wrong"
                                        : fmt::format("done: {} faults", outcome->fault_count),
              {{"result", OutcomeJson(*outcome)}}, write);
}

}  // namespace

Reply GetBackup(const Parts& parts, const Request&) {
  if (parts.backup == nullptr) return JsonReply({{"configured", false}});
  const backup::BackupStatus status = parts.backup->status();
  return JsonReply({{"configured", true},
                    {"dir", status.dir.string()},
                    {"key", status.key},
                    {"sets", status.sets},
                    {"backups", status.backups},
                    {"bytes", status.bytes},
                    {"newest", TimeOrNull(status.newest)},
                    {"verified", TimeOrNull(status.verified)},
                    {"kept_days", parts.config.backup.keep_days},
                    {"failures", status.failures},
                    {"error", status.error},
                    {"verify_error", status.verify_error}});
}

Reply PostBackup(const Parts& parts, const Request& request) {
  if (parts.backup == nullptr) {
    return ErrorReply(409, "no backups are configured: set [backup] dir and key_file");
  }
  const bool verify = policy::JsonBool(request.body, "verify");
  if (verify && policy::JsonBool(request.body, "full")) {
    return ErrorReply(400, "'verify' reads a backup back and makes none: leave 'full' out");
  }
  Operation operation;
  operation.action = verify ? "audit backup verify" : "audit backup";
  operation.target = parts.backup->status().dir;
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  const bool full = policy::JsonBool(request.body, "full");
  Reply reply;
  reply.content_type = "application/x-ndjson";
  reply.stream = [service = parts.backup, act, verify, full](const ChunkWriter& write) mutable {
    return verify ? StreamVerify(*service, act, write) : StreamBackup(*service, act, full, write);
  };
  return reply;
}

}  // namespace weir::control::api

// Backups: how they are, one made now, the newest one read back.
#include <fmt/format.h>

#include "control/api/handlers.h"
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
bool Tell(const Parts& parts, const Request& request, const Operation& operation, const json& last,
          const ChunkWriter& write) {
  const bool logged = !LogOperation(parts, request, operation).has_value();
  return logged && write(policy::JsonDump(last) + "\n");
}

bool StreamBackup(const Parts& parts, const Request& request, const ChunkWriter& write) {
  Operation operation;
  operation.action = "audit backup";
  operation.target = parts.backup->status().dir;
  const bool full = policy::JsonBool(request.body, "full");
  const auto outcome = parts.backup->Backup(full, base::WallNow(), Teller(write));
  if (!outcome.ok()) {
    operation.outcome = "failed: " + outcome.error().message;
    return Tell(parts, request, operation, {{"error", outcome.error().message}}, write);
  }
  operation.target = outcome->set + "/" + outcome->name;
  operation.outcome =
      fmt::format("done: {}, {} of {} files are new, {} bytes", backup::KindName(outcome->kind),
                  outcome->new_files, outcome->files, outcome->new_bytes);
  return Tell(parts, request, operation, {{"result", OutcomeJson(*outcome)}}, write);
}

bool StreamVerify(const Parts& parts, const Request& request, const ChunkWriter& write) {
  Operation operation;
  operation.action = "audit backup verify";
  operation.target = parts.backup->status().dir;
  const auto outcome = parts.backup->Verify(base::WallNow(), Teller(write));
  if (!outcome.ok()) {
    operation.outcome = "failed: " + outcome.error().message;
    return Tell(parts, request, operation, {{"error", outcome.error().message}}, write);
  }
  operation.target = outcome->backup.set_dir.filename().string() + "/" + outcome->backup.name;
  operation.outcome = outcome->fault_count == 0
                          ? "done: nothing is wrong"
                          : fmt::format("done: {} faults", outcome->fault_count);
  return Tell(parts, request, operation, {{"result", OutcomeJson(*outcome)}}, write);
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
  Reply reply;
  reply.content_type = "application/x-ndjson";
  reply.stream = [parts, request, verify](const ChunkWriter& write) {
    return verify ? StreamVerify(parts, request, write) : StreamBackup(parts, request, write);
  };
  return reply;
}

}  // namespace weir::control::api

// The migration of records from before the archive: it runs in weir-control, whoever looks on.
#include <chrono>
#include <thread>

#include "control/api/handlers.h"
#include "control/api/logged_act.h"
#include "control/policy/json_fields.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr auto kLookEvery = std::chrono::seconds(1);

json MigrationJson(clickhouse::TieredStore& archive) {
  const clickhouse::MigrationStatus status = archive.migration();
  const clickhouse::Backfill& backfill = status.backfill;
  json progress{{"state", BackfillStateName(backfill.state)},
                {"rows_done", backfill.rows_done},
                {"rows_total", backfill.rows_total},
                {"rows_per_second", static_cast<uint64_t>(status.rows_per_second)}};
  if (backfill.state == clickhouse::BackfillState::kRunning && status.rows_per_second > 0) {
    const auto left = static_cast<double>(backfill.rows_total - backfill.rows_done);
    progress["seconds_left"] = static_cast<uint64_t>(left / status.rows_per_second);
  }
  if (const auto trouble = archive.shipping().trouble; !trouble.empty()) {
    progress["trouble"] = trouble;
  }
  return progress;
}

Reply NoArchive() {
  return ErrorReply(409, "[audit] store is \"embedded\": there is no archive to migrate to");
}

}  // namespace

Reply PostAuditMigrate(const Parts& parts, const Request& request) {
  if (parts.archive == nullptr) return NoArchive();
  const json& word = policy::JsonMember(request.body, "again");
  if (!word.is_null() && !word.is_boolean()) {
    return ErrorReply(400, "\"again\" is true or false");
  }
  const bool again = word.is_boolean() && word.get<bool>();
  Operation operation;
  operation.action = "audit migrate";
  operation.target = again ? "from the beginning" : "where it was";
  LoggedAct act(parts, request, operation);
  if (auto refused = act.Begin()) return *refused;
  if (auto begun = parts.archive->BeginMigration(again); !begun.ok()) {
    return act.EndWithError(500, begun.error().message);
  }
  return act.End("done: it runs", JsonReply(MigrationJson(*parts.archive)));
}

// A line now and every second, until it does not run; the stream ends with whoever reads it.
Reply GetAuditMigrate(const Parts& parts, const Request&) {
  if (parts.archive == nullptr) return NoArchive();
  Reply reply;
  reply.content_type = "application/x-ndjson";
  reply.stream = [archive = parts.archive](const ChunkWriter& write) {
    while (true) {
      const json progress = MigrationJson(*archive);
      if (!write(policy::JsonDump(progress) + "\n")) return false;
      if (policy::JsonText(progress, "state") != "running") return true;
      std::this_thread::sleep_for(kLookEvery);
    }
  };
  return reply;
}

}  // namespace weir::control::api

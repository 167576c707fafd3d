#include "control/api/views.h"

#include "dataplane/events/session_json.h"

namespace weir::control::api {
namespace {

using base::FormatRfc3339;
using nlohmann::json;

void PutIf(json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}
void PutIf(json& object, const char* key, const std::optional<base::WallTime>& value) {
  if (value) object[key] = FormatRfc3339(*value);
}

}  // namespace

json ToJson(const incidents::Incident& incident, base::WallTime now) {
  json object{{"id", incident.id},
              {"state", incidents::StateName(incident.state)},
              {"class", incident.rule_class},
              {"rule", incident.rule},
              {"subject_kind", incidents::SubjectKindName(incident.subject_kind)},
              {"subject", incident.subject},
              {"discovered", FormatRfc3339(incident.discovered)},
              {"last_seen", FormatRfc3339(incident.last_seen)},
              {"findings", incident.findings},
              {"first_peer", incident.first_peer},
              {"verdict", incident.first_verdict}};
  PutIf(object, "severity", incident.severity);
  PutIf(object, "reason", incident.reason);
  PutIf(object, "first_name", incident.first_name);
  PutIf(object, "group", incident.group);
  object["deadlines"] = json::array();
  for (const incidents::Deadline& deadline : incident.deadlines) {
    json entry{{"clock", deadline.clock},
               {"title", deadline.title},
               {"recipient", deadline.recipient},
               {"due", FormatRfc3339(deadline.due)}};
    PutIf(entry, "met", deadline.met);
    if (!deadline.met && incident.state != incidents::State::kClosed) {
      entry["seconds_left"] = (deadline.due.ns - now.ns) / base::kNsPerSecond;
    }
    object["deadlines"].push_back(std::move(entry));
  }
  object["sessions"] = json::array();
  for (const uint64_t session : incident.sessions) {
    object["sessions"].push_back(events::SessionIdText(session));
  }
  return object;
}

json ToJson(std::span<const incidents::LogEntry> log) {
  json entries = json::array();
  for (const incidents::LogEntry& entry : log) {
    entries.push_back({{"time", FormatRfc3339(entry.time)},
                       {"actor", entry.actor},
                       {"action", entry.action},
                       {"note", entry.note}});
  }
  return entries;
}

json ToJson(const policy::Block& block) {
  json object{{"id", block.id()},
              {"kind", block.kind},
              {"value", block.value},
              {"rule", block.rule},
              {"actor", block.actor},
              {"reason", block.reason},
              {"state", policy::BlockStateName(block.state)},
              {"typed", FormatRfc3339(block.typed)}};
  PutIf(object, "notice", block.notice);
  PutIf(object, "incident", block.incident);
  PutIf(object, "until", block.until);
  PutIf(object, "installed", block.installed);
  PutIf(object, "removed", block.removed);
  PutIf(object, "removed_by", block.removed_by);
  if (const auto took_ms = block.installed_in_ms()) object["installed_in_ms"] = *took_ms;
  if (block.policy_version != 0) object["policy_version"] = block.policy_version;
  return object;
}

json ToJson(const policy::PolicyCheck& check) {
  return {{"good", check.ok()},
          {"rules", check.rules},
          {"files", check.files},
          {"errors", check.errors},
          {"warnings", check.warnings}};
}

json ToJson(const policy::PolicyStatus& status) {
  json object{{"dataplane_up", status.dataplane_up},
              {"version", status.version},
              {"rules", status.rules},
              {"mode", status.mode},
              {"in_step", status.in_step},
              {"disk_differs", status.disk_differs},
              {"blocks_pending", status.blocks_pending}};
  PutIf(object, "dataplane_error", status.dataplane_error);
  PutIf(object, "installed", status.installed);
  PutIf(object, "refused", status.refused);
  PutIf(object, "rolled_back", status.rolled_back);
  PutIf(object, "alarm", status.alarm);
  object["held"] = status.held;
  object["undo_steps"] = status.undo_steps;
  if (status.waiting) {
    object["waiting"] = ToJson(*status.waiting);
    object["waiting"]["seconds_left"] = status.seconds_left;
  }
  return object;
}

json ToJson(const policy::RulesDiff& diff) {
  const auto list = [](const std::vector<policy::RuleChange>& changes) {
    json array = json::array();
    for (const policy::RuleChange& change : changes) {
      json object{{"id", change.id}, {"where", change.where}};
      PutIf(object, "before", change.before);
      PutIf(object, "after", change.after);
      array.push_back(std::move(object));
    }
    return array;
  };
  return {{"added", list(diff.added)},
          {"removed", list(diff.removed)},
          {"changed", list(diff.changed)},
          {"moved", list(diff.moved)},
          {"definitions", list(diff.definitions)},
          {"left_out", diff.left_out}};
}

json ToJson(const policy::Waiting& waiting) {
  return {{"actor", waiting.actor},
          {"typed", base::FormatRfc3339(waiting.typed)},
          {"until", base::FormatRfc3339(waiting.until)},
          {"then", "the rules before go back in force"}};
}

json ToJson(const ingest::Counters& counters) {
  json lost = json::object();
  for (size_t index = 0; index < events::kLossClasses; ++index) {
    const auto name = events::LossClassName(static_cast<events::LossClass>(index));
    lost[std::string(name)] = counters.events_lost[index];
  }
  return {{"sessions", counters.sessions},
          {"findings", counters.findings},
          {"health", counters.health},
          {"undecodable", counters.undecodable},
          {"missing_frames", counters.missing_frames},
          {"damaged_places", counters.damaged_places},
          {"events_lost", lost},
          {"accounts_joined", counters.accounts_joined},
          {"accounts_unknown", counters.accounts_unknown},
          {"store_failures", counters.store_failures},
          {"consumer_failures", counters.consumer_failures},
          {"paused", counters.paused},
          {"lag_seconds", counters.lag_seconds}};
}

json ToJson(const audit::StoreStats& stats) {
  json records = json::object();
  for (size_t index = 0; index < audit::kRecordClasses; ++index) {
    const auto name = audit::RecordClassName(static_cast<audit::RecordClass>(index));
    json entry{{"records", stats.classes[index].records}};
    PutIf(entry, "oldest", stats.classes[index].oldest);
    records[std::string(name)] = std::move(entry);
  }
  json store{{"records", records},
             {"open_sessions", stats.open_sessions},
             {"bytes_on_disk", stats.bytes_on_disk},
             {"days", stats.days},
             {"days_packed", stats.days_packed},
             {"days_dropped", stats.days_dropped},
             {"sessions_closed_lost", stats.sessions_closed_lost}};
  if (!stats.archive) return store;
  const audit::ArchiveStats& archive = *stats.archive;
  json entry{{"outbox_rows", archive.outbox_rows},
             {"outbox_bytes", archive.outbox_bytes},
             {"outbox_over_limit", archive.outbox_over_limit},
             {"rows_shipped", archive.rows_shipped},
             {"failures", archive.failures},
             {"trouble", archive.trouble},
             {"days", archive.days},
             {"days_differing", archive.days_differing},
             {"migration", archive.migration}};
  PutIf(entry, "last_success", archive.last_success);
  store["archive"] = std::move(entry);
  return store;
}

}  // namespace weir::control::api

// `weirctl audit backup|backups|restore`. Restoring and listing a folder need no weir-control.
#include <fmt/format.h>

#include "control/backup/backup_reader.h"
#include "control/backup/backup_sets.h"
#include "control/cli/commands.h"
#include "control/cli/long_work.h"
#include "control/cli/progress_bar.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

std::string TimeOr(const json& object, const char* key, const char* otherwise) {
  const std::string text = JsonText(object, key);
  return text.empty() ? otherwise : LocalTime(text);
}

void PrintMade(Context& context, const json& result) {
  context.Print(fmt::format("backup {}/{}: {}\n", Printable(JsonText(result, "set")),
                            Printable(JsonText(result, "name")),
                            Printable(JsonText(result, "kind"))));
  context.Print(fmt::format("{} files of {}B; new are {} of {}B, encrypted and read back\n",
                            JsonCount(result, "files"), ShortBytes(JsonCount(result, "bytes")),
                            JsonCount(result, "new_files"),
                            ShortBytes(JsonCount(result, "new_bytes"))));
  if (const std::string why = JsonText(result, "why_full"); !why.empty()) {
    context.Print("a new set was begun, the one before cannot be added to: " + Printable(why) +
                  "\n");
  }
}

void PrintRead(Context& context, const json& result) {
  context.Print(fmt::format("backup {}/{}: {} files of {}B read\n",
                            Printable(JsonText(result, "set")), Printable(JsonText(result, "name")),
                            JsonCount(result, "files"), ShortBytes(JsonCount(result, "bytes"))));
  const uint64_t faults = JsonCount(result, "fault_count");
  for (const json& fault : JsonMember(result, "faults")) {
    if (fault.is_string()) context.Print(Printable(fault.get<std::string>()) + "\n");
  }
  context.Print(faults == 0 ? "Nothing is wrong.\n" : fmt::format("{} faults\n", faults));
}

int PrintStatus(Context& context) {
  const auto status = context.Ask({"GET", "/api/v1/audit/backup", ""});
  if (!status) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*status);
    return kDone;
  }
  if (!policy::JsonBool(*status, "configured")) {
    context.Print("No backups are made: set [backup] dir and key_file.\n");
    return kDone;
  }
  context.Print(fmt::format("{} backups in {} sets, {}B, in {}; kept for {} days\n",
                            JsonCount(*status, "backups"), JsonCount(*status, "sets"),
                            ShortBytes(JsonCount(*status, "bytes")),
                            Printable(JsonText(*status, "dir")), JsonCount(*status, "kept_days")));
  context.Print("made last: " + TimeOr(*status, "newest", "none yet") +
                "; read back as a whole last: " +
                TimeOr(*status, "verified", "none since weir-control's start") + "\n");
  for (const char* key : {"error", "verify_error"}) {
    const std::string error = JsonText(*status, key);
    if (!error.empty()) context.Print("wrong: " + Printable(error) + "\n");
  }
  return kDone;
}

json BackupJson(const backup::FoundBackup& found, const base::Result<backup::Manifest>& manifest) {
  json row{{"set", found.set_dir.filename().string()}, {"name", found.name}};
  if (!manifest.ok()) {
    row["error"] = manifest.error().message;
    return row;
  }
  row["kind"] = backup::KindName(manifest->kind);
  row["made"] = base::FormatRfc3339(manifest->made);
  row["sensor"] = manifest->sensor;
  row["weir"] = manifest->weir;
  row["files"] = manifest->files.size();
  row["bytes"] = manifest->bytes();
  return row;
}

// Shows a bar of bytes.
backup::OnProgress Shower(ProgressBar& bar) {
  return [&bar](const backup::Progress& progress) {
    bar.Show(progress.done, progress.of, progress.done);
    return true;
  };
}

}  // namespace

int RunAuditBackup(Context& context, const BackupCommand& command) {
  const json body{{"full", command.full}, {"verify", command.verify}};
  const auto result = FollowLongWork(
      context, {"POST", "/api/v1/audit/backup", policy::JsonDump(body), kFetchWaitMs}, "bytes",
      "done");
  if (!result) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*result);
  } else if (command.verify) {
    PrintRead(context, *result);
  } else {
    PrintMade(context, *result);
  }
  return JsonCount(*result, "fault_count") == 0 ? kDone : kRefused;
}

int RunAuditBackups(Context& context, const RestoreCommand& command) {
  if (command.from.empty()) return PrintStatus(context);
  if (command.key.empty()) return context.Failed(kUsage, "--from wants --key, the backups' key");
  const auto key = backup::Key::Load(command.key);
  if (!key.ok()) return context.Failed(kRefused, key.error().message);
  const auto found = backup::ListBackups(command.from);
  if (!found.ok()) return context.Failed(kRefused, found.error().message);
  json rows = json::array();
  bool good = true;
  Table table({"set", "backup", "kind", "sensor", "files", "bytes", "what is wrong"});
  for (const backup::FoundBackup& backup : *found) {
    const auto manifest = backup::ReadManifest(*key, backup.set_dir, backup.name);
    const json row = BackupJson(backup, manifest);
    table.Add({Printable(JsonText(row, "set")), Printable(JsonText(row, "name")),
               JsonText(row, "kind"), Printable(JsonText(row, "sensor")),
               std::to_string(JsonCount(row, "files")), ShortBytes(JsonCount(row, "bytes")),
               Printable(JsonText(row, "error"))});
    rows.push_back(row);
    good = good && manifest.ok();
  }
  if (context.as_json()) {
    context.PrintJson({{"backups", rows}});
  } else {
    context.Print(table);
  }
  return good ? kDone : kRefused;
}

int RunAuditRestore(Context& context, const RestoreCommand& command) {
  const auto key = backup::Key::Load(command.key);
  if (!key.ok()) return context.Failed(kRefused, key.error().message);
  const auto found = backup::FindBackup(command.from, command.set, command.backup);
  if (!found.ok()) return context.Failed(kRefused, found.error().message);
  ProgressBar bar("bytes");
  const auto outcome = backup::Restore(*key, *found, command.into, Shower(bar));
  bar.Clear();
  if (!outcome.ok()) return context.Failed(kRefused, outcome.error().message);
  if (context.as_json()) {
    context.PrintJson({{"set", outcome->set},
                       {"name", outcome->name},
                       {"made", base::FormatRfc3339(outcome->made)},
                       {"sensor", outcome->sensor},
                       {"files", outcome->files},
                       {"bytes", outcome->bytes},
                       {"kept", outcome->kept}});
    return kDone;
  }
  context.Print(fmt::format("{}/{} of {}, made {}: {} files of {}B are in {}, each as it was\n",
                            outcome->set, outcome->name, Printable(outcome->sensor),
                            LocalTime(base::FormatRfc3339(outcome->made)), outcome->files,
                            ShortBytes(outcome->bytes), command.into));
  if (outcome->kept > 0) {
    context.Print(fmt::format("{} of them were there already\n", outcome->kept));
  }
  context.Print(
      "Next: start weir-control with it as [control] data_dir, then weirctl audit verify\n");
  return kDone;
}

}  // namespace weir::control::cli

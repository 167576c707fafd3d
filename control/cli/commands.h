// The commands, by topic. Each asks, prints and returns the exit code.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "control/cli/context.h"

namespace weir::control::cli {

// status_commands.cc
int RunStatus(Context& context);
int RunDoctor(Context& context);
int RunShow(Context& context, const std::string& what, uint64_t limit, const std::string& account);
struct TopOptions {
  std::string what;
  uint64_t limit = 20;
  std::string last = "5m";
  bool watch = false;
};
int RunTop(Context& context, const TopOptions& options);

// session_commands.cc
struct SessionOptions {
  std::string account, ip, name, rule, from, to, at, reason, request;
  std::string format = "table";
  std::optional<uint16_t> port;
  std::optional<uint64_t> limit;
};
int RunSessions(Context& context, const SessionOptions& options);

// incident_commands.cc
int RunIncidents(Context& context, bool all, uint64_t limit);
int RunIncidentShow(Context& context, const std::string& id);
int RunIncidentStep(Context& context, const std::string& id, const std::string& step,
                    const std::string& note);
int RunIncidentReport(Context& context, const std::string& id, const std::string& note);

// block_commands.cc
struct BlockOptions {
  std::string kind, value, duration, reason, notice, incident;
  bool dry_run = false;
};
int RunBlock(Context& context, const BlockOptions& options);
int RunUnblock(Context& context, const std::string& id);
int RunBlocks(Context& context, bool all);
struct WhyOptions {
  std::string source;
  std::string destination;
  std::string mac;   // empty: not said
  std::string vlan;  // empty: not said
};
int RunWhy(Context& context, const WhyOptions& options);
int RunBypass(Context& context, const std::string& word, const std::string& reason);

// account_commands.cc
int RunAccountsImport(Context& context, const std::filesystem::path& file);
int RunAccountsLookup(Context& context, const std::string& what, const std::string& at);
struct HistoryCommand {
  std::string what, from, to;
};
int RunAccountsHistory(Context& context, const HistoryCommand& command);
// Of the bindings of a look-up, and of a history: there all is one table, the newest first, for a
// terminal of so many columns.
Table BindingTable(const nlohmann::json& bindings);
Table HistoryTable(const nlohmann::json& history, size_t columns);
// `exit_code`: kRefused when something would change.
int RunAccountsDiff(Context& context, const std::filesystem::path& file, bool exit_code);

// audit_commands.cc
int RunAuditStatus(Context& context);
struct VerifyCommand {
  std::string from, to, fingerprint, record, anchor, key;  // the last two: files
};
int RunAuditVerify(Context& context, const VerifyCommand& command);
int RunAuditSeal(Context& context, const std::string& reason);
int RunAuditAnchor(Context& context, const std::string& reason);
int RunKeyRotate(Context& context, const std::string& reason);
struct HoldCommand {
  std::string from, to, reason, request;
};
int RunAuditHold(Context& context, const HoldCommand& command);
int RunAuditRelease(Context& context, const std::string& id, const std::string& reason);
int RunAuditHolds(Context& context);
int RunAuditOperations(Context& context, uint64_t limit);

// export_commands.cc
struct ExportCommand {
  std::filesystem::path out;  // a folder, new or of an export that was cut off
  std::string from, to, account, ip, name, reason, request;
  std::string format = "json";
  std::optional<uint16_t> port;
};
int RunAuditExport(Context& context, const ExportCommand& command);

// backup_commands.cc
struct BackupCommand {
  bool full = false;
  bool verify = false;
};
int RunAuditBackup(Context& context, const BackupCommand& command);
struct RestoreCommand {
  std::string from, key, into, set, backup;  // the last two may be empty: the newest
};
// Without `from`: what weir-control says of its own.
int RunAuditBackups(Context& context, const RestoreCommand& command);
int RunAuditRestore(Context& context, const RestoreCommand& command);

// rule_commands.cc
int RunRulesCheck(Context& context, const std::filesystem::path& config);
struct ApplyOptions {
  std::optional<int64_t> confirm_seconds;  // none: it stays without
  bool no_canary = false;
};
int RunRulesApply(Context& context, const ApplyOptions& options);
int RunRulesConfirm(Context& context);
int RunRulesUndo(Context& context, const ApplyOptions& options);
// Of what `show rules` shows: rules that did nothing so far, and those that never can.
void PrintIdleRules(Context& context, const nlohmann::json& shown);
int RunConfigCheck(Context& context, const std::filesystem::path& config);

// list_commands.cc
int RunLists(Context& context);
// `what`: a list of the rules in force, or a file; empty: all lists.
int RunListsCheck(Context& context, const std::string& what, const std::string& format);
int RunListsDiff(Context& context, const std::string& name, const std::string& file);
int RunListsRefresh(Context& context, const std::string& name, bool force);
int RunListsImport(Context& context, const std::string& name, const std::string& file, bool force);

// migrate_commands.cc
int RunAuditMigrate(Context& context, bool again);
// Of the status: how the archive is, in a line.
std::string ArchiveLine(const nlohmann::json& archive);

// diff_commands.cc
int RunRulesDiff(Context& context, const std::optional<uint64_t>& sessions);
// "live" and "past" of a diff or of a dry run.
void PrintVerdictChanges(Context& context, const nlohmann::json& changes);

}  // namespace weir::control::cli

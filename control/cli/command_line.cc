#include "control/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <functional>
#include <memory>

#include "control/api/version.h"
#include "control/cli/commands.h"
#include "control/policy/applied_rules.h"
#include "dataplane/base/config.h"

namespace weir::control::cli {
namespace {

constexpr const char* kDefaultConfig = "/etc/weir/weir.toml";

// Who sits at the keyboard, as far as the environment tells.
std::string ClaimedUser() {
  for (const char* name : {"SUDO_USER", "LOGNAME"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.set_version_flag("--version", std::string(kVersion));
    app_.add_flag("-j,--json", json_, "print JSON");
    app_.add_option("--socket", socket_, "weir-control's socket");
    app_.add_option("--config", config_, "weir.toml, to find the socket and the rules");
    AddStatus();
    AddSessions();
    AddIncidents();
    AddBlocks();
    AddRules();
    AddLists();
    AddAccounts();
    AddAudit();
    AddNotYet();
    AddReasons();
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error) == 0 ? kDone : kUsage;
    }
    const auto client = MakeClient();
    if (!client) {
      std::fprintf(stderr, "weirctl: %s\n", client.error().message.c_str());
      return kRefused;
    }
    Context context(*client, json_);
    context.LookBecause(look_reason_, look_request_);
    return run_(context);
  }

 private:
  using Command = std::function<int(Context&)>;

  // A subcommand, and what it does when it is the one named.
  CLI::App* Add(CLI::App* parent, const std::string& name, const std::string& help,
                Command command) {
    CLI::App* sub = parent->add_subcommand(name, help);
    sub->fallthrough();
    sub->callback([this, command = std::move(command)] { run_ = command; });
    return sub;
  }
  CLI::App* AddGroup(const std::string& name, const std::string& help) {
    CLI::App* sub = app_.add_subcommand(name, help);
    sub->fallthrough();
    sub->require_subcommand(1);
    return sub;
  }

  std::string ConfigOrDefault() const { return config_.empty() ? kDefaultConfig : config_; }

  base::Result<HttpClient> MakeClient() const {
    std::filesystem::path socket = socket_;
    std::error_code missing;
    const bool read_config = !config_.empty() || std::filesystem::exists(kDefaultConfig, missing);
    if (socket.empty() && read_config && !config_is_subject_) {
      const auto config = base::LoadConfig(ConfigOrDefault());
      if (!config) return config.error();
      socket = config->control.socket;
    }
    if (socket.empty()) socket = base::ControlConfig().socket;
    return HttpClient(socket, ClaimedUser());
  }

  void AddStatus() {
    Add(&app_, "status", "what runs and how it is", RunStatus);
    Add(&app_, "doctor", "look at every part and say what to do", RunDoctor);
    CLI::App* show = Add(&app_, "show", "ports, workers, flows, accounts, rules, drops, coverage",
                         [this](Context& c) { return RunShow(c, show_, limit_, account_); });
    show->add_option("what", show_, "ports|workers|flows|accounts|rules|drops|coverage")
        ->required();
    show->add_option("--limit", limit_, "of flows");
    show->add_option("--account", account_, "whose addresses, for accounts");
    CLI::App* top = Add(&app_, "top", "who and what moves most bytes",
                        [this](Context& c) { return RunTop(c, top_); });
    top->add_option("what", top_.what, "talkers|apps|names")->required();
    top->add_option("--last", top_.last, "of the last 5m, 2h …");
    top->add_option("--limit", top_.limit, "rows");
    top->add_flag("--watch", top_.watch, "again every two seconds");
  }

  void AddSessions() {
    CLI::App* sessions = Add(&app_, "sessions", "who talked to whom and when",
                             [this](Context& c) { return RunSessions(c, sessions_); });
    sessions->add_option("--account", sessions_.account, "of this account");
    sessions->add_option("--ip", sessions_.ip, "of this address, at either end");
    sessions->add_option("--name", sessions_.name,
                         "of this host name; with a leading dot also all below it");
    sessions->add_option("--port", sessions_.port, "of this port, at either end");
    sessions->add_option("--rule", sessions_.rule, "decided by this rule");
    sessions->add_option("--from", sessions_.from, "not over before this time");
    sessions->add_option("--to", sessions_.to, "begun before this time");
    sessions->add_option("--at", sessions_.at, "going on at this second");
    sessions->add_option("--limit", sessions_.limit, "rows; a table has 1000 without");
    sessions
        ->add_option("--reason", sessions_.reason,
                     "why you look: it is people's traffic, and every look-up is logged with its "
                     "reason (a case's number, a lawful request)")
        ->required();
    sessions->add_option("--request", sessions_.request, "the authority's number");
    sessions->add_option("--format", sessions_.format, "table, csv or json")
        ->check(CLI::IsMember({"table", "csv", "json"}));
  }

  void AddIncidents() {
    CLI::App* list = Add(&app_, "incidents", "cases that are not closed, newest first",
                         [this](Context& c) { return RunIncidents(c, all_, limit_); });
    list->add_flag("--all", all_, "closed ones too");
    list->add_option("--limit", limit_, "rows");
    CLI::App* incident = AddGroup("incident", "one case");
    const auto with_id = [this](CLI::App* sub) {
      sub->add_option("id", id_, "I-20261122-0001")->required();
      return sub;
    };
    with_id(Add(incident, "show", "the case and its log",
                [this](Context& c) { return RunIncidentShow(c, id_); }));
    const std::array<std::array<const char*, 2>, 3> steps{
        {{"ack", "say that you have seen it"},
         {"contain", "say that it can do no more harm"},
         {"close", "end it; without a report this needs a note"}}};
    for (const auto& [step, help] : steps) {
      const std::string name = step;
      with_id(Add(incident, name, help, [this, name](Context& c) {
        return RunIncidentStep(c, id_, name, note_);
      }))->add_option("--note", note_, "what was done or found");
    }
    with_id(Add(incident, "note", "write a remark into its log",
                [this](Context& c) { return RunIncidentStep(c, id_, "note", note_); }))
        ->add_option("text", note_, "the remark")
        ->required();
    with_id(Add(incident, "report", "say that the report was made, and print the case as Markdown",
                [this](Context& c) { return RunIncidentReport(c, id_, note_); }))
        ->add_option("--note", note_, "to whom and how");
    for (const char* name : {"seal", "receipt"})
      NotYet(incident, name, std::string("incident ") + name);
  }

  void AddBlocks() {
    CLI::App* block = Add(&app_, "block", "stop a host, domain, ip, port, account or mac now",
                          [this](Context& c) { return RunBlock(c, block_); });
    block->add_option("kind", block_.kind, "host|domain|ip|port|account|mac")->required();
    block->add_option("value", block_.value, "what exactly: bad.example, 203.0.113.0/24, tcp/25")
        ->required();
    block->add_option("--for", block_.duration, "how long: 30m, 2h, 7d; else until unblock");
    block->add_option("--reason", block_.reason, "why; it stands in the record")->required();
    block->add_option("--notice", block_.notice, "number of the authority's notice");
    block->add_option("--incident", block_.incident, "the case it belongs to");
    block->add_flag("--dry-run", block_.dry_run, "check only, and say what it would change");
    Add(&app_, "unblock", "take a block back", [this](Context& c) { return RunUnblock(c, id_); })
        ->add_option("id", id_, "block-7")
        ->required();
    Add(&app_, "blocks", "blocks in force", [this](Context& c) {
      return RunBlocks(c, all_);
    })->add_flag("--all", all_, "also those that are over");
    CLI::App* why = Add(&app_, "why", "which rule decides a flow",
                        [this](Context& c) { return RunWhy(c, why_); });
    why->add_option("source", why_.source, "inside address")->required();
    why->add_option("destination", why_.destination, "NAME-or-IP:PORT, with /udp for UDP")
        ->required();
    why->add_option("--mac", why_.mac, "address of the source's link, for rules about it");
    why->add_option("--vlan", why_.vlan, "tag of the source's link, for rules about it")
        ->check(CLI::Range(0, 4094));
    CLI::App* bypass = Add(&app_, "bypass", "forward everything undecided, or stop doing so",
                           [this](Context& c) { return RunBypass(c, word_, reason_); });
    bypass->add_option("state", word_, "on|off")->required()->check(CLI::IsMember({"on", "off"}));
    bypass->add_option("--reason", reason_, "why");
  }

  void AddRules() {
    CLI::App* rules = AddGroup("rules", "the rules files");
    Add(rules, "check", "parse and compile them; nothing changes", [this](Context& c) {
      std::error_code missing;
      const std::string config = ConfigOrDefault();
      return RunRulesCheck(c, std::filesystem::exists(config, missing) ? config : "");
    });
    CLI::App* apply = Add(rules, "apply", "install them",
                          [this](Context& c) { return RunRulesApply(c, apply_); });
    apply
        ->add_option("--confirm", apply_.confirm_seconds,
                     "seconds: without `rules confirm` in this time the rules before go back in "
                     "force by themselves")
        ->check(CLI::Range(policy::kConfirmSecondsMin, policy::kConfirmSecondsMax));
    Add(rules, "confirm", "keep what was applied with --confirm", RunRulesConfirm);
    CLI::App* undo = Add(rules, "undo", "back to the rules before the last apply",
                         [this](Context& c) { return RunRulesUndo(c, apply_); });
    for (CLI::App* sub : {apply, undo}) {
      sub->add_flag("--no-canary", apply_.no_canary,
                    "neither ask the data plane nor look at its counters afterwards: for who "
                    "means to stop everything");
    }
    Add(rules, "diff", "what they would change: rules, live flows, sessions of the last 24 hours",
        [this](Context& c) { return RunRulesDiff(c, sessions_judged_); })
        ->add_option("--sessions", sessions_judged_, "newest ones looked at; 20000 without")
        ->check(CLI::Range(0, 1'000'000));
    CLI::App* config = AddGroup("config", "the configuration");
    CLI::App* check =
        Add(config, "check", "read weir.toml and say what is wrong with it", [this](Context& c) {
          return RunConfigCheck(c, file_.empty() ? ConfigOrDefault() : file_);
        });
    check->add_option("file", file_, "another file than --config");
    // The file may be bad: it is what is asked about, not where to find the socket.
    check->preparse_callback([this](size_t) { config_is_subject_ = true; });
    NotYet(config, "diff", "config diff");
  }

  void AddLists() {
    CLI::App* lists = app_.add_subcommand("lists", "the lists of the rules in force");
    lists->fallthrough();
    // Called after that of a subcommand, which is meant then.
    lists->callback([this, lists] {
      if (lists->get_subcommands().empty()) run_ = RunLists;
    });
    CLI::App* check =
        Add(lists, "check", "read a file, or what the sources of lists have; nothing changes",
            [this](Context& c) { return RunListsCheck(c, id_, word_); });
    check->add_option("what", id_, "a list or a file; else all lists");
    check->add_option("--format", word_, "of the file; else found out");
    CLI::App* diff = Add(lists, "diff", "what a file, or its source, has that is not in force",
                         [this](Context& c) { return RunListsDiff(c, id_, file_); });
    diff->add_option("list", id_, "which")->required();
    diff->add_option("file", file_, "instead of its source");
    CLI::App* refresh = Add(lists, "refresh", "ask the sources now",
                            [this](Context& c) { return RunListsRefresh(c, id_, force_); });
    refresh->add_option("list", id_, "which; else all");
    CLI::App* import = Add(lists, "import", "put a file in a list's place until its source changes",
                           [this](Context& c) { return RunListsImport(c, id_, file_, force_); });
    import->add_option("list", id_, "which")->required();
    import->add_option("file", file_, "read here, and sent")->required();
    for (CLI::App* sub : {refresh, import}) {
      sub->add_flag("--force", force_, "also where it has become suspiciously short");
    }
  }

  void AddAccounts() {
    CLI::App* accounts = AddGroup("accounts", "whose the addresses are");
    Add(accounts, "import", "a CSV file becomes the registry, or nothing changes",
        [this](Context& c) { return RunAccountsImport(c, file_); })
        ->add_option("file", file_, "columns account,ip,mac,group,room,seat")
        ->required();
    CLI::App* lookup = Add(accounts, "lookup", "who has an address, or the addresses of an account",
                           [this](Context& c) { return RunAccountsLookup(c, word_, at_); });
    lookup->add_option("what", word_, "an IP address or prefix, a MAC address or an account")
        ->required();
    lookup->add_option("--at", at_,
                       "at that moment, 2026-12-31T18:00+08:00 or 2h for two hours ago; else now");
    CLI::App* history = Add(
        accounts, "history",
        "who had an address, or what an account had: log-ins, leases and the registry's rows, the "
        "newest first",
        [this](Context& c) { return RunAccountsHistory(c, history_); });
    history
        ->add_option("what", history_.what, "an IP address or prefix, a MAC address or an account")
        ->required();
    history->add_option("--from", history_.from, "not over before this time");
    history->add_option("--to", history_.to, "begun before this time");
    CLI::App* diff = Add(accounts, "diff", "what an import would change; nothing changes",
                         [this](Context& c) { return RunAccountsDiff(c, file_, force_); });
    diff->add_option("file", file_, "columns account,ip,mac,group,room,seat")->required();
    diff->add_flag("--exit-code", force_, "end with 1 when something would change");
  }

  void AddAuditVerify(CLI::App* audit) {
    CLI::App* verify = Add(audit, "verify", "check it against its seals",
                           [this](Context& c) { return RunAuditVerify(c, verify_); });
    verify->add_option("--from", verify_.from, "only what began after this time");
    verify->add_option("--to", verify_.to, "only what began before this time");
    verify
        ->add_option("--anchor", verify_.anchor,
                     "what the seals' anchor has: a file of lines, or a mail as it was saved")
        ->check(CLI::ExistingFile);
    verify
        ->add_option("--key", verify_.key,
                     "a public key that has signed, PEM: hand-overs are followed from the first on")
        ->check(CLI::ExistingFile);
    verify->add_option("--fingerprint", verify_.fingerprint,
                       "of a key that has signed, as it was written down elsewhere");
    verify->add_option("--record", verify_.record,
                       "the record that is expected (audit status); others in FILE are left out");
  }

  void AddAudit() {
    CLI::App* audit = AddGroup("audit", "the record: sealed, checked, held, handed out");
    Add(audit, "status", "what it holds, since when, how far it is sealed", RunAuditStatus);
    AddAuditVerify(audit);
    Add(audit, "seal", "seal everything up to now, in place of after the hour", [this](Context& c) {
      return RunAuditSeal(c, reason_);
    })->add_option("--reason", reason_, "why");
    Add(audit, "anchor", "the newest seal's line for outside, mailed where [audit] says so",
        [this](Context& c) { return RunAuditAnchor(c, reason_); })
        ->add_option("--reason", reason_, "why");
    CLI::App* key = audit->add_subcommand("key", "the key that signs the seals");
    key->fallthrough();
    key->require_subcommand(1);
    Add(key, "rotate", "a new key takes over, and the present one is destroyed",
        [this](Context& c) { return RunKeyRotate(c, reason_); })
        ->add_option("--reason", reason_, "why")
        ->required();
    CLI::App* hold = Add(audit, "hold", "keep what was recorded in a time until released",
                         [this](Context& c) { return RunAuditHold(c, hold_); });
    hold->add_option("--from", hold_.from, "begin")->required();
    hold->add_option("--to", hold_.to, "end")->required();
    hold->add_option("--reason", hold_.reason, "why")->required();
    hold->add_option("--request", hold_.request, "the authority's number");
    Add(audit, "holds", "all of them, newest first", RunAuditHolds);
    CLI::App* release = Add(audit, "release", "end a hold",
                            [this](Context& c) { return RunAuditRelease(c, id_, reason_); });
    release->add_option("id", id_, "of the hold")->required();
    release->add_option("--reason", reason_, "why")->required();
    Add(audit, "operations", "who did what, newest first", [this](Context& c) {
      return RunAuditOperations(c, limit_);
    })->add_option("--limit", limit_, "rows");
    CLI::App* hand_out = Add(audit, "export",
                             "a signed archive for somebody else, in a folder; goes on where it "
                             "was cut off",
                             [this](Context& c) { return RunAuditExport(c, export_); });
    hand_out->add_option("--out", export_.out, "the folder")->required();
    hand_out->add_option("--from", export_.from, "sealed after this time");
    hand_out->add_option("--to", export_.to, "sealed before this time");
    hand_out->add_option("--account", export_.account, "only sessions of this account");
    hand_out->add_option("--ip", export_.ip, "only sessions of this address, at either end");
    hand_out->add_option("--name", export_.name,
                         "only sessions of this host name; with a leading dot also all below it");
    hand_out->add_option("--port", export_.port, "only sessions of this port, at either end");
    hand_out->add_option("--reason", export_.reason, "why; it is logged, and in the archive")
        ->required();
    hand_out->add_option("--request", export_.request, "the authority's number");
    hand_out
        ->add_option("--format", export_.format,
                     "json: lines, as they are sealed; csv: rows for a spreadsheet, made of them")
        ->check(CLI::IsMember({"json", "csv"}));
    Add(audit, "migrate", "ship what was recorded before there was an archive; goes on by itself",
        [this](Context& c) { return RunAuditMigrate(c, again_); })
        ->add_flag("--again", again_,
                   "all of it, from the beginning: it is there once all the same");
    AddBackup(audit);
  }

  void AddBackup(CLI::App* audit) {
    CLI::App* backup = Add(audit, "backup", "make a backup now, in place of at its time",
                           [this](Context& c) { return RunAuditBackup(c, backup_); });
    CLI::Option* full = backup->add_flag("--full", backup_.full, "a whole one, in a new set");
    backup->add_flag("--verify", backup_.verify, "make none, but read the newest back as a whole")
        ->excludes(full);
    CLI::App* backups = Add(audit, "backups", "which there are, or what weir-control says of them",
                            [this](Context& c) { return RunAuditBackups(c, restore_); });
    CLI::App* restore = Add(audit, "restore", "put a backup into an empty folder; needs no program",
                            [this](Context& c) { return RunAuditRestore(c, restore_); });
    restore->add_option("--into", restore_.into, "an empty folder, the data_dir to be")->required();
    restore->add_option("--set", restore_.set, "2026-11-29T020000Z-full; the newest without");
    restore->add_option("--backup", restore_.backup, "2026-11-30T020000Z; the newest without");
    for (CLI::App* sub : {backups, restore}) {
      auto* from = sub->add_option("--from", restore_.from, "the folder of backups");
      auto* key = sub->add_option("--key", restore_.key, "the file with the backups' key");
      if (sub == restore) from->required();
      if (sub == restore) key->required();
    }
    // On a new machine there is no configuration yet, or one that is not whole.
    restore->preparse_callback([this](size_t) { config_is_subject_ = true; });
  }

  // Whoever looks at people's traffic may say why; it stands in the operations log.
  void AddReasons() {
    const auto add = [this](CLI::App* parent, std::initializer_list<const char*> names) {
      for (const char* name : names) {
        CLI::App* sub = parent->get_subcommand(name);
        sub->add_option("--reason", look_reason_, "why you look; it is logged");
        sub->add_option("--request", look_request_, "the authority's number");
      }
    };
    add(&app_, {"why", "show", "top", "incidents"});
    add(app_.get_subcommand("incident"), {"show"});
    add(app_.get_subcommand("accounts"), {"lookup", "history"});
  }

  void AddNotYet() {
    for (const char* name : {"trace", "evidence", "users"}) {
      NotYet(&app_, name, name);
    }
  }

  void NotYet(CLI::App* parent, const std::string& name, const std::string& full_name) {
    CLI::App* sub = Add(parent, name, "not supported yet", [full_name](Context& c) {
      return c.Failed(kRefused, full_name + ": not supported yet");
    });
    sub->allow_extras();
    sub->fallthrough(false);
  }

  CLI::App app_{
      "Asks and commands weir-control. Exit codes: 0 done, 1 refused or not found, "
      "2 usage, 3 no connection.",
      "weirctl"};
  Command run_;
  bool json_ = false;
  bool force_ = false;
  bool again_ = false;
  bool config_is_subject_ = false;
  std::string socket_, config_, file_;
  WhyOptions why_;
  std::string show_, account_, at_, id_, note_, word_, reason_;
  std::string look_reason_, look_request_;
  uint64_t limit_ = 100;
  bool all_ = false;
  TopOptions top_;
  SessionOptions sessions_;
  HistoryCommand history_;
  BlockOptions block_;
  VerifyCommand verify_;
  HoldCommand hold_;
  ExportCommand export_;
  BackupCommand backup_;
  RestoreCommand restore_;
  ApplyOptions apply_;
  std::optional<uint64_t> sessions_judged_;
};

}  // namespace

int RunCommandLine(int argc, char** argv) { return CommandLine().Run(argc, argv); }

}  // namespace weir::control::cli

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "control/cli/commands.h"
#include "control/cli/long_work.h"
#include "control/cli/text.h"
#include "control/policy/json_fields.h"

namespace weir::control::cli {
namespace {

using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

// "2h" and the like become times; the error is about `option`.
base::Status AddTime(json& body, const char* key, const std::string& text) {
  if (text.empty()) return {};
  const auto time = ParseUserTime(text, base::WallNow());
  if (!time) return base::Error{"--" + std::string(key) + ": " + time.error().message};
  body[key] = base::FormatRfc3339(*time);
  return {};
}

base::Status AddFile(json& body, const char* key, const std::string& file) {
  if (file.empty()) return {};
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return base::Error{file + " cannot be read"};
  body[key] = text.str();
  return {};
}

std::string Day(const json& object, const char* key) {
  const std::string text = JsonText(object, key);
  return text.empty() ? "-" : LocalTime(text);
}

std::string FullText(const json& status) {
  const json& full = JsonMember(status, "full_in_seconds");
  if (full.is_number()) return fmt::format("full in {:.0f} days", full.get<double>() / 86'400);
  if (policy::JsonBool(status, "never_full")) return "old days go before it is full";
  return "when it is full is known after the second night";
}

void PrintSeals(Context& context, const json& seals) {
  const std::string until = Day(seals, "sealed_until");
  context.Print(fmt::format("{} seals; sessions are sealed that began before {}\n",
                            JsonCount(seals, "newest"), until));
  if (const uint64_t waiting = JsonCount(seals, "waiting"); waiting > 0) {
    context.Print(fmt::format("{} sessions came later and wait to be sealed\n", waiting));
  }
  context.Print(fmt::format("record {}\n", Printable(JsonText(seals, "record"))));
  context.Print(fmt::format("key {} signs since {}\n", Printable(JsonText(seals, "key")),
                            Day(seals, "key_since")));
  if (const std::string error = JsonText(seals, "error"); !error.empty()) {
    context.Print("sealing fails: " + Printable(error) + "\n");
  }
  const json& unamended = JsonMember(seals, "unamended");
  if (unamended.is_array() && !unamended.empty()) {
    context.Print(fmt::format("{} spans are not sealed anew, the first from {}\n", unamended.size(),
                              Day(unamended.front(), "from")));
  }
}

void PrintAnchorMail(Context& context, const json& mail) {
  if (!mail.is_object()) return;
  const std::string error = JsonText(mail, "error");
  context.Print(error.empty() ? fmt::format("anchors are mailed to {}: seal {}, {}\n",
                                            Printable(JsonText(mail, "to")),
                                            JsonCount(mail, "mailed"), Day(mail, "last"))
                              : fmt::format("anchors cannot be mailed, {} wait: {}\n",
                                            JsonCount(mail, "queued"), Printable(error)));
}

void PrintGaps(Context& context, const json& status) {
  constexpr size_t kShownMax = 20;
  const json& gaps = JsonMember(status, "gaps");
  if (gaps.empty()) {
    context.Print("no gaps: every hour is sealed, the sensor ran, nothing was lost\n");
    return;
  }
  const size_t skipped = gaps.size() - std::min(gaps.size(), kShownMax);
  Table table({"gap", "of", "from", "to", "events"});
  for (size_t i = skipped; i < gaps.size(); i++) {
    const json& gap = gaps[i];
    std::string classes;
    for (const json& name : JsonMember(gap, "classes")) {
      if (name.is_string()) classes += (classes.empty() ? "" : " ") + name.get<std::string>();
    }
    const uint64_t events = JsonCount(gap, "events");
    table.Add({Printable(JsonText(gap, "kind")), Printable(classes),
               (policy::JsonBool(gap, "is_about") ? "about " : "") + Day(gap, "from"),
               policy::JsonBool(gap, "goes_on") ? "goes on" : Day(gap, "to"),
               events > 0 ? std::to_string(events) : "-"});
  }
  context.Print(table);
  if (const uint64_t older = skipped + JsonCount(status, "gaps_older"); older > 0) {
    context.Print(fmt::format("and {} older gaps (the newest 200: -j)\n", older));
  }
  if (!policy::JsonBool(status, "gaps_whole")) {
    context.Print("there are more health records than were looked at: older gaps may be missing\n");
  }
}

void PrintVerification(Context& context, const json& result) {
  context.Print(fmt::format("{} seals, {} spans from {} to {}, {} records read\n",
                            JsonCount(result, "seals"), JsonCount(result, "spans"),
                            Day(result, "sealed_from"), Day(result, "sealed_until"),
                            JsonCount(result, "records")));
  if (const uint64_t amended = JsonCount(result, "amended"); amended > 0) {
    context.Print(fmt::format("{} spans were sealed anew for {} sessions that came late\n", amended,
                              JsonCount(result, "late")));
  }
  if (const uint64_t waiting = JsonCount(result, "waiting"); waiting > 0) {
    context.Print(fmt::format("{} sessions came late and wait to be sealed\n", waiting));
  }
  if (const uint64_t hand_overs = JsonCount(result, "hand_overs"); hand_overs > 0) {
    context.Print(fmt::format("the signing key was handed over {} times\n", hand_overs));
  }
  if (const uint64_t days = JsonCount(result, "days_dropped"); days > 0) {
    context.Print(fmt::format("{} days were dropped by retention\n", days));
  }
  if (const uint64_t unproven = JsonCount(result, "unproven"); unproven > 0) {
    context.Print(fmt::format(
        "{} spans crossed midnight, and one of their days was dropped: the rest is not checked\n",
        unproven));
  }
  const uint64_t anchors = JsonCount(result, "anchors");
  context.Print(anchors > 0
                    ? fmt::format("{} anchors agree or are told below\n", anchors)
                    : "no anchor was given (--anchor): a record set back as a whole is not seen\n");
  const uint64_t faults = JsonCount(result, "fault_count");
  if (faults == 0) {
    context.Print("Nothing is wrong.\n");
    return;
  }
  Table table({"where", "what is wrong"});
  for (const json& fault : JsonMember(result, "faults")) {
    table.Add({Printable(JsonText(fault, "where")), Printable(JsonText(fault, "what"))});
  }
  context.Print(table);
  const uint64_t shown = JsonMember(result, "faults").size();
  context.Print(fmt::format("{} faults{}\n", faults,
                            shown < faults ? fmt::format(", the first {} are shown", shown) : ""));
}

}  // namespace

int RunAuditStatus(Context& context) {
  const auto status = context.Ask({"GET", "/api/v1/audit/status", ""});
  if (!status) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*status);
    return kDone;
  }
  Table table({"class", "records", "oldest", "kept for"});
  for (const json& of_class : JsonMember(*status, "classes")) {
    table.Add({JsonText(of_class, "class"), std::to_string(JsonCount(of_class, "records")),
               Day(of_class, "oldest"),
               JsonMember(of_class, "kept_days").is_null()
                   ? std::string("for good")
                   : fmt::format("{} days", JsonCount(of_class, "kept_days"))});
  }
  context.Print(table);
  context.Print(fmt::format("{} on disk, {} free; {}\n",
                            ShortBytes(JsonCount(*status, "bytes_on_disk")),
                            ShortBytes(JsonCount(*status, "free_bytes")), FullText(*status)));
  PrintSeals(context, JsonMember(*status, "seals"));
  PrintAnchorMail(context, JsonMember(*status, "anchor_mail"));
  PrintGaps(context, *status);
  for (const json& hold : JsonMember(*status, "holds")) {
    context.Print(fmt::format("hold {}: {} to {}: {}\n", JsonCount(hold, "id"), Day(hold, "from"),
                              Day(hold, "to"), Printable(JsonText(hold, "reason"))));
  }
  return kDone;
}

int RunAuditVerify(Context& context, const VerifyCommand& command) {
  json body = json::object();
  if (!command.fingerprint.empty()) body["fingerprint"] = command.fingerprint;
  if (!command.record.empty()) body["record"] = command.record;
  for (const auto& added :
       {AddTime(body, "from", command.from), AddTime(body, "to", command.to),
        AddFile(body, "anchors", command.anchor), AddFile(body, "key", command.key)}) {
    if (!added.ok()) return context.Failed(kUsage, added.error().message);
  }
  const auto result = FollowLongWork(
      context, {"POST", "/api/v1/audit/verify", policy::JsonDump(body), kFetchWaitMs}, "records",
      "records");
  if (!result) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*result);
  } else {
    PrintVerification(context, *result);
  }
  return policy::JsonBool(*result, "good") ? kDone : kRefused;
}

int RunAuditSeal(Context& context, const std::string& reason) {
  const json body{{"reason", reason}};
  const auto seals =
      context.Ask({"POST", "/api/v1/audit/seal", policy::JsonDump(body), kFetchWaitMs});
  if (!seals) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*seals);
  } else {
    PrintSeals(context, *seals);
  }
  return kDone;
}

int RunAuditAnchor(Context& context, const std::string& reason) {
  const json body{{"reason", reason}};
  const auto anchor =
      context.Ask({"POST", "/api/v1/audit/anchor", policy::JsonDump(body), kFetchWaitMs});
  if (!anchor) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*anchor);
    return kDone;
  }
  context.Print(Printable(JsonText(*anchor, "line")) + "\n");
  const json& mail = JsonMember(*anchor, "mail");
  context.Print(mail.is_object()
                    ? "mailed to " + Printable(JsonText(mail, "to")) + "\n"
                    : "no mail is configured ([audit] anchor_mail_to): keep this line elsewhere\n");
  return kDone;
}

int RunKeyRotate(Context& context, const std::string& reason) {
  const json body{{"reason", reason}};
  const auto seals =
      context.Ask({"POST", "/api/v1/audit/key/rotate", policy::JsonDump(body), kFetchWaitMs});
  if (!seals) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*seals);
    return kDone;
  }
  context.Print(fmt::format("key {} has handed over to\nkey {}\n",
                            Printable(JsonText(*seals, "key_before")),
                            Printable(JsonText(*seals, "key"))));
  context.Print("write the new fingerprint down where this machine cannot reach it\n");
  return kDone;
}

int RunAuditHold(Context& context, const HoldCommand& command) {
  json body{{"reason", command.reason}, {"request", command.request}};
  for (const auto& added : {AddTime(body, "from", command.from), AddTime(body, "to", command.to)}) {
    if (!added.ok()) return context.Failed(kUsage, added.error().message);
  }
  const auto hold = context.Ask({"POST", "/api/v1/audit/holds", policy::JsonDump(body)});
  if (!hold) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*hold);
  } else {
    context.Print(fmt::format("hold {}: what was recorded from {} to {} stays until released\n",
                              JsonCount(*hold, "id"), Day(*hold, "from"), Day(*hold, "to")));
  }
  return kDone;
}

int RunAuditRelease(Context& context, const std::string& id, const std::string& reason) {
  const auto released = context.Ask(
      {"DELETE", "/api/v1/audit/holds/" + UrlEncode(id) + "?reason=" + UrlEncode(reason), ""});
  if (!released) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*released);
  } else {
    context.Print("released\n");
  }
  return kDone;
}

int RunAuditHolds(Context& context) {
  const auto holds = context.Ask({"GET", "/api/v1/audit/holds", ""});
  if (!holds) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*holds);
    return kDone;
  }
  Table table({"id", "from", "to", "reason", "request", "by", "released"});
  for (const json& hold : JsonMember(*holds, "holds")) {
    table.Add({std::to_string(JsonCount(hold, "id")), Day(hold, "from"), Day(hold, "to"),
               Printable(JsonText(hold, "reason")), Printable(JsonText(hold, "request")),
               Printable(JsonText(hold, "actor")), Day(hold, "released")});
  }
  context.Print(table);
  return kDone;
}

int RunAuditOperations(Context& context, uint64_t limit) {
  const auto operations =
      context.Ask({"GET", "/api/v1/operations?limit=" + std::to_string(limit), ""});
  if (!operations) return context.exit_code();
  if (context.as_json()) {
    context.PrintJson(*operations);
    return kDone;
  }
  Table table({"time", "who", "did", "to what", "why", "outcome", "rows"});
  for (const json& operation : JsonMember(*operations, "operations")) {
    const auto text = [&operation](const char* key) { return Printable(JsonText(operation, key)); };
    table.Add({TableTime(JsonText(operation, "time")), text("actor"), text("action"),
               text("target"), text("reason"), text("outcome"),
               std::to_string(JsonCount(operation, "rows"))});
  }
  context.Print(table);
  return kDone;
}

}  // namespace weir::control::cli

// An archive of the record for somebody else: what it would hold, its files one by one, its
// signature. The client puts it together, and so can go on where it was cut off.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/api/handlers.h"
#include "control/api/log_text.h"
#include "control/api/logged_act.h"
#include "control/api/row_stream.h"
#include "control/api/session_query.h"
#include "control/policy/json_fields.h"
#include "control/sealing/archive.h"
#include "control/sealing/record_lines.h"

namespace weir::control::api {
namespace {

using nlohmann::json;
using sealing::ArchivePart;

constexpr size_t kFilesMax = 100'000;
constexpr size_t kNamedMax = 10;  // missing files in an error

// All that an export may be asked by. Each stands in its manifest and in the operations log: what
// would leave something out without being told there is refused.
constexpr std::array<std::string_view, 10> kAskedBy{"account", "ip", "name",   "port",    "rule",
                                                    "from",    "to", "format", "request", "reason"};

// What was asked for, for the manifest and the log; empty: everything of the time.
std::string QueryText(const audit::Query& query) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    if (value.empty()) return;
    text += (text.empty() ? "" : " ") + std::string(name) + "=" + LogValue(value);
  };
  add("account", query.account);
  add("ip", query.ip ? query.ip->ToString() : "");
  add("name", query.name);
  add("port", query.port ? std::to_string(*query.port) : "");
  add("rule", query.rule);
  return text;
}

audit::TimeSpan SpanOf(const audit::Query& query) {
  return {query.from.value_or(base::WallTime{INT64_MIN}),
          query.to.value_or(base::WallTime{INT64_MAX})};
}

struct Asked {
  audit::Query query;
  bool csv = false;
  std::string reason;
  std::string request;
};

// The whole export: what a signature is over, no more and no less.
struct Plan {
  std::vector<ArchivePart> files;
  std::optional<base::WallTime> sealed_until;  // none: nothing is sealed yet
};

base::Result<Plan> PlanOf(const Parts& parts, const Asked& asked) {
  const auto seals = parts.sealer.log().Read();
  if (!seals.ok()) return seals.error();
  const audit::TimeSpan span = SpanOf(asked.query);
  Plan plan;
  plan.files = QueryText(asked.query).empty() ? sealing::PlanArchive(*seals, span)
                                              : sealing::PlanQuery(*seals, span);
  for (ArchivePart& file : plan.files) file.csv = asked.csv;
  plan.sealed_until = sealing::SealedUntil(*seals);
  return plan;
}

base::Status CheckAskedBy(const Request& request) {
  if (!request.QueryText("at").empty()) {
    return base::Error{"an export is of a time: say from and to"};
  }
  for (const auto& [name, value] : request.query) {
    if (std::ranges::find(kAskedBy, name) != kAskedBy.end()) continue;
    return base::Error{"an export takes no '" + name +
                       "': it is all that account, ip, name, port and rule find between from and "
                       "to"};
  }
  return {};
}

base::Result<Asked> ToAsked(const Request& request) {
  if (auto checked = CheckAskedBy(request); !checked.ok()) return checked.error();
  Asked asked;
  auto query = ToSessionQuery(request);
  if (!query.ok()) return query.error();
  asked.query = std::move(*query);
  const audit::TimeSpan span = SpanOf(asked.query);
  if (span.from >= span.to) return base::Error{"'to' is not later than 'from'"};
  const std::string format = request.QueryText("format");
  if (!format.empty() && format != "json" && format != "csv") {
    return base::Error{"format: '" + format + "' is not json or csv"};
  }
  asked.csv = format == "csv";
  asked.reason = request.QueryText("reason");
  asked.request = request.QueryText("request");
  if (asked.reason.empty()) {
    return base::Error{"an export wants a reason: it is people's traffic, and it is logged"};
  }
  return asked;
}

Operation OperationOf(const Asked& asked, const char* action) {
  Operation operation;
  operation.action = action;
  const std::string what = QueryText(asked.query);
  operation.target = what.empty() ? "all" : what;
  if (asked.csv) operation.target += " as CSV";
  if (asked.query.from) operation.target += " from " + base::FormatRfc3339(*asked.query.from);
  if (asked.query.to) operation.target += " to " + base::FormatRfc3339(*asked.query.to);
  operation.reason = LogReason(asked.reason, asked.request);
  return operation;
}

json PartJson(const ArchivePart& part) {
  json out{{"name", sealing::PartName(part)}};
  if (part.kind != ArchivePart::Kind::kQuery) {
    out["records"] = part.digest.records;
    if (!part.csv) out["sha256"] = part.digest.sha256;  // of CSV the seal does not know it
  }
  return out;
}

// The part of that name among those that the question has.
base::Result<ArchivePart> FindPart(const Parts& parts, const Asked& asked,
                                   const std::string& name) {
  const auto plan = PlanOf(parts, asked);
  if (!plan.ok()) return plan.error();
  for (const ArchivePart& part : plan->files) {
    if (sealing::PartName(part) == name) return part;
  }
  return base::Error{"there is no file '" + name + "' in this export"};
}

Operation OperationOf(const Asked& asked, const ArchivePart& part) {
  Operation operation = OperationOf(asked, "audit export file");
  operation.target = sealing::PartName(part) + " of " + operation.target;
  return operation;
}

bool StreamPart(const Parts& parts, const Request& request, const Asked& asked,
                const ArchivePart& part, const ChunkWriter& write) {
  RowStream rows(write);
  int64_t count = 0;
  const auto read = sealing::ReadPart({parts.store, parts.operations}, part, asked.query,
                                      [&](std::string_view line) {
                                        count++;
                                        return rows.Add(line);
                                      });
  const bool sent = read.ok() && rows.Flush();
  Operation operation = OperationOf(asked, part);
  operation.outcome = sent ? "done" : (read.ok() ? "cut off" : "failed: " + read.error().message);
  operation.rows = count - (part.csv && count > 0 ? 1 : 0);
  return !LogOperation(parts, request, operation).has_value() && sent;
}

base::Result<sealing::Digest> DigestAsRead(const Parts& parts, const Asked& asked,
                                           const ArchivePart& part) {
  sealing::LineDigest lines;
  const auto read = sealing::ReadPart({parts.store, parts.operations}, part, asked.query,
                                      [&](std::string_view line) {
                                        lines.Add(line);
                                        return true;
                                      });
  if (!read.ok()) return read.error();
  const uint64_t headers = part.csv ? 1 : 0;
  return sealing::Digest{lines.records() - headers, lines.Hex()};
}

// What the store has of a part; of a sealed one the seal says it, and of its CSV, whether the
// records that the rows are made of are those that were sealed.
base::Result<sealing::Digest> DigestOf(const Parts& parts, const Asked& asked,
                                       const ArchivePart& part) {
  if (part.kind == ArchivePart::Kind::kQuery) return DigestAsRead(parts, asked, part);
  if (!part.csv) return part.digest;
  ArchivePart as_lines = part;
  as_lines.csv = false;
  const auto lines = DigestAsRead(parts, asked, as_lines);
  if (!lines.ok()) return lines.error();
  if (*lines != part.digest) {
    return base::Error{sealing::PartName(part) +
                       " would not be made of what was sealed: weirctl audit verify"};
  }
  return DigestAsRead(parts, asked, part);
}

// The files that a client says it has, beside the plan.
struct Claims {
  struct File {
    ArchivePart part;
    sealing::Digest claimed;
  };
  std::vector<File> files;         // of the plan
  json differing = json::array();  // not of the plan, named twice, or not what the record has
  json missing = json::array();    // of the plan, and not named
};

Claims ClaimsOf(const Plan& plan, const json& files) {
  std::map<std::string, const ArchivePart*> left;
  for (const ArchivePart& part : plan.files) left[sealing::PartName(part)] = &part;
  Claims claims;
  for (const json& file : files) {
    const std::string name = policy::JsonText(file, "name");
    const auto found = left.find(name);
    if (found == left.end()) {
      claims.differing.push_back(name);
      continue;
    }
    claims.files.push_back(
        {*found->second, {policy::JsonCount(file, "records"), policy::JsonText(file, "sha256")}});
    left.erase(found);
  }
  for (const auto& [name, part] : left) claims.missing.push_back(name);
  return claims;
}

// Reads what is claimed, into the manifest; what is not so becomes differing. How many records.
base::Result<int64_t> Compare(const Parts& parts, const Asked& asked, Claims& claims,
                              sealing::Manifest& manifest) {
  int64_t records = 0;
  for (const Claims::File& file : claims.files) {
    const auto digest = DigestOf(parts, asked, file.part);
    if (!digest.ok()) return digest.error();
    if (*digest != file.claimed) claims.differing.push_back(sealing::PartName(file.part));
    records += static_cast<int64_t>(digest->records);
    manifest.files.push_back({file.part, *digest});
  }
  return records;
}

Reply RefuseClaims(LoggedAct& act, const Claims& claims) {
  std::string error = "files are not what the record has";
  if (!claims.missing.empty()) {
    error = fmt::format("{} files of this export are missing:", claims.missing.size());
    for (size_t i = 0; i < std::min(kNamedMax, claims.missing.size()); i++) {
      error += " " + claims.missing[i].get<std::string>();
    }
    if (claims.missing.size() > kNamedMax) error += " …";
    error += "; a signature is over all of it";
  }
  return act.End(
      fmt::format("refused: {} files differ, {} are missing", claims.differing.size(),
                  claims.missing.size()),
      JsonReply({{"error", error}, {"differing", claims.differing}, {"missing", claims.missing}},
                409));
}

sealing::Manifest ManifestOf(const Request& request, const Asked& asked, const Plan& plan) {
  sealing::Manifest manifest;
  manifest.made = base::WallNow();
  manifest.by = request.actor;
  manifest.reason = asked.reason;
  manifest.request = asked.request;
  manifest.from = asked.query.from;
  manifest.to = asked.query.to;
  manifest.sealed_until = plan.sealed_until;
  manifest.query = QueryText(asked.query);
  return manifest;
}

}  // namespace

Reply GetExportPlan(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const auto plan = PlanOf(parts, *asked);
  if (!plan.ok()) return ErrorReply(500, plan.error().message);
  const size_t files = plan->files.size();
  if (files > kFilesMax) {
    return ErrorReply(409, fmt::format("{} files are too many: ask for a shorter time", files));
  }
  Operation operation = OperationOf(*asked, "audit export");
  operation.outcome = fmt::format("begun: {} files", files);
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  json list = json::array();
  for (const ArchivePart& part : plan->files) list.push_back(PartJson(part));
  json out{{"files", list}, {"sealed_until", nullptr}};
  if (plan->sealed_until) out["sealed_until"] = base::FormatRfc3339(*plan->sealed_until);
  return JsonReply(out);
}

Reply GetExportFile(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const auto part = FindPart(parts, *asked, request.PathValue("name"));
  if (!part.ok()) return ErrorReply(404, part.error().message);
  // Before the first row goes out: nothing is handed out that is not written down.
  Operation operation = OperationOf(*asked, *part);
  operation.outcome = "begun";
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  Reply reply;
  reply.content_type = asked->csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
  reply.stream = [parts, request, asked = *asked, part = *part](const ChunkWriter& write) {
    return StreamPart(parts, request, asked, part, write);
  };
  return reply;
}

Reply GetSeals(const Parts& parts, const Request&) {
  const auto seals = parts.sealer.log().Read();
  if (!seals.ok()) return ErrorReply(500, seals.error().message);
  Reply reply;
  reply.content_type = "text/plain; charset=utf-8";
  for (const sealing::LoggedSeal& seal : *seals) reply.body += seal.text;
  return reply;
}

// The body's "files": name, records and sha256 of each, as the client has them. Signed only when
// they are those of the plan, all of them, and each is what the store has.
Reply PostExportSign(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const json& files = policy::JsonMember(request.body, "files");
  if (!files.is_array() || files.size() > kFilesMax) {
    return ErrorReply(400, "a signature wants \"files\"");
  }
  LoggedAct act(parts, request, OperationOf(*asked, "audit export sign"));
  if (auto refused = act.Begin()) return *refused;
  const auto failed = [&act](const base::Error& error) {
    return act.EndWithError(500, error.message);
  };
  const auto plan = PlanOf(parts, *asked);
  if (!plan.ok()) return failed(plan.error());
  Claims claims = ClaimsOf(*plan, files);
  if (!claims.missing.empty()) return RefuseClaims(act, claims);
  sealing::Manifest manifest = ManifestOf(request, *asked, *plan);
  const auto records = Compare(parts, *asked, claims, manifest);
  if (!records.ok()) return failed(records.error());
  act.operation().rows = *records;
  if (!claims.differing.empty()) return RefuseClaims(act, claims);
  const size_t count = manifest.files.size();
  const auto manifest_signed = parts.sealer.Sign(std::move(manifest));
  if (!manifest_signed.ok()) return failed(manifest_signed.error());
  return act.End(fmt::format("done: {} files", count),
                 JsonReply({{"manifest", manifest_signed->manifest},
                            {"key", manifest_signed->key.pem()},
                            {"seals_bytes", manifest_signed->seals_bytes}}));
}

}  // namespace weir::control::api

// An archive of the record for somebody else: what it would hold, its files one by one, its
// signature. The client puts it together, and so can go on where it was cut off.
#include <fmt/format.h>

#include "control/api/handlers.h"
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

// What was asked for, for the manifest and the log; empty: everything of the time.
std::string QueryText(const audit::Query& query) {
  std::string text;
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += (text.empty() ? "" : " ") + std::string(name) + "=" + value;
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

base::Result<std::vector<ArchivePart>> PartsOf(const Parts& parts, const Asked& asked) {
  const auto seals = parts.sealer.log().Read();
  if (!seals.ok()) return seals.error();
  const audit::TimeSpan span = SpanOf(asked.query);
  auto files = QueryText(asked.query).empty() ? sealing::PlanArchive(*seals, span)
                                              : sealing::PlanQuery(*seals, span);
  for (ArchivePart& file : files) file.csv = asked.csv;
  return files;
}

base::Result<Asked> ToAsked(const Request& request) {
  Asked asked;
  auto query = ToSessionQuery(request);
  if (!query.ok()) return query.error();
  asked.query = std::move(*query);
  if (asked.query.at) return base::Error{"an export is of a time: say from and to"};
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
  operation.reason = asked.reason + (asked.request.empty() ? "" : " (" + asked.request + ")");
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
  const auto all = PartsOf(parts, asked);
  if (!all.ok()) return all.error();
  for (const ArchivePart& part : *all) {
    if (sealing::PartName(part) == name) return part;
  }
  return base::Error{"there is no file '" + name + "' in this export"};
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
  Operation operation = OperationOf(asked, "audit export file");
  operation.target = sealing::PartName(part) + " of " + operation.target;
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

}  // namespace

Reply GetExportPlan(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const auto files = PartsOf(parts, *asked);
  if (!files.ok()) return ErrorReply(500, files.error().message);
  if (files->size() > kFilesMax) {
    return ErrorReply(409,
                      fmt::format("{} files are too many: ask for a shorter time", files->size()));
  }
  Operation operation = OperationOf(*asked, "audit export");
  operation.outcome = fmt::format("begun: {} files", files->size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  json list = json::array();
  for (const ArchivePart& part : *files) list.push_back(PartJson(part));
  const sealing::SealerStatus status = parts.sealer.status();
  json plan{{"files", list}, {"sealed_until", nullptr}};
  if (status.until) plan["sealed_until"] = base::FormatRfc3339(*status.until);
  return JsonReply(plan);
}

Reply GetExportFile(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const auto part = FindPart(parts, *asked, request.PathValue("name"));
  if (!part.ok()) return ErrorReply(404, part.error().message);
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
// each is what the store has.
Reply PostExportSign(const Parts& parts, const Request& request) {
  const auto asked = ToAsked(request);
  if (!asked.ok()) return ErrorReply(400, asked.error().message);
  const json& files = policy::JsonMember(request.body, "files");
  if (!files.is_array() || files.size() > kFilesMax) {
    return ErrorReply(400, "a signature wants \"files\"");
  }
  const auto all = PartsOf(parts, *asked);
  if (!all.ok()) return ErrorReply(500, all.error().message);
  std::map<std::string, ArchivePart> by_name;
  for (const ArchivePart& part : *all) by_name[sealing::PartName(part)] = part;
  sealing::Manifest manifest;
  json differing = json::array();
  int64_t records = 0;
  for (const json& file : files) {
    const std::string name = policy::JsonText(file, "name");
    const auto found = by_name.find(name);
    const sealing::Digest claimed{policy::JsonCount(file, "records"),
                                  policy::JsonText(file, "sha256")};
    if (found == by_name.end()) {
      differing.push_back(name);
      continue;
    }
    const auto digest = DigestOf(parts, *asked, found->second);
    if (!digest.ok()) return ErrorReply(500, digest.error().message);
    if (*digest != claimed) differing.push_back(name);
    records += static_cast<int64_t>(digest->records);
    manifest.files.push_back({found->second, *digest});
  }
  Operation operation = OperationOf(*asked, "audit export sign");
  operation.rows = records;
  operation.outcome = differing.empty() ? fmt::format("done: {} files", manifest.files.size())
                                        : fmt::format("refused: {} files differ", differing.size());
  if (auto failed = LogOperation(parts, request, operation)) return *failed;
  if (!differing.empty()) {
    return JsonReply({{"error", "files are not what the record has"}, {"differing", differing}},
                     409);
  }
  manifest.made = base::WallNow();
  manifest.by = request.actor;
  manifest.reason = asked->reason;
  manifest.request = asked->request;
  manifest.query = QueryText(asked->query);
  const auto manifest_signed = parts.sealer.Sign(std::move(manifest));
  if (!manifest_signed.ok()) return ErrorReply(500, manifest_signed.error().message);
  return JsonReply({{"manifest", manifest_signed->manifest},
                    {"key", manifest_signed->key.pem()},
                    {"seals_bytes", manifest_signed->seals_bytes}});
}

}  // namespace weir::control::api

// `weirctl audit export`: a folder with the record's files, the seals, a signed manifest and what
// checks them. Cut off, it goes on where it was: a file is there whole or not at all.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "control/cli/commands.h"
#include "control/cli/csv_counter.h"
#include "control/cli/progress_bar.h"
#include "control/cli/text.h"
#include "control/cli/verify_export.h"
#include "control/policy/json_fields.h"
#include "dataplane/base/sha256.h"

namespace weir::control::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using policy::JsonCount;
using policy::JsonMember;
using policy::JsonText;

constexpr const char* kInWork = ".weir-export";
constexpr const char* kPartSuffix = ".part";
// An export that takes longer than an hour has files more at its end: what was sealed meanwhile.
constexpr int kPlansMax = 10;

struct FileState {
  std::string name;
  uint64_t records = 0;
  std::string sha256;
};

base::Result<std::string> ToQuery(const ExportCommand& command) {
  std::string query = "?reason=" + UrlEncode(command.reason);
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query += "&" + std::string(name) + "=" + UrlEncode(value);
  };
  add("request", command.request);
  if (command.format == "csv") add("format", command.format);
  add("account", command.account);
  add("ip", command.ip);
  add("name", command.name);
  if (command.port) add("port", std::to_string(*command.port));
  const base::WallTime now = base::WallNow();
  for (const auto& [name, text] : {std::pair{"from", &command.from}, {"to", &command.to}}) {
    if (text->empty()) continue;
    const auto time = ParseUserTime(*text, now);
    if (!time) return base::Error{"--" + std::string(name) + ": " + time.error().message};
    add(name, base::FormatRfc3339(*time));
  }
  return query;
}

base::Status Write(const fs::path& file, std::string_view text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  return out ? base::Status() : base::Status(base::Error{file.string() + " cannot be written"});
}

std::string ReadText(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

// The folder is new, or one in which this very export was cut off.
base::Status PrepareFolder(const fs::path& folder, const std::string& query) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return base::Error{folder.string() + ": cannot be made: " + failed.message()};
  const fs::path in_work = folder / kInWork;
  if (fs::exists(in_work)) {
    if (ReadText(in_work) == query) return {};
    return base::Error{folder.string() +
                       " holds another export that was cut off: take another "
                       "folder, or ask the same question with the same times"};
  }
  if (!fs::is_empty(folder)) return base::Error{folder.string() + " is not empty"};
  return Write(in_work, query);
}

base::Result<FileState> Look(const fs::path& folder, const std::string& name) {
  std::ifstream in(folder / name, std::ios::binary);
  if (!in) return base::Error{(folder / name).string() + " cannot be read"};
  FileState state{name, 0, {}};
  const bool is_csv = name.ends_with(".csv");
  CsvCounter csv;
  base::Sha256 sha256;
  std::string piece(1 << 20, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
    const std::string_view got(piece.data(), static_cast<size_t>(in.gcount()));
    sha256.Add(got);
    state.records += static_cast<uint64_t>(std::count(got.begin(), got.end(), '\n'));
    if (is_csv) csv.Add(got);
  }
  if (is_csv) state.records = csv.records();
  if (in.bad()) return base::Error{(folder / name).string() + " cannot be read"};
  state.sha256 = sha256.Hex();
  return state;
}

class Export {
 public:
  Export(Context& context, const fs::path& folder, std::string query)
      : context_(context), folder_(folder), query_(std::move(query)), bar_("records") {}

  int Run() {
    for (int plans = 0; plans < kPlansMax; plans++) {
      if (const int code = Gather(); code != kDone) return code;
      const auto answer = Sign();
      if (!answer) return context_.exit_code();
      if (context_.status() != 409) return Finish(*answer);
      const json& differing = JsonMember(*answer, "differing");
      if (JsonMember(*answer, "missing").empty() || !differing.empty()) return Refuse(differing);
    }
    return context_.Failed(kRefused,
                           "more is sealed each time that all files are there: say --to, or run "
                           "the same command again");
  }

 private:
  // Every file of the plan is there; those that are known already are not looked at again.
  int Gather() {
    const auto plan = context_.Ask({"GET", "/api/v1/audit/export" + query_, "", kFetchWaitMs});
    if (!plan) return context_.exit_code();
    plan_ = *plan;
    if (auto prepared = PrepareFolder(folder_, query_); !prepared.ok()) {
      return context_.Failed(kRefused, prepared.error().message);
    }
    const std::map<std::string, FileState> known = std::exchange(files_, {});
    records_ = 0;
    of_ = 0;
    for (const json& file : JsonMember(plan_, "files")) of_ += JsonCount(file, "records");
    for (const json& file : JsonMember(plan_, "files")) {
      const auto before = known.find(JsonText(file, "name"));
      if (before != known.end() && IsPlanned(before->second, file)) {
        Note(before->second);
      } else if (const int code = Have(file); code != kDone) {
        return code;
      }
    }
    bar_.Clear();
    return kDone;
  }

  // Of what no seal is over the plan does not know the digest.
  static bool IsPlanned(const FileState& state, const json& planned) {
    const std::string sha256 = JsonText(planned, "sha256");
    return sha256.empty() ||
           (state.sha256 == sha256 && state.records == JsonCount(planned, "records"));
  }

  void Note(const FileState& state) {
    files_[state.name] = state;
    records_ += state.records;
    bar_.Show(records_, of_, records_);
  }

  // The file is there, as the plan says; taken where it is not.
  int Have(const json& planned) {
    const std::string name = JsonText(planned, "name");
    if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
      return context_.Failed(kRefused, "the plan names a file '" + Printable(name) + "'");
    }
    for (int attempt = 0; attempt < 2; attempt++) {
      if (fs::exists(folder_ / name)) {
        const auto state = Look(folder_, name);
        if (!state.ok()) return context_.Failed(kRefused, state.error().message);
        if (IsPlanned(*state, planned)) {
          Note(*state);
          return kDone;
        }
      }
      if (const int code = Fetch(name); code != kDone) return code;
    }
    return context_.Failed(kRefused, name + " is not what was sealed: weirctl audit verify");
  }

  int Fetch(const std::string& name) {
    const fs::path part = folder_ / (name + kPartSuffix);
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    uint64_t count = records_;
    const HttpCall call{"GET", "/api/v1/audit/export/" + UrlEncode(name) + query_, "",
                        kFetchWaitMs};
    const HttpAnswer answer = context_.client().Call(call, [&](std::string_view piece) {
      out << piece;
      count += static_cast<uint64_t>(std::count(piece.begin(), piece.end(), '\n'));
      bar_.Show(count, of_, count);
      return out.good();
    });
    out.close();
    if (!out) {
      bar_.Clear();
      return context_.Failed(kRefused, part.string() + " cannot be written: is the disk full?");
    }
    if (answer.outcome != HttpAnswer::Outcome::kAnswered || answer.status != 200) {
      bar_.Clear();
      return context_.Failed(answer);
    }
    std::error_code failed;
    fs::rename(part, folder_ / name, failed);
    if (!failed) return kDone;
    return context_.Failed(kRefused, (folder_ / name).string() + ": " + failed.message());
  }

  // The signed manifest, or a refusal (409) with what is not right.
  std::optional<json> Sign() {
    json files = json::array();
    for (const auto& [name, file] : files_) {
      files.push_back({{"name", name}, {"records", file.records}, {"sha256", file.sha256}});
    }
    return context_.Ask({"POST", "/api/v1/audit/export" + query_,
                         policy::JsonDump({{"files", files}}), kFetchWaitMs},
                        409);
  }

  int Refuse(const json& differing) {
    for (const json& name : differing) {
      std::error_code ignored;
      if (name.is_string()) fs::remove(folder_ / name.get<std::string>(), ignored);
    }
    return context_.Failed(kRefused,
                           "files are not what the record has, and are removed: run "
                           "the same command again");
  }

  int Finish(const json& signed_files) {
    const HttpAnswer seals = context_.client().Call({"GET", "/api/v1/audit/seals", ""});
    if (seals.outcome != HttpAnswer::Outcome::kAnswered || seals.status != 200) {
      return context_.Failed(seals);
    }
    // What was sealed since the signature may be by another key.
    const std::string_view log =
        std::string_view(seals.body)
            .substr(0, std::min<size_t>(seals.body.size(), JsonCount(signed_files, "seals_bytes")));
    const std::string key = JsonText(signed_files, "key");
    const std::string manifest = JsonText(signed_files, "manifest");
    for (const auto& [name, text] : {std::pair<const char*, std::string_view>{"seals.log", log},
                                     {"seal.pub", key},
                                     {"verify.sh", kVerifyExport},
                                     {"MANIFEST", manifest}}) {
      if (auto written = Write(folder_ / name, text); !written.ok()) {
        return context_.Failed(kRefused, written.error().message);
      }
    }
    std::error_code ignored;
    fs::permissions(folder_ / "verify.sh", fs::perms(0755), ignored);
    fs::remove(folder_ / kInWork, ignored);
    const std::string until = JsonText(plan_, "sealed_until");
    if (context_.as_json()) {
      context_.PrintJson({{"folder", folder_.string()},
                          {"files", files_.size()},
                          {"records", records_},
                          {"sealed_until", JsonMember(plan_, "sealed_until")}});
      return kDone;
    }
    context_.Print(
        fmt::format("{} records in {} files in {}\n", records_, files_.size(), folder_.string()));
    context_.Print("sealed until " + (until.empty() ? "never" : LocalTime(until)) +
                   "; what is newer is not in it: weirctl audit seal\n");
    context_.Print("to check it anywhere: sh " + (folder_ / "verify.sh").string() + " " +
                   folder_.string() + "\n");
    return kDone;
  }

  Context& context_;
  const fs::path folder_;
  const std::string query_;
  ProgressBar bar_;
  json plan_;
  std::map<std::string, FileState> files_;  // by name
  uint64_t records_ = 0;
  uint64_t of_ = 0;  // 0: not known
};

}  // namespace

int RunAuditExport(Context& context, const ExportCommand& command) {
  const auto query = ToQuery(command);
  if (!query) return context.Failed(kUsage, query.error().message);
  return Export(context, command.out, *query).Run();
}

}  // namespace weir::control::cli

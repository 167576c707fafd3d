// Addresses one a line, and Spamhaus DROP, which is the same with references, or JSON lines.
#include "rules/lists/json_records.h"
#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

std::string_view WithoutAddressComment(std::string_view line) {
  line = line.substr(0, line.find_first_of("#;"));
  return line.substr(0, line.find("//"));
}

class CidrFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    return WithoutAddressComment(line);
  }
  void Read(std::string_view line, EntrySink& sink) override { ReadAddressLine(line, sink); }
};

// https://www.spamhaus.org/blocklists/do-not-route-or-peer/
class DropFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    line = Trimmed(line);
    return line.starts_with('{') ? line : WithoutAddressComment(line);
  }

  void Read(std::string_view line, EntrySink& sink) override {
    line = Trimmed(line);
    if (line.starts_with('{')) return ReadJsonLine(line, sink);
    if (line.starts_with("AS")) return sink.Skip(SkipReason::kUnsupported);
    ReadAddressLine(line, sink);
  }

  static void ReadJsonLine(std::string_view line, EntrySink& sink) {
    static constexpr std::string_view kFields[] = {"cidr", "asn", "type"};
    static constexpr JsonShape kShape = {{}, kFields, kJsonRoot};
    bool read = false;
    const auto take = [&](JsonRecord record) {
      read = true;
      if (!record[0].empty()) {
        sink.AddRange(record[0]);
      } else if (!record[1].empty()) {
        sink.Skip(SkipReason::kUnsupported);  // the number of an autonomous system
      } else if (record[2] != "metadata") {
        sink.Skip(SkipReason::kNotUnderstood);
      }
      return true;
    };
    if (!ReadJsonRecords(line, kShape, take).ok() && !read) sink.Skip(SkipReason::kNotUnderstood);
  }
};

}  // namespace

void ReadAddressLine(std::string_view line, EntrySink& sink) {
  const std::string_view first = TakeWord(line);
  std::string_view word = TakeWord(line);
  if (word.empty() && LooksLikeAddress(first)) return sink.AddRange(first);
  if (word == "-") {
    const std::string_view last = TakeWord(line);
    if (LooksLikeAddress(first) && LooksLikeAddress(last) && Trimmed(line).empty()) {
      return sink.AddRange(std::string(first) + '-' + std::string(last));
    }
  }
  sink.Skip(SkipReason::kNotUnderstood);
}

std::unique_ptr<LineFormat> MakeCidrFormat() { return std::make_unique<CidrFormat>(); }
std::unique_ptr<LineFormat> MakeDropFormat() { return std::make_unique<DropFormat>(); }

}  // namespace weir::rules

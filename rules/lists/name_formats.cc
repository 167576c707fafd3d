// Hosts files and plain names, one a line.
#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

bool IsAddress(std::string_view word) {
  // What nearly every line of a list has in front.
  if (word == "0.0.0.0" || word == "127.0.0.1") return true;
  word = word.substr(0, word.find('%'));  // a zone, RFC 4007 §11
  return LooksLikeAddress(word) && base::IpAddress::Parse(word).ok();
}

class HostsFormat : public LineFormat {
  void Read(std::string_view line, EntrySink& sink) override {
    if (!ReadHostsLine(line, sink)) sink.Skip(SkipReason::kNotUnderstood);
  }
};

class DomainsFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    return WithoutNameComment(line);
  }
  void Read(std::string_view line, EntrySink& sink) override { ReadDomainLine(line, sink); }
};

}  // namespace

std::string_view LineFormat::WithoutComment(std::string_view line) const {
  return line.substr(0, line.find('#'));
}

std::string_view WithoutNameComment(std::string_view line) {
  line = Trimmed(line);
  if (line.starts_with('!') || line.starts_with(';') || line.starts_with("//")) return {};
  return line.substr(0, line.find('#'));
}

bool ReadHostsLine(std::string_view line, EntrySink& sink) {
  if (!IsAddress(TakeWord(line))) return false;
  std::string_view name = TakeWord(line);
  if (name.empty()) return false;
  for (; !name.empty(); name = TakeWord(line)) sink.AddName(name, NameReach::kExact);
  return true;
}

void ReadDomainLine(std::string_view line, EntrySink& sink) {
  std::string_view name = Trimmed(line);
  if (LooksLikeAddress(name)) return sink.AddRange(name);
  NameReach reach = NameReach::kExact;
  if (name.starts_with("*.")) {
    reach = NameReach::kDomain;
    name.remove_prefix(2);
  } else if (name.starts_with('.')) {
    reach = NameReach::kDomain;
    name.remove_prefix(1);
  }
  if (name.find_first_of(" \t") != name.npos) return sink.Skip(SkipReason::kNotUnderstood);
  if (name.find_first_of("/*?") != name.npos) return sink.Skip(SkipReason::kUnsupported);
  sink.AddName(name, reach);
}

std::unique_ptr<LineFormat> MakeHostsFormat() { return std::make_unique<HostsFormat>(); }
std::unique_ptr<LineFormat> MakeDomainsFormat() { return std::make_unique<DomainsFormat>(); }

}  // namespace weir::rules

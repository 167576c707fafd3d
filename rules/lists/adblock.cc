// AdBlock filter rules as DNS blockers write them;
// https://adguard-dns.io/kb/general/dns-filtering-syntax/
#include <algorithm>

#include "rules/lists/adblock_exceptions.h"
#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

constexpr std::string_view kExceptionMark = "@@";
constexpr std::string_view kDomainMark = "||";

struct Rule {
  std::string_view name;
  NameMark mark;
};

// "##", "#@#", "#?#", "#$#", "#%#" and their like: what to hide on a page.
bool IsElementRule(std::string_view line) {
  for (size_t at = line.find('#'); at != line.npos; at = line.find('#', at + 1)) {
    size_t next = at + 1;
    while (next < line.size() && next - at < 4 &&
           std::string_view("@?$%").find(line[next]) != line.npos) {
      ++next;
    }
    const bool twice = next < line.size() && line[next] == '#';
    const bool more = next + 1 < line.size() && line[next + 1] != '#' && !IsBlank(line[next + 1]);
    if (twice && more) return true;
    if (twice) at = next;
  }
  return false;
}

// Whether the rule still means the name at large. `$document` (with or without `$popup`) blocks the
// pages of a name, which is all that there is to visit; `$popup` alone leaves them. For an
// exception they mean the page on which it stands.
bool TakeOptions(std::string_view options, NameMark& mark) {
  bool popup = false;
  bool document = false;
  while (true) {
    const size_t comma = options.find(',');
    const std::string_view option = Trimmed(options.substr(0, comma));
    if (option == "important") {
      mark.important = true;
    } else if (option == "all" || option == "document" || option == "doc") {
      document = true;
    } else if (option == "popup") {
      popup = true;
    } else {
      return false;
    }
    if (comma == options.npos) break;
    options.remove_prefix(comma + 1);
  }
  return mark.pass ? !document && !popup : document || !popup;
}

// A rule that begins with "||", or "@@||". Fills `rule` or says why there is none.
SkipReason ReadRule(std::string_view line, Rule& rule) {
  if (line.starts_with(kExceptionMark)) {
    rule.mark.pass = true;
    line.remove_prefix(kExceptionMark.size());
  }
  if (!line.starts_with(kDomainMark)) return SkipReason::kUnsupported;
  line.remove_prefix(kDomainMark.size());
  const size_t end = line.find('^');
  if (end == line.npos) return SkipReason::kUnsupported;
  rule.name = line.substr(0, end);
  if (rule.name.find_first_of("/*|$") != rule.name.npos) return SkipReason::kUnsupported;
  std::string_view rest = line.substr(end + 1);
  if (rest.starts_with('|')) rest.remove_prefix(1);  // "d^|": nothing behind, which names have not
  if (rest.empty()) return SkipReason::kCount;
  if (!rest.starts_with('$')) return SkipReason::kUnsupported;
  return TakeOptions(rest.substr(1), rule.mark) ? SkipReason::kCount : SkipReason::kConditional;
}

bool IsRule(std::string_view line) {
  return line.starts_with(kDomainMark) || line.starts_with(kExceptionMark);
}

class AdblockFormat : public LineFormat {
 public:
  // Exceptions may stand behind what they except.
  void Begin(std::string_view text, EntrySink& sink) override {
    base::HostBuffer buffer;
    while (!text.empty()) {
      const std::string_view line = Trimmed(TakeLine(text));
      const bool may_count =
          line.starts_with(kExceptionMark) || line.find("important") != line.npos;
      Rule rule;
      if (!may_count || !IsRule(line) || ReadRule(line, rule) != SkipReason::kCount) continue;
      if (!rule.mark.pass && !rule.mark.important) continue;
      const std::string_view name = OneForm(rule.name, buffer);
      // A single label is not taken as a domain, so it overrules nothing.
      if (name.find('.') != name.npos) exceptions_.Add(name, rule.mark);
    }
    if (exceptions_.has_pass()) sink.set_exceptions(&exceptions_);
  }

  std::string_view WithoutComment(std::string_view line) const override {
    line = Trimmed(line);
    if (line.starts_with('!') || (line.starts_with('[') && line.ends_with(']'))) return {};
    if (line.starts_with('#') && !IsElementRule(line)) return {};
    return line;
  }

  void Read(std::string_view line, EntrySink& sink) override {
    if (IsRule(line)) return ReadDomainRule(line, sink);
    if (line.find('#') != line.npos && IsElementRule(line)) {
      return sink.Skip(SkipReason::kUnsupported);
    }
    line = Trimmed(WithoutNameComment(line));
    if (line.empty()) return;
    if (line.find_first_of("|^$[/") != line.npos && !LooksLikeAddress(line)) {
      return sink.Skip(SkipReason::kUnsupported);
    }
    if (!ReadHostsLine(line, sink)) ReadDomainLine(line, sink);
  }

 private:
  static void ReadDomainRule(std::string_view line, EntrySink& sink) {
    Rule rule;
    const SkipReason reason = ReadRule(line, rule);
    if (reason != SkipReason::kCount) return sink.Skip(reason);
    if (!LooksLikeAddress(rule.name)) {
      return sink.AddName(rule.name, NameReach::kDomain, rule.mark);
    }
    if (rule.mark.pass) return sink.Skip(SkipReason::kUnsupported);
    sink.AddRange(rule.name);
  }

  AdblockExceptions exceptions_;
};

}  // namespace

std::unique_ptr<LineFormat> MakeAdblockFormat() { return std::make_unique<AdblockFormat>(); }

}  // namespace weir::rules

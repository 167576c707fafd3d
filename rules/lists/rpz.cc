// Response policy zones: https://datatracker.ietf.org/doc/html/draft-vixie-dnsop-dns-rpz-00
#include <algorithm>

#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"
#include "rules/lists/rpz_zone.h"

namespace weir::rules {
namespace {

enum class Action : uint8_t { kBlock, kPass, kConditional, kUnsupported, kNone };

// §3 of the draft. Any other answer that a zone gives replaces the true one, as a block does.
Action ActionOf(const ZoneRecord& record) {
  if (SameWord(record.type, "A") || SameWord(record.type, "AAAA")) return Action::kBlock;
  if (!SameWord(record.type, "CNAME")) {
    constexpr std::string_view kOfTheZone[] = {"SOA",   "NS",         "DNSKEY",  "RRSIG", "NSEC",
                                               "NSEC3", "NSEC3PARAM", "CDNSKEY", "CDS",   "ZONEMD"};
    const bool of_the_zone =
        std::any_of(std::begin(kOfTheZone), std::end(kOfTheZone),
                    [&](std::string_view type) { return SameWord(record.type, type); });
    return of_the_zone ? Action::kNone : Action::kUnsupported;
  }
  std::string_view target = record.data;
  // "CNAME itself." was the first way to say passthru.
  if (SameWord(target.substr(0, target.size() - 1), record.owner)) return Action::kPass;
  if (target.size() > 1 && target.ends_with('.')) target.remove_suffix(1);
  if (SameWord(target, "rpz-passthru")) return Action::kPass;
  if (SameWord(target, "rpz-tcp-only")) return Action::kConditional;
  if (SameWord(target, "rpz-drop")) return Action::kBlock;
  return SameWord(target.substr(0, 4), "rpz-") ? Action::kUnsupported : Action::kBlock;
}

// "24.0.2.0.192" and "48.zz.db8.2001" (§4.2) as "192.0.2.0/24" and "2001:db8::/48"; what is not
// made so becomes something that is no address.
std::string PrefixText(std::string_view labels) {
  const size_t dot = labels.find('.');
  if (dot == labels.npos) return {};
  const std::string_view length = labels.substr(0, dot);
  labels.remove_prefix(dot + 1);
  const bool v4 = std::count(labels.begin(), labels.end(), '.') == 3 &&
                  labels.find_first_not_of("0123456789.") == labels.npos;
  std::string text;
  while (!labels.empty()) {
    const size_t last_dot = labels.rfind('.');
    const std::string_view label = labels.substr(last_dot + 1);
    if (SameWord(label, "zz")) {
      text += "::";
    } else {
      if (!text.empty() && !text.ends_with(':')) text += v4 ? '.' : ':';
      text += label;
    }
    labels = labels.substr(0, last_dot == labels.npos ? 0 : last_dot);
  }
  return (text += '/') += length;
}

class RpzFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    bool quoted = false;
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '"') quoted = !quoted;
      if (line[i] == ';' && !quoted) return line.substr(0, i);
    }
    return line;
  }

  void Read(std::string_view line, EntrySink& sink) override {
    constexpr uint32_t kRecordLinesMax = 100;
    const uint32_t here = sink.line();
    if (zone_.open() && here - first_line_ >= kRecordLinesMax) EndRecord(sink);
    if (!zone_.open()) {
      first_line_ = here;
      first_text_ = line;
    }
    sink.At(first_line_, first_text_);
    ZoneRecord record;
    switch (zone_.Read(line, record)) {
      case ZoneReader::Outcome::kRecord:
        return Take(record, sink);
      case ZoneReader::Outcome::kNothing:
        return;
      case ZoneReader::Outcome::kUnsupported:
        return sink.Skip(SkipReason::kUnsupported);
      case ZoneReader::Outcome::kNotUnderstood:
        return sink.Skip(SkipReason::kNotUnderstood);
    }
  }

  void EndRecord(EntrySink& sink) override {
    if (!zone_.open()) return;
    sink.At(first_line_, first_text_);
    sink.Skip(SkipReason::kNotUnderstood);
    zone_.GiveUp();
  }

  static void Take(const ZoneRecord& record, EntrySink& sink) {
    const Action action = ActionOf(record);
    if (record.owner.empty() || action == Action::kNone) return;  // about the zone itself
    if (action == Action::kUnsupported) return sink.Skip(SkipReason::kUnsupported);
    constexpr std::string_view kOthers[] = {".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip"};
    const bool other = std::any_of(std::begin(kOthers), std::end(kOthers),
                                   [&](auto end) { return EndsWithWord(record.owner, end); });
    if (other || action == Action::kConditional) return sink.Skip(SkipReason::kConditional);
    const bool pass = action == Action::kPass;
    constexpr std::string_view kAddressEnd = ".rpz-ip";
    if (EndsWithWord(record.owner, kAddressEnd)) {
      if (pass) return sink.Skip(SkipReason::kUnsupported);
      return sink.AddRange(
          PrefixText(record.owner.substr(0, record.owner.size() - kAddressEnd.size())));
    }
    const bool wild = record.owner.starts_with("*.");
    if (record.owner.find('*', wild ? 1 : 0) != record.owner.npos) {
      return sink.Skip(SkipReason::kUnsupported);
    }
    sink.AddName(record.owner.substr(wild ? 2 : 0), wild ? NameReach::kBelow : NameReach::kExact,
                 {pass, false});
  }

  ZoneReader zone_;
  uint32_t first_line_ = 0;
  std::string_view first_text_;
};

}  // namespace

std::unique_ptr<LineFormat> MakeRpzFormat() { return std::make_unique<RpzFormat>(); }

}  // namespace weir::rules

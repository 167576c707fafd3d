// Which format a list has, by its content alone: names of files and of servers lie.
#include <algorithm>
#include <array>
#include <string>

#include "rules/lists/csv_record.h"
#include "rules/lists/json_records.h"
#include "rules/lists/line_text.h"
#include "rules/lists/list_bytes.h"
#include "rules/lists/read_list.h"

namespace weir::rules {
namespace {

// Entries that are looked at; a list that is something else behind them is refused when it is read.
constexpr unsigned kEntriesLookedAt = 200;

bool IsComment(std::string_view line) {
  return line.empty() || line.starts_with('!') || line.starts_with(';') || line.starts_with("//") ||
         (line.starts_with('#') && !line.starts_with("##")) || line.starts_with("###") ||
         line == "##" || line.starts_with("## ");
}

bool IsAdblock(std::string_view line) {
  return line.starts_with("||") || line.starts_with("@@") || line.starts_with("[Adblock") ||
         line.find("##") != line.npos || line.find("#@#") != line.npos;
}

bool IsIpset(std::string_view line) {
  const std::string_view verb = TakeWord(line);
  const bool named = !TakeWord(line).empty();
  const std::string_view third = TakeWord(line);
  if (!named || third.empty()) return false;
  return verb == "add" || (verb == "create" && third.find(':') != third.npos);
}

bool IsSuricata(std::string_view line) {
  constexpr std::string_view kActions[] = {"alert",     "drop",      "reject",    "pass",
                                           "rejectsrc", "rejectdst", "rejectboth"};
  const std::string_view action = TakeWord(line);
  return std::find(std::begin(kActions), std::end(kActions), action) != std::end(kActions) &&
         line.find('(') != line.npos &&
         (line.find("->") != line.npos || line.find("<>") != line.npos);
}

bool IsZone(std::string_view line) {
  if (line.starts_with("$TTL") || line.starts_with("$ORIGIN")) return true;
  for (unsigned i = 0; i < 4; ++i) {
    const std::string_view word = TakeWord(line);
    const bool type = word == "CNAME" || word == "SOA" || word == "NS" || word == "A" ||
                      word == "AAAA" || word == "cname" || word == "soa";
    if (type && !Trimmed(line).empty()) return true;
  }
  return false;
}

bool IsNumber(std::string_view word) {
  return !word.empty() && word.find_first_not_of("0123456789") == word.npos;
}

std::optional<ListFormat> FormatOfRecord(std::string_view line) {
  CsvRecord record;
  if (!record.Read(line) || record.size() < 4) return std::nullopt;
  if ((IsNumber(record[0]) && record[2].find("://") != line.npos) || record[2] == "url") {
    return ListFormat::kUrlhaus;
  }
  constexpr std::string_view kTypes[] = {"domain",      "url",       "ip:port",       "md5_hash",
                                         "sha256_hash", "sha1_hash", "sha3_384_hash", "ioc_type"};
  const bool known = std::find(std::begin(kTypes), std::end(kTypes), record[3]) != std::end(kTypes);
  return known ? std::optional(ListFormat::kThreatfox) : std::nullopt;
}

// An address, a prefix, a range or an address with its zone; by its first address.
bool BeginsWithAddress(std::string_view word) {
  const std::string_view address = word.substr(0, word.find_first_of("/-%"));
  return LooksLikeAddress(address) && base::IpAddress::Parse(address).ok();
}

bool HasDropReference(std::string_view line) {
  const size_t mark = line.find(';');
  return mark != line.npos && Trimmed(line.substr(mark + 1)).starts_with("SBL");
}

std::optional<ListFormat> FormatOfLine(std::string_view line) {
  if (IsAdblock(line)) return ListFormat::kAdblock;
  if (IsSuricata(line)) return ListFormat::kSuricata;
  if (IsIpset(line)) return ListFormat::kIpset;
  if (line.find(',') != line.npos) {
    if (const auto format = FormatOfRecord(line)) return format;
  }
  if (IsZone(line)) return ListFormat::kRpz;
  std::string_view rest = Before(line, '#');
  const std::string_view first = TakeWord(rest);
  const std::string_view second = TakeWord(rest);
  if (BeginsWithAddress(first)) {
    if (HasDropReference(line)) return ListFormat::kDrop;
    const bool alone = second.empty() || second.starts_with(';') || second.starts_with("//");
    return alone || second == "-" ? ListFormat::kCidr : ListFormat::kHosts;
  }
  const bool name = second.empty() && first.find_first_of("(){}\"=,") == first.npos &&
                    first.find('.') != first.npos && first.find("://") == first.npos;
  return name ? std::optional(ListFormat::kDomains) : std::nullopt;
}

// Where the formats mix, that which takes the others' lines as well.
ListFormat Most(const std::array<unsigned, kListFormats>& votes) {
  const auto of = [&](ListFormat format) { return votes[static_cast<size_t>(format)]; };
  if (of(ListFormat::kAdblock) > 0) return ListFormat::kAdblock;
  if (of(ListFormat::kRpz) > 0) return ListFormat::kRpz;
  if (of(ListFormat::kDrop) > 0) return ListFormat::kDrop;
  const unsigned plain = of(ListFormat::kDomains) + of(ListFormat::kCidr);
  const auto most = std::max_element(votes.begin(), votes.end());
  if (of(ListFormat::kDomains) > 0 && plain >= *most) return ListFormat::kDomains;
  return static_cast<ListFormat>(most - votes.begin());
}

base::Result<ListFormat> FindJsonFormat(std::string_view text) {
  constexpr std::string_view kKeys[] = {"objects", "Event", "response", "Attribute", "cidr", "asn"};
  std::string_view key = FindJsonKey(text, kKeys);
  if (key.empty()) {
    // The metadata of DROP's JSON lines may come first.
    TakeLine(text);
    if (text.starts_with('{')) key = FindJsonKey(text, kKeys);
  }
  if (key == "objects") return ListFormat::kStix;
  if (key == "cidr" || key == "asn") return ListFormat::kDrop;
  if (!key.empty()) return ListFormat::kMisp;
  return base::Error{
      "it is JSON, but no STIX bundle, no MISP event and no Spamhaus DROP: none of these can be "
      "seen in it"};
}

}  // namespace

base::Result<ListFormat> FindListFormat(std::string_view text) {
  if (const base::Status status = CheckListBytes(text); !status) return status.error();
  text = WithoutByteOrderMark(text);
  const std::string_view begin = text.substr(text.find_first_not_of(" \t\r\n"));
  const size_t second = std::min(begin.find_first_not_of(" \t\r\n[", 1), begin.size() - 1);
  if (begin[0] == '{' || (begin[0] == '[' && (begin[second] == '{' || begin[second] == ']'))) {
    return FindJsonFormat(begin);
  }
  std::array<unsigned, kListFormats> votes{};
  unsigned looked_at = 0;
  std::string unknown;
  while (!text.empty() && looked_at < kEntriesLookedAt) {
    const std::string_view line = Trimmed(TakeLine(text));
    if (IsComment(line)) continue;
    ++looked_at;
    if (line.size() > kListLineBytesMax) continue;
    if (const auto format = FormatOfLine(line)) {
      ++votes[static_cast<size_t>(*format)];
    } else if (unknown.empty()) {
      unknown = Shown(line, ListContent::kShownBytesMax);
    }
  }
  if (looked_at == 0) return base::Error{"it holds nothing but comments"};
  if (std::all_of(votes.begin(), votes.end(), [](unsigned n) { return n == 0; })) {
    return base::Error{"it is no list of a known format" + std::string(kALineOfIt) + "'" + unknown +
                       "'"};
  }
  return Most(votes);
}

std::optional<ListFormat> FindListFormatByName(std::string_view word) {
  for (size_t i = 0; i < kListFormats; ++i) {
    const auto format = static_cast<ListFormat>(i);
    if (ListFormatName(format) == word) return format;
  }
  return std::nullopt;
}

}  // namespace weir::rules

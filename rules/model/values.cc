#include "rules/model/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "dataplane/base/idna.h"
#include "rules/model/parse.h"
#include "rules/model/suggest.h"

namespace weir::rules {
namespace {

constexpr std::string_view kAddressAdvice =
    "an address, a prefix such as 10.0.0.0/8, a range first-last or @set would do";
constexpr std::string_view kPortAdvice = "tcp/443, udp/53 or a range such as tcp/135-139 would do";
constexpr std::string_view kHostAdvice = "a host name such as www.example.com would do";
constexpr std::string_view kSpanAdvice = "a time of day such as 08:00-12:00 would do";
constexpr unsigned kMappedPrefixBits = 96;

struct PortProtocol {
  std::string_view name;
  uint8_t ip_protocol;
};
constexpr PortProtocol kPortProtocols[] = {{"tcp", 6}, {"udp", 17}, {"sctp", 132}};

constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

constexpr std::array<std::string_view, 24> kClauseKeywords = {
    "any",    "host",    "domain", "ip",       "port",   "app",  "category", "keyword",
    "list",   "account", "group",  "mac",      "vlan",   "from", "to",       "except",
    "during", "until",   "class",  "severity", "reason", "id",   "mode",     "src"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameWord(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

bool ParseNumber(std::string_view digits, unsigned last, unsigned& out) {
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return fault == std::errc() && end == digits.data() + digits.size() && out <= last;
}

// "7" or "7-9".
bool ParseNumberRange(std::string_view word, unsigned last, uint16_t& first_out,
                      uint16_t& last_out) {
  const size_t dash = word.find('-');
  unsigned low = 0;
  if (!ParseNumber(word.substr(0, dash), last, low)) return false;
  unsigned high = low;
  if (dash != word.npos && !ParseNumber(word.substr(dash + 1), last, high)) return false;
  first_out = static_cast<uint16_t>(low);
  last_out = static_cast<uint16_t>(high);
  return low <= high;
}

AddressRange RangeOf(const base::IpPrefix& prefix) {
  AddressRange range{prefix.address(), prefix.address()};
  for (unsigned bit = prefix.length_bits(); bit < 128; ++bit) {
    uint8_t& byte = range.last.mutable_bytes()[bit / 8];
    byte = static_cast<uint8_t>(byte | (0x80U >> (bit % 8)));
  }
  return range;
}

// A prefix that is wrong, told apart.
std::string PrefixAdvice(std::string_view word, size_t slash) {
  const auto address = base::IpAddress::Parse(word.substr(0, slash));
  if (!address) return std::string(kAddressAdvice);
  const unsigned family_bits = address->is_v4() ? 32 : 128;
  unsigned length = 0;
  if (!ParseNumber(word.substr(slash + 1), family_bits, length)) {
    return fmt::format("a length of 0 to {} would do", family_bits);
  }
  const base::IpPrefix prefix(*address, length + (address->is_v4() ? kMappedPrefixBits : 0));
  return fmt::format("bits are set behind its length; {} would do", prefix.ToString());
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

// Most names have a letter or a sign that no address has; they need not be read as one.
bool IsAddress(std::string_view word) {
  return word.find_first_not_of("0123456789abcdefABCDEF.:/") == word.npos &&
         base::IpPrefix::Parse(word).ok();
}

// "https://www.example.com/path" and the like: the name alone.
std::string UrlAdvice(std::string_view word) {
  const size_t scheme = word.find("://");
  if (scheme != word.npos) word.remove_prefix(scheme + 3);
  word = word.substr(0, word.find_first_of("/:?#"));
  return word.empty() ? std::string(kHostAdvice)
                      : fmt::format("the name alone, '{}', would do", word);
}

bool ParseMinute(std::string_view word, uint16_t& out) {
  if (word.size() != 5 || word[2] != ':') return false;
  unsigned hour = 0;
  unsigned minute = 0;
  if (!ParseNumber(word.substr(0, 2), 24, hour) || !ParseNumber(word.substr(3), 59, minute)) {
    return false;
  }
  out = static_cast<uint16_t>(hour * 60 + minute);
  return out <= 1440;
}

}  // namespace

std::span<const std::string_view> ClauseKeywords() { return kClauseKeywords; }

bool IsClauseKeyword(std::string_view word) {
  constexpr auto kLongest = std::ranges::max(kClauseKeywords, {}, &std::string_view::size);
  return word.size() <= kLongest.size() &&
         std::find(kClauseKeywords.begin(), kClauseKeywords.end(), word) != kClauseKeywords.end();
}

std::string_view PortProtocolName(uint8_t ip_protocol) {
  for (const PortProtocol& protocol : kPortProtocols) {
    if (protocol.ip_protocol == ip_protocol) return protocol.name;
  }
  return "";
}

std::string_view DayName(unsigned day) { return kDays[day]; }

std::string ParseAddressRange(std::string_view word, AddressRange& out) {
  const size_t dash = word.find('-');
  if (dash != word.npos) {
    const auto first = base::IpAddress::Parse(word.substr(0, dash));
    const auto last = base::IpAddress::Parse(word.substr(dash + 1));
    if (!first || !last) return std::string(kAddressAdvice);
    if (first->is_v4() != last->is_v4()) return "two addresses of one family would do";
    if (*last < *first) return fmt::format("{}-{} would do", last->ToString(), first->ToString());
    out = {*first, *last};
    return "";
  }
  const auto prefix = base::IpPrefix::Parse(word);
  if (prefix) {
    out = RangeOf(*prefix);
    return "";
  }
  const size_t slash = word.find('/');
  return slash == word.npos ? std::string(kAddressAdvice) : PrefixAdvice(word, slash);
}

std::string ParseAddressItem(std::string_view word, AddressItem& out) {
  if (!word.starts_with('@')) {
    out.kind = AddressItem::Kind::kRange;
    return ParseAddressRange(word, out.range);
  }
  out.kind = AddressItem::Kind::kSet;
  out.set = word.substr(1);
  return CheckIdentifier(out.set, false);
}

std::string ParseEndpointItem(std::string_view word, AddressItem& out) {
  constexpr std::string_view kSides[] = {"inside", "outside"};
  if (word == kSides[0] || word == kSides[1]) {
    out.kind = word == kSides[0] ? AddressItem::Kind::kInside : AddressItem::Kind::kOutside;
    return "";
  }
  const std::string advice = ParseAddressItem(word, out);
  if (advice.empty() || word.starts_with('@') || word.find_first_of("./:") != word.npos) {
    return advice;
  }
  return Advice(word, kSides, "inside, outside, an address, a prefix, a range or @set would do");
}

std::string ParsePort(std::string_view word, PortItem& out) {
  const size_t slash = word.find('/');
  if (slash == word.npos) {
    const bool number = ParseNumberRange(word, 65535, out.first, out.last);
    return number ? fmt::format("tcp/{0} or udp/{0} would do", word) : std::string(kPortAdvice);
  }
  const std::string_view name = word.substr(0, slash);
  for (const PortProtocol& protocol : kPortProtocols) {
    if (SameWord(name, protocol.name)) out.ip_protocol = protocol.ip_protocol;
  }
  if (out.ip_protocol == 0) return "tcp, udp or sctp before the slash would do";
  if (!ParseNumberRange(word.substr(slash + 1), 65535, out.first, out.last)) {
    return "a port of 0 to 65535, or a rising range of them, behind the slash would do";
  }
  return "";
}

std::string ParseVlan(std::string_view word, VlanItem& out) {
  return ParseNumberRange(word, 4094, out.first, out.last)
             ? ""
             : "an identifier of 0 to 4094, or a rising range of them, would do";
}

std::string ParseMac(std::string_view word, base::MacAddress& out) {
  const auto mac = base::MacAddress::Parse(word);
  if (!mac) return "an address such as 02:00:5e:10:00:01 would do";
  out = *mac;
  return "";
}

std::string ParseHostName(std::string_view word, std::string& out) {
  if (IsAddress(word)) return fmt::format("'ip {}' would do", word);
  if (word.starts_with("*.")) {
    return fmt::format("'domain {}', the name and all below it, would do", word.substr(2));
  }
  if (word.find_first_of("/:?") != word.npos) return UrlAdvice(word);
  base::HostBuffer buffer;
  const base::NormalHost normal = base::NormaliseHost(word, buffer);
  if (!normal.ok()) {
    return fmt::format("{}; {}", base::HostFaultText(normal.fault), kHostAdvice);
  }
  const auto odd = std::find_if_not(normal.name.begin(), normal.name.end(), IsNameByte);
  if (odd != normal.name.end()) {
    return fmt::format("a host name has no '{}' in it; {}", *odd, kHostAdvice);
  }
  if (IsAddress(normal.name)) return fmt::format("'ip {}' would do", normal.name);
  out = normal.name;
  return "";
}

std::string ParseSeverity(std::string_view word, Severity& out) {
  constexpr std::string_view kWords[] = {"info", "low", "medium", "high", "critical"};
  for (size_t i = 0; i < std::size(kWords); ++i) {
    if (word != kWords[i]) continue;
    out = static_cast<Severity>(i + 1);
    return "";
  }
  return Advice(word, kWords, "info, low, medium, high or critical would do");
}

std::string ParseMode(std::string_view word, Mode& out) {
  constexpr std::string_view kWords[] = {"monitor", "enforce"};
  const std::optional<Mode> mode = FindMode(word);
  if (!mode) return Advice(word, kWords, "monitor or enforce would do");
  out = *mode;
  return "";
}

std::string ParseKeywordField(std::string_view word, KeywordField& out) {
  constexpr std::array kFields = {KeywordField::kName, KeywordField::kHttpHost,
                                  KeywordField::kHttpUrl, KeywordField::kHttpHeader,
                                  KeywordField::kHttpBody};
  std::array<std::string_view, kFields.size()> words;
  for (size_t i = 0; i < kFields.size(); ++i) {
    words[i] = KeywordFieldName(kFields[i]);
    if (word != words[i]) continue;
    out = kFields[i];
    return "";
  }
  return Advice(word, words, "name, http.host, http.url, http.header or http.body would do");
}

std::string ParseDays(std::string_view word, uint8_t& out) {
  const size_t dash = word.find('-');
  const auto find = [](std::string_view name) {
    return std::find_if(kDays.begin(), kDays.end(),
                        [&](std::string_view day) { return SameWord(name, day); }) -
           kDays.begin();
  };
  const auto first = static_cast<unsigned>(find(word.substr(0, dash)));
  const auto last = dash == word.npos ? first : static_cast<unsigned>(find(word.substr(dash + 1)));
  if (first == kDays.size() || last == kDays.size()) {
    return "days such as Mon-Fri, or a time of day such as 08:00-12:00, would do";
  }
  out = 0;
  for (unsigned day = first;; day = (day + 1) % 7) {
    out = static_cast<uint8_t>(out | (1U << day));
    if (day == last) return "";
  }
}

std::string ParseMinutes(std::string_view word, TimeSpan& out) {
  const size_t dash = word.find('-');
  if (dash == word.npos) return std::string(kSpanAdvice);
  if (!ParseMinute(word.substr(0, dash), out.first_minute) || out.first_minute == 1440 ||
      !ParseMinute(word.substr(dash + 1), out.last_minute)) {
    return std::string(kSpanAdvice);
  }
  if (out.first_minute == out.last_minute) return "00:00-24:00, for the whole day, would do";
  if (out.last_minute == 0) out.last_minute = 1440;
  return "";
}

std::string CheckIdentifier(std::string_view word, bool is_rule_id) {
  const auto fits = [&](char c) {
    const char lower = Lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (is_rule_id && (c == '.' || c == ':'));
  };
  if (word.empty() || word.size() > kIdentifierBytesMax ||
      !std::all_of(word.begin(), word.end(), fits)) {
    return fmt::format("up to {} letters, digits, - and _{} would do", kIdentifierBytesMax,
                       is_rule_id ? ", . and :" : "");
  }
  return "";
}

}  // namespace weir::rules

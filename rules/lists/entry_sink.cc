#include "rules/lists/entry_sink.h"

#include <algorithm>

#include "rules/lists/adblock_exceptions.h"
#include "rules/lists/line_text.h"
#include "rules/model/values.h"

namespace weir::rules {
namespace {

enum CharKind : uint8_t { kOther, kInLabel, kDot };

constexpr std::array<uint8_t, 256> MakeCharKinds() {
  std::array<uint8_t, 256> kinds{};
  for (unsigned c = 'a'; c <= 'z'; ++c) kinds[c] = kInLabel;
  for (unsigned c = '0'; c <= '9'; ++c) kinds[c] = kInLabel;
  kinds['-'] = kinds['_'] = kInLabel;
  kinds['.'] = kDot;
  return kinds;
}
constexpr std::array<uint8_t, 256> kCharKinds = MakeCharKinds();

// Nearly every name of a list is in its one form already; NormaliseHost takes far longer to say so.
bool IsOneForm(std::string_view host) {
  size_t label = 0;
  for (const char c : host) {
    const uint8_t kind = kCharKinds[static_cast<unsigned char>(c)];
    if (kind == kInLabel) {
      if (++label > base::kLabelBytesMax) return false;
    } else {
      if (kind != kDot || label == 0) return false;
      label = 0;
    }
  }
  return label > 0 && host.size() <= base::kHostBytesMax;
}

bool IsSingleLabel(std::string_view name) { return name.find('.') == name.npos; }

bool LastLabelIsNumber(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  return std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsLocalName(std::string_view name) {
  constexpr std::string_view kNames[] = {
      "localhost",     "localhost.localdomain",
      "localhost4",    "localhost4.localdomain4",
      "localhost6",    "localhost6.localdomain6",
      "local",         "broadcasthost",
      "ip6-localhost", "ip6-loopback",
      "ip6-localnet",  "ip6-mcastprefix",
      "ip6-allnodes",  "ip6-allrouters",
      "ip6-allhosts",  "0.0.0.0",
      "127.0.0.1",
  };
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

AddressRange RangeOf(std::string_view text) {
  AddressRange range;
  ParseAddressRange(text, range);
  return range;
}

// ParseAddressRange, but of an IPv4 address in the clothes of IPv6, and of text that is no address
// by its length alone.
bool ParseRange(std::string_view word, AddressRange& out) {
  constexpr size_t kBytesMax = 2 * 45 + 1;  // two IPv6 addresses with an IPv4 tail, and a dash
  if (word.size() > kBytesMax || !LooksLikeAddress(word)) return false;
  const bool colon = word.find(':') != word.npos;
  return ParseAddressRange(word, out).empty() && !(colon && out.first.is_v4());
}

}  // namespace

std::string_view OneForm(std::string_view host, base::HostBuffer& buffer) {
  if (!IsOneForm(host)) {
    host = base::NormaliseHost(host, buffer).name;
    if (!IsOneForm(host)) return {};
  }
  return LastLabelIsNumber(host) ? std::string_view() : host;
}

bool IsLocalRange(const AddressRange& range) {
  static const AddressRange kTouched[] = {
      RangeOf("0.0.0.0/8"),       RangeOf("127.0.0.0/8"), RangeOf("169.254.0.0/16"),
      RangeOf("224.0.0.0/4"),     RangeOf("::/127"),      RangeOf("fe80::/10"),
      RangeOf("255.255.255.255"), RangeOf("ff00::/8"),
  };
  static const AddressRange kGlobalUnicast = RangeOf("2000::/3");
  const auto touches = [&](const AddressRange& local) {
    return local.first.is_v4() == range.first.is_v4() && local.first <= range.last &&
           range.first <= local.last;
  };
  return std::any_of(std::begin(kTouched), std::end(kTouched), touches) ||
         (range.first <= kGlobalUnicast.first && kGlobalUnicast.last <= range.last);
}

void EntrySink::Skip(SkipReason reason) {
  const bool shown = content_.skipped(reason).first.size() < ListContent::Skipped::kShownMax;
  content_.Skip(reason, line_, shown ? Shown(text_, ListContent::kShownBytesMax) : std::string());
}

bool EntrySink::HasRoom() {
  full_ = full_ || content_.entry_count() >= kListLinesMax;
  return !full_;
}

void EntrySink::AddName(std::string_view host, NameReach reach, NameMark mark) {
  if (!HasRoom()) return;
  const std::string_view name = OneForm(host, buffer_);
  // Hosts files have "0.0.0.0" among their names.
  if (name.empty()) return Skip(IsLocalName(host) ? SkipReason::kLocal : SkipReason::kBadName);
  if (IsLocalName(name)) return Skip(SkipReason::kLocal);
  // A whole top-level domain is blocked by nobody on purpose.
  if (reach != NameReach::kExact && IsSingleLabel(name)) return Skip(SkipReason::kUnsupported);
  if (exceptions_ != nullptr && exceptions_->Overrule(name, mark)) {
    return Skip(SkipReason::kExpired);
  }
  content_.AddName({name, reach, mark.pass, line_});
}

void EntrySink::AddRange(std::string_view word) {
  if (!HasRoom()) return;
  AddressRange range;
  if (!ParseRange(word, range)) return Skip(SkipReason::kBadAddress);
  if (IsLocalRange(range)) return Skip(SkipReason::kLocal);
  content_.ranges.push_back({range, line_});
}

void EntrySink::AddEndpoint(std::string_view address, std::span<const uint8_t> ip_protocols,
                            unsigned port) {
  constexpr unsigned kPortMax = 65535;
  AddressRange range;
  if (port == 0 || port > kPortMax || !ParseRange(address, range)) {
    return Skip(SkipReason::kBadAddress);
  }
  if (range.first != range.last) return Skip(SkipReason::kUnsupported);
  if (IsLocalRange(range)) return Skip(SkipReason::kLocal);
  for (const uint8_t ip_protocol : ip_protocols) {
    if (!HasRoom()) return;
    content_.endpoints.push_back({range.first, ip_protocol, static_cast<uint16_t>(port), line_});
  }
}

}  // namespace weir::rules

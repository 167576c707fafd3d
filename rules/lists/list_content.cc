#include "rules/lists/list_content.h"

#include <algorithm>

namespace weir::rules {

std::string_view ListFormatName(ListFormat format) {
  switch (format) {
    case ListFormat::kHosts:
      return "hosts";
    case ListFormat::kDomains:
      return "domains";
    case ListFormat::kAdblock:
      return "adblock";
    case ListFormat::kRpz:
      return "rpz";
    case ListFormat::kCidr:
      return "cidr";
    case ListFormat::kIpset:
      return "ipset";
    case ListFormat::kDrop:
      return "drop";
    case ListFormat::kUrlhaus:
      return "urlhaus";
    case ListFormat::kThreatfox:
      return "threatfox";
    case ListFormat::kStix:
      return "stix";
    case ListFormat::kMisp:
      return "misp";
    case ListFormat::kSuricata:
      return "suricata";
  }
  return "";
}

std::string_view SkipReasonName(SkipReason reason) {
  switch (reason) {
    case SkipReason::kNotUnderstood:
      return "not_understood";
    case SkipReason::kBadName:
      return "bad_name";
    case SkipReason::kBadAddress:
      return "bad_address";
    case SkipReason::kUnsupported:
      return "unsupported";
    case SkipReason::kConditional:
      return "conditional";
    case SkipReason::kLocal:
      return "local";
    case SkipReason::kExpired:
      return "expired";
    case SkipReason::kCount:
      break;
  }
  return "";
}

void ListContent::AddName(const ListName& name) {
  const uint32_t step = name.line - last_line_;
  const bool is_long = step >= kLongStep;
  const auto head = static_cast<unsigned>(name.reach) | (name.pass ? kPassBit : 0U) |
                    (is_long ? kLongStep : step) << kStepShift;
  names_.push_back(static_cast<char>(head));
  if (is_long) {
    for (const unsigned shift : {16U, 8U, 0U}) names_.push_back(static_cast<char>(step >> shift));
  }
  names_.push_back(static_cast<char>(name.name.size()));
  names_ += name.name;
  last_line_ = name.line;
  ++name_count_;
}

void ListContent::Skip(SkipReason reason, uint32_t line, std::string_view text) {
  Skipped& skipped = skipped_[static_cast<size_t>(reason)];
  ++skipped.count;
  if (skipped.first.size() == Skipped::kShownMax) return;
  std::string shown(text.substr(0, kShownBytesMax));
  std::erase_if(shown, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
  skipped.first.push_back({line, std::move(shown)});
}

void ListContent::ShrinkToFit() {
  names_.shrink_to_fit();
  ranges.shrink_to_fit();
  endpoints.shrink_to_fit();
}

uint64_t ListContent::skipped_count() const {
  uint64_t count = 0;
  for (const Skipped& skipped : skipped_) count += skipped.count;
  return count;
}

size_t ListContent::memory_bytes() const {
  return sizeof *this + names_.capacity() + ranges.capacity() * sizeof(ListRange) +
         endpoints.capacity() * sizeof(ListEndpoint);
}

}  // namespace weir::rules

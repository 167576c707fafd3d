// MISP events: https://www.misp-standard.org/rfc/misp-standard-core.html
#include "rules/lists/json_formats.h"
#include "rules/lists/json_records.h"
#include "rules/lists/line_text.h"
#include "rules/lists/url_host.h"

namespace weir::rules {
namespace {

constexpr JsonPlace kElement = 2, kEvent = 3, kResponse = 4, kObjects = 5, kObject = 6,
                    kAttributes = 7, kAttribute = 8;
// An event by itself, a list of them, what a search answers, and a search for attributes.
constexpr JsonStep kSteps[] = {
    {kJsonRoot, "", kElement},
    {kJsonRoot, "Event", kEvent},
    {kJsonRoot, "response", kResponse},
    {kJsonRoot, "Attribute", kAttributes},
    {kElement, "Event", kEvent},
    {kResponse, "", kElement},
    {kResponse, "Event", kEvent},
    {kResponse, "Attribute", kAttributes},
    {kEvent, "Attribute", kAttributes},
    {kEvent, "Object", kObjects},
    {kObjects, "", kObject},
    {kObject, "Attribute", kAttributes},
    {kAttributes, "", kAttribute},
};
enum Field : size_t { kType, kValue, kToIds, kDeleted };
constexpr std::string_view kFields[] = {"type", "value", "to_ids", "deleted"};
constexpr JsonShape kShape = {kSteps, kFields, kAttribute};

bool IsTrue(std::string_view value) { return value == "true" || value == "1"; }

// "192.0.2.1|443"; which protocol is not said.
void AddAddressAndPort(std::string_view value, EntrySink& sink) {
  const size_t bar = value.find('|');
  unsigned port = 0;
  if (bar == value.npos || !ParseNumber(Trimmed(value.substr(bar + 1)), port)) {
    return sink.Skip(SkipReason::kBadAddress);
  }
  sink.AddEndpoint(Before(value, '|'), kTcpAndUdp, port);
}

// A `domain` is what was registered, and stands for all below it; a `hostname` is one host.
void ReadAttribute(JsonRecord attribute, EntrySink& sink) {
  const std::string_view type = attribute[kType];
  const std::string_view value = Trimmed(attribute[kValue]);
  if (IsTrue(attribute[kDeleted])) return sink.Skip(SkipReason::kExpired);
  if (!attribute[kToIds].empty() && !IsTrue(attribute[kToIds])) {
    return sink.Skip(SkipReason::kConditional);
  }
  if (type == "domain") {
    sink.AddName(value, NameReach::kDomain);
  } else if (type == "hostname") {
    sink.AddName(value, NameReach::kExact);
  } else if (type == "hostname|port") {
    sink.AddName(Before(value, '|'), NameReach::kExact);
  } else if (type == "domain|ip") {
    sink.AddName(Before(value, '|'), NameReach::kDomain);
    const size_t bar = value.find('|');
    sink.AddRange(bar == value.npos ? std::string_view() : Trimmed(value.substr(bar + 1)));
  } else if (type == "ip-src" || type == "ip-dst") {
    sink.AddRange(value);
  } else if (type == "ip-dst|port") {
    AddAddressAndPort(value, sink);
  } else if (type == "url") {
    AddUrlHost(value, sink);
  } else {
    sink.Skip(type.empty() ? SkipReason::kNotUnderstood : SkipReason::kUnsupported);
  }
}

}  // namespace

base::Result<uint64_t> ReadMisp(std::string_view text, EntrySink& sink) {
  uint64_t attributes = 0;
  const auto take = [&](JsonRecord attribute) {
    if (++attributes > kListLinesMax || sink.full()) return false;
    const std::string shown = attribute[kType] + ' ' + attribute[kValue];
    sink.At(static_cast<uint32_t>(attributes), Trimmed(shown));
    ReadAttribute(attribute, sink);
    return true;
  };
  const base::Status status = ReadJsonRecords(text, kShape, take);
  if (!status) return status.error();
  return attributes;
}

}  // namespace weir::rules

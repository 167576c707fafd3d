// STIX 2.1 bundles: https://docs.oasis-open.org/cti/stix/v2.1/
#include "rules/lists/json_formats.h"
#include "rules/lists/json_records.h"
#include "rules/lists/line_text.h"
#include "rules/lists/stix_pattern.h"

namespace weir::rules {
namespace {

constexpr JsonPlace kObjects = 2, kObject = 3;
constexpr JsonStep kSteps[] = {{kJsonRoot, "objects", kObjects}, {kObjects, "", kObject}};
enum Field : size_t {
  kType,
  kPattern,
  kPatternType,
  kValidUntil,
  kRevoked,
  kIndicatorTypes,
  kName
};
constexpr std::string_view kFields[] = {"type",    "pattern",         "pattern_type", "valid_until",
                                        "revoked", "indicator_types", "name"};
constexpr JsonShape kShape = {kSteps, kFields, kObject};

bool HasExpired(JsonRecord indicator, base::WallTime now) {
  if (indicator[kRevoked] == "true") return true;
  const auto until = base::ParseRfc3339(indicator[kValidUntil]);
  return until.ok() && *until <= now;
}

void ReadIndicator(JsonRecord indicator, uint32_t place, EntrySink& sink) {
  const std::string& pattern = indicator[kPattern];
  sink.At(place, pattern.empty() ? indicator[kName] : pattern);
  if (HasExpired(indicator, sink.now())) return sink.Skip(SkipReason::kExpired);
  const std::string& language = indicator[kPatternType];
  // An indicator of what is harmless (§10.5, "benign") blocks nothing.
  if ((!language.empty() && language != "stix") || indicator[kIndicatorTypes] == "benign,") {
    return sink.Skip(SkipReason::kUnsupported);
  }
  AddStixPattern(pattern, sink);
}

}  // namespace

base::Result<uint64_t> ReadStix(std::string_view text, EntrySink& sink) {
  uint64_t objects = 0;
  const auto take = [&](JsonRecord object) {
    if (++objects > kListLinesMax || sink.full()) return false;
    if (object[kType] == "indicator") ReadIndicator(object, static_cast<uint32_t>(objects), sink);
    return true;
  };
  const base::Status status = ReadJsonRecords(text, kShape, take);
  if (!status) return status.error();
  return objects;
}

}  // namespace weir::rules

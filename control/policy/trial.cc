#include "control/policy/trial.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "control/policy/json_fields.h"

namespace weir::control::policy {
namespace {

using nlohmann::json;

constexpr std::array kCounts{"same",           "other_rule",  "open",
                             "not_reproduced", "undecodable", "changes_left_out"};

std::string ToHex(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

json MostFrequent(const std::map<std::string, uint64_t>& places) {
  std::vector<std::pair<std::string, uint64_t>> sorted(places.begin(), places.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (sorted.size() > kTrialPlacesShownMax) sorted.resize(kTrialPlacesShownMax);
  json list = json::array();
  for (const auto& [place, count] : sorted) list.push_back({{"what", place}, {"count", count}});
  return list;
}

}  // namespace

void TrialReport::Merge(const json& report) {
  looked_at_ += JsonCount(report, "looked_at");
  for (const char* name : kCounts) counts_[name] += JsonCount(report, name);
  const json& changes = JsonMember(report, "changes");
  if (!changes.is_array()) return;
  for (const json& change : changes) MergeChange(change);
}

void TrialReport::MergeChange(const json& change) {
  Key key{JsonText(change, "from"), JsonText(change, "to"), JsonText(change, "rule_before"),
          JsonText(change, "rule")};
  const uint64_t count = JsonCount(change, "count");
  if (changes_.size() == kTrialGroupsMax && !changes_.contains(key)) {
    counts_["changes_left_out"] += count;
    return;
  }
  Group& group = changes_[std::move(key)];
  group.count += count;
  const json& places = JsonMember(change, "places");
  if (!places.is_object()) return;
  for (const auto& [place, times] : places.items()) {
    if (group.places.size() == kTrialPlacesMax && !group.places.contains(place)) continue;
    group.places[place] += times.is_number_unsigned() ? times.get<uint64_t>() : 0;
  }
}

json TrialReport::ToJson() const {
  json object{{"looked_at", looked_at_}};
  for (const char* name : kCounts) {
    const auto count = counts_.find(name);
    object[name] = count == counts_.end() ? 0 : count->second;
  }
  std::vector<std::pair<Key, const Group*>> sorted;
  for (const auto& [key, group] : changes_) sorted.emplace_back(key, &group);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second->count > b.second->count; });
  object["changes"] = json::array();
  for (const auto& [key, group] : sorted) {
    const auto& [from, to, rule_before, rule] = key;
    object["changes"].push_back({{"from", from},
                                 {"to", to},
                                 {"rule_before", rule_before},
                                 {"rule", rule},
                                 {"count", group->count},
                                 {"places", MostFrequent(group->places)}});
  }
  return object;
}

base::Result<Trial> Trial::Begin(const DataplaneClient& dataplane, const RuleSources& sources,
                                 rules::Mode mode) {
  json request{{"cmd", "policy.try"}, {"mode", rules::ModeName(mode)}, {"sources", json::array()}};
  for (const rules::PolicySource& source : sources) {
    request["sources"].push_back({{"name", source.name}, {"text", source.text}});
  }
  const DataplaneReply reply = dataplane.Call(request);
  if (!reply.ok()) return base::Error{reply.error};
  Trial trial(dataplane, JsonCount(reply.body, "trial"));
  const json& live = JsonMember(reply.body, "live");
  trial.live_total_ = JsonCount(live, "total");
  trial.live_.Merge(live);
  return trial;
}

base::Status Trial::Add(const events::SessionEvent& session) {
  std::array<uint8_t, events::kEncodedBytesMax> bytes;
  const size_t count = events::Encode(session, bytes);
  batch_.push_back(ToHex(std::span(bytes).first(count)));
  return batch_.size() < kTrialBatch ? base::Status() : Flush();
}

base::Status Trial::Flush() {
  if (batch_.empty()) return {};
  const DataplaneReply reply = dataplane_->Call(
      {{"cmd", "policy.judge"}, {"trial", number_}, {"sessions", std::exchange(batch_, {})}});
  if (!reply.ok()) return base::Error{reply.error};
  past_.Merge(reply.body);
  return {};
}

}  // namespace weir::control::policy

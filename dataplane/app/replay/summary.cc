#include "dataplane/app/replay/summary.h"

#include <nlohmann/json.hpp>

#include "dataplane/pipeline/coverage.h"
#include "dataplane/pipeline/lease_stage.h"

namespace weir::replay {
namespace {

using Json = nlohmann::ordered_json;
using packet::DropReason;
using packet::ParseNote;

uint64_t DroppedPackets(const pipeline::Counters& counters) {
  uint64_t sum = 0;
  for (const pipeline::Counter& counter : counters.dropped) sum += counter.value();
  return sum;
}

// Packets that belong to no session, by reason; with those in sessions they make rx_packets.
Json WithoutSession(const pipeline::Counters& counters) {
  const auto parsed = [&](ParseNote note) {
    return counters.parsed[static_cast<size_t>(note)].value();
  };
  Json json;
  json["not_ip"] = parsed(ParseNote::kNotIp);
  json["truncated_ip"] = parsed(ParseNote::kTruncatedIp);
  json["neighbor_discovery"] = parsed(ParseNote::kNeighborDiscovery);
  json["table_full"] = counters.flows_refused.value();
  return json;
}

Json ByReason(const pipeline::Counters& counters) {
  Json dropped = Json::object();
  for (size_t reason = 1; reason < counters.dropped.size(); ++reason) {
    dropped[packet::DropReasonName(static_cast<DropReason>(reason))] =
        counters.dropped[reason].value();
  }
  Json parsed = Json::object();
  for (size_t note = 0; note < counters.parsed.size(); ++note) {
    parsed[packet::ParseNoteName(static_cast<ParseNote>(note))] = counters.parsed[note].value();
  }
  Json withheld = Json::object();
  for (size_t reason = 0; reason < counters.responses_withheld.size(); ++reason) {
    withheld[respond::WithheldName(static_cast<respond::Withheld>(reason))] =
        counters.responses_withheld[reason].value();
  }
  return {{"dropped", dropped},
          {"parsed", parsed},
          {"without_session", WithoutSession(counters)},
          {"withheld", withheld}};
}

Json Fragments(const pipeline::Counters& counters) {
  Json json = Json::object();
  for (size_t event = 0; event < counters.fragments.size(); ++event) {
    json[fragments::EventName(static_cast<fragments::Event>(event))] =
        counters.fragments[event].value();
  }
  return json;
}

Json Classifier(const classify::NdpiClassifier& classifier) {
  const classify::ClassifierCounters& counters = classifier.counters();
  const classify::NdpiCounters ndpi = classifier.ndpi_counters();
  return {{"packets", counters.packets},       {"labels_final", counters.labels_final},
          {"pool_empty", counters.pool_empty}, {"packets_skipped", ndpi.packets_skipped},
          {"slot_bytes", ndpi.slot_bytes},     {"heap_bytes_max", ndpi.heap_bytes_max},
          {"heap_refused", ndpi.heap_refused}};
}

Json Listed(const pipeline::NamedCounts& counts) {
  Json json = Json::object();
  for (const auto& [name, count] : counts) json[std::string(name)] = count;
  return json;
}

Json Worker(const Lane& lane) {
  const pipeline::Counters& counters = lane.pipeline().counters();
  const flow::TableCounters& flows = lane.pipeline().flow_counters();
  Json json;
  json["rx_packets"] = counters.rx_packets.value();
  json["tx_packets"] = counters.forwarded_packets.value() + counters.responses.value();
  json["forwarded_packets"] = counters.forwarded_packets.value();
  json["dropped_packets"] = DroppedPackets(counters);
  json["rx_bytes"] = counters.rx_bytes.value();
  json["flows_created"] = flows.created.value();
  json["flows_expired"] = flows.expired.value();
  json["flows_evicted"] = flows.evicted.value();
  json["sessions_recorded"] = counters.sessions_recorded.value();
  json["events_lost"] = lane.keeper().undecodable();
  json["responses"] = counters.responses.value();
  json["responses_withheld"] = counters.responses_withheld_total();
  json["names_found"] = counters.names_found.value();
  json["findings"] = counters.findings.value();
  json["tunnelled_packets"] = counters.tunnelled.value();
  json["short_way_packets"] = counters.short_way.value();
  json["too_deep_packets"] = counters.too_deep.value();
  json["fragments"] = Fragments(counters);
  json["by_reason"] = ByReason(counters);
  json["coverage"] = Listed(pipeline::CoverageCounts(counters));
  json["streams"] = Listed(pipeline::StreamCounts(counters));
  json["dhcp"] = Listed(pipeline::LeaseCounts(counters));
  json["classifier"] = Classifier(lane.classifier());
  return json;
}

// Numbers add up, objects member by member.
void Add(Json& total, const Json& more) {
  for (const auto& [key, value] : more.items()) {
    if (value.is_object()) {
      if (!total.contains(key)) total[key] = Json::object();
      Add(total[key], value);
    } else {
      total[key] = total.value(key, uint64_t{0}) + value.get<uint64_t>();
    }
  }
}

Json Rules(const rules::CompiledPolicy& policy) {
  Json rules = Json::array();
  for (uint32_t rule = 0; rule < policy.rule_count(); ++rule) {
    rules.push_back({{"id", policy.info(rule).id}, {"hits", policy.hits(rule)}});
  }
  return rules;
}

Json Inputs(const Replay& replay) {
  Json inputs = Json::array();
  for (const InputReport& input : replay.inputs()) {
    inputs.push_back({{"file", input.file},
                      {"link_type", input.link_type},
                      {"records", input.records},
                      {"error", input.error.empty() ? Json() : Json(input.error)},
                      {"cut_short", input.cut_short}});
  }
  return inputs;
}

}  // namespace

std::string SummaryJson(const Replay& replay, double elapsed_s) {
  Json workers = Json::array();
  Json total = Json::object();
  for (const auto& lane : replay.lanes()) {
    workers.push_back(Worker(*lane));
    Add(total, workers.back());
  }
  Json json;
  json["elapsed_s"] = elapsed_s;
  json["packets_per_second"] =
      elapsed_s > 0 ? static_cast<double>(total["rx_packets"].get<uint64_t>()) / elapsed_s : 0.0;
  json["policy_version"] = replay.policy().last().version();
  json.update(total);
  // A size, the same for every worker.
  json["classifier"]["slot_bytes"] = workers.front()["classifier"]["slot_bytes"];
  json["records_back_in_time"] = replay.clock().records_back_in_time();
  json["rules"] = Rules(replay.policy().last());
  json["inputs"] = Inputs(replay);
  json["workers"] = std::move(workers);
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir::replay

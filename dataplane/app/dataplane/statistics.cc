#include "dataplane/app/dataplane/statistics.h"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/pipeline/lease_stage.h"
#include "rules/model/policy_text.h"

namespace weir::appliance {
namespace {

Json ByClass(const events::LossClassCounts& counts) {
  Json json = Json::object();
  for (size_t i = 0; i < counts.size(); ++i) {
    json[std::string(events::LossClassName(events::LossClass{static_cast<uint8_t>(i)}))] =
        counts[i];
  }
  return json;
}

Json ByReason(const Traffic& traffic) {
  Json json = Json::object();
  for (size_t reason = 1; reason < traffic.dropped.size(); ++reason) {
    json[std::string(packet::DropReasonName(static_cast<packet::DropReason>(reason)))] =
        traffic.dropped[reason];
  }
  json["unreadable"] = traffic.unreadable;
  json["worker_full"] = traffic.worker_full;
  return json;
}

Json Withheld(const pipeline::Counters& counters) {
  Json json = Json::object();
  for (size_t reason = 0; reason < counters.responses_withheld.size(); ++reason) {
    json[std::string(respond::WithheldName(static_cast<respond::Withheld>(reason)))] =
        counters.responses_withheld[reason].value();
  }
  return json;
}

Json FragmentEvents(const pipeline::Counters& counters) {
  Json json = Json::object();
  for (size_t event = 0; event < counters.fragments.size(); ++event) {
    json[std::string(fragments::EventName(static_cast<fragments::Event>(event)))] =
        counters.fragments[event].value();
  }
  return json;
}

// Numbers add up, objects member by member.
void Add(Json& total, const Json& more) {
  if (total.is_null()) total = Json::object();
  for (const auto& [key, value] : more.items()) {
    if (value.is_object()) {
      Add(total[key], value);
    } else {
      total[key] = total.value(key, uint64_t{0}) + value.get<uint64_t>();
    }
  }
}

double Seconds(int64_t ns) {
  return static_cast<double>(ns) / static_cast<double>(base::kNsPerSecond);
}

}  // namespace

uint64_t Traffic::dropped_packets() const {
  uint64_t total = unreadable + worker_full;
  for (const uint64_t count : dropped) total += count;
  return total;
}

Traffic TrafficOf(const Worker& worker) {
  const pipeline::Counters& counters = worker.packets();
  const port::PortTotals ports = worker.ports();
  const uint64_t unsent = ports.unsent_packets;
  Traffic traffic;
  traffic.rx_packets = ports.received_packets;
  traffic.rx_bytes = ports.received_bytes;
  traffic.unreadable = ports.refused_packets;
  traffic.worker_full = ports.worker_full_packets;
  for (size_t reason = 0; reason < traffic.dropped.size(); ++reason) {
    traffic.dropped[reason] = counters.dropped[reason].value();
  }
  // The pipeline has counted these as forwarded: the port then did not take them.
  traffic.forwarded_packets =
      counters.forwarded_packets.value() - std::min(counters.forwarded_packets.value(), unsent);
  traffic.dropped[static_cast<size_t>(packet::DropReason::kTransmit)] += unsent;
  traffic.tx_packets = ports.sent_packets + ports.frames_made;
  return traffic;
}

Statistics::Statistics(Sources sources)
    : sources_(std::move(sources)), busy_(sources_.workers.size()) {}

void Statistics::Sample(base::MonoTime now) {
  if (now.ns - sampled_at_.ns < base::kNsPerSecond) return;
  sampled_at_ = now;
  for (size_t i = 0; i < busy_.size(); ++i) {
    const WorkerCounters& counters = sources_.workers[i]->counters();
    BusySample& sample = busy_[i];
    const uint64_t total_cycles = counters.total_cycles.value();
    const uint64_t busy_cycles = counters.busy_cycles.value();
    const uint64_t total = total_cycles - sample.total_cycles;
    const uint64_t busy = busy_cycles - sample.busy_cycles;
    if (total > 0) {
      sample.ratio = std::min(1.0, static_cast<double>(busy) / static_cast<double>(total));
    }
    sample.busy_cycles = busy_cycles;
    sample.total_cycles = total_cycles;
  }
}

Json Statistics::Policy() const {
  const PolicyState& state = sources_.policy->state();
  return {{"version", state.version},
          {"installed", base::FormatRfc3339(state.installed)},
          {"rules", state.rules},
          {"mode", rules::ModeName(state.mode)},
          {"digest", state.digest},
          {"memory_bytes", state.memory_bytes},
          {"list_bytes", sources_.policy->list_bytes()},
          {"lists", Lists(state.lists)}};
}

Json Statistics::Lists(const std::vector<rules::PolicyList>& lists) {
  Json json = Json::array();
  for (const rules::PolicyList& list : lists) {
    if (!list.used) continue;
    json.push_back({{"name", list.name},
                    {"source", list.source},
                    {"digest", list.digest},
                    {"format", list.digest.empty() ? "" : rules::ListFormatName(list.format)},
                    {"names", list.names},
                    {"ranges", list.ranges},
                    {"endpoints", list.endpoints},
                    {"skipped", list.skipped}});
  }
  return json;
}

Json Statistics::PortStats(const port::Port& port) {
  const port::PortStats stats = port.stats();
  return {{"name", port.side_name()},       {"driver", port.driver()},
          {"device", port.device()},        {"link", port.link_up()},
          {"rx_packets", stats.rx_packets}, {"tx_packets", stats.tx_packets},
          {"rx_bytes", stats.rx_bytes},     {"tx_bytes", stats.tx_bytes},
          {"missed", stats.missed}};
}

Json Statistics::PortsNow() const {
  if (!kept_ports_.is_null()) return kept_ports_;
  return Json::array({PortStats(sources_.ports->inside()), PortStats(sources_.ports->outside())});
}

void Statistics::KeepPorts() { kept_ports_ = PortsNow(); }

Json Statistics::WorkerStats(size_t index) const {
  const Worker& worker = *sources_.workers[index];
  const Traffic traffic = TrafficOf(worker);
  Json json;
  json["core"] = worker.core();
  json["busy_ratio"] = busy_[index].ratio;
  json["rx_packets"] = traffic.rx_packets;
  json["forwarded_packets"] = traffic.forwarded_packets;
  json["dropped_packets"] = traffic.dropped_packets();
  json["worker_full_packets"] = traffic.worker_full;
  json["tx_packets"] = traffic.tx_packets;
  json["responses"] = worker.packets().responses.value();
  json["responses_withheld"] = worker.packets().responses_withheld_total();
  json["responses_withheld_by_reason"] = Withheld(worker.packets());
  json["responses_unsent"] = worker.ports().frames_unsent;
  json["names_found"] = worker.packets().names_found.value();
  json["keywords_found"] = worker.packets().keywords_found.value();
  json["findings"] = worker.packets().findings.value();
  json["tunnelled_packets"] = worker.packets().tunnelled.value();
  json["short_way_packets"] = worker.packets().short_way.value();
  json["too_deep_packets"] = worker.packets().too_deep.value();
  json["flows"] = worker.flows().entries.value();
  json["flows_max"] = worker.flows_max();
  json["loops"] = worker.counters().loops.value();
  return json;
}

Json Statistics::Flows() const {
  Json flows = {{"entries", 0}};
  flows["capacity"] = sources_.flows_max;
  for (const auto& worker : sources_.workers) {
    const flow::TableCounters& table = worker->flows();
    const pipeline::Counters& packets = worker->packets();
    Add(flows, {{"entries", table.entries.value()},
                {"embryonic", table.embryonic.value()},
                {"created", table.created.value()},
                {"expired", table.expired.value()},
                {"evicted", table.evicted.value()},
                {"refused_packets", packets.flows_refused.value()},
                {"learning_refused", packets.learning_refused.value()},
                {"learning_taken", packets.learning_taken.value()}});
  }
  flows["by_category"] = sources_.events->sessions_by_category();
  return flows;
}

Json Statistics::Classifier() const {
  Json classifier = Json::object();
  for (const auto& worker : sources_.workers) {
    const WorkerCounters& counters = worker->counters();
    Add(classifier, {{"queue_full", counters.classifier_pool_empty.value()},
                     {"packets", counters.classifier_packets.value()},
                     {"labels_final", counters.classifier_labels.value()}});
  }
  return classifier;
}

Json Statistics::Identities() const {
  const IdentityKeeper& keeper = *sources_.identities;
  uint64_t rechecked = 0;
  for (const auto& worker : sources_.workers)
    rechecked += worker->packets().flows_rechecked.value();
  return {{"addresses", keeper.table()->size()},
          {"prefixes", keeper.table()->prefixes()},
          {"addresses_max", keeper.settings().addresses_max},
          {"complete", keeper.table()->complete()},
          {"bytes", keeper.memory_bytes()},
          {"updates", keeper.counters().updates},
          {"updates_again", keeper.counters().again},
          {"addresses_refused", keeper.counters().refused},
          {"prefixes_refused", keeper.counters().prefixes_refused},
          {"changes_told", keeper.counters().changes_told},
          {"flows_rechecked", rechecked}};
}

Json Statistics::Journal() const {
  const EventKeeper& events = *sources_.events;
  Json journal;
  journal["bytes"] = events.journal_bytes();
  journal["max_bytes"] = events.journal_bytes_max();
  journal["failing"] = events.journal_failing();
  journal["lost"] = ByClass(events.lost());
  journal["inherited"] = ByClass(events.journal_counters().inherited);
  journal["loss_files_damaged"] = events.journal_counters().loss_files_damaged;
  journal["produced"] = ByClass(events.produced());
  journal["stored"] = ByClass(events.stored());
  return journal;
}

Json Statistics::Listed(pipeline::NamedCounts (*list)(const pipeline::Counters&)) const {
  Json counts = Json::object();
  for (const auto& worker : sources_.workers) {
    for (const auto& [name, count] : list(worker->packets())) {
      const std::string key(name);
      counts[key] = counts.value(key, uint64_t{0}) + count;
    }
  }
  return counts;
}

Json Statistics::Stats() const {
  Json stats;
  stats["ok"] = true;
  stats["boot_id"] = sources_.boot_id;
  stats["uptime_s"] = Seconds(base::MonoNow().ns - sources_.started.ns);
  stats["policy"] = Policy();
  stats["ports"] = PortsNow();
  stats["dropped"] = Json::object();
  for (const auto& worker : sources_.workers) Add(stats["dropped"], ByReason(TrafficOf(*worker)));
  stats["fragments"] = Json::object();
  for (const auto& worker : sources_.workers) {
    Add(stats["fragments"], FragmentEvents(worker->packets()));
  }
  stats["verdicts"] = Json::array();
  for (const auto& [key, count] : sources_.policy->verdicts()) {
    stats["verdicts"].push_back({{"verdict", key.first}, {"class", key.second}, {"count", count}});
  }
  stats["flows"] = Flows();
  stats["coverage"] = Listed(pipeline::CoverageCounts);
  stats["streams"] = Listed(pipeline::StreamCounts);
  stats["dhcp"] = Listed(pipeline::LeaseCounts);
  stats["workers"] = Json::array();
  for (size_t i = 0; i < sources_.workers.size(); ++i) stats["workers"].push_back(WorkerStats(i));
  stats["classifier"] = Classifier();
  stats["identities"] = Identities();
  stats["journal"] = Journal();
  stats["events_lost"] = sources_.events->lost_total();
  stats["bypass"] = sources_.shared->bypass.load(std::memory_order_relaxed);
  return stats;
}

Json Statistics::SummaryOf(const Worker& worker) const {
  const Traffic traffic = TrafficOf(worker);
  uint64_t lost = 0;
  for (size_t i = 0; i < events::kLossClasses; ++i) {
    lost += worker.sink().lost(events::LossClass{static_cast<uint8_t>(i)});
  }
  Json json;
  json["rx_packets"] = traffic.rx_packets;
  json["tx_packets"] = traffic.tx_packets;
  json["forwarded_packets"] = traffic.forwarded_packets;
  json["dropped_packets"] = traffic.dropped_packets();
  json["rx_bytes"] = traffic.rx_bytes;
  // Of the worker's own time: the ports take a while to open.
  const double running_s = static_cast<double>(worker.counters().total_cycles.value()) /
                           static_cast<double>(rte_get_tsc_hz());
  const double seconds = std::max(running_s, 1e-9);
  json["packets_per_second"] =
      static_cast<uint64_t>(static_cast<double>(traffic.rx_packets) / seconds);
  json["flows_created"] = worker.flows().created.value();
  json["flows_expired"] = worker.flows().expired.value();
  json["flows_evicted"] = worker.flows().evicted.value();
  json["sessions_recorded"] = worker.packets().sessions_recorded.value();
  json["events_lost"] = lost;
  json["dropped"] = ByReason(traffic);
  return json;
}

Json Statistics::Summary() const {
  const double elapsed_s = Seconds(base::MonoNow().ns - sources_.started.ns);
  Json totals = Json::object();
  Json workers = Json::array();
  bool accounted = true;
  for (const auto& worker : sources_.workers) {
    Json own = SummaryOf(*worker);
    Add(totals, own);
    accounted = accounted && TrafficOf(*worker).accounted();
    Json shown = {{"core", worker->core()}};
    shown.update(own);
    workers.push_back(std::move(shown));
  }
  totals["events_lost"] = sources_.events->lost_total();
  Json summary = {{"elapsed_s", elapsed_s}};
  summary.update(totals);
  summary["accounted"] = accounted;
  summary["coverage"] = Listed(pipeline::CoverageCounts);
  summary["streams"] = Listed(pipeline::StreamCounts);
  summary["policy_version"] = sources_.policy->state().version;
  summary["boot_id"] = sources_.boot_id;
  summary["ports"] = PortsNow();
  summary["events"] = {{"produced", ByClass(sources_.events->produced())},
                       {"stored", ByClass(sources_.events->stored())},
                       {"lost", ByClass(sources_.events->lost())}};
  summary["workers"] = std::move(workers);
  return summary;
}

}  // namespace weir::appliance

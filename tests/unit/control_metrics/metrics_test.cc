#include "control/metrics/metrics.h"

#include <gtest/gtest.h>

namespace weir::control::metrics {
namespace {

using nlohmann::json;

json Stats(const std::string& boot_id, uint64_t received) {
  return {
      {"ok", true},
      {"boot_id", boot_id},
      {"policy", {{"version", 4}, {"installed", "2026-11-22T09:00:00.000000Z"}}},
      {"ports", {{{"name", "inside"}, {"rx_packets", received}, {"tx_packets", 2}, {"missed", 1}}}},
      {"dropped", {{"policy", 3}}},
      {"fragments", {{"overlap", 4}}},
      {"dhcp", {{"unknown_server", 3}}},
      {"verdicts", {{{"verdict", "drop"}, {"class", "harmful"}, {"count", 5}}}},
      {"flows", {{"entries", 7}, {"capacity", 100}, {"by_category", {{"Web", 6}}}}},
      {"workers", {{{"core", 1}, {"busy_ratio", 0.25}}, {{"core", 1}, {"busy_ratio", 0.5}}}},
      {"classifier", {{"queue_full", 8}}},
      {"journal", {{"bytes", 4096}, {"lost", {{"detail", 9}}}}},
      {"bypass", true}};
}

class MetricsTest : public testing::Test {
 protected:
  // The line of a sample, value and all, is there.
  void Expect(const std::string& line) {
    const std::string text = metrics_.Render();
    EXPECT_NE(("\n" + text).find("\n" + line + "\n"), std::string::npos) << line << "\n" << text;
  }
  void ExpectNone(const std::string& part) {
    EXPECT_EQ(metrics_.Render().find(part), std::string::npos) << part;
  }

  Metrics metrics_{"1.2.3"};
};

TEST_F(MetricsTest, CountsLoginsByResult) {
  radius::RadiusCounters radius;
  radius.answered.Add(7);
  radius.faults[static_cast<size_t>(radius::RadiusFault::kSecret)].Add(2);
  radius.kernel_drops.Add(4);
  radius.clock_differs.Add(2);
  metrics_.TakeRadius(radius);
  Expect("weir_radius_requests_total{result=\"answered\"} 7");
  Expect("weir_radius_requests_total{result=\"secret\"} 2");
  Expect("weir_radius_requests_total{result=\"unknown_nas\"} 0");
  Expect("weir_radius_kernel_drops_total 4");
  Expect("weir_radius_clock_differs_total 2");
  portal::SyslogCounters syslog;
  syslog.taken.Add(5);
  syslog.kernel_drops.Add(3);
  metrics_.TakeSyslog(syslog);
  Expect("weir_syslog_lines_total{result=\"taken\"} 5");
  Expect("weir_syslog_lines_total{result=\"no_pattern\"} 0");
  Expect("weir_syslog_kernel_drops_total 3");
}

TEST_F(MetricsTest, ShowsWhatTheDataPlaneSays) {
  metrics_.TakeDataplane(Stats("a", 10));
  Expect("weir_port_receive_packets_total{port=\"inside\"} 10");
  Expect("weir_port_missed_packets_total{port=\"inside\"} 1");
  Expect("weir_dropped_packets_total{reason=\"policy\"} 3");
  Expect("weir_fragments_total{event=\"overlap\"} 4");
  Expect("weir_dhcp_seen_total{what=\"unknown_server\"} 3");
  Expect("weir_verdicts_total{class=\"harmful\",verdict=\"drop\"} 5");
  Expect("weir_flow_table_entries 7");
  Expect("weir_flow_table_capacity 100");
  Expect("weir_flows_total{category=\"Web\"} 6");
  Expect("weir_worker_busy_ratio{worker=\"0\"} 0.25");
  Expect("weir_worker_busy_ratio{worker=\"1\"} 0.5");
  Expect("weir_classifier_queue_full_total 8");
  Expect("weir_journal_bytes 4096");
  Expect("weir_events_lost_total{class=\"detail\"} 9");
  Expect("weir_policy_version 4");
  Expect("weir_policy_installed_timestamp_seconds 1795338000");
  Expect("weir_bypass_active 1");
  Expect("weir_dataplane_up 1");
  Expect("weir_build_info{version=\"1.2.3\"} 1");
  metrics_.TakeDataplaneAway();
  Expect("weir_dataplane_up 0");
}

TEST_F(MetricsTest, ACounterNeverGoesBackWhenTheDataPlaneStartsAgain) {
  metrics_.TakeDataplane(Stats("a", 10));
  metrics_.TakeDataplane(Stats("a", 25));
  Expect("weir_port_receive_packets_total{port=\"inside\"} 25");
  metrics_.TakeDataplane(Stats("b", 4));
  Expect("weir_port_receive_packets_total{port=\"inside\"} 29");
  // More than before already when it is asked first: all of it is new all the same.
  metrics_.TakeDataplane(Stats("c", 100));
  Expect("weir_port_receive_packets_total{port=\"inside\"} 129");
}

TEST_F(MetricsTest, AnAnswerOfAnotherShapeHarmsNothing) {
  metrics_.TakeDataplane(json::object());
  metrics_.TakeDataplane(
      {{"ports", "none"}, {"dropped", 3}, {"workers", {1, 2}}, {"flows", nullptr}});
  metrics_.TakeDataplane({{"ports", {{{"name", "x"}, {"rx_packets", -5}}}}});
  Expect("weir_port_receive_packets_total{port=\"x\"} 0");
}

TEST_F(MetricsTest, LabelValuesAreBounded) {
  json stats = Stats("a", 1);
  for (int index = 0; index < 1000; ++index) {
    stats["flows"]["by_category"]["category" + std::to_string(1000 + index)] = 1;
  }
  metrics_.TakeDataplane(stats);
  const std::string text = metrics_.Render();
  size_t series = 0;
  for (size_t at = 0; (at = text.find("weir_flows_total{", at)) != std::string::npos; ++at)
    ++series;
  EXPECT_EQ(series, kSeriesMax + 1);  // with "other"
  EXPECT_NE(text.find("weir_flows_total{category=\"other\"}"), std::string::npos);
  ExpectNone("weir_metric_labels_folded_total 0");
}

TEST_F(MetricsTest, DeadlinesComeAndGoWithTheirIncidents) {
  incidents::Totals totals;
  totals.open_by_class["harmful"] = 2;
  totals.nearest_deadline_by_clock["cn-police-24h"] = {1'795'340'000 * base::kNsPerSecond};
  metrics_.TakeIncidents(totals);
  Expect("weir_incidents_open{class=\"harmful\"} 2");
  Expect("weir_incident_deadline_timestamp_seconds{clock=\"cn-police-24h\"} 1795340000");
  totals.open_by_class["harmful"] = 0;
  totals.nearest_deadline_by_clock.clear();
  metrics_.TakeIncidents(totals);
  Expect("weir_incidents_open{class=\"harmful\"} 0");
  ExpectNone("weir_incident_deadline_timestamp_seconds{");
}

TEST_F(MetricsTest, TheStoreCountsWhatRetentionDroppedToo) {
  audit::StoreStats stats;
  stats.classes[0].records = 10;
  stats.classes[0].oldest = base::WallTime{1'795'000'000 * base::kNsPerSecond};
  metrics_.TakeStore(stats);
  stats.classes[0].records = 4;  // a day went
  stats.records_dropped = 6;
  stats.classes[0].oldest.reset();
  metrics_.TakeStore(stats);
  Expect("weir_audit_records_total 10");
  ExpectNone("weir_audit_oldest_record_timestamp_seconds{class=\"session\"}");
}

TEST_F(MetricsTest, AnArchiveShowsWhatWaitsForIt) {
  audit::StoreStats stats;
  metrics_.TakeStore(stats);
  ExpectNone("weir_audit_archive_outbox_rows ");
  stats.archive.emplace();
  stats.archive->outbox_rows = 12;
  stats.archive->rows_shipped = 30;
  stats.archive->failures = 2;
  stats.archive->days = 5;
  stats.archive->days_differing = 1;
  metrics_.TakeStore(stats);
  ExpectNone("weir_audit_archive_last_success_timestamp_seconds ");
  stats.archive->last_success = base::WallTime{1'795'000'000 * base::kNsPerSecond};
  metrics_.TakeStore(stats);
  Expect("weir_audit_archive_outbox_rows 12");
  Expect("weir_audit_archive_shipped_rows_total 30");
  Expect("weir_audit_archive_failures_total 2");
  Expect("weir_audit_archive_days 5");
  Expect("weir_audit_archive_days_differing 1");
  Expect("weir_audit_archive_last_success_timestamp_seconds 1795000000");
}

TEST_F(MetricsTest, ListsComeAndGo) {
  auto content = std::make_shared<rules::ListContent>();
  content->AddName({"a.example", rules::NameReach::kExact, false, 1});
  policy::ListState good;
  good.spec.name = "good";
  good.content = content;
  good.success = base::WallTime{1'795'000'000 * base::kNsPerSecond};
  policy::ListState never;
  never.spec.name = "never";
  never.failures = 3;
  metrics_.TakeLists({good, never});
  Expect("weir_list_entries{list=\"good\"} 1");
  Expect("weir_list_last_success_timestamp_seconds{list=\"good\"} 1795000000");
  Expect("weir_list_entries{list=\"never\"} 0");
  Expect("weir_list_failures{list=\"never\"} 3");
  ExpectNone("weir_list_last_success_timestamp_seconds{list=\"never\"}");
  metrics_.TakeLists({never});
  ExpectNone("{list=\"good\"}");
}

TEST_F(MetricsTest, RequestsAndRefusalsAreCounted) {
  metrics_.CountRequest(200);
  metrics_.CountRequest(404);
  metrics_.CountRequest(200);
  metrics_.CountConnectionRefused();
  Expect("weir_api_requests_total{code=\"200\"} 2");
  Expect("weir_api_requests_total{code=\"404\"} 1");
  Expect("weir_api_connections_refused_total 1");
}

TEST(MetricTable, NamesFollowTheRulesOfPrometheus) {
  for (const MetricInfo& info : kMetrics) {
    const std::string_view name = info.name;
    EXPECT_TRUE(name.starts_with("weir_")) << name;
    EXPECT_EQ(name.ends_with("_total"), info.type == MetricType::kCounter) << name;
    EXPECT_TRUE(std::string_view(info.help).ends_with(".")) << name;
  }
}

}  // namespace
}  // namespace weir::control::metrics

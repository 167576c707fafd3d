#include "control/ingest/delivery.h"

#include <string>

namespace weir::control::ingest {
namespace {

constexpr size_t kPageMax = 256;
constexpr int64_t kRetryNs = base::kNsPerSecond;

SequencedFinding Kept(Arena& arena, SequencedFinding finding) {
  for (auto* text : {&finding.event.rule, &finding.event.rule_class, &finding.event.severity,
                     &finding.event.reason, &finding.event.name, &finding.event.app,
                     &finding.identity.account, &finding.identity.group, &finding.sensor}) {
    *text = arena.Keep(*text);
  }
  return finding;
}

SequencedHealth Kept(Arena& arena, SequencedHealth health) {
  health.event.detail = arena.Keep(health.event.detail);
  health.sensor = arena.Keep(health.sensor);
  return health;
}

}  // namespace

void Delivery::Notify() {
  for (auto& line : findings_) line.behind = true;
  for (auto& line : health_) line.behind = true;
}

bool Delivery::Run(base::MonoTime now) {
  bool all = true;
  for (auto& line : findings_) all &= RunLine(line, now);
  for (auto& line : health_) all &= RunLine(line, now);
  return all;
}

template <typename Consumer>
bool Delivery::RunLine(Line<Consumer>& line, base::MonoTime now) {
  if (!line.behind) return true;
  if (line.failing && now < line.retry_at) return false;
  for (bool more = true; more;) {
    const auto page = Page(*line.consumer);
    if (!page.ok()) {
      failures_++;
      if (!line.failing) log_("ingest: a consumer takes nothing: " + page.error().message);
      line.failing = true;
      line.retry_at = {now.ns + kRetryNs};
      return false;
    }
    more = *page;
  }
  if (line.failing) log_("ingest: the consumer takes events again; it has missed none");
  line.failing = false;
  line.behind = false;
  return true;
}

// True when there may be another page. The consumer's own number decides each time where to go on:
// what it took in a call that then failed is not offered again.
base::Result<bool> Delivery::Page(FindingConsumer& consumer) {
  const auto after = consumer.LastSeq();
  if (!after.ok()) return after.error();
  arena_.Clear();
  std::vector<SequencedFinding> page;
  auto status = store_.Findings(*after, [&](const SequencedFinding& finding) {
    page.push_back(Kept(arena_, finding));
    return page.size() < kPageMax;
  });
  if (status.ok() && !page.empty()) status = consumer.Consume(page);
  if (!status.ok()) return status.error();
  return page.size() == kPageMax;
}

base::Result<bool> Delivery::Page(HealthConsumer& consumer) {
  const auto after = consumer.LastSeq();
  if (!after.ok()) return after.error();
  arena_.Clear();
  std::vector<SequencedHealth> page;
  auto status = store_.Health(*after, [&](const SequencedHealth& health) {
    page.push_back(Kept(arena_, health));
    return page.size() < kPageMax;
  });
  if (status.ok() && !page.empty()) status = consumer.Consume(page);
  if (!status.ok()) return status.error();
  return page.size() == kPageMax;
}

}  // namespace weir::control::ingest

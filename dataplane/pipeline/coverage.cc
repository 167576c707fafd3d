#include "dataplane/pipeline/coverage.h"

#include <algorithm>

namespace weir::pipeline {
namespace {

using names::Coverage;
using packet::ip_protocol::kTcp;
using packet::ip_protocol::kUdp;

constexpr uint16_t kDotPort = 853;  // RFC 7858, and DNS over QUIC (RFC 9250)
constexpr uint8_t kEsp = 50;
constexpr uint8_t kAuthenticationHeader = 51;
// nDPI's words.
constexpr std::string_view kDohLabel = "DoH_DoT";
constexpr std::string_view kVpnCategory = "VPN";

bool IsVpn(const Worker& worker, const flow::HotFlow& hot, const classify::Label& label) {
  if (hot.key.protocol == kEsp || hot.key.protocol == kAuthenticationHeader) return true;
  return label.known() && worker.classifier.CategoryName(label) == kVpnCategory;
}

bool IsDoh(const Worker& worker, const classify::Label& label) {
  return label.known() &&
         worker.classifier.AppName(label).find(kDohLabel) != std::string_view::npos;
}

CoverageReason ReasonOf(const Worker& worker, const flow::HotFlow& hot,
                        const flow::ColdFlow& cold) {
  const classify::Label label{cold.app_master, cold.app, cold.category};
  const size_t responder = static_cast<size_t>(flow::Other(hot.initiator()));
  const bool has_names = hot.key.protocol == kTcp || hot.key.protocol == kUdp;
  if (has_names && hot.key.port[responder] == kDotPort) return CoverageReason::kDot;
  if (IsVpn(worker, hot, label)) return CoverageReason::kVpn;
  if (IsDoh(worker, label)) return CoverageReason::kDoh;
  if (!has_names) return CoverageReason::kNoNames;
  if (hot.Has(flow::kEmbryonic)) return CoverageReason::kNoPayload;
  const auto coverage = static_cast<Coverage>(cold.coverage);
  const bool is_cover = coverage == Coverage::kNamedOuter;
  if (cold.name != flow::kNone && !is_cover) return CoverageReasonOf(Coverage::kNamed);
  return CoverageReasonOf(coverage);
}

}  // namespace

std::string_view CoverageReasonName(CoverageReason reason) {
  switch (reason) {
    case CoverageReason::kDot:
      return "dot";
    case CoverageReason::kDoh:
      return "doh";
    case CoverageReason::kVpn:
      return "vpn";
    case CoverageReason::kNoPayload:
      return "no_payload";
    case CoverageReason::kNoNames:
      return "no_names";
    default:
      return names::CoverageName(static_cast<Coverage>(reason));
  }
}

void KeepCoverage(flow::ColdFlow& cold, const Learning& learning) {
  const Coverage tcp = learning.tcp_names.coverage();
  const Coverage coverage = tcp == Coverage::kUndecided ? learning.udp_names.coverage() : tcp;
  const auto kept = static_cast<Coverage>(cold.coverage);
  if (names::Improves(kept, coverage)) cold.coverage = static_cast<uint8_t>(coverage) & 0x7fU;
}

void CountCoverage(Worker& worker, flow::FlowIndex index) {
  const CoverageReason reason = ReasonOf(worker, worker.flows.hot(index), worker.flows.cold(index));
  worker.counters.coverage[static_cast<size_t>(reason)].Add();
}

NamedCounts CoverageCounts(const Counters& counters) {
  NamedCounts counts;
  for (size_t i = 0; i < counters.coverage.size(); ++i) {
    const uint64_t count = counters.coverage[i].value();
    if (count > 0) counts.emplace_back(CoverageReasonName(static_cast<CoverageReason>(i)), count);
  }
  return counts;
}

NamedCounts StreamCounts(const Counters& counters) {
  NamedCounts counts = {{"conflict", counters.stream_conflicts.value()},
                        {"gap", counters.stream_gaps.value()},
                        {"given_up", counters.streams_given_up.value()},
                        {"wait", counters.stream_waits.value()}};
  for (size_t i = 1; i < counters.stream_faults.size(); ++i) {
    counts.emplace_back(stream::SegmentFaultName(static_cast<stream::SegmentFault>(i)),
                        counters.stream_faults[i].value());
  }
  return counts;
}

}  // namespace weir::pipeline

// The traffic of a campus's link, as far as a seed can make it: flows of many kinds that begin, go
// on and end at the same time, their packets interleaved in the order of a clock.
//
// Browsing and downloads over TLS and QUIC with names, DNS, plain HTTP, calls, SSH, pings,
// fragments, scans; mice and elephants (lengths after Pareto, names after Zipf); IPv6, VLAN tags.
// Sequence numbers follow from what was sent, checksums are right. kShares has the numbers, and
// docs/performance.md repeats them. Whenever a flow ends another begins, so that `live_flows` are
// always under way.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <span>
#include <string_view>
#include <vector>

#include "tests/bench/frames.h"

namespace weir::bench {

inline constexpr std::string_view kBlockedName = "blocked.example";

class TrafficMix {
 public:
  struct Options {
    uint64_t seed = 1;
    uint32_t live_flows = 10'000;
    uint32_t flow_packets_max = 20'000;  // of payload, of an elephant
  };
  enum class Kind : uint8_t {
    kTls,
    kQuic,
    kDns,
    kHttp,
    kCall,
    kSsh,
    kPing,
    kFragments,
    kScan,
    kBlocked
  };
  static constexpr size_t kKinds = 10;
  struct Share {
    std::string_view name;
    unsigned per_mille;  // of the flows
  };
  static constexpr std::array<Share, kKinds> kShares = {{{"TLS", 330},
                                                         {"QUIC", 150},
                                                         {"DNS", 300},
                                                         {"HTTP", 30},
                                                         {"call", 20},
                                                         {"SSH", 10},
                                                         {"ping", 20},
                                                         {"fragments", 10},
                                                         {"scan", 125},
                                                         {"blocked name", 5}}};

  explicit TrafficMix(const Options& options);
  ~TrafficMix();

  // The next frame of the link. False when there is none: only after Stop().
  bool Next(Frame& out);
  // No flow begins any more; those under way go on to their ends.
  void Stop() { stopped_ = true; }

  struct Sent {
    uint64_t flows = 0;
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  const Sent& sent(Kind kind) const { return sent_[static_cast<size_t>(kind)]; }

 private:
  struct Live;
  struct Contents;
  struct Due {
    uint64_t time;
    uint32_t flow;
    bool operator>(const Due& other) const { return time > other.time; }
  };

  uint64_t Random();
  uint64_t Below(uint64_t end) { return Random() % end; }
  double Unit();
  uint32_t Length(uint32_t least);
  uint32_t Rank();
  void Begin(Live& flow);
  void GiveAddresses(Live& flow);
  // Writes the flow's next frame; false when that was its last.
  bool Step(Live& flow, Frame& out);
  bool StepTcp(Live& flow, Frame& out);
  bool StepBlocked(Live& flow, Frame& out);
  bool StepQuic(Live& flow, Frame& out);
  bool StepDns(Live& flow, Frame& out);
  bool StepFragments(Live& flow, Frame& out);
  bool StepScan(Live& flow, Frame& out);
  bool TcpData(Live& flow, Frame& out);
  bool TcpEnd(Live& flow, Frame& out);
  bool Handshake(Live& flow, Frame& out);
  void Tcp(Live& flow, bool from_client, uint8_t flags, std::span<const uint8_t> payload,
           Frame& out);

  Options options_;
  uint64_t random_;
  uint64_t begun_ = 0;
  bool stopped_ = false;
  std::vector<Live> live_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::unique_ptr<Contents> contents_;
  std::array<Sent, kKinds> sent_{};
};

}  // namespace weir::bench

// DHCP seen on the wire: leases that servers give, and that clients give back, are told as events.
//
// Looks at packets that are forwarded, after the verdict, and at their destination port first; the
// short way keeps clear of the four ports. What is believed, and of whom, is docs/identity.md.
// Worker's thread.
#pragma once

#include "dataplane/dhcp/message.h"
#include "dataplane/events/lease_event.h"
#include "dataplane/pipeline/coverage.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class LeaseStage {
 public:
  explicit LeaseStage(Worker& worker) : worker_(worker) {}

  void Look(const packet::Packet& packet, const Now& now) {
    const packet::Headers& headers = packet.headers;
    if (headers.ip_protocol != packet::ip_protocol::kUdp) return;
    if (!dhcp::IsDhcp4Port(headers.dst_port) && !dhcp::IsDhcp6Port(headers.dst_port)) return;
    if (!worker_.options.dhcp_servers.empty()) Read(packet, now);
  }

 private:
  static constexpr int64_t kRogueEveryNs = 60 * base::kNsPerSecond;
  static constexpr size_t kAskedMax = 256;

  // A client's question on its way to the server, with the MAC address that its relay has told. The
  // answer comes by the same flow, so to the same worker.
  struct Asked {
    uint64_t who = 0;  // of Who()
    base::MacAddress mac;
  };

  void Read(const packet::Packet& packet, const Now& now);
  bool IsServer(const base::IpAddress& address) const;
  bool Believes(const packet::Packet& packet, const Now& now);
  bool BelievesAnswer(const packet::Packet& packet, const Now& now);
  bool BelievesRelease(const packet::Packet& packet) const;
  bool IsToServer(const packet::Packet& packet) const;
  // The transaction and its client, by a keyed hash.
  uint64_t Who() const;
  void Remember(const packet::Packet& packet);
  base::MacAddress MacOf(const packet::Packet& packet) const;
  void Tell(const packet::Packet& packet, const Now& now);
  void TellRogue(const packet::Packet& packet, const Now& now);
  void Count(dhcp::Seen seen, uint64_t times = 1) {
    worker_.counters.dhcp[static_cast<size_t>(seen)].Add(times);
  }

  Worker& worker_;
  dhcp::Message message_;
  std::array<uint8_t, events::kEncodedBytesMax> encoded_;
  std::array<Asked, kAskedMax> asked_;  // a later one takes the place of an earlier one
  uint64_t rogues_ = 0;                 // not told yet
  base::MonoTime rogue_told_{INT64_MIN / 2};
};

// What DHCP came to, for statistics and summaries.
NamedCounts LeaseCounts(const Counters& counters);

}  // namespace weir::pipeline

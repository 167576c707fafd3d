// What one DHCP datagram says about who has which address: the result of dhcp4.h and dhcp6.h.
//
// Views point into the datagram. A value of about a kilobyte, to be used again and again; any
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"

namespace weir::dhcp {

// Where servers and relays listen, and where clients do (RFC 2131 §4.1, RFC 8415 §7.2).
inline constexpr uint16_t kServerPort4 = 67, kClientPort4 = 68;
inline constexpr uint16_t kClientPort6 = 546, kServerPort6 = 547;

// All that is looked at goes to one of the four; the port that it comes from may be any.
constexpr bool IsDhcp4Port(uint16_t dst_port) {
  return static_cast<uint16_t>(dst_port - kServerPort4) <= kClientPort4 - kServerPort4;
}
constexpr bool IsDhcp6Port(uint16_t dst_port) {
  return static_cast<uint16_t>(dst_port - kClientPort6) <= kServerPort6 - kClientPort6;
}

inline constexpr uint32_t kForever = 0xffffffff;  // seconds (RFC 2131 §3.3, RFC 8415 §7.7)
inline constexpr size_t kLeasesMax = 16;          // read of one datagram
inline constexpr size_t kClientIdBytesMax = 130;  // a DUID with its type (RFC 8415 §11.1)
inline constexpr size_t kPlaceBytesMax = 128;     // kept of a circuit's or remote's name

enum class Kind : uint8_t {
  kOther,      // nothing that says who has an address
  kAnswer,     // a server's word to a client, perhaps by way of a relay
  kRelease,    // a client gives back what it had, perhaps by way of a relay
  kAsk,        // DHCPv6: a client asks, and a relay passes it on
  kMalformed,  // lengths, values or an order that the RFCs do not have
};

struct Lease {
  base::IpAddress ip;         // with fewer than 128 bits the first address of a delegated prefix
  uint8_t prefix_bits = 128;  // in the 128-bit form
  uint32_t lease_s = 0;       // from now on; 0: given back, or taken back by the server
};

struct Message {
  Kind kind = Kind::kOther;
  base::MacAddress mac;                // of the client; zero: not told
  bool mac_by_relay = false;           // RFC 6939
  uint32_t transaction = 0;            // DHCPv6: 24 bits of the client's choice
  std::span<const uint8_t> client_id;  // DHCPv6: the DUID
  base::IpAddress relay;               // nearest to the client; "::": none, or it did not say
  bool relayed = false;
  std::span<const uint8_t> circuit;  // the relay's name for where the client is
  std::span<const uint8_t> remote;   // … and for who it is
  std::array<Lease, kLeasesMax> leases;
  size_t lease_count = 0;
  size_t leases_over = 0;  // beyond kLeasesMax

  void Add(const Lease& lease) {
    if (lease_count == leases.size()) {
      ++leases_over;
      return;
    }
    leases[lease_count++] = lease;
  }
  std::span<const Lease> told() const { return {leases.data(), lease_count}; }
};

// What becomes of datagrams at these ports, for a counter each.
enum class Seen : uint8_t {
  kBound,
  kReleased,
  kUnknownServer,  // an answer of somebody who is no server of the configuration
  kWrongSide,      // a server's address, but not by the port that servers are behind
  kBadChecksum,    // the client takes no notice of it
  kMalformed,
  kNoClient,  // an address for somebody without Ethernet address and DUID
  kTooMany,   // leases beyond kLeasesMax
  kCount,
};
std::string_view SeenName(Seen seen);

// The first kPlaceBytesMax bytes.
std::span<const uint8_t> CutPlace(std::span<const uint8_t> bytes);

// An Ethernet address, of ARP's hardware types for such (1, and 6 for IEEE 802); else zero.
base::MacAddress MacOf(uint16_t hardware_type, std::span<const uint8_t> address);

}  // namespace weir::dhcp

// A UDP socket that is bound, for IPv6 and IPv4 alike.
//
// Any thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <span>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::radius {

// For a burst of all who send at once, as after a power cut.
inline constexpr size_t kUdpBufferBytes = 4 << 20;

struct UdpSocket {
  base::UniqueFd fd;
  uint16_t port = 0;        // the kernel's choice, where 0 was asked for
  size_t buffer_bytes = 0;  // less than kUdpBufferBytes where the kernel does not allow it
};

// The kernel says with datagrams what it has dropped, and to which address they came. The error
// says which address and port, and why not.
base::Result<UdpSocket> BindUdp(const base::IpAddress& address, uint16_t port);

// The way of a datagram, in the dual-stack form.
struct UdpPath {
  sockaddr_in6 from{};
  in6_pktinfo to{};  // this machine's address; unspecified: the kernel did not say

  base::IpAddress sender() const;
};

// Sends back from the address to which the datagram came: nobody takes an answer from another one.
// Whether the kernel took it.
bool SendBack(int socket, const UdpPath& path, std::span<const uint8_t> bytes);

}  // namespace weir::control::radius

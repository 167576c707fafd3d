// A UDP socket that is bound, for IPv6 and IPv4 alike.
//
// Any thread.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::radius {

struct UdpSocket {
  base::UniqueFd fd;
  uint16_t port = 0;  // the kernel's choice, where 0 was asked for
};

// With 4 MiB to receive into, as far as the kernel allows; it says what it drops. The error says
// which address and port, and why not.
base::Result<UdpSocket> BindUdp(const base::IpAddress& address, uint16_t port);

// Of the dual-stack form.
base::IpAddress AddressOf(const sockaddr_in6& from);

}  // namespace weir::control::radius

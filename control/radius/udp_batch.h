// Datagrams of a bound socket, many at once, and what the kernel says of them.
//
// One thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "control/radius/udp_socket.h"
#include "dataplane/base/counter.h"

namespace weir::control::radius {

class UdpBatch {
 public:
  UdpBatch(size_t datagrams_max, size_t datagram_bytes_max);
  UdpBatch(const UdpBatch&) = delete;
  UdpBatch& operator=(const UdpBatch&) = delete;

  // Takes what is there, without waiting; how many there were.
  size_t Receive(int socket);

  // As many bytes as were sent; of more than `datagram_bytes_max` the rest is gone.
  size_t bytes_sent(size_t i) const { return messages_[i].msg_len; }
  std::span<const uint8_t> datagram(size_t i) const;
  const UdpPath& path(size_t i) const { return paths_[i]; }

  // Brings `drops` up to what the kernel has dropped of the socket, as far as it has said. It says
  // so with a datagram that it takes, so the last drops are known with the next one.
  void CountDrops(base::Counter& drops) const;

 private:
  union Control {
    cmsghdr header;
    std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint32_t))> bytes;
  };

  void ReadControl(size_t i);

  const size_t datagram_bytes_max_;
  std::vector<uint8_t> bytes_;
  std::vector<mmsghdr> messages_;
  std::vector<iovec> parts_;
  std::vector<UdpPath> paths_;
  std::vector<Control> controls_;
  uint32_t drops_ = 0;  // modulo 2^32, as the kernel's
};

}  // namespace weir::control::radius

#include "control/radius/udp_batch.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace weir::control::radius {

UdpBatch::UdpBatch(size_t datagrams_max, size_t datagram_bytes_max)
    : datagram_bytes_max_(datagram_bytes_max),
      bytes_(datagrams_max * datagram_bytes_max),
      messages_(datagrams_max),
      parts_(datagrams_max),
      paths_(datagrams_max),
      controls_(datagrams_max) {
  for (size_t i = 0; i < datagrams_max; ++i) {
    parts_[i] = {&bytes_[i * datagram_bytes_max_], datagram_bytes_max_};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = &parts_[i];
    header.msg_iovlen = 1;
    header.msg_name = &paths_[i].from;
    header.msg_control = &controls_[i];
  }
}

size_t UdpBatch::Receive(int socket) {
  for (mmsghdr& message : messages_) {
    message.msg_hdr.msg_namelen = sizeof(sockaddr_in6);
    message.msg_hdr.msg_controllen = sizeof(Control);
  }
  const int received = ::recvmmsg(socket, messages_.data(), static_cast<unsigned>(messages_.size()),
                                  MSG_DONTWAIT | MSG_TRUNC, nullptr);
  const size_t count = received < 0 ? 0 : static_cast<size_t>(received);
  for (size_t i = 0; i < count; ++i) ReadControl(i);
  return count;
}

void UdpBatch::ReadControl(size_t i) {
  in6_pktinfo& to = paths_[i].to;
  to = {};
  msghdr& header = messages_[i].msg_hdr;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_RXQ_OVFL) {
      std::memcpy(&drops_, CMSG_DATA(part), sizeof drops_);
    } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      std::memcpy(&to, CMSG_DATA(part), sizeof to);
    }
  }
}

std::span<const uint8_t> UdpBatch::datagram(size_t i) const {
  return {&bytes_[i * datagram_bytes_max_], std::min(bytes_sent(i), datagram_bytes_max_)};
}

void UdpBatch::CountDrops(base::Counter& drops) const {
  const auto more = static_cast<int32_t>(drops_ - static_cast<uint32_t>(drops.value()));
  if (more > 0) drops.Add(static_cast<uint64_t>(more));
}

}  // namespace weir::control::radius

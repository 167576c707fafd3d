#include "control/radius/udp_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace weir::control::radius {
namespace {

// The dual-stack form in either family.
sockaddr_in6 ToSocket(const base::IpAddress& address, uint16_t port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(port);
  std::memcpy(&out.sin6_addr, address.bytes().data(), address.bytes().size());
  return out;
}

// How large it is then. Forced where that is allowed (CAP_NET_ADMIN), else up to
// net.core.rmem_max.
size_t WidenBuffer(int socket) {
  const int wanted = kUdpBufferBytes;
  if (::setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) != 0) {
    ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  int doubled = 0;  // by the kernel, for what it notes of each datagram: socket(7)
  socklen_t bytes = sizeof doubled;
  ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &doubled, &bytes);
  return static_cast<size_t>(doubled) / 2;
}

}  // namespace

base::Result<UdpSocket> BindUdp(const base::IpAddress& address, uint16_t port) {
  const auto fail = [&] {
    return base::Error{
        fmt::format("{} port {}: {}", address.ToString(), port, std::strerror(errno))};
  };
  UdpSocket socket;
  socket.fd.Reset(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!socket.fd) return fail();
  const int off = 0;
  ::setsockopt(socket.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  socket.buffer_bytes = WidenBuffer(socket.fd.get());
  const int on = 1;
  if (::setsockopt(socket.fd.get(), SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0) return fail();
  // Of IPv4 as well, in the mapped form.
  if (::setsockopt(socket.fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) != 0) {
    return fail();
  }
  sockaddr_in6 bound = ToSocket(address, port);
  auto* const plain = static_cast<sockaddr*>(static_cast<void*>(&bound));
  if (::bind(socket.fd.get(), plain, sizeof bound) != 0) return fail();
  socklen_t bytes = sizeof bound;
  if (::getsockname(socket.fd.get(), plain, &bytes) != 0) return fail();
  socket.port = ntohs(bound.sin6_port);
  return socket;
}

base::IpAddress UdpPath::sender() const {
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &from.sin6_addr, bytes.size());
  return base::IpAddress::FromV6(bytes);
}

bool SendBack(int socket, const UdpPath& path, std::span<const uint8_t> bytes) {
  sockaddr_in6 to = path.from;
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof to;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
  in6_pktinfo source = path.to;
  if (!IN6_IS_ADDR_UNSPECIFIED(&source.ipi6_addr)) {
    // Routes say by which interface, save of link-local addresses, which every link has.
    if (!IN6_IS_ADDR_LINKLOCAL(&source.ipi6_addr)) source.ipi6_ifindex = 0;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = IPPROTO_IPV6;
    header->cmsg_type = IPV6_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof source);
    std::memcpy(CMSG_DATA(header), &source, sizeof source);
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT) >= 0;
}

}  // namespace weir::control::radius

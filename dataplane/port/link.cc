#include "dataplane/port/link.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace weir::port {
namespace {

constexpr std::string_view kLeftoverProgram = "xsk_def_prog";  // libxdp's name for its default
constexpr size_t kReplyBytesMax = 32 * 1024;

struct LinkRequest {
  nlmsghdr header;
  ifinfomsg info;
};

// One attribute of a netlink message; attributes may nest.
struct Attribute {
  uint16_t type;
  const uint8_t* payload;
  size_t payload_bytes;

  uint32_t U32() const {
    uint32_t value = 0;
    if (payload_bytes >= sizeof value) std::memcpy(&value, payload, sizeof value);
    return value;
  }
  std::string Text() const {
    const char* text = reinterpret_cast<const char*>(payload);
    return {text, strnlen(text, payload_bytes)};
  }
};

template <typename Visit>
void ForEachAttribute(const uint8_t* bytes, size_t count, Visit&& visit) {
  while (count >= sizeof(rtattr)) {
    rtattr header;
    std::memcpy(&header, bytes, sizeof header);
    if (header.rta_len < sizeof header || header.rta_len > count) return;
    visit(Attribute{static_cast<uint16_t>(header.rta_type & NLA_TYPE_MASK), bytes + sizeof header,
                    header.rta_len - sizeof header});
    const size_t step = std::min<size_t>(count, RTA_ALIGN(header.rta_len));
    bytes += step;
    count -= step;
  }
}

// What a RTM_NEWLINK message says; the bridge still as the index of the master.
struct RawLink {
  ifinfomsg info{};
  uint32_t mtu_bytes = 0;
  uint32_t master = 0;
  std::string name;
  std::string member_kind;  // what the master is: "bridge", "bond", …
  uint32_t xdp_program_id = 0;
};

base::Result<RawLink> AskKernel(int index, const std::string& shown_name) {
  const base::UniqueFd socket_fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  LinkRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.info.ifi_family = AF_UNSPEC;
  request.info.ifi_index = index;
  std::array<uint8_t, kReplyBytesMax> reply;
  ssize_t received = -1;
  if (::send(socket_fd.get(), &request, sizeof request, 0) == ssize_t{sizeof request}) {
    received = ::recv(socket_fd.get(), reply.data(), reply.size(), 0);
  }
  nlmsghdr header{};
  if (received >= ssize_t{sizeof header}) std::memcpy(&header, reply.data(), sizeof header);
  constexpr size_t kAttributesAt = sizeof(nlmsghdr) + sizeof(ifinfomsg);
  if (header.nlmsg_type != RTM_NEWLINK || static_cast<size_t>(received) < kAttributesAt) {
    return base::Error{fmt::format("the kernel does not describe interface '{}'", shown_name)};
  }

  RawLink link;
  std::memcpy(&link.info, reply.data() + sizeof header, sizeof link.info);
  const auto take = [&link](const Attribute& attribute) {
    switch (attribute.type) {
      case IFLA_IFNAME:
        link.name = attribute.Text();
        break;
      case IFLA_MTU:
        link.mtu_bytes = attribute.U32();
        break;
      case IFLA_MASTER:
        link.master = attribute.U32();
        break;
      case IFLA_LINKINFO:
        ForEachAttribute(attribute.payload, attribute.payload_bytes, [&link](const Attribute& a) {
          if (a.type == IFLA_INFO_SLAVE_KIND) link.member_kind = a.Text();
        });
        break;
      case IFLA_XDP:
        ForEachAttribute(attribute.payload, attribute.payload_bytes, [&link](const Attribute& a) {
          if (a.type == IFLA_XDP_PROG_ID) link.xdp_program_id = a.U32();
        });
        break;
      default:
        break;
    }
  };
  ForEachAttribute(reply.data() + kAttributesAt, static_cast<size_t>(received) - kAttributesAt,
                   take);
  return link;
}

base::UniqueFd ControlSocket() {
  return base::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

ifreq RequestFor(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

bool ChangeFlags(const std::string& name, short set, short clear) {
  const base::UniqueFd fd = ControlSocket();
  ifreq request = RequestFor(name);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>((request.ifr_flags | set) & ~clear);
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// The ethtool flags of a link (VLAN stripping among them); 0 where it has none.
uint32_t EthtoolFlags(const std::string& name) {
  const base::UniqueFd fd = ControlSocket();
  ifreq request = RequestFor(name);
  ethtool_value value{ETHTOOL_GFLAGS, 0};
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ::ioctl(fd.get(), SIOCETHTOOL, &request) == 0 ? value.data : 0;
}

bool SetEthtoolFlags(const std::string& name, uint32_t flags) {
  const base::UniqueFd fd = ControlSocket();
  ifreq request = RequestFor(name);
  ethtool_value value{ETHTOOL_SFLAGS, flags};
  request.ifr_data = reinterpret_cast<char*>(&value);
  return ::ioctl(fd.get(), SIOCETHTOOL, &request) == 0;
}

// Abstract names and interface indices belong to the same network namespace.
base::UniqueFd LockInterface(int index) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("weir-port-{}", index);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0) fd.Reset();
  return fd;
}

long Bpf(int command, bpf_attr& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

}  // namespace

std::string BpfProgramName(uint32_t program_id) {
  bpf_attr by_id{};
  by_id.prog_id = program_id;
  const base::UniqueFd program(static_cast<int>(Bpf(BPF_PROG_GET_FD_BY_ID, by_id)));
  if (!program) return {};
  bpf_prog_info info{};
  bpf_attr ask{};
  ask.info.bpf_fd = static_cast<uint32_t>(program.get());
  ask.info.info_len = sizeof info;
  ask.info.info = reinterpret_cast<uintptr_t>(&info);
  if (Bpf(BPF_OBJ_GET_INFO_BY_FD, ask) != 0) return {};
  return {info.name, strnlen(info.name, sizeof info.name)};
}

base::Result<Link> FindLink(const std::string& name) {
  const unsigned index = ::if_nametoindex(name.c_str());
  if (index == 0) {
    return base::Error{fmt::format("there is no network interface '{}'", name)};
  }
  auto raw = AskKernel(static_cast<int>(index), name);
  if (!raw) return raw.error();
  Link link;
  link.name = name;
  link.index = raw->info.ifi_index;
  link.mtu_bytes = raw->mtu_bytes;
  link.is_up = (raw->info.ifi_flags & IFF_UP) != 0;
  link.xdp_program_id = raw->xdp_program_id;
  if (raw->master != 0 && raw->member_kind == "bridge") {
    std::array<char, IF_NAMESIZE> bridge{};
    if (::if_indextoname(raw->master, bridge.data()) != nullptr) link.bridge = bridge.data();
  }
  return link;
}

base::Result<LinkSetup> LinkSetup::Apply(const Link& link) {
  LinkSetup setup(link.name);
  setup.lock_ = LockInterface(link.index);
  if (!setup.lock_) {
    setup.name_.clear();
    return base::Error{fmt::format("another weir-dataplane has interface '{}'", link.name)};
  }
  if (link.xdp_program_id != 0) {
    // A Weir that was killed leaves its program, which passes everything on: libxdp takes it over.
    const std::string program = BpfProgramName(link.xdp_program_id);
    if (program != kLeftoverProgram) {
      setup.name_.clear();
      return base::Error{
          fmt::format("interface '{0}' has the XDP program '{1}' of somebody else: "
                      "end that first (ip link set {0} xdp off)",
                      link.name, program)};
    }
  }
  // SIOCGIFFLAGS shows IFF_PROMISC only when somebody asked for it by flag, as DPDK will; a bridge
  // that keeps its members promiscuous counts apart.
  const base::UniqueFd fd = ControlSocket();
  ifreq request = RequestFor(link.name);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) {
    return base::Error{fmt::format("interface '{}': {}", link.name, std::strerror(errno))};
  }
  setup.raised_ = (request.ifr_flags & IFF_UP) == 0;
  setup.was_not_promiscuous_ = (request.ifr_flags & IFF_PROMISC) == 0;
  if (!ChangeFlags(link.name, IFF_UP, 0)) {
    return base::Error{
        fmt::format("interface '{}' cannot be brought up: {}", link.name, std::strerror(errno))};
  }
  const uint32_t flags = EthtoolFlags(link.name);
  if ((flags & ETH_FLAG_RXVLAN) != 0) {
    setup.vlan_strip_was_on_ = SetEthtoolFlags(link.name, flags & ~uint32_t{ETH_FLAG_RXVLAN});
  }
  return setup;
}

LinkSetup::LinkSetup(LinkSetup&& other) noexcept { *this = std::move(other); }

LinkSetup& LinkSetup::operator=(LinkSetup&& other) noexcept {
  if (this == &other) return *this;
  Undo();
  name_ = std::exchange(other.name_, {});
  lock_ = std::move(other.lock_);
  raised_ = other.raised_;
  was_not_promiscuous_ = other.was_not_promiscuous_;
  vlan_strip_was_on_ = other.vlan_strip_was_on_;
  return *this;
}

LinkSetup::~LinkSetup() { Undo(); }

void LinkSetup::Undo() {
  if (name_.empty()) return;
  if (vlan_strip_was_on_) SetEthtoolFlags(name_, EthtoolFlags(name_) | ETH_FLAG_RXVLAN);
  const int clear = (raised_ ? IFF_UP : 0) | (was_not_promiscuous_ ? IFF_PROMISC : 0);
  if (clear != 0) ChangeFlags(name_, 0, static_cast<short>(clear));
  name_.clear();
}

}  // namespace weir::port

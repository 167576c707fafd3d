// Where the network layer begins in a record of any link type.
//
// The pipeline knows Ethernet frames. For other link types the reader finds the first byte behind
// the link header and its EtherType here, and hands the pipeline an Ethernet frame made of those.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace weir::capture {

struct NetworkPart {
  uint32_t offset = 0;      // in the record
  uint16_t ether_type = 0;  // what begins there
};

inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
// IEEE's number for local experiments, for records in which no network layer was found.
inline constexpr uint16_t kEtherTypeNothing = 0x88b5;

// `link_type` is libpcap's DLT_ value. Nothing when the record is cut, encrypted, a frame of
// management, or of a link type that is not known to carry IP. Not for Ethernet itself.
std::optional<NetworkPart> FindNetworkPart(int link_type, std::span<const uint8_t> record);

// "Ethernet", "Linux cooked v1": libpcap's description, or the number.
std::string LinkTypeName(int link_type);

}  // namespace weir::capture

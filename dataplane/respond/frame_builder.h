// Puts a link and network header before an answer, both turned around or kept; for this folder.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/packet.h"
#include "dataplane/respond/outbox.h"

namespace weir::respond {

enum class Towards : uint8_t { kSender, kReceiver };

// Writes Ethernet with the packet's own VLAN tags, and an IP header for `transport_bytes` of
// `protocol`; sets out.bytes and out.to. Returns the place for the transport bytes, empty when
// there is no room.
std::span<uint8_t> BuildHeaders(const packet::Packet& packet, Towards towards, uint8_t protocol,
                                size_t transport_bytes, OutFrame& out);

// The Internet checksum (RFC 1071) of the transport bytes with the pseudo-header of the frame
// built, as RFC 9293 §3.1 and RFC 4443 §2.3 want it. The field itself must be zero.
uint16_t PseudoChecksum(const packet::Packet& packet, Towards towards, uint8_t protocol,
                        std::span<const uint8_t> transport);
// What a sender leaves in the checksum's place for its network card to finish: the sum of the
// pseudo-header alone.
uint16_t UnfinishedChecksum(const packet::Packet& packet, uint8_t protocol, size_t transport_bytes);
uint16_t Checksum(std::span<const uint8_t> bytes);

}  // namespace weir::respond

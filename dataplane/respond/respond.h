// What Weir says when it refuses: TCP resets to both ends, ICMP "administratively prohibited".
//
// An answer is built from the packet that is refused, goes where that packet came from (and for
// TCP, also where it was going), and is never longer than it at the network layer, so that Weir
// cannot be made an amplifier. Whether an answer is due at all is the caller's to say. Worker's
// thread.
#pragma once

#include "dataplane/packet/packet.h"
#include "dataplane/respond/outbox.h"

namespace weir::respond {

// A reset in the name of the other end, to the packet's sender: sequence as the sender
// acknowledged, acknowledging the refused packet whole (RFC 9293 §3.10.7). False: no frame, the
// packet is no TCP segment that can be answered.
bool ResetSender(const packet::Packet& packet, OutFrame& out);

// A reset in the sender's name, to the packet's receiver, with the refused packet's own sequence:
// as that never arrives, it is the one the receiver waits for.
bool ResetReceiver(const packet::Packet& packet, OutFrame& out);

// ICMP type 3 code 13 (RFC 1812 §5.2.7.1) or ICMPv6 type 1 code 1 (RFC 4443 §3.1) to the sender,
// quoting as much of the packet as keeps the answer no longer than it. False when that is less than
// the IP header and eight bytes, and for packets that no error may answer: ICMP errors, fragments,
// multicast.
bool Prohibit(const packet::Packet& packet, OutFrame& out);

}  // namespace weir::respond

// Small, independent things that happen to an exchange on its way, or that somebody does to it.
//
// Each stands alone: taking any of them out of a case leaves the others meaning what they meant, so
// a minimiser may try all subsets. Places are numbers modulo what there is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/property/exchange.h"

namespace weir::property {

// `flight` and `packet` say where; what a, b and c are stands behind each.
enum class OpKind : uint8_t {
  // An honest network and honest stacks.
  kCut,             // the client's stream is cut at byte a of the flight
  kJoin,            // the boundary of two messages is none of segments
  kAgain,           // b bytes from byte a of the flight are sent again, in a segment of their own
  kMove,            // the packet comes a places later
  kCopy,            // a second copy comes a places behind the first
  kFragment,        // in IP fragments of a bytes, in the order that b says, c: one of them twice
  kLoseBefore,      // lost on its way to Weir
  kLoseBehind,      // lost between Weir and the server
  kAck,             // an acknowledgement without bytes
  kPause,           // a milliseconds pass
  kStranger,        // a frame of somebody else's flow
  kServerCut,       // the server's stream is cut at byte a
  kServerCopy,      // the server's a-th data segment comes twice
  kServerFragment,  // the server's a-th data segment comes in fragments of b bytes
  kServerQuiet,     // the server acknowledges only with its replies, and at the end of a flight
  kVlan,            // a tag around everything: identifier a, type b
  kProbe,           // a keep-alive: one byte before what is acknowledged, with a zero byte (a = 1)
  kSplitHandshake,  // the server answers the SYN with a SYN of its own (RFC 9293 §3.5)
  kSynCopy,         // the SYN comes twice
  kSynData,         // a bytes in the SYN (RFC 7413), b: the server takes them
  // An evader at the client, whose server is an ordinary one. `trick` says how.
  kFakeBytes,     // b bytes from byte a of the flight, other ones (c says which)
  kFakeReset,     // an RST
  kFakeFin,       // a FIN
  kFakeSyn,       // a SYN b bytes before byte a of the flight; c = 1: also before the real one
  kFakeFragment,  // into the fragments of a packet: other bytes from a, b of them
  kFakeDatagram,  // a datagram with other contents (c says which)
  // In the server's name from the client's side: a SYN-ACK (c = 0; b = 1: before the SYN as well),
  // an acknowledgement of byte a of the flight (1), an RST (2), a FIN (3); on UDP a datagram.
  kFakeServer,
};

// Why a server does not take a fake for the client's, or that it does.
enum class Trick : uint8_t {
  kNone,
  kLowHops,       // dies between Weir and the server
  kBadChecksum,   // TCP's or UDP's
  kBadIpSum,      // IPv4's header
  kPastSeq,       // behind the window
  kFarSeq,        // beyond the window
  kPastAck,       // acknowledges far too little
  kFarAck,        // acknowledges what was never sent
  kNoAck,         // without the ACK flag
  kMd5,           // with an MD5 option (RFC 2385)
  kOldTimestamp,  // fails PAWS (RFC 7323 §5)
  kCount,
};

struct Op {
  OpKind kind = OpKind::kCut;
  uint32_t flight = 0;
  uint32_t packet = 0;
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  Trick trick = Trick::kNone;
};

std::string Words(const Op& op);

// What may happen, by what Weir has learnt to withstand.
std::vector<Op> HonestOps(Random& random, const Exchange& exchange);
std::vector<Op> HostileOps(Random& random, const Exchange& exchange);

}  // namespace weir::property

#include "dataplane/dhcp/dhcp6.h"

#include "dataplane/base/cursor.h"

namespace weir::dhcp {
namespace {

using base::Cursor;
using Bytes = std::span<const uint8_t>;

// RFC 8415 §7.3.
constexpr uint8_t kAdvertise = 2, kReply = 7, kRelease = 8, kReconfigure = 10;
constexpr uint8_t kRelayForward = 12, kRelayReply = 13;
// RFC 8415 §21, RFC 4649 §3 (37), RFC 6939 §4 (79).
constexpr uint16_t kClientId = 1, kNonTemporary = 3, kTemporary = 4, kAddress = 5;
constexpr uint16_t kRelayMessage = 9, kStatusCode = 13, kInterfaceId = 18, kDelegation = 25;
constexpr uint16_t kPrefix = 26, kRemoteId = 37, kClientLinkLayer = 79;
constexpr size_t kEnterpriseBytes = 4;  // before a remote id
constexpr unsigned kBitsMax = 128;

// Calls `take(code, value)` for each option; false where one does not fit, or `take` says so.
template <typename Take>
bool ForEachOption(Bytes bytes, Take take) {
  Cursor cursor(bytes);
  while (!cursor.empty()) {
    const uint16_t code = cursor.U16();
    const Bytes value = cursor.Bytes(cursor.U16());
    if (!cursor.ok() || !take(code, value)) return false;
  }
  return true;
}

base::IpAddress TakeAddress(Cursor& cursor) {
  const Bytes bytes = cursor.Bytes(base::IpAddress::kBytes);
  return bytes.empty() ? base::IpAddress()
                       : base::IpAddress::FromV6(bytes.first<base::IpAddress::kBytes>());
}

// Whether the options hold a status that says no (§21.13).
bool IsRefused(Bytes options) {
  bool refused = false;
  const bool whole = ForEachOption(options, [&](uint16_t code, Bytes value) {
    if (code != kStatusCode) return true;
    Cursor cursor(value);
    refused = refused || cursor.U16() != 0;
    return cursor.ok();
  });
  return refused || !whole;
}

// Not all or none of the addresses, and none that are IPv4's in mapped form: this is no say over
// those.
bool NamesHosts(const Lease& lease) {
  constexpr std::array<uint8_t, 4> kNone{};
  const base::IpPrefix prefix(lease.ip, lease.prefix_bits);
  return !lease.ip.is_unspecified() && !lease.ip.is_v4() &&
         !prefix.Contains(base::IpAddress::FromV4(kNone));
}

// IA Address (§21.6) or IA Prefix (§21.22) options within an IA.
bool TakeLeases(Bytes options, bool released, Message& out) {
  if (IsRefused(options)) return ForEachOption(options, [](uint16_t, Bytes) { return true; });
  return ForEachOption(options, [&](uint16_t code, Bytes value) {
    if (code != kAddress && code != kPrefix) return true;
    Cursor cursor(value);
    Lease lease;
    if (code == kAddress) lease.ip = TakeAddress(cursor);
    cursor.Skip(4);  // the preferred lifetime
    lease.lease_s = cursor.U32();
    if (code == kPrefix) {
      const uint8_t bits = cursor.U8();
      lease.ip = TakeAddress(cursor);
      if (bits > kBitsMax) return false;
      lease.prefix_bits = bits;
      lease.ip = base::IpPrefix(lease.ip, bits).address();
    }
    if (!cursor.ok()) return false;
    if (released) lease.lease_s = 0;
    if (NamesHosts(lease) && !IsRefused(cursor.rest())) out.Add(lease);
    return true;
  });
}

// DUID-LLT and DUID-LL.
base::MacAddress MacOfDuid(Bytes duid) {
  Cursor cursor(duid);
  const uint16_t type = cursor.U16();
  const uint16_t hardware_type = cursor.U16();
  constexpr uint16_t kLinkLayerAndTime = 1, kLinkLayer = 3;
  if (type == kLinkLayerAndTime) {
    cursor.Skip(4);
  } else if (type != kLinkLayer) {
    return {};
  }
  return MacOf(hardware_type, cursor.rest());
}

bool TakeClientId(Bytes duid, Message& out) {
  constexpr size_t kBytesMin = 3;  // a type, and something
  if (!out.client_id.empty() || duid.size() < kBytesMin || duid.size() > kClientIdBytesMax) {
    return false;
  }
  out.client_id = duid;
  if (out.mac.is_zero()) out.mac = MacOfDuid(duid);
  return true;
}

bool TakeIdentityAssociation(uint16_t code, Bytes value, bool released, Message& out) {
  Cursor cursor(value);
  cursor.Skip(code == kTemporary ? 4 : 4 + 4 + 4);  // its number, T1, T2
  return cursor.ok() && TakeLeases(cursor.rest(), released, out);
}

// A client's or a server's message, behind its type.
bool TakeOptions(Bytes options, bool released, Message& out) {
  if (!released && IsRefused(options)) {
    return ForEachOption(options, [](uint16_t, Bytes) { return true; });
  }
  return ForEachOption(options, [&](uint16_t code, Bytes value) {
    switch (code) {
      case kClientId:
        return TakeClientId(value, out);
      case kNonTemporary:
      case kTemporary:
      case kDelegation:
        return TakeIdentityAssociation(code, value, released, out);
      default:
        return true;
    }
  });
}

// Of a message that a relay passes on, who asks.
Kind TakeClientOf(Bytes options, Message& out) {
  const bool good = ForEachOption(options, [&](uint16_t code, Bytes value) {
    return code != kClientId || TakeClientId(value, out);
  });
  return good ? Kind::kAsk : Kind::kMalformed;
}

// Around one message, what a relay has put; the one within, or nothing where it is malformed.
Bytes TakeRelay(Cursor cursor, Message& out) {
  cursor.Skip(1);  // the hop count
  const base::IpAddress link = TakeAddress(cursor);
  cursor.Skip(base::IpAddress::kBytes);  // the peer's address
  if (!cursor.ok()) return {};
  out.relayed = true;
  if (!link.is_unspecified()) out.relay = link;
  Bytes message;
  const bool good = ForEachOption(cursor.rest(), [&](uint16_t code, Bytes value) {
    if (code == kRelayMessage) {
      if (!message.empty()) return false;
      message = value;
    } else if (code == kInterfaceId) {
      out.circuit = CutPlace(value);
    } else if (code == kRemoteId && value.size() > kEnterpriseBytes) {
      out.remote = CutPlace(value.subspan(kEnterpriseBytes));
    } else if (code == kClientLinkLayer && value.size() > sizeof(uint16_t)) {
      out.mac = MacOf(base::LoadBe<uint16_t>(value.data()), value.subspan(sizeof(uint16_t)));
      out.mac_by_relay = !out.mac.is_zero();
    }
    return true;
  });
  return good ? message : Bytes();
}

Kind KindOf(uint8_t type) {
  switch (type) {
    case kAdvertise:
    case kReply:
    case kReconfigure:
      return Kind::kAnswer;
    case kRelease:
      return Kind::kRelease;
    default:
      return Kind::kOther;
  }
}

Kind Read(Bytes message, Message& out) {
  uint8_t relays = 0;
  for (unsigned depth = 0; depth <= kRelaysMax; ++depth) {
    Cursor cursor(message);
    const uint8_t type = cursor.U8();
    if (!cursor.ok()) return Kind::kMalformed;
    if (type == kRelayForward || type == kRelayReply) {
      // Relays of one way only: the others would carry a client's words as a server's.
      if (relays != 0 && relays != type) return Kind::kMalformed;
      relays = type;
      message = TakeRelay(cursor, out);
      continue;
    }
    const Kind kind = KindOf(type);
    const bool fits =
        relays == 0 || kind == Kind::kOther || (relays == kRelayReply) == (kind == Kind::kAnswer);
    if (!fits) return Kind::kMalformed;
    // Whatever a server wraps for its relays, it is a server's word.
    if (kind == Kind::kOther && relays != kRelayForward) {
      return relays == kRelayReply ? Kind::kAnswer : kind;
    }
    out.transaction = cursor.U24();
    if (!cursor.ok()) return Kind::kMalformed;
    if (kind == Kind::kOther) return TakeClientOf(cursor.rest(), out);
    if (type != kReply && type != kRelease) return kind;
    return TakeOptions(cursor.rest(), type == kRelease, out) ? kind : Kind::kMalformed;
  }
  return Kind::kMalformed;
}

}  // namespace

void ReadDhcp6(Bytes datagram, Message& out) {
  out = {};
  const Kind kind = Read(datagram, out);
  if (kind == Kind::kMalformed) out = {};
  out.kind = kind;
}

}  // namespace weir::dhcp

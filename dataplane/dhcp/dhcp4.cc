#include "dataplane/dhcp/dhcp4.h"

#include <optional>

#include "dataplane/base/cursor.h"

namespace weir::dhcp {
namespace {

using base::Cursor;
using Bytes = std::span<const uint8_t>;

constexpr uint8_t kRequest = 1, kReply = 2;                      // op (RFC 951)
constexpr uint8_t kOffer = 2, kAck = 5, kNak = 6, kRelease = 7;  // RFC 2132 §9.6
constexpr uint8_t kPad = 0, kEnd = 255;                          // RFC 2132 §3.1, §3.2
constexpr uint8_t kLeaseTime = 51, kOverload = 52, kMessageType = 53, kRelayAgent = 82;
constexpr uint8_t kCircuitId = 1, kRemoteId = 2;             // RFC 3046 §2.0
constexpr uint8_t kFileHasOptions = 1, kNameHasOptions = 2;  // RFC 2132 §9.3
constexpr uint32_t kMagic = 0x63825363;                      // RFC 2131 §3
constexpr size_t kHardwareBytes = 16, kNameBytes = 64, kFileBytes = 128;

struct Options {
  std::optional<uint8_t> type;
  std::optional<uint32_t> lease_s;
  std::optional<uint8_t> overload;
  Bytes circuit;
  Bytes remote;
};

// A relay's own sub-options that do not fit are the relay's fault, and cost their names only.
void TakeRelayAgent(Bytes bytes, Options& options) {
  Cursor cursor(bytes);
  while (!cursor.empty()) {
    const uint8_t code = cursor.U8();
    const Bytes value = cursor.Bytes(cursor.U8());
    if (!cursor.ok()) return;
    if (code == kCircuitId && options.circuit.empty()) options.circuit = CutPlace(value);
    if (code == kRemoteId && options.remote.empty()) options.remote = CutPlace(value);
  }
}

// False where it has another length, or was there before.
template <typename T>
bool TakeOnce(Bytes bytes, std::optional<T>& out) {
  if (out || bytes.size() != sizeof(T)) return false;
  out = base::LoadBe<T>(bytes.data());
  return true;
}

bool TakeOption(uint8_t code, Bytes value, Options& options) {
  switch (code) {
    case kMessageType:
      return TakeOnce(value, options.type);
    case kLeaseTime:
      return TakeOnce(value, options.lease_s);
    case kOverload:
      return TakeOnce(value, options.overload);
    case kRelayAgent:
      TakeRelayAgent(value, options);
      return true;
    default:
      return true;
  }
}

// One of the fields that hold options. Ends with its end option, or with its last byte.
bool TakeOptions(Bytes field, Options& options) {
  Cursor cursor(field);
  while (!cursor.empty()) {
    const uint8_t code = cursor.U8();
    if (code == kEnd) return true;
    if (code == kPad) continue;
    const Bytes value = cursor.Bytes(cursor.U8());
    if (!cursor.ok() || !TakeOption(code, value, options)) return false;
  }
  return true;
}

base::IpAddress TakeAddress(Cursor& cursor) {
  const Bytes bytes = cursor.Bytes(4);
  return bytes.empty() ? base::IpAddress() : base::IpAddress::FromV4(bytes.first<4>());
}

bool IsNone(const base::IpAddress& address) {
  constexpr std::array<uint8_t, 4> kNone{};
  return address == base::IpAddress::FromV4(kNone);
}

Kind KindOf(uint8_t op, uint8_t type) {
  if (op == kReply && (type == kOffer || type == kAck || type == kNak)) return Kind::kAnswer;
  return op == kRequest && type == kRelease ? Kind::kRelease : Kind::kOther;
}

}  // namespace

void ReadDhcp4(Bytes datagram, Message& out) {
  out = {};
  Cursor cursor(datagram);
  const uint8_t op = cursor.U8();
  const uint8_t hardware_type = cursor.U8();
  const uint8_t hardware_bytes = cursor.U8();
  cursor.Skip(1 + 4 + 2 + 2);  // hops, xid, secs, flags
  const base::IpAddress client_ip = TakeAddress(cursor);
  const base::IpAddress your_ip = TakeAddress(cursor);
  cursor.Skip(4);  // the next server's address, for booting
  const base::IpAddress relay = TakeAddress(cursor);
  const Bytes hardware = cursor.Bytes(kHardwareBytes);
  const Bytes name = cursor.Bytes(kNameBytes);
  const Bytes file = cursor.Bytes(kFileBytes);
  const uint32_t magic = cursor.U32();
  if (!cursor.ok()) {
    out.kind = Kind::kMalformed;
    return;
  }
  if (magic != kMagic) return;
  Options options;
  bool good = hardware_bytes <= kHardwareBytes && TakeOptions(cursor.rest(), options);
  const uint8_t overload = options.overload.value_or(0);
  if (good && (overload & kFileHasOptions) != 0) good = TakeOptions(file, options);
  if (good && (overload & kNameHasOptions) != 0) good = TakeOptions(name, options);
  if (!good) {
    out.kind = Kind::kMalformed;
    return;
  }
  out.kind = KindOf(op, options.type.value_or(0));
  if (out.kind == Kind::kOther) return;
  out.mac = MacOf(hardware_type, hardware.first(hardware_bytes));
  out.relayed = !IsNone(relay);
  if (out.relayed) out.relay = relay;
  out.circuit = options.circuit;
  out.remote = options.remote;
  if (out.kind == Kind::kRelease) {
    if (!IsNone(client_ip)) out.Add({client_ip, 128, 0});
  } else if (options.type == kAck && !IsNone(your_ip) && options.lease_s.value_or(0) != 0) {
    out.Add({your_ip, 128, *options.lease_s});
  }
}

}  // namespace weir::dhcp

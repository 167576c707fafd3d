#include "dataplane/events/lease_event.h"

#include <fmt/format.h>

#include <algorithm>

#include "dataplane/events/byte_codec.h"

namespace weir::events {
namespace {

constexpr uint8_t kLeaseVersion = 1;
constexpr size_t kStringRoom = 1 + kStringBytesMax;
static_assert(71 + 3 * kStringRoom <= kEncodedBytesMax, "a lease with three full strings fits");

// Not PutString(), which takes care of UTF-8: these are bytes.
void PutRaw(ByteWriter& writer, std::string_view bytes) {
  const auto length = std::min(bytes.size(), kStringBytesMax);
  writer.Put(static_cast<uint8_t>(length));
  writer.PutBytes({reinterpret_cast<const uint8_t*>(bytes.data()), length});
}

bool IsSound(const LeaseEvent& event) {
  const bool has_client = !event.mac.is_zero() || !event.client_id.empty();
  const bool lasts = event.lease_s != 0;
  return has_client && lasts == (event.state == LeaseState::kBound) && event.prefix_bits != 0 &&
         event.prefix_bits <= kLeaseBitsMax &&
         base::IpPrefix(event.ip, event.prefix_bits).address() == event.ip;
}

}  // namespace

std::string_view LeaseStateName(LeaseState state) {
  return state == LeaseState::kBound ? "bound" : "released";
}

size_t Encode(const LeaseEvent& event, std::span<uint8_t, kEncodedBytesMax> out) {
  ByteWriter writer(out);
  writer.Put(kLeaseVersion);
  writer.Put(event.time.ns);
  writer.Put(event.state);
  writer.Put(event.prefix_bits);
  writer.PutBytes(event.ip.bytes());
  writer.PutBytes(event.mac.bytes);
  writer.Put(event.lease_s);
  writer.PutBytes(event.server.bytes());
  writer.PutBytes(event.relay.bytes());
  writer.Put(event.vlan);
  PutRaw(writer, event.client_id);
  PutRaw(writer, event.circuit);
  PutRaw(writer, event.remote);
  return writer.size();
}

base::Result<LeaseEvent> DecodeLease(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  if (reader.Take<uint8_t>() != kLeaseVersion) reader.Fail();
  LeaseEvent event;
  event.time.ns = reader.TakeInt64();
  event.state = reader.TakeEnum(LeaseState::kReleased);
  event.prefix_bits = reader.Take<uint8_t>();
  reader.TakeInto(event.ip.mutable_bytes());
  reader.TakeInto(event.mac.bytes);
  event.lease_s = reader.Take<uint32_t>();
  reader.TakeInto(event.server.mutable_bytes());
  reader.TakeInto(event.relay.mutable_bytes());
  event.vlan = reader.Take<uint16_t>();
  event.client_id = reader.TakeString();
  event.circuit = reader.TakeString();
  event.remote = reader.TakeString();
  if (reader.ok_and_empty() && IsSound(event)) return event;
  return base::Error{"a lease event whose length, version or values its format does not have"};
}

std::string LeaseText(std::string_view bytes) {
  const bool printable = std::ranges::all_of(bytes, [](char c) { return c >= ' ' && c <= '~'; });
  if (printable) return std::string(bytes);
  return "0x" + BytesText(bytes);
}

std::string BytesText(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

}  // namespace weir::events

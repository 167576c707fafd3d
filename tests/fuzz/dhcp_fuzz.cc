// DHCP of both versions, by the first byte: what is read lies within the datagram, says nothing
// about IPv4 in IPv6, and is the same when it is read again.
#include <algorithm>
#include <cstdint>

#include "dataplane/dhcp/dhcp4.h"
#include "dataplane/dhcp/dhcp6.h"
#include "fuzz_check.h"

using namespace weir;

namespace {

using Span = std::span<const uint8_t>;

void CheckWithin(Span part, Span whole) {
  if (part.empty()) return;
  FUZZ_CHECK(part.data() >= whole.data());
  FUZZ_CHECK(part.data() + part.size() <= whole.data() + whole.size());
}

void CheckLease(const dhcp::Lease& lease, const dhcp::Message& message, bool is_v4) {
  FUZZ_CHECK(lease.ip.is_v4() == is_v4);
  FUZZ_CHECK(lease.prefix_bits >= 1 && lease.prefix_bits <= 128);
  FUZZ_CHECK(base::IpPrefix(lease.ip, lease.prefix_bits).address() == lease.ip);
  FUZZ_CHECK(message.kind != dhcp::Kind::kRelease || lease.lease_s == 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Span datagram(data + 1, size - 1);
  const bool is_v4 = data[0] % 2 == 0;
  const auto read = is_v4 ? dhcp::ReadDhcp4 : dhcp::ReadDhcp6;
  dhcp::Message message;
  read(datagram, message);
  CheckWithin(message.client_id, datagram);
  CheckWithin(message.circuit, datagram);
  CheckWithin(message.remote, datagram);
  FUZZ_CHECK(message.client_id.size() <= dhcp::kClientIdBytesMax);
  FUZZ_CHECK(message.circuit.size() <= dhcp::kPlaceBytesMax);
  FUZZ_CHECK(message.remote.size() <= dhcp::kPlaceBytesMax);
  FUZZ_CHECK(message.lease_count <= dhcp::kLeasesMax);
  for (const dhcp::Lease& lease : message.told()) CheckLease(lease, message, is_v4);
  const bool tells = message.lease_count != 0;
  FUZZ_CHECK(!tells || message.kind == dhcp::Kind::kAnswer || message.kind == dhcp::Kind::kRelease);
  dhcp::Message again;
  read(datagram, again);
  FUZZ_CHECK(again.kind == message.kind && again.lease_count == message.lease_count);
  FUZZ_CHECK(again.mac == message.mac && again.relay == message.relay);
  return 0;
}

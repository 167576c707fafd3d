#include "tests/support/frame_edit.h"

#include "dataplane/base/byte_order.h"

namespace weir::testing {
namespace {

constexpr uint8_t kFragmentHeader = 44;
constexpr size_t kFragmentHeaderBytes = 8;

bool IsIpv6(const Bytes& frame) { return frame[kEthernetBytes] >> 4 == 6; }

void SumIpv4Header(Bytes& frame) {
  uint8_t* header = frame.data() + kEthernetBytes;
  base::StoreBe(header + 10, uint16_t{0});
  uint32_t sum = 0;
  for (size_t i = 0; i < 20; i += 2) sum += base::LoadBe<uint16_t>(header + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  base::StoreBe(header + 10, static_cast<uint16_t>(~sum));
}

// The first bytes of a frame, with room for so many more.
Bytes HeadOf(const Bytes& frame, size_t bytes, size_t more_bytes) {
  Bytes out;
  out.reserve(bytes + more_bytes);
  for (size_t i = 0; i < bytes; ++i) out.push_back(frame[i]);
  return out;
}

Bytes FragmentIpv4(const Bytes& frame, const Piece& piece, uint32_t id) {
  Bytes out = HeadOf(frame, kEthernetBytes + 20, piece.bytes.size());
  uint8_t* header = out.data() + kEthernetBytes;
  base::StoreBe(header + 2, static_cast<uint16_t>(20 + piece.bytes.size()));
  base::StoreBe(header + 4, static_cast<uint16_t>(id));
  base::StoreBe(header + 6,
                static_cast<uint16_t>(piece.offset_bytes / 8 | (piece.more ? 0x2000U : 0U)));
  SumIpv4Header(out);
  out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
  return out;
}

Bytes FragmentIpv6(const Bytes& frame, const Piece& piece, uint32_t id) {
  Bytes out = HeadOf(frame, kEthernetBytes + 40, kFragmentHeaderBytes + piece.bytes.size());
  uint8_t* header = out.data() + kEthernetBytes;
  base::StoreBe(header + 4, static_cast<uint16_t>(kFragmentHeaderBytes + piece.bytes.size()));
  uint8_t fragment[kFragmentHeaderBytes] = {header[6], 0};
  header[6] = kFragmentHeader;
  base::StoreBe(fragment + 2, static_cast<uint16_t>(piece.offset_bytes | (piece.more ? 1U : 0U)));
  base::StoreBe(fragment + 4, id);
  out.insert(out.end(), std::begin(fragment), std::end(fragment));
  out.insert(out.end(), piece.bytes.begin(), piece.bytes.end());
  return out;
}

}  // namespace

Bytes WithVlans(const Bytes& frame, std::span<const VlanTag> tags) {
  if (tags.empty()) return frame;
  constexpr size_t kMacBytes = 12;
  Bytes out(frame.begin(), frame.begin() + kMacBytes);
  out.reserve(frame.size() + 4 * tags.size());
  for (const VlanTag& tag : tags) {
    uint8_t bytes[4];
    base::StoreBe(bytes, tag.type);
    base::StoreBe(bytes + 2, tag.id);
    out.insert(out.end(), std::begin(bytes), std::end(bytes));
  }
  out.insert(out.end(), frame.begin() + kMacBytes, frame.end());
  return out;
}

size_t IpHeaderBytes(const Bytes& frame) { return IsIpv6(frame) ? 40 : 20; }

Bytes Fragment(const Bytes& frame, const Piece& piece, uint32_t id) {
  return IsIpv6(frame) ? FragmentIpv6(frame, piece, id) : FragmentIpv4(frame, piece, id);
}

std::vector<Bytes> Fragments(const Bytes& frame, std::span<const uint32_t> offsets, uint32_t id) {
  const auto payload = std::span(frame).subspan(kEthernetBytes + IpHeaderBytes(frame));
  std::vector<Bytes> out;
  for (size_t i = 0; i < offsets.size(); ++i) {
    const bool more = i + 1 < offsets.size();
    const size_t end = more ? offsets[i + 1] : payload.size();
    out.push_back(
        Fragment(frame, {offsets[i], more, payload.subspan(offsets[i], end - offsets[i])}, id));
  }
  return out;
}

bool IsFragment(const Bytes& frame) {
  if (IsIpv6(frame)) return frame[kEthernetBytes + 6] == kFragmentHeader;
  return (base::LoadBe<uint16_t>(frame.data() + kEthernetBytes + 6) & 0x3fff) != 0;
}

void SetIpv4Id(Bytes& frame, uint16_t id) {
  if (IsIpv6(frame)) return;
  base::StoreBe(frame.data() + kEthernetBytes + 4, id);
  SumIpv4Header(frame);
}

void SetHops(Bytes& frame, uint8_t hops) {
  frame[kEthernetBytes + (IsIpv6(frame) ? 7 : 8)] = hops;
  if (!IsIpv6(frame)) SumIpv4Header(frame);
}

void SpoilTransportChecksum(Bytes& frame) {
  const uint8_t protocol = frame[kEthernetBytes + (IsIpv6(frame) ? 6 : 9)];
  const size_t field = protocol == packet::ip_protocol::kTcp ? 16 : 6;
  uint8_t* checksum = frame.data() + kEthernetBytes + IpHeaderBytes(frame) + field;
  const auto right = base::LoadBe<uint16_t>(checksum);
  const auto wrong = static_cast<uint16_t>(right ^ 0x5a5a);
  base::StoreBe(checksum, wrong == 0 ? uint16_t{0x1234} : wrong);
}

}  // namespace weir::testing

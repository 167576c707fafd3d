#include "tests/property/far_end.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "tests/support/frame_edit.h"

namespace weir::property {
namespace {

using base::LoadBe;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr uint8_t kFragmentHeader = 44;

uint32_t Sum(std::span<const uint8_t> bytes, uint32_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256U : bytes[i];
  return sum;
}

bool IsWhole(uint32_t sum) {  // ones' complement: all ones
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

}  // namespace

bool OverlapBuffer::NewerWins(const Piece& older, const Piece& newer) const {
  switch (policy_) {
    case Overlap::kLast:
      return true;
    case Overlap::kBsd:
      return newer.begin < older.begin;
    case Overlap::kLinux:
      return newer.begin <= older.begin;
    case Overlap::kWindows:
      return newer.begin < older.begin && newer.end > older.end;
    default:
      return false;
  }
}

OverlapBuffer::Written OverlapBuffer::Write(uint32_t offset, std::span<const uint8_t> bytes) {
  const Piece newer{offset, offset + static_cast<uint32_t>(bytes.size())};
  if (newer.end > bytes_.size()) {
    bytes_.resize(newer.end);
    owners_.resize(newer.end, 0);
  }
  pieces_.push_back(newer);
  const auto own = static_cast<uint32_t>(pieces_.size());
  Written written;
  size_t same = 0;
  for (uint32_t at = newer.begin; at < newer.end; ++at) {
    const uint8_t byte = bytes[at - newer.begin];
    written.overlapped = written.overlapped || owners_[at] != 0;
    if (owners_[at] != 0 && bytes_[at] == byte) ++same;
    if (owners_[at] != 0 && !NewerWins(pieces_[owners_[at] - 1], newer)) continue;
    bytes_[at] = byte;
    owners_[at] = own;
  }
  written.repeated = same == bytes.size();
  return written;
}

uint32_t OverlapBuffer::GapFrom(uint32_t from) const {
  while (from < owners_.size() && owners_[from] != 0) ++from;
  return from;
}

struct Reassembler::Header {
  bool is_v6 = false;
  bool is_fragment = false;
  bool more = false;
  uint8_t protocol = 0;
  uint32_t offset_bytes = 0;
  uint32_t id = 0;
  uint32_t pseudo_sum = 0;  // of the addresses
};

std::optional<Datagram4> Reassembler::Take(std::span<const uint8_t> frame) {
  const auto ip = frame.subspan(testing::kEthernetBytes);
  Header header;
  header.is_v6 = ip[0] >> 4 == 6;
  if (!header.is_v6) {
    if (!IsWhole(Sum(ip.first(20), 0))) return std::nullopt;
    const auto field = LoadBe<uint16_t>(ip.data() + 6);
    header.more = (field & 0x2000) != 0;
    header.offset_bytes = (field & 0x1fffU) * 8;
    header.is_fragment = header.more || header.offset_bytes != 0;
    header.id = LoadBe<uint16_t>(ip.data() + 4);
    header.protocol = ip[9];
    header.pseudo_sum = Sum(ip.subspan(12, 8), 0);
    return Join(header, ip.subspan(20, LoadBe<uint16_t>(ip.data() + 2) - 20U));
  }
  header.protocol = ip[6];
  header.pseudo_sum = Sum(ip.subspan(8, 32), 0);
  auto payload = ip.subspan(40, LoadBe<uint16_t>(ip.data() + 4));
  if (header.protocol == kFragmentHeader) {
    const auto field = LoadBe<uint16_t>(payload.data() + 2);
    header.protocol = payload[0];
    header.more = (field & 1) != 0;
    header.offset_bytes = field & 0xfff8U;
    header.is_fragment = header.more || header.offset_bytes != 0;
    header.id = LoadBe<uint32_t>(payload.data() + 4);
    payload = payload.subspan(8);
  }
  return Join(header, payload);
}

std::optional<Datagram4> Reassembler::Join(const Header& header, std::span<const uint8_t> payload) {
  Datagram4 whole{header.protocol, {payload.begin(), payload.end()}};
  if (header.is_fragment) {
    const auto key = std::pair(header.id, header.protocol);
    Pending& pending = pending_.try_emplace(key, kind_.overlap).first->second;
    const auto end = header.offset_bytes + static_cast<uint32_t>(payload.size());
    const bool strict = header.is_v6 || kind_.drops_overlapping_fragments;
    const auto written = pending.buffer.Write(header.offset_bytes, payload);
    if (strict && written.overlapped && !written.repeated) pending.dead = true;
    if (!header.more) pending.end = end;
    if (pending.dead || pending.end == 0 || pending.buffer.GapFrom(0) < pending.end) {
      return std::nullopt;
    }
    whole.bytes.assign(pending.buffer.bytes().begin(),
                       pending.buffer.bytes().begin() + pending.end);
    pending_.erase(key);
  }
  const uint32_t pseudo =
      header.pseudo_sum + header.protocol + static_cast<uint32_t>(whole.bytes.size());
  if (!IsWhole(Sum(whole.bytes, pseudo))) return std::nullopt;
  return whole;
}

struct TcpServer::Segment {
  uint32_t seq = 0;
  uint32_t ack = 0;
  uint8_t flags = 0;
  bool has_md5 = false;
  std::optional<uint32_t> timestamp;
  std::span<const uint8_t> bytes;

  bool Has(uint8_t flag) const { return (flags & flag) != 0; }
};

TcpServer::Segment TcpServer::Read(std::span<const uint8_t> bytes) {
  Segment segment;
  segment.seq = LoadBe<uint32_t>(bytes.data() + 4);
  segment.ack = LoadBe<uint32_t>(bytes.data() + 8);
  segment.flags = bytes[13];
  const size_t header_bytes = size_t{4} * (bytes[12] >> 4);
  segment.bytes = bytes.subspan(header_bytes);
  for (size_t at = 20; at < header_bytes && bytes[at] != 0;) {
    if (bytes[at] == 1) {
      ++at;
      continue;
    }
    if (bytes[at] == 19) segment.has_md5 = true;
    if (bytes[at] == 8) segment.timestamp = LoadBe<uint32_t>(bytes.data() + at + 2);
    at += bytes[at + 1];
  }
  return segment;
}

void TcpServer::Take(std::span<const uint8_t> bytes) {
  const Segment segment = Read(bytes);
  if (reset_ || (kind_.minds_md5 && segment.has_md5)) return;
  if (!heard_syn_) {
    Listen(segment);
    return;
  }
  if (segment.Has(kSyn)) {
    // Both have said SYN (RFC 9293 §3.5); else a challenge, or the SYN is said again.
    if (segment.Has(kAck) && segment.ack == isn_ + 1) established_ = true;
    owes_ack_ = true;
    return;
  }
  const auto offset = static_cast<int64_t>(static_cast<int32_t>(segment.seq - client_isn_ - 1));
  if (segment.Has(kRst)) {
    const bool in_window = offset >= received_ && offset < int64_t{received_} + kWindow;
    reset_ = offset == received_ || (kind_.resets_in_window && in_window);
    return;
  }
  if (!Acceptable(segment)) {
    owes_ack_ = true;
    return;
  }
  const bool on_time = offset <= received_;
  if (segment.timestamp.has_value() && on_time) recent_timestamp_ = segment.timestamp;
  established_ = true;
  const uint32_t acknowledged = segment.ack - isn_ - 1;
  if (segment.Has(kAck) && acknowledged <= sent_) {
    acknowledged_ = std::max(acknowledged_, acknowledged);
  }
  TakeBytes(offset, segment);
}

void TcpServer::Listen(const Segment& segment) {
  if (!segment.Has(kSyn) || segment.Has(kAck) || segment.Has(kRst)) return;
  heard_syn_ = true;
  client_isn_ = segment.seq;
  recent_timestamp_ = segment.timestamp;
  owes_ack_ = true;
  if (!takes_syn_data_) return;
  buffer_.Write(0, segment.bytes);
  received_ = buffer_.GapFrom(0);
}

bool TcpServer::Acceptable(const Segment& segment) {
  if (kind_.minds_ack) {
    if (!segment.Has(kAck)) return false;
    const auto ahead = static_cast<int32_t>(segment.ack - (isn_ + 1 + sent_));
    if (ahead > 0 || ahead < -static_cast<int64_t>(kWindow + sent_)) return false;
    // Before the connection stands, the acknowledgement is of the SYN.
    if (!established_ && segment.ack == isn_) return false;
  }
  if (kind_.minds_timestamps && segment.timestamp.has_value() && recent_timestamp_.has_value()) {
    return static_cast<int32_t>(*segment.timestamp - *recent_timestamp_) >= 0;
  }
  return true;
}

void TcpServer::TakeBytes(int64_t offset, const Segment& segment) {
  auto bytes = segment.bytes;
  const int64_t end = offset + static_cast<int64_t>(bytes.size());
  if (segment.Has(kFin) && end >= received_ && end <= int64_t{received_} + kWindow) {
    fin_at_ = std::min(fin_at_, static_cast<uint32_t>(end));
    owes_ack_ = true;
  }
  if (bytes.empty()) return;
  owes_ack_ = true;
  if (end <= received_ || end > int64_t{received_} + kWindow) return;
  if (offset < received_) {
    bytes = bytes.subspan(static_cast<size_t>(received_ - offset));
    offset = received_;
  }
  buffer_.Write(static_cast<uint32_t>(offset), bytes);
  received_ = std::min(buffer_.GapFrom(received_), fin_at_);
}

uint32_t TcpServer::ack_number() const {
  return client_isn_ + 1 + received_ + (finished() ? 1U : 0U);
}

bool TcpServer::OwesAck() {
  const bool owes = owes_ack_;
  owes_ack_ = false;
  return owes;
}

}  // namespace weir::property

// Fragments against a reassembly that keeps a map of bytes a datagram: the same outcome for every
// piece, the same whole, nothing lost or counted twice, no more room taken than there is.
//
// The input: a byte of flags (1: hardly any room), then a row of steps.
//   step & 3    0 and 1: an IPv4, IPv6 fragment; offset in units of 8 (2 bytes), length (2 bytes)
//               2: a frame as it is; length (2 bytes), bytes
//               3: time passes, or datagrams are given up
//   of a fragment: & 12: whose; & 16: more follow; & 96: all bits set: other bytes; & 128: another
//   TTL, or "don't fragment"; a whole passes unless its last piece has an odd length
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/base/cursor.h"
#include "dataplane/fragments/reassembler.h"
#include "dataplane/parse/parse.h"
#include "fuzz_check.h"
#include "tests/support/packet_builder.h"

using namespace weir;
using namespace weir::fragments;
using testing::Bytes;

namespace {

constexpr size_t kStepsMax = 64;
constexpr size_t kFrameBytesMax = 2000;
constexpr int16_t kAbsent = -1;
constexpr base::HashKey kSecret{1, 2};
constexpr Limits kRoomy{.datagrams_max = 64, .chunks_max = 512, .closed_keys_max = 1024};
constexpr Limits kTight{.datagrams_max = 3,
                        .chunks_max = 6,
                        .per_source_max = 2,
                        .pieces_max = 4,
                        .closed_keys_max = 8};

struct KeyOrder {
  bool operator()(const Key& a, const Key& b) const { return std::memcmp(&a, &b, sizeof a) < 0; }
};

// What the reference knows of a datagram, unfinished or closed.
struct Known {
  bool live = false;
  DatagramIndex index = kNoDatagram;
  std::vector<int16_t> bytes;
  size_t have_bytes = 0;
  uint32_t total_bytes = 0;
  unsigned pieces = 0;
  size_t head_bytes = 0;  // of the first fragment's IP header, as far as it counts
  base::MonoTime began;
  base::MonoTime touched;
  std::optional<base::MonoTime> closed_until;

  void BeginAnew(base::MonoTime now) {
    *this = Known();
    live = true;
    began = now;
  }
};

size_t CountedHead(const Piece& piece) {
  return piece.ip_header.size() - (piece.key.l3 == packet::L3::kIpv6 ? 40U : 0U);
}

// The bytes of a live datagram say what a piece is.
FUZZ_MODEL Event Predict(const Known& known, const Piece& piece, unsigned pieces_max) {
  const bool end_known = known.total_bytes != 0;
  if (piece.last && end_known && piece.end() != known.total_bytes) return Event::kOverlap;
  if (piece.last && piece.end() < known.bytes.size()) return Event::kOverlap;
  if (!piece.last && end_known && piece.end() >= known.total_bytes) return Event::kOverlap;
  size_t there = 0;
  size_t same = 0;
  for (size_t at = piece.offset; at < std::min<size_t>(piece.end(), known.bytes.size()); ++at) {
    there += known.bytes[at] != kAbsent ? 1U : 0U;
    same += known.bytes[at] == piece.data[at - piece.offset] ? 1U : 0U;
  }
  if (same == piece.data.size()) return Event::kDuplicate;
  if (there > 0) return Event::kOverlap;
  if (known.pieces == pieces_max) return Event::kTooMany;
  const size_t have = known.have_bytes + piece.data.size();
  const size_t total = piece.last ? piece.end() : known.total_bytes;
  if (total == 0 || have != total) return Event::kHeld;
  const size_t head = piece.first() ? CountedHead(piece) : known.head_bytes;
  return head + total > kDatagramBytesMax ? Event::kIllegal : Event::kCompleted;
}

void CheckPiece(const packet::Packet& packet, const Piece& piece) {
  if (piece.fault != Event::kHeld) {
    FUZZ_CHECK(piece.fault == Event::kCorrupt || piece.fault == Event::kCut ||
               piece.fault == Event::kIllegal || piece.fault == Event::kTiny);
    return;
  }
  const uint8_t* end = packet.data + packet.captured_bytes;
  FUZZ_CHECK(!piece.data.empty() && piece.data.data() + piece.data.size() <= end);
  FUZZ_CHECK(piece.ip_header.data() == packet.data + packet.headers.l3_offset);
  FUZZ_CHECK(piece.ip_header.data() + piece.ip_header.size() <= piece.data.data());
  FUZZ_CHECK(piece.names_fragment_at < piece.ip_header.size());
  FUZZ_CHECK(piece.offset % 8 == 0 && (piece.last || piece.data.size() % 8 == 0));
  FUZZ_CHECK(!(piece.first() && piece.last) && piece.end() <= kDatagramBytesMax);
}

class Bench : public LostListener {
 public:
  explicit Bench(const Limits& limits) : limits_(limits), table_(limits, kSecret, *this) {}

  void Reset() {
    while (table_.GiveUpOldest()) continue;
    FUZZ_CHECK(charged_packets_ == ended_packets_);
    FUZZ_CHECK(table_.live() == 0 && table_.chunks_in_use() == 0);
    table_.ForgetClosedKeys();
    known_.clear();
    keys_forgotten_ = 0;
    now_ = {base::kNsPerSecond};
  }

  void OnLost(const Datagram& datagram, Event why) override {
    ended_packets_ += datagram.charge.packets;
    Known& known = known_[datagram.key];
    FUZZ_CHECK(known.live);
    known.live = false;
    if (why != Event::kExpired) Close(known);
  }
  void OnKeyForgotten() override { ++keys_forgotten_; }

  void Add(Bytes frame, uint32_t cut_bytes, bool passes);
  void Pass(uint8_t step);

 private:
  void Close(Known& known) const { known.closed_until = {{now_.ns + kPatienceNs}}; }
  bool HasRoomFor(const Piece& piece) const {
    const size_t needed = piece.data.size() / kChunkBytes + 2;
    return table_.live() < limits_.datagrams_max &&
           table_.chunks_in_use() + needed <= limits_.chunks_max;
  }
  void Judge(const Piece& piece, const Reassembler::Added& added, Event expected, bool passes);
  void Complete(Known& known, const Reassembler::Added& added, bool passes);
  void CheckWhole(const Known& known, DatagramIndex index) const;
  void CheckLive() const {
    const auto live = std::ranges::count_if(known_, [](const auto& k) { return k.second.live; });
    FUZZ_CHECK(static_cast<uint32_t>(live) == table_.live());
    FUZZ_CHECK(table_.live() <= limits_.datagrams_max);
    FUZZ_CHECK(table_.chunks_in_use() <= limits_.chunks_max);
  }

  const Limits limits_;
  Reassembler table_;
  std::map<Key, Known, KeyOrder> known_;
  base::MonoTime now_{base::kNsPerSecond};
  uint64_t keys_forgotten_ = 0;
  uint64_t charged_packets_ = 0;
  uint64_t ended_packets_ = 0;
};

FUZZ_MODEL void Bench::CheckWhole(const Known& known, DatagramIndex index) const {
  std::vector<uint8_t> frame(kWholeBytesMax);
  const size_t bytes = table_.Build(index, frame);
  FUZZ_CHECK(bytes <= frame.size() && bytes > known.total_bytes);
  const Datagram& datagram = table_.at(index);
  FUZZ_CHECK(datagram.has_first && known.bytes.size() == known.total_bytes);
  const auto data = std::span(frame).first(bytes).last(known.total_bytes);
  FUZZ_CHECK(std::ranges::equal(data, known.bytes));
  const size_t ip_at = datagram.ip_at;
  const size_t ip_bytes = base::LoadBe<uint16_t>(&frame[ip_at + 2]);
  if (datagram.key.l3 == packet::L3::kIpv4) FUZZ_CHECK(ip_at + ip_bytes == bytes);
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes);
  parse::Parse(packet);
  FUZZ_CHECK(packet.headers.l3 != packet::L3::kNone);
}

void Bench::Complete(Known& known, const Reassembler::Added& added, bool passes) {
  CheckWhole(known, added.datagram);
  ended_packets_ += table_.at(added.datagram).charge.packets;
  const auto completed = table_.Release(added.datagram, now_);
  const bool closed_all_the_same = table_.Conclude(completed, passes, now_);
  const bool slow = now_.ns - known.began.ns > kPlainWithinNs;
  FUZZ_CHECK(!passes ? !closed_all_the_same : closed_all_the_same || !slow);
  known.live = false;
  if (!passes || closed_all_the_same) Close(known);
}

FUZZ_MODEL void Bench::Judge(const Piece& piece, const Reassembler::Added& added, Event expected,
                             bool passes) {
  Known& known = known_[piece.key];
  FUZZ_CHECK(added.event == expected);
  if (expected == Event::kDuplicate) return;
  if (expected != Event::kHeld && expected != Event::kCompleted) {
    FUZZ_CHECK(!known.live);
    Close(known);
    return;
  }
  if (!known.live) known.BeginAnew(now_);
  known.index = added.datagram;
  known.touched = now_;
  ++known.pieces;
  known.have_bytes += piece.data.size();
  if (piece.last) known.total_bytes = piece.end();
  if (piece.first()) known.head_bytes = CountedHead(piece);
  known.bytes.resize(std::max<size_t>(known.bytes.size(), piece.end()), kAbsent);
  std::ranges::copy(piece.data, known.bytes.begin() + piece.offset);
  if (expected == Event::kCompleted) Complete(known, added, passes);
}

void Bench::Add(Bytes frame, uint32_t cut_bytes, bool passes) {
  packet::Packet packet;
  packet.data = frame.data();
  packet.captured_bytes = static_cast<uint32_t>(frame.size());
  packet.wire_bytes = packet.captured_bytes + cut_bytes;
  parse::Parse(packet);
  if (!packet.headers.is_fragment) return;
  const Piece piece = ReadPiece(packet, kSecret);
  CheckPiece(packet, piece);
  const Known& before = known_[piece.key];
  const bool was_closed = before.closed_until.has_value() && *before.closed_until > now_;
  const bool in_time = now_.ns - before.touched.ns <= kPatienceNs;
  const bool had_room = HasRoomFor(piece);
  Event expected = piece.fault;
  if (expected == Event::kHeld) {
    expected = Predict(before.live && in_time ? before : Known(), piece, limits_.pieces_max);
  }
  const auto added = table_.Add(packet, {packet.headers.ip_bytes, 1, now_, now_});
  charged_packets_ += added.charged ? 1 : 0;
  if (expected == Event::kCorrupt || expected == Event::kCut) {
    FUZZ_CHECK(added.event == expected && !added.charged);
  } else if (added.event == Event::kClosed || added.event == Event::kWaved) {
    FUZZ_CHECK(was_closed && !added.charged);
  } else if (added.event == Event::kNoRoom) {
    FUZZ_CHECK(!had_room && (expected == Event::kHeld || expected == Event::kCompleted));
  } else {
    FUZZ_CHECK(!was_closed || keys_forgotten_ > 0);
    Judge(piece, added, expected, passes);
  }
  CheckLive();
}

void Bench::Pass(uint8_t step) {
  constexpr int64_t kMs[] = {1, 900, 1100, 30'000, 66'000};
  const unsigned choice = step >> 2 & 7U;
  if (choice < std::size(kMs)) now_.ns += kMs[choice] * base::kNsPerMs;
  if (choice == 5) {
    table_.Expire(now_, limits_.datagrams_max);
    for (const auto& [key, known] : known_) {
      FUZZ_CHECK(!known.live || now_.ns - known.touched.ns <= kPatienceNs);
    }
  }
  if (choice == 6) table_.GiveUpOldest();
  if (choice == 7) {
    const auto live = std::ranges::find_if(known_, [](const auto& k) { return k.second.live; });
    if (live != known_.end()) table_.Block(live->second.index, now_);
  }
  CheckLive();
}

FUZZ_MODEL Bytes MakeFragment(uint8_t step, uint16_t offset, uint16_t data_bytes) {
  const bool v6 = (step & 3) == 1;
  const uint8_t twist = (step & 96) == 96 ? 0x55 : 0;
  Bytes data(data_bytes);
  for (size_t i = 0; i < data.size(); ++i) {
    data[i] = static_cast<uint8_t>((offset + i) * 31 + (offset + i) / 251) ^ twist;
  }
  testing::PacketBuilder builder;
  const bool first_source = (step & 4) != 0;
  if (v6) {
    builder.Ipv6(first_source ? "2001:db8::1" : "2001:db8:1::1", "2001:db8::2");
  } else {
    builder.Ipv4(first_source ? "10.0.0.1" : "10.0.1.1", "192.0.2.1");
  }
  const uint32_t id = (step & 8) != 0 ? 7 : 8;
  Bytes frame = builder.Raw(17).Payload(data).Fragment(id, offset, (step & 16) != 0).Build();
  if ((step & 128) == 0) return frame;
  if (v6) {
    frame[14 + 7] ^= 1;
  } else {  // "don't fragment", and the checksum less as much
    frame[14 + 6] |= 0x40;
    const auto sum = base::LoadBe<uint16_t>(&frame[14 + 10]);
    base::StoreBe(&frame[14 + 10], static_cast<uint16_t>(sum - 0x4000 - (sum < 0x4000 ? 1 : 0)));
  }
  return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto roomy = std::make_unique<Bench>(kRoomy);
  static const auto tight = std::make_unique<Bench>(kTight);
  base::Cursor input({data, size});
  Bench& bench = (input.U8() & 1) != 0 ? *tight : *roomy;
  for (size_t i = 0; !input.empty() && i < kStepsMax; ++i) {
    const uint8_t step = input.U8();
    if ((step & 3) == 3) {
      bench.Pass(step);
    } else if ((step & 3) == 2) {
      const auto frame = input.Bytes(std::min<size_t>(input.U16(), input.left()));
      if (frame.size() > kFrameBytesMax) continue;
      bench.Add({frame.begin(), frame.end()}, step >> 6, (step & 4) == 0);
    } else {
      const auto offset = static_cast<uint16_t>(input.U16() << 3);
      const auto data_bytes = static_cast<uint16_t>(input.U16() & 0x7ff);
      bench.Add(MakeFragment(step, offset, data_bytes), 0, (data_bytes & 1) == 0);
    }
  }
  bench.Reset();
  return 0;
}

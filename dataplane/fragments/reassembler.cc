#include "dataplane/fragments/reassembler.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/checksum.h"

namespace weir::fragments {
namespace {

constexpr size_t kIpv6HeaderBytes = 40;
constexpr size_t kEtherTypeBytes = 2;

uint16_t EtherTypeOf(packet::L3 l3) { return l3 == packet::L3::kIpv4 ? 0x0800 : 0x86dd; }

size_t ChunksFor(const Piece& piece) {
  return (piece.end() - 1) / kChunkBytes - piece.offset / kChunkBytes + 1;
}

// Calls `visit(chunk number, offset in it, bytes)` for each part of the piece until it says false.
template <typename Visit>
bool ForEachPart(const Piece& piece, Visit&& visit) {
  for (size_t done = 0; done < piece.data.size();) {
    const size_t at = piece.offset + done;
    const size_t room = kChunkBytes - at % kChunkBytes;
    const auto part = piece.data.subspan(done, std::min(room, piece.data.size() - done));
    if (!visit(at / kChunkBytes, at % kChunkBytes, part)) return false;
    done += part.size();
  }
  return true;
}

// The frame's head as the whole will have it, less lengths and checksum.
void Describe(Datagram& datagram, const packet::Packet& packet, const Piece& piece) {
  const bool v6 = packet.headers.l3 == packet::L3::kIpv6;
  const size_t link_bytes = LinkBytes(packet.headers);
  datagram.headers = packet.headers;
  datagram.rx_side = packet.rx_side;
  datagram.has_first = piece.first();
  uint8_t* head = datagram.head.data();
  std::copy_n(packet.data, link_bytes, head);
  base::StoreBe(head + link_bytes, EtherTypeOf(packet.headers.l3));
  uint8_t* ip = head + link_bytes + kEtherTypeBytes;
  std::ranges::copy(piece.ip_header, ip);
  if (v6) ip[piece.names_fragment_at] = piece.next_header;
  datagram.ip_at = static_cast<uint16_t>(link_bytes + kEtherTypeBytes);
  datagram.head_bytes = static_cast<uint16_t>(datagram.ip_at + piece.ip_header.size());
}

size_t CountedHeaderBytes(const Datagram& datagram) {
  const bool v6 = datagram.headers.l3 == packet::L3::kIpv6;
  return datagram.head_bytes - datagram.ip_at - (v6 ? kIpv6HeaderBytes : 0U);
}

bool IsTooLong(const Datagram& datagram) {
  return CountedHeaderBytes(datagram) + datagram.total_bytes > kDatagramBytesMax;
}

void WriteIpv4Lengths(std::span<uint8_t> ip, size_t total_bytes) {
  base::StoreBe(&ip[2], static_cast<uint16_t>(total_bytes));
  base::StoreBe(&ip[6], uint16_t{0});
  base::StoreBe(&ip[10], uint16_t{0});
  // As it lies in memory, which the sum is too.
  const auto checksum = static_cast<uint16_t>(~base::FoldSum(base::AddToSum(0, ip)));
  std::memcpy(&ip[10], &checksum, sizeof checksum);
}

ClosedKey ClosedKeyOf(const packet::Headers& headers, bool has_first) {
  ClosedKey key;
  if (has_first) key.ports = {headers.src_port, headers.dst_port};
  key.ip_protocol = headers.ip_protocol;
  return key;
}

}  // namespace

void Charge::Add(const Charge& more) {
  first = packets == 0 ? more.first : std::min(first, more.first);
  last = std::max(last, more.last);
  packets += more.packets;
  bytes += more.bytes;
}

Reassembler::Reassembler(const Limits& limits, const base::HashKey& secret, LostListener& listener)
    : limits_(limits),
      secret_(secret),
      listener_(listener),
      datagrams_(limits.datagrams_max + 1),
      buckets_(std::bit_ceil(size_t{limits.datagrams_max} * 2)),
      sources_(kSources),
      chunks_(limits.chunks_max),
      closed_(limits.closed_keys_max),
      passed_(kPassedKeysMax) {}

Reassembler::Added Reassembler::Add(const packet::Packet& packet, const Charge& charge) {
  const base::MonoTime now = charge.last;
  const Piece piece = ReadPiece(packet, secret_);
  if (piece.fault == Event::kCorrupt || piece.fault == Event::kCut) return {.event = piece.fault};
  const uint64_t hash = piece.key.Hash(secret_);
  if (const auto closed = closed_.Find(hash, now)) {
    return {.event = closed->waved ? Event::kWaved : Event::kClosed, .closed = *closed};
  }
  DatagramIndex index = Find(piece.key, hash);
  if (index != kNoDatagram && now.ns - datagrams_[index].touched.ns > kPatienceNs) {
    Lose(index, Event::kExpired, std::nullopt);
    index = kNoDatagram;
  }
  if (piece.fault != Event::kHeld) return CloseFor(piece.fault, packet, hash, index, charge);
  if (index == kNoDatagram) index = Begin(packet, piece, hash, now);
  if (index == kNoDatagram) return {.event = Event::kNoRoom};
  Datagram& datagram = datagrams_[index];
  Event event = Place(index, piece, now);
  const bool placed = event == Event::kHeld || event == Event::kCompleted;
  if (placed && piece.first()) Describe(datagram, packet, piece);
  // Each fragment was short enough behind its own header; the first one's may be longer.
  if (event == Event::kCompleted && IsTooLong(datagram)) event = Event::kIllegal;
  const bool lives =
      event == Event::kHeld || event == Event::kCompleted || event == Event::kDuplicate;
  if (!lives) return CloseFor(event, packet, hash, index, charge);
  datagram.charge.Add(charge);
  if (event == Event::kDuplicate) return {.event = event, .datagram = index, .charged = true};
  Touch(index, piece, now);
  return {.event = event, .datagram = index, .charged = true};
}

DatagramIndex Reassembler::Find(const Key& key, uint64_t hash) const {
  DatagramIndex index = buckets_[hash & (buckets_.size() - 1)];
  while (index != kNoDatagram && !(datagrams_[index].key == key)) {
    index = datagrams_[index].next_in_bucket;
  }
  return index;
}

Reassembler::Source& Reassembler::SourceOf(const Key& key) {
  base::SipHash13 hash(secret_);
  std::array<uint64_t, 2> words;
  std::memcpy(words.data(), key.src.data(), sizeof words);
  hash.Add(words[0]);
  if (key.l3 == packet::L3::kIpv4) hash.Add(words[1]);
  return sources_[hash.Finish() % kSources];
}

DatagramIndex Reassembler::Begin(const packet::Packet& packet, const Piece& piece, uint64_t hash,
                                 base::MonoTime now) {
  Source& source = SourceOf(piece.key);
  if (source.count >= limits_.per_source_max) {
    Lose(source.datagrams.oldest, Event::kOverQuota, now);
  }
  if (live_ == limits_.datagrams_max && !GiveWay(now)) return kNoDatagram;
  while (chunks_.left() < ChunksFor(piece)) {
    if (!GiveWay(now)) return kNoDatagram;
  }
  const DatagramIndex index = free_head_ != kNoDatagram ? free_head_ : fresh_++;
  Datagram& datagram = datagrams_[index];
  if (free_head_ != kNoDatagram) free_head_ = datagram.next_in_bucket;
  datagram = Datagram{};
  datagram.key = piece.key;
  datagram.hash = hash;
  datagram.fate = piece.fate;
  datagram.source_pieces = source.pieces;
  datagram.chunks.fill(kNoChunk);
  Describe(datagram, packet, piece);
  if (const auto passed = passed_.Find(hash, now)) {
    datagram.follows = true;
    datagram.passed = *passed;
  }
  datagram.next_in_bucket = *BucketOf(hash);
  *BucketOf(hash) = index;
  Append(by_age_, &Datagram::by_age, index);
  Append(source.datagrams, &Datagram::by_source, index);
  ++source.count;
  ++live_;
  return index;
}

bool Reassembler::GiveWay(base::MonoTime now) {
  const DatagramIndex oldest = by_age_.oldest;
  if (oldest == kNoDatagram || now.ns - datagrams_[oldest].touched.ns <= kStaleNs) return false;
  Lose(oldest, Event::kStale, now);
  return true;
}

Event Reassembler::Place(DatagramIndex index, const Piece& piece, base::MonoTime now) {
  Datagram& datagram = datagrams_[index];
  if (EndsElsewhere(datagram, piece)) return Event::kOverlap;
  const Present present = Compare(datagram, piece);
  if (present == Present::kSame) return Event::kDuplicate;
  if (present == Present::kOther) return Event::kOverlap;
  if (datagram.pieces == limits_.pieces_max) return Event::kTooMany;
  if (!Write(index, piece, now)) return Event::kNoRoom;
  ++datagram.pieces;
  datagram.have_bytes += static_cast<uint32_t>(piece.data.size());
  datagram.end_bytes = std::max(datagram.end_bytes, piece.end());
  if (piece.last) datagram.total_bytes = piece.end();
  const bool whole = datagram.total_bytes != 0 && datagram.have_bytes == datagram.total_bytes;
  return whole ? Event::kCompleted : Event::kHeld;
}

bool Reassembler::EndsElsewhere(const Datagram& datagram, const Piece& piece) {
  const bool end_known = datagram.total_bytes != 0;
  if (!piece.last) return end_known && piece.end() >= datagram.total_bytes;
  return end_known ? piece.end() != datagram.total_bytes : piece.end() < datagram.end_bytes;
}

Present Reassembler::Compare(const Datagram& datagram, const Piece& piece) const {
  bool none = true;
  bool same = true;
  ForEachPart(piece, [&](size_t number, size_t at, std::span<const uint8_t> part) {
    const ChunkIndex chunk = datagram.chunks[number];
    const Present present =
        chunk == kNoChunk ? Present::kNone : chunks_.at(chunk).Compare(at, part);
    none = none && present == Present::kNone;
    same = same && present == Present::kSame;
    return none || same;
  });
  if (none) return Present::kNone;
  return same ? Present::kSame : Present::kOther;
}

bool Reassembler::Write(DatagramIndex index, const Piece& piece, base::MonoTime now) {
  Datagram& datagram = datagrams_[index];
  while (chunks_.left() < ChunksFor(piece)) {
    if (by_age_.oldest == index || !GiveWay(now)) return false;
  }
  return ForEachPart(piece, [&](size_t number, size_t at, std::span<const uint8_t> part) {
    ChunkIndex& chunk = datagram.chunks[number];
    if (chunk == kNoChunk) chunk = chunks_.Take();
    if (chunk == kNoChunk) return false;
    chunks_.at(chunk).Write(at, part);
    return true;
  });
}

void Reassembler::Touch(DatagramIndex index, const Piece& piece, base::MonoTime now) {
  Datagram& datagram = datagrams_[index];
  Source& source = SourceOf(datagram.key);
  ++source.pieces;
  const bool far = source.pieces - datagram.source_pieces > kPlainDistance;
  if (far || piece.fate != datagram.fate || piece.may_vanish) datagram.odd = true;
  datagram.source_pieces = source.pieces;
  datagram.touched = now;
  Remove(by_age_, &Datagram::by_age, index);
  Append(by_age_, &Datagram::by_age, index);
  Remove(source.datagrams, &Datagram::by_source, index);
  Append(source.datagrams, &Datagram::by_source, index);
}

Reassembler::Added Reassembler::CloseFor(Event why, const packet::Packet& packet, uint64_t hash,
                                         DatagramIndex index, const Charge& charge) {
  if (index != kNoDatagram) {
    Datagram& datagram = datagrams_[index];
    datagram.charge.Add(charge);
    Lose(index, why, charge.last);
    return {.event = why, .charged = true};
  }
  const bool first = packet.headers.fragment_offset_bytes == 0;
  Close(hash, ClosedKeyOf(packet.headers, first), charge.last);
  return {.event = why};
}

void Reassembler::Lose(DatagramIndex index, Event why, std::optional<base::MonoTime> close_at) {
  const Datagram& datagram = datagrams_[index];
  listener_.OnLost(datagram, why);
  if (close_at.has_value()) {
    ClosedKey key = ClosedKeyOf(datagram.headers, datagram.has_first);
    key.waved = why == Event::kNoRoom && !limits_.drop_when_full;
    Close(datagram.hash, key, *close_at);
  }
  Free(index);
}

void Reassembler::Close(uint64_t hash, const ClosedKey& key, base::MonoTime now) {
  if (closed_.Put(hash, key, now, base::MonoTime{now.ns + kPatienceNs})) {
    listener_.OnKeyForgotten();
  }
}

Reassembler::Completed Reassembler::Release(DatagramIndex index, base::MonoTime now) {
  const Datagram& datagram = datagrams_[index];
  const bool slow = now.ns - datagram.charge.first.ns > kPlainWithinNs;
  const Completed completed{datagram.hash, ClosedKeyOf(datagram.headers, true),
                            datagram.odd || slow};
  Free(index);
  return completed;
}

bool Reassembler::Conclude(const Completed& completed, bool passed, base::MonoTime now) {
  if (passed && !completed.odd) {
    passed_.Put(completed.hash, completed.key, now, base::MonoTime{now.ns + kPlainWithinNs});
    return false;
  }
  Close(completed.hash, completed.key, now);
  return passed;
}

void Reassembler::Block(DatagramIndex index, base::MonoTime now) {
  Lose(index, Event::kBlocked, now);
}

uint32_t Reassembler::Expire(base::MonoTime now, uint32_t budget) {
  uint32_t expired = 0;
  for (; expired < budget; ++expired) {
    const DatagramIndex oldest = by_age_.oldest;
    if (oldest == kNoDatagram || now.ns - datagrams_[oldest].touched.ns <= kPatienceNs) break;
    Lose(oldest, Event::kExpired, std::nullopt);
  }
  return expired;
}

bool Reassembler::GiveUpOldest() {
  if (by_age_.oldest == kNoDatagram) return false;
  Lose(by_age_.oldest, Event::kExpired, std::nullopt);
  return true;
}

size_t Reassembler::Build(DatagramIndex index, std::span<uint8_t> out) const {
  const Datagram& datagram = datagrams_[index];
  std::copy_n(datagram.head.data(), datagram.head_bytes, out.data());
  const std::span<uint8_t> ip =
      out.subspan(datagram.ip_at, size_t{datagram.head_bytes} - datagram.ip_at);
  const size_t counted_bytes = CountedHeaderBytes(datagram) + datagram.total_bytes;
  if (datagram.headers.l3 == packet::L3::kIpv4) {
    WriteIpv4Lengths(ip, counted_bytes);
  } else {
    base::StoreBe(&ip[4], static_cast<uint16_t>(counted_bytes));
  }
  const std::span<uint8_t> data = out.subspan(datagram.head_bytes, datagram.total_bytes);
  for (size_t at = 0; at < data.size(); at += kChunkBytes) {
    const Chunk& chunk = chunks_.at(datagram.chunks[at / kChunkBytes]);
    std::copy_n(chunk.bytes().data(), std::min(kChunkBytes, data.size() - at), &data[at]);
  }
  return datagram.head_bytes + data.size();
}

void Reassembler::Free(DatagramIndex index) {
  Datagram& datagram = datagrams_[index];
  for (const ChunkIndex chunk : datagram.chunks) chunks_.Give(chunk);
  Source& source = SourceOf(datagram.key);
  Remove(by_age_, &Datagram::by_age, index);
  Remove(source.datagrams, &Datagram::by_source, index);
  --source.count;
  --live_;
  DatagramIndex* at = BucketOf(datagram.hash);
  while (*at != index) at = &datagrams_[*at].next_in_bucket;
  *at = datagram.next_in_bucket;
  datagram.next_in_bucket = free_head_;
  free_head_ = index;
}

void Reassembler::Append(List& list, Link Datagram::*link, DatagramIndex index) {
  datagrams_[index].*link = {list.newest, kNoDatagram};
  if (list.newest != kNoDatagram) {
    (datagrams_[list.newest].*link).behind = index;
  } else {
    list.oldest = index;
  }
  list.newest = index;
}

void Reassembler::Remove(List& list, Link Datagram::*link, DatagramIndex index) {
  const Link removed = datagrams_[index].*link;
  if (removed.before != kNoDatagram) {
    (datagrams_[removed.before].*link).behind = removed.behind;
  } else {
    list.oldest = removed.behind;
  }
  if (removed.behind != kNoDatagram) {
    (datagrams_[removed.behind].*link).before = removed.before;
  } else {
    list.newest = removed.before;
  }
}

}  // namespace weir::fragments

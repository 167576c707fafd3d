// A client's segments in any order, with other bytes among them: what the reader sees is what the
// server will get, first bytes win, and nothing is kept back that could be read.
//
// The input: flags (1 byte), first sequence number (4 bytes), then a row of steps.
//   flags  1: what was read is not kept; 2: the start is certain; & 12: how the reader reads;
//          16: the reader passes over bodies; 32: it finishes early
//   step   & 3: 0 to 2 a segment, 3 an acknowledgement; & 12: where it is counted from; 16: further
//          back; & 96: all bits set: other bytes; 128: a long one
//          distance (2 bytes), and of a segment: length (2 bytes)
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

#include "dataplane/base/cursor.h"
#include "dataplane/stream/client_stream.h"
#include "fuzz_check.h"

using namespace weir::stream;

namespace {

constexpr size_t kStepsMax = 64;
constexpr size_t kFinishedAfter = 3000;

// Places are counted from the first sequence number of all, and may lie before it.
using Place = int64_t;

// Bytes by their place, a page at a time.
class ByteMap {
 public:
  FUZZ_MODEL std::optional<uint8_t> Find(Place place) const {
    const auto page = pages_.find(place >> kPageBits);
    if (page == pages_.end()) return std::nullopt;
    const int16_t byte = page->second[Within(place)];
    return byte == kAbsent ? std::nullopt : std::optional(static_cast<uint8_t>(byte));
  }
  // The first byte that is put into a place stays; that one is returned.
  FUZZ_MODEL uint8_t Put(Place place, uint8_t byte) {
    const auto [page, is_new] = pages_.try_emplace(place >> kPageBits);
    if (is_new) page->second.fill(kAbsent);
    int16_t& at = page->second[Within(place)];
    if (at == kAbsent) at = byte;
    return static_cast<uint8_t>(at);
  }

 private:
  static constexpr int16_t kAbsent = -1;
  static constexpr unsigned kPageBits = 10;
  static size_t Within(Place place) { return static_cast<size_t>(place) & ((1U << kPageBits) - 1); }

  std::map<Place, std::array<int16_t, 1U << kPageBits>> pages_;
};

FUZZ_MODEL uint8_t TrueByte(Place place) {
  return static_cast<uint8_t>(place * 11 + (place >> 8) * 3);
}

FUZZ_MODEL std::vector<uint8_t> BytesAt(Place from, size_t count, uint8_t twist) {
  std::vector<uint8_t> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = TrueByte(from + static_cast<Place>(i)) ^ twist;
  return bytes;
}

// Takes whole units, then passes over a body, over and over.
class Reader {
 public:
  Reader(uint8_t flags, const ClientStream& stream, uint32_t origin)
      : flags_(flags), stream_(stream), origin_(origin) {}

  FUZZ_MODEL size_t Read(std::span<const uint8_t> bytes) {
    FUZZ_CHECK(!bytes.empty() && !finished());
    ++calls_;
    const Place from = SeqDistance(origin_, stream_.next_seq());
    for (size_t i = 0; i < bytes.size(); ++i) Show(from + static_cast<Place>(i), bytes[i]);
    const size_t unit = kUnits[flags_ >> 2 & 3];
    const size_t whole = bytes.size() / unit * unit;
    total_ += whole;
    body_ = (flags_ & 16) != 0 && whole == bytes.size() ? total_ % 5000 : 0;
    return whole;
  }
  uint64_t passable() const { return body_; }
  void Pass(uint32_t count) {
    FUZZ_CHECK(count <= body_);
    body_ -= count;
  }
  bool finished() const { return (flags_ & 32) != 0 && total_ >= kFinishedAfter; }

  void Restart() {
    total_ = 0;
    body_ = 0;
  }
  const ByteMap& shown() const { return shown_; }
  Place shown_end() const { return shown_end_; }
  size_t calls() const { return calls_; }

 private:
  static constexpr size_t kUnits[] = {1, 3, 64, 1000};

  // Whatever is shown twice is shown alike.
  FUZZ_MODEL void Show(Place place, uint8_t byte) {
    FUZZ_CHECK(shown_.Put(place, byte) == byte);
    shown_end_ = std::max(shown_end_, place + 1);
  }

  const uint8_t flags_;
  const ClientStream& stream_;
  const uint32_t origin_;
  ByteMap shown_;
  Place shown_end_ = 0;
  size_t calls_ = 0;
  size_t total_ = 0;
  uint64_t body_ = 0;
};

class Bench {
 public:
  Bench(BufferPool& pool, uint8_t flags, uint32_t origin)
      : keep_((flags & 1) == 0),
        origin_(origin),
        stream_(pool),
        reader_(flags, stream_, origin),
        pool_(pool) {
    stream_.Start(origin, (flags & 2) != 0);
  }
  ~Bench() {
    stream_.Stop();
    FUZZ_CHECK(pool_.in_use() == 0 && !stream_.started());
  }

  void Segment(Place from, size_t count, uint8_t twist);
  void Acknowledge(Place up_to) {
    stream_.Acknowledge(SeqOf(up_to));
    if (up_to < acknowledged_) return;
    acknowledged_ = up_to;
    base_ = std::max(base_, std::min(acknowledged_, next()));
    FUZZ_CHECK(!keep_ || stream_.settled() == (reader_.shown_end() <= acknowledged_));
  }
  Place next() const { return SeqDistance(origin_, stream_.next_seq()); }
  Place acknowledged() const { return acknowledged_; }

 private:
  uint32_t SeqOf(Place place) const { return origin_ + static_cast<uint32_t>(place); }
  // What lies before is not kept.
  Place Floor() const { return keep_ ? base_ : next(); }
  void CheckTaken(Place from, std::span<const uint8_t> bytes) const;
  void Take(Place from, std::span<const uint8_t> bytes, Place floor);
  void CheckConflict(Place from, std::span<const uint8_t> bytes) const;
  void CheckNothingHeldBack() const;

  const bool keep_;
  const uint32_t origin_;
  ClientStream stream_;
  Reader reader_;
  BufferPool& pool_;
  ByteMap taken_;  // the first bytes that were taken for a place
  Place acknowledged_ = 0;
  Place base_ = 0;  // with what was read kept: where that begins
};

// With what is kept: the server cannot get other bytes than those that were shown.
FUZZ_MODEL void Bench::CheckTaken(Place from, std::span<const uint8_t> bytes) const {
  if (!keep_) return;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const Place place = from + static_cast<Place>(i);
    if (place < acknowledged_) continue;
    FUZZ_CHECK(reader_.shown().Find(place).value_or(bytes[i]) == bytes[i]);
  }
}

FUZZ_MODEL void Bench::CheckConflict(Place from, std::span<const uint8_t> bytes) const {
  bool differs = false;
  for (size_t i = 0; i < bytes.size() && !differs; ++i) {
    differs = taken_.Find(from + static_cast<Place>(i)).value_or(bytes[i]) != bytes[i];
  }
  FUZZ_CHECK(differs);
}

// What follows on what was consumed has been shown.
void Bench::CheckNothingHeldBack() const {
  if (reader_.finished()) return;
  FUZZ_CHECK(!taken_.Find(next()).has_value() || reader_.shown().Find(next()).has_value());
}

FUZZ_MODEL void Bench::Take(Place from, std::span<const uint8_t> bytes, Place floor) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    const Place place = from + static_cast<Place>(i);
    if (place >= floor) taken_.Put(place, bytes[i]);
  }
}

void Bench::Segment(Place from, size_t count, uint8_t twist) {
  const auto bytes = BytesAt(from, count, twist);
  if (const auto lost = stream_.LostBefore(SeqOf(from))) {
    FUZZ_CHECK(*lost == SeqOf(acknowledged_) && from >= acknowledged_);
    FUZZ_CHECK(next() < acknowledged_);
  }
  if (stream_.StartsEarlier(SeqOf(from))) {
    FUZZ_CHECK(stream_.start_seq() == SeqOf(from) && next() == from);
    reader_.Restart();
    acknowledged_ = base_ = from;
  }
  const Place floor = Floor();
  const size_t calls = reader_.calls();
  const bool was_finished = reader_.finished();
  const Added added = stream_.Add(SeqOf(from), bytes, keep_, reader_);
  const bool was_read = reader_.calls() > calls;
  if (added == Added::kConflict) {
    FUZZ_CHECK(!was_read);
    CheckConflict(from, bytes);
    return;
  }
  if (added == Added::kTooFar) {
    const Place end = from + static_cast<Place>(count);
    FUZZ_CHECK(end > static_cast<Place>(kStreamBytesMax) + Floor());
    return;
  }
  FUZZ_CHECK(added != Added::kPoolEmpty && (added == Added::kRead) == was_read);
  if (added != Added::kNothing) {
    FUZZ_CHECK(!was_finished);
    Take(from, bytes, floor);
  }
  CheckTaken(from, bytes);
  CheckNothingHeldBack();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static BufferPool pool(1);
  weir::base::Cursor input({data, size});
  const uint8_t flags = input.U8();
  Bench bench(pool, flags, input.U32());
  Place latest = 0;
  for (size_t i = 0; input.left() >= 3 && i < kStepsMax; ++i) {
    const uint8_t step = input.U8();
    const Place anchors[] = {0, bench.next(), bench.acknowledged(), latest};
    const Place distance = input.U16() & 0x7fff;
    const Place place = anchors[step >> 2 & 3] + ((step & 16) != 0 ? -distance : distance);
    if ((step & 3) == 3) {
      bench.Acknowledge(place);
    } else {
      const size_t count = input.U16() % ((step & 128) != 0 ? kStreamBytesMax + 100 : 2000);
      bench.Segment(place, count, (step & 96) == 96 ? 0xff : 0);
      latest = place + static_cast<Place>(count);
    }
  }
  return 0;
}

// Puts fragmented datagrams together from copies of their fragments, while the fragments go their
// way.
//
// Theory of operation. Each datagram in the making has the frame header and IP header of its first
// fragment, and its bytes in chunks of a pool. Bytes that come again must be the same: anything
// else closes the key, and every further fragment of it is to be dropped (RFC 5722). A closed key
// stays so for longer than any server waits; so does one whose whole was blocked, else a sender
// could put other pieces to those that went through before.
//
// A datagram that passed leaves its key free at once if it was *plain*: whatever decides whether a
// fragment reaches the server (addresses, TTL, options, "don't fragment", size) was alike for all
// of its fragments, and they came in quick succession. Then the server has it all, or lost some by
// chance. IPv4 identifiers come round in seconds on a fast sender (RFC 6864 §4.3), so closing
// every key would drop what is allowed. Otherwise a fragment may have been sent so as to be seen
// here and to die before the server, or to come after the server's patience, and what the server
// still waits for could be sent with other bytes: the key is closed.
//
// A fragment that comes again behind a plain datagram begins another of its key, which nobody will
// complete. It is counted where the first copy was: the ports of what passed are remembered for a
// little while, and serve for nothing else.
//
// What is not completed is given up when no fragment has come for longer than servers wait. The
// unfinished datagrams of one source are limited; the one touched longest ago gives way and its key
// is closed. When all room is taken, one that nobody has touched for a second gives way; else there
// is no room.
//
// Memory is fixed at the start; one worker's thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/base/huge_array.h"
#include "dataplane/base/siphash.h"
#include "dataplane/base/time.h"
#include "dataplane/fragments/chunk_pool.h"
#include "dataplane/fragments/closed_keys.h"
#include "dataplane/fragments/event.h"
#include "dataplane/fragments/limits.h"
#include "dataplane/fragments/piece.h"
#include "dataplane/packet/packet.h"

namespace weir::fragments {

// Servers wait 30 s (Linux, BSD over IPv4) or 60 s (RFC 8200 §4.5, Windows) from the first fragment
// that they got. Measured here from the last that was forwarded, and a little longer, for it has
// yet to arrive.
inline constexpr int64_t kPatienceNs = 65 * base::kNsPerSecond;
// A plain datagram's fragments come within this; no server gives up sooner.
inline constexpr int64_t kPlainWithinNs = base::kNsPerSecond;
// One that nobody has touched for so long gives way when room is short.
inline constexpr int64_t kStaleNs = base::kNsPerSecond;
// Linux forgets a datagram when so many fragments of its source came between two of its own
// (net.ipv4.ipfrag_max_dist is 64).
inline constexpr uint32_t kPlainDistance = 32;

// Plain datagrams whose ports are remembered; 24 bytes each. What is forgotten early has ports 0.
inline constexpr uint32_t kPassedKeysMax = 4'096;

// The largest datagram with its link-layer header.
inline constexpr size_t kWholeBytesMax = kHeadBytesMax + kDatagramBytesMax;

// What packets add to the flow that they are counted to.
struct Charge {
  uint64_t bytes = 0;
  uint32_t packets = 0;
  base::MonoTime first;  // when the earliest and the latest of them came
  base::MonoTime last;

  void Add(const Charge& more);
};

// Zero is no datagram, so that zeroed tables are empty ones.
using DatagramIndex = uint32_t;
inline constexpr DatagramIndex kNoDatagram = 0;

struct Link {
  DatagramIndex before;
  DatagramIndex behind;
};

struct Datagram {
  Key key;
  uint64_t hash;
  uint64_t fate;  // of the piece that came first
  Link by_age;
  Link by_source;
  DatagramIndex next_in_bucket;
  uint32_t source_pieces;  // of its source, when its newest piece came
  uint32_t total_bytes;    // of the fragmentable part; 0 until the last fragment is there
  uint32_t end_bytes;      // behind the furthest byte
  uint32_t have_bytes;
  uint16_t pieces;
  uint16_t head_bytes;
  uint16_t ip_at;  // in `head`
  bool odd;        // not plain
  bool has_first;  // `head` and `headers` are the first fragment's; else those of any
  bool follows;    // and `passed` is of one that passed with its key lately
  ClosedKey passed;
  packet::Side rx_side;
  base::MonoTime touched;  // when a piece was last forwarded
  Charge charge;           // of its pieces, which no flow has been charged with yet
  packet::Headers headers;
  std::array<uint8_t, kHeadBytesMax> head;
  std::array<ChunkIndex, kDatagramBytesMax / kChunkBytes + 1> chunks;
};

// Told of datagrams that will not become whole, before they are forgotten.
class LostListener {
 public:
  virtual ~LostListener() = default;
  virtual void OnLost(const Datagram& datagram, Event why) = 0;
  virtual void OnKeyForgotten() = 0;  // a closed one, before its time
};

class Reassembler {
 public:
  // Throws std::bad_alloc. `listener` outlives it.
  Reassembler(const Limits& limits, const base::HashKey& secret, LostListener& listener);

  struct Added {
    Event event = Event::kNoRoom;
    DatagramIndex datagram = kNoDatagram;  // kHeld, kDuplicate, kCompleted
    // Charged to a datagram, which may be lost already. Else the piece is on its own.
    bool charged = false;
    ClosedKey closed = {};  // kClosed, kWaved
  };

  // A packet whose headers say is_fragment, and what it counts for.
  Added Add(const packet::Packet& packet, const Charge& charge);

  const Datagram& at(DatagramIndex index) const { return datagrams_[index]; }

  // The datagram of a kCompleted, as one unfragmented frame, into `out`, at least kWholeBytesMax
  // long; returns its bytes. The link-layer header is the first fragment's, cut behind its VLAN
  // tags.
  size_t Build(DatagramIndex index, std::span<uint8_t> out) const;

  // Takes a kCompleted out of the table; Conclude() then says what became of it. Its key is closed
  // unless it passed and was plain; true when it is closed although it passed.
  struct Completed {
    uint64_t hash = 0;
    ClosedKey key;
    bool odd = false;
  };
  Completed Release(DatagramIndex index, base::MonoTime now);
  bool Conclude(const Completed& completed, bool passed, base::MonoTime now);

  // A piece of it was dropped: nothing more of it may pass.
  void Block(DatagramIndex index, base::MonoTime now);

  // Gives up what is out of time, at most `budget` of it. Returns how many.
  uint32_t Expire(base::MonoTime now, uint32_t budget);

  // Gives up the oldest, in time or not; false when there is none.
  bool GiveUpOldest();

  void ForgetClosedKeys() { closed_.Clear(); }

  uint32_t live() const { return live_; }
  size_t chunks_in_use() const { return chunks_.in_use(); }

 private:
  struct List {
    DatagramIndex oldest;
    DatagramIndex newest;
  };
  // Sources that share a place share its quota.
  struct Source {
    List datagrams;
    uint32_t count;
    uint32_t pieces;  // ever; wraps
  };
  static constexpr size_t kSources = 4096;

  DatagramIndex Find(const Key& key, uint64_t hash) const;
  Source& SourceOf(const Key& key);
  DatagramIndex Begin(const packet::Packet& packet, const Piece& piece, uint64_t hash,
                      base::MonoTime now);
  bool GiveWay(base::MonoTime now);
  Event Place(DatagramIndex index, const Piece& piece, base::MonoTime now);
  static bool EndsElsewhere(const Datagram& datagram, const Piece& piece);
  Present Compare(const Datagram& datagram, const Piece& piece) const;
  bool Write(DatagramIndex index, const Piece& piece, base::MonoTime now);
  void Touch(DatagramIndex index, const Piece& piece, base::MonoTime now);
  Added CloseFor(Event why, const packet::Packet& packet, uint64_t hash, DatagramIndex index,
                 const Charge& charge);
  void Lose(DatagramIndex index, Event why, std::optional<base::MonoTime> close_at);
  void Close(uint64_t hash, const ClosedKey& key, base::MonoTime now);
  void Free(DatagramIndex index);

  void Append(List& list, Link Datagram::*link, DatagramIndex index);
  void Remove(List& list, Link Datagram::*link, DatagramIndex index);
  DatagramIndex* BucketOf(uint64_t hash) { return &buckets_[hash & (buckets_.size() - 1)]; }

  const Limits limits_;
  const base::HashKey secret_;
  LostListener& listener_;
  base::HugeArray<Datagram> datagrams_;  // the first is never used
  base::HugeArray<DatagramIndex> buckets_;
  base::HugeArray<Source> sources_;
  ChunkPool chunks_;
  ClosedKeys closed_;
  ClosedKeys passed_;  // plain, and not closed at all
  List by_age_{};      // the oldest was touched longest ago
  DatagramIndex free_head_ = kNoDatagram;
  DatagramIndex fresh_ = 1;  // datagrams from here on were never used
  uint32_t live_ = 0;
};

}  // namespace weir::fragments

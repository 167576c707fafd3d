// An honest connection's segments are all taken, whatever is forged between them; a forgery of a
// known kind never is; and what is refused changes nothing.
//
// The input: flags (1 byte; 1: no options but in forgeries, 2: segments as the input has them), the
// first sequence numbers (4 bytes each), then a row of steps.
//   step  & 1: who sends; & 6: data, acknowledgement, the last data again, the end; & 8: a forgery
//         of kind & 240 before it; 2 more bytes: how much
#include <algorithm>
#include <array>
#include <tuple>

#include "dataplane/base/cursor.h"
#include "dataplane/packet/packet.h"
#include "dataplane/stream/client_stream.h"
#include "dataplane/stream/tcp_check.h"
#include "fuzz_check.h"

using namespace weir::stream;
using namespace weir::packet::tcp_flag;

namespace {

constexpr size_t kStepsMax = 200;
constexpr uint8_t kUrg = 0x20;
constexpr uint16_t kWindow = 60000;
constexpr uint8_t kScale = 1;
constexpr uint32_t kFirstTimestamp = 5000;

auto Observed(const TcpCheck& check) {
  const auto of = [&](Peer peer) {
    return std::tuple(check.seen(peer), check.sent_end(peer), check.has_ack(peer), check.ack(peer),
                      check.reset(peer), check.fin(peer));
  };
  return std::pair(of(Peer::kClient), of(Peer::kServer));
}

SegmentFault Offer(TcpCheck& check, Peer sender, const Segment& segment, bool strict) {
  const auto before = Observed(check);
  const SegmentFault fault = check.Look(sender, segment, strict);
  FUZZ_CHECK(fault < SegmentFault::kCount && SegmentFaultName(fault) != "unknown");
  if (fault != SegmentFault::kNone) FUZZ_CHECK(Observed(check) == before);
  return fault;
}

struct End {
  uint32_t first = 0;
  uint32_t next = 0;
  uint32_t last_data = 0;     // where the newest data began
  uint32_t acknowledged = 0;  // of its bytes, by the other end
  uint32_t timestamp = kFirstTimestamp;
  bool ended = false;
};

class Connection {
 public:
  Connection(bool plain, uint32_t client_seq, uint32_t server_seq) : plain_(plain) {
    ends_[0].first = ends_[0].next = client_seq;
    ends_[1].first = ends_[1].next = server_seq;
    Segment syn = Make(0, 0);
    syn.flags = kSyn;
    syn.ack = 0;
    Honest(0, syn, 1);
    Segment answer = Make(1, 0);
    answer.flags = kSyn | kAck;
    Honest(1, answer, 1);
    Honest(0, Make(0, 0), 0);
    Honest(1, Make(1, 0), 0);
  }

  void Step(uint8_t step, uint16_t amount) {
    const size_t from = step & 1;
    if ((step & 8) != 0) Forge(from, step >> 4, amount);
    End& sender = ends_[from];
    const uint32_t in_flight = sender.next - sender.acknowledged;
    const uint32_t room = WindowBytes() - in_flight;
    switch (step >> 1 & 3) {
      case 0:
        if (!sender.ended && amount <= room) Send(from, amount);
        break;
      case 1:
        Honest(from, Make(from, 0), 0);
        break;
      case 2:
        SendAgain(from);
        break;
      default:
        if (room > 0) Close(from);
        break;
    }
  }

 private:
  Segment Make(size_t from, uint32_t payload_bytes) {
    End& sender = ends_[from];
    Segment segment;
    segment.seq = sender.next;
    segment.ack = ends_[1 - from].next;
    segment.payload_bytes = payload_bytes;
    segment.window = kWindow;
    segment.flags = kAck;
    segment.checksum_is_known = segment.checksum_is_right = true;
    if (plain_) return segment;
    segment.options = {.timestamp = ++sender.timestamp,
                       .window_scale = kScale,
                       .has_timestamp = true,
                       .has_window_scale = true,
                       .is_signed = false};
    return segment;
  }

  void Honest(size_t from, const Segment& segment, uint32_t numbers) {
    FUZZ_CHECK(Offer(check_, PeerOf(from), segment, true) == SegmentFault::kNone);
    ends_[from].next += numbers;
    ends_[1 - from].acknowledged = ends_[1 - from].next;
    FUZZ_CHECK(check_.sent_end(PeerOf(from)) == ends_[from].next);
  }

  void Send(size_t from, uint32_t bytes) {
    ends_[from].last_data = ends_[from].next;
    Honest(from, Make(from, bytes), bytes);
  }

  void SendAgain(size_t from) {
    const End& sender = ends_[from];
    Segment segment = Make(from, 0);
    if (sender.last_data == 0) return;
    segment.seq = sender.last_data;
    segment.payload_bytes = sender.next - sender.last_data - (sender.ended ? 1 : 0);
    Honest(from, segment, 0);
  }

  void Close(size_t from) {
    if (ends_[from].ended) return;
    Segment segment = Make(from, 0);
    segment.flags = kAck | kFin;
    Honest(from, segment, 1);
    ends_[from].ended = true;
    FUZZ_CHECK(check_.fin(PeerOf(from)));
  }

  void Forge(size_t from, unsigned kind, uint16_t amount) {
    const End& sender = ends_[from];
    const End& receiver = ends_[1 - from];
    Segment forged = Make(from, 1 + amount % 1000);
    const uint32_t more = 1 + amount;
    switch (kind % 10) {
      case 0:
        forged.checksum_is_right = false;
        break;
      case 1:
        forged.flags = kPsh;
        break;
      case 2:
        forged.ack = receiver.next + more;
        break;
      case 3:
        forged.ack = receiver.first - more;
        break;
      case 4:
        forged.seq = sender.next + WindowBytes() + more;
        break;
      case 5:
        forged.options.timestamp = kFirstTimestamp - (more & 0xfff);
        if (plain_) return;
        break;
      case 6:
        forged.flags |= kUrg;
        break;
      case 7:
        forged.options.is_signed = true;
        break;
      case 8:
        forged.flags = kSyn;
        forged.seq = sender.first + more;
        break;
      default:
        forged.flags = kRst | kAck;
        forged.seq = sender.next + more;
        break;
    }
    FUZZ_CHECK(Offer(check_, PeerOf(from), forged, true) != SegmentFault::kNone);
  }

  uint32_t WindowBytes() const { return plain_ ? kWindow : uint32_t{kWindow} << kScale; }
  static Peer PeerOf(size_t from) { return from == 0 ? Peer::kClient : Peer::kServer; }

  const bool plain_;
  std::array<End, 2> ends_;
  TcpCheck check_;
};

// Anything at all: nothing but what Offer() looks at can be said.
void OfferAnything(weir::base::Cursor& input) {
  TcpCheck check;
  for (size_t i = 0; !input.empty() && i < kStepsMax; ++i) {
    const uint8_t bits = input.U8();
    Segment segment;
    segment.seq = input.U32();
    segment.ack = input.U32();
    segment.payload_bytes = input.U16();
    segment.window = input.U16();
    segment.flags = input.U8();
    segment.checksum_is_known = (bits & 2) != 0;
    segment.checksum_is_right = (bits & 4) != 0;
    segment.options = ParseTcpOptions(input.Bytes(std::min<size_t>(bits >> 4, input.left())));
    Offer(check, (bits & 1) != 0 ? Peer::kServer : Peer::kClient, segment, (bits & 8) != 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::base::Cursor input({data, size});
  const uint8_t flags = input.U8();
  if ((flags & 2) != 0) {
    OfferAnything(input);
    return 0;
  }
  const uint32_t client_seq = input.U32();
  const uint32_t server_seq = input.U32();
  Connection connection((flags & 1) != 0, client_seq, server_seq);
  for (size_t i = 0; input.left() >= 3 && i < kStepsMax; ++i) {
    const uint8_t step = input.U8();
    connection.Step(step, input.U16());
  }
  return 0;
}

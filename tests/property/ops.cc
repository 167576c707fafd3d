#include "tests/property/ops.h"

#include <algorithm>

namespace weir::property {
namespace {

struct KindWords {
  OpKind kind;
  std::string_view words;  // %f %p %a %b %c
};

constexpr KindWords kWords[] = {
    {OpKind::kCut, "flight %f is cut at byte %a"},
    {OpKind::kJoin, "messages %p and the next of flight %f share a segment"},
    {OpKind::kAgain, "flight %f: %b bytes from %a are sent again before packet %p"},
    {OpKind::kMove, "flight %f: packet %p comes %a places later"},
    {OpKind::kCopy, "flight %f: a copy of packet %p comes %a places behind it"},
    {OpKind::kFragment, "flight %f: packet %p in fragments of %a bytes, order %b, twice %c"},
    {OpKind::kLoseBefore, "flight %f: packet %p is lost before Weir"},
    {OpKind::kLoseBehind, "flight %f: packet %p is lost behind Weir"},
    {OpKind::kAck, "flight %f: a bare acknowledgement before packet %p"},
    {OpKind::kPause, "flight %f: %a ms pass before packet %p"},
    {OpKind::kStranger, "flight %f: a frame of another flow before packet %p"},
    {OpKind::kServerCut, "the server's stream is cut at byte %a"},
    {OpKind::kServerCopy, "the server's data segment %a comes twice"},
    {OpKind::kServerFragment, "the server's data segment %a in fragments of %b bytes"},
    {OpKind::kServerQuiet, "the server acknowledges late"},
    {OpKind::kVlan, "a VLAN tag %a of type %b around everything"},
    {OpKind::kProbe, "flight %f: a keep-alive of %a bytes before packet %p"},
    {OpKind::kSplitHandshake, "the handshake is split"},
    {OpKind::kSynCopy, "the SYN comes twice"},
    {OpKind::kSynData, "the SYN carries %a bytes, taken by the server: %b"},
    {OpKind::kFakeBytes, "flight %f: %b fake bytes (%c) from %a before packet %p"},
    {OpKind::kFakeReset, "flight %f: a fake RST before packet %p"},
    {OpKind::kFakeFin, "flight %f: a fake FIN before packet %p"},
    {OpKind::kFakeSyn, "flight %f: a fake SYN before packet %p, %b bytes before %a (%c)"},
    {OpKind::kFakeFragment, "flight %f: packet %p, %b fake bytes from %a among its fragments (%c)"},
    {OpKind::kFakeDatagram, "flight %f: a fake datagram (%c) before packet %p"},
    {OpKind::kFakeServer, "flight %f: a fake server (%c, %b) speaks of %a before packet %p"},
};

constexpr std::string_view kTricks[] = {"",
                                        ", few hops",
                                        ", bad checksum",
                                        ", bad IP checksum",
                                        ", past sequence",
                                        ", far sequence",
                                        ", past ack",
                                        ", far ack",
                                        ", no ACK flag",
                                        ", MD5 option",
                                        ", old timestamp"};
static_assert(std::size(kTricks) == static_cast<size_t>(Trick::kCount));

uint32_t FlightBytes(const Exchange& exchange, size_t flight) {
  const auto starts = Flights(exchange);
  size_t bytes = 0;
  for (size_t i = starts[flight]; i < starts[flight + 1]; ++i) {
    bytes += exchange.messages[i].bytes.size();
  }
  return static_cast<uint32_t>(bytes);
}

class Generator {
 public:
  Generator(Random& random, const Exchange& exchange)
      : random_(random),
        exchange_(exchange),
        flights_(static_cast<uint32_t>(Flights(exchange).size() - 1)) {}

  std::vector<Op> Honest() {
    if (exchange_.is_tcp()) Stream();
    Network();
    Server();
    Around();
    return std::move(ops_);
  }

  std::vector<Op> Hostile() {
    if (random_.OneIn(2)) Honest();
    for (uint32_t i = random_.Between(1, 6); i > 0; --i) {
      exchange_.is_tcp() ? FakeSegment() : FakeDatagram();
    }
    if (random_.OneIn(3)) FakeFragments();
    if (random_.OneIn(4)) FakeServer();
    // Long enough for somebody to forget.
    if (random_.OneIn(4)) Add(Somewhere(OpKind::kPause)).a = random_.Between(5'000, 50'000);
    return std::move(ops_);
  }

 private:
  // Most of what matters happens where names are told: near the start of a flight.
  Op Somewhere(OpKind kind) {
    Op op;
    op.kind = kind;
    op.flight = random_.Below(flights_);
    op.packet = random_.Below(random_.OneIn(2) ? 4 : 64);
    return op;
  }
  Op& Add(const Op& op) {
    ops_.push_back(op);
    return ops_.back();
  }
  uint32_t Few(uint32_t most) { return random_.OneIn(2) ? 0 : random_.Between(1, most); }
  // A byte of the flight, often near a name.
  uint32_t Byte(uint32_t flight) {
    const Message& message = exchange_.messages[Flights(exchange_)[flight]];
    const uint32_t size = std::max(1U, FlightBytes(exchange_, flight));
    if (random_.OneIn(2) && !message.asked.empty()) {
      const Range letters = message.asked.front().letters;
      const uint32_t from = letters.begin > 3 ? letters.begin - 3 : 0;
      return std::min(size - 1, random_.Between(from, letters.end + 3));
    }
    return random_.Below(size);
  }

  void Stream() {
    for (uint32_t i = Few(12); i > 0; --i) {
      Op& op = Add(Somewhere(OpKind::kCut));
      op.a = Byte(op.flight);
    }
    // Byte by byte, over a name or anywhere.
    if (random_.OneIn(5)) {
      const uint32_t flight = random_.Below(flights_);
      const uint32_t from = Byte(flight);
      for (uint32_t i = random_.Between(4, 30); i > 0; --i) {
        Op& op = Add(Somewhere(OpKind::kCut));
        op.flight = flight;
        op.a = from + i;
      }
    }
    if (random_.OneIn(3)) Add(Somewhere(OpKind::kJoin));
    for (uint32_t i = Few(4); i > 0; --i) {
      Op& op = Add(Somewhere(OpKind::kAgain));
      op.a = Byte(op.flight);
      op.b = random_.Between(1, random_.OneIn(2) ? 20 : 1000);
    }
    for (uint32_t i = Few(3); i > 0; --i) Add(Somewhere(OpKind::kAck));
    if (random_.OneIn(6)) Add(Somewhere(OpKind::kProbe)).a = random_.Below(2);
    if (random_.OneIn(12)) Add(Somewhere(OpKind::kSplitHandshake));
    if (random_.OneIn(8)) Add(Somewhere(OpKind::kSynCopy));
    if (random_.OneIn(8)) {
      Op& op = Add(Somewhere(OpKind::kSynData));
      op.a = random_.Between(1, random_.OneIn(2) ? 40 : 1400);
      op.b = random_.Below(2);
    }
  }

  void Network() {
    for (uint32_t i = Few(6); i > 0; --i) Add(Somewhere(OpKind::kMove)).a = random_.Between(1, 8);
    for (uint32_t i = Few(4); i > 0; --i) Add(Somewhere(OpKind::kCopy)).a = random_.Below(8);
    for (uint32_t i = Few(3); i > 0; --i) Fragmented();
    if (random_.OneIn(6)) Add(Somewhere(OpKind::kLoseBefore));
    if (random_.OneIn(6)) Add(Somewhere(OpKind::kLoseBehind));
    for (uint32_t i = Few(3); i > 0; --i) {
      Add(Somewhere(OpKind::kPause)).a = random_.Between(1, 2500);
    }
  }

  // The first piece of an IPv6 datagram holds all headers (RFC 7112): 64 bytes are enough.
  void Fragmented() {
    Op& op = Add(Somewhere(OpKind::kFragment));
    const uint32_t least = exchange_.is_v6 ? 8 : 1;
    op.a = 8 * random_.Between(least, random_.OneIn(2) ? least + 4 : 120);
    op.b = random_.Below(1000);
    op.c = random_.Below(4);
  }

  void Server() {
    for (uint32_t i = Few(2); i > 0; --i) Add(Somewhere(OpKind::kServerCut)).a = random_.Below(200);
    if (random_.OneIn(6)) Add(Somewhere(OpKind::kServerCopy)).a = random_.Below(4);
    if (random_.OneIn(6)) {
      Op& op = Add(Somewhere(OpKind::kServerFragment));
      op.a = random_.Below(4);
      op.b = 8 * random_.Between(exchange_.is_v6 ? 8 : 3, 40);
    }
    if (random_.OneIn(4)) Add(Somewhere(OpKind::kServerQuiet));
  }

  void Around() {
    for (uint32_t i = Few(4); i > 0; --i) Add(Somewhere(OpKind::kStranger));
    if (!random_.OneIn(3)) return;
    for (uint32_t i = random_.Between(1, 2); i > 0; --i) {
      Op& op = Add(Somewhere(OpKind::kVlan));
      op.a = random_.Between(1, 4094);
      op.b = i == 2 || random_.OneIn(4) ? 0x88a8 : 0x8100;
    }
  }

  Trick AnyTrick() {
    return static_cast<Trick>(random_.Below(static_cast<uint32_t>(Trick::kCount)));
  }

  void FakeSegment() {
    const uint32_t which = random_.Below(10);
    Op op = Somewhere(which == 0   ? OpKind::kFakeReset
                      : which == 1 ? OpKind::kFakeFin
                      : which == 2 ? OpKind::kFakeSyn
                                   : OpKind::kFakeBytes);
    op.trick = AnyTrick();
    op.a = Byte(op.flight);
    op.b = random_.Between(1, random_.OneIn(2) ? 12 : 800);
    op.c = random_.Below(3);
    // Over the whole flight, as zapret's fakes are.
    if (random_.OneIn(4) && op.kind == OpKind::kFakeBytes) op.a = 0, op.b = 65535;
    Add(op);
  }

  void FakeDatagram() {
    Op op = Somewhere(OpKind::kFakeDatagram);
    constexpr Trick kTricksOfUdp[] = {Trick::kNone, Trick::kLowHops, Trick::kBadChecksum,
                                      Trick::kBadIpSum};
    op.trick = random_.Of(kTricksOfUdp);
    op.c = random_.Below(4);
    Add(op);
  }

  void FakeServer() {
    Op op = Somewhere(OpKind::kFakeServer);
    constexpr Trick kTricksOfServers[] = {Trick::kNone, Trick::kLowHops, Trick::kBadChecksum};
    op.trick = random_.Of(kTricksOfServers);
    op.a = Byte(op.flight);
    op.b = random_.Below(2);
    op.c = random_.Below(4);
    Add(op);
  }

  void FakeFragments() {
    Fragmented();
    Op op = Somewhere(OpKind::kFakeFragment);
    op.flight = ops_.back().flight;
    op.packet = ops_.back().packet;
    op.a = 8 * random_.Below(16);
    op.b = 8 * random_.Between(1, 12);
    op.c = random_.Below(1000);
    op.trick = random_.OneIn(2) ? Trick::kLowHops : Trick::kNone;
    Add(op);
  }

  Random& random_;
  const Exchange& exchange_;
  uint32_t flights_;
  std::vector<Op> ops_;
};

void Replace(std::string& text, std::string_view mark, uint32_t value) {
  const size_t at = text.find(mark);
  if (at != std::string::npos) text.replace(at, mark.size(), std::to_string(value));
}

}  // namespace

std::string Words(const Op& op) {
  const auto* found = std::find_if(std::begin(kWords), std::end(kWords),
                                   [&](const KindWords& words) { return words.kind == op.kind; });
  std::string text(found->words);
  Replace(text, "%f", op.flight);
  Replace(text, "%p", op.packet);
  Replace(text, "%a", op.a);
  Replace(text, "%b", op.b);
  Replace(text, "%c", op.c);
  return text.append(kTricks[static_cast<size_t>(op.trick)]);
}

std::vector<Op> HonestOps(Random& random, const Exchange& exchange) {
  return Generator(random, exchange).Honest();
}

std::vector<Op> HostileOps(Random& random, const Exchange& exchange) {
  return Generator(random, exchange).Hostile();
}

}  // namespace weir::property

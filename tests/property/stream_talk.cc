// A TCP connection: handshake, flights and their replies, retransmissions, the end.
#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "tests/property/talk.h"

namespace weir::property {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kPsh;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;
using testing::TcpFields;

constexpr unsigned kTries = 3;
constexpr uint32_t kSegmentBytesMax = 1400;
constexpr uint32_t kFarAway = 300'000;  // further than any window here

class StreamTalk final : public Talk {
 public:
  StreamTalk(testing::PipelineHarness& bench, const Case& of, bool keep)
      : Talk(bench, of, keep), server_(of.server, exchange_.server_isn) {
    for (const Message& message : exchange_.messages) {
      stream_.insert(stream_.end(), message.bytes.begin(), message.bytes.end());
      ends_.push_back(static_cast<uint32_t>(stream_.size()));
      replies_.insert(replies_.end(), message.reply.begin(), message.reply.end());
      reply_ends_.push_back(static_cast<uint32_t>(replies_.size()));
    }
    got_.resize(replies_.size());
  }

  void Run() {
    if (Handshake()) {
      uint32_t flight = 0;
      while (flight < flight_count() && SendFlight(flight)) ++flight;
      if (flight == flight_count()) Close();
    }
    for (const uint32_t end : ends_) outcome_.complete.push_back(server_.received() >= end);
    outcome_.told = Told();
  }

 private:
  // --- The client's packets ---------------------------------------------------------------------

  Bytes Timestamps(uint32_t value, uint32_t echo) const {
    if (!exchange_.timestamps) return {};
    Bytes options = {1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0};
    base::StoreBe(options.data() + 4, value);
    base::StoreBe(options.data() + 8, echo);
    return options;
  }

  TcpFields ClientFields(uint32_t offset, uint8_t flags) const {
    return {.src_port = exchange_.client_port,
            .dst_port = exchange_.server_port,
            .flags = flags,
            .seq = exchange_.client_isn + 1 + offset,
            .ack = (flags & kAck) == 0 ? 0 : exchange_.server_isn + 1 + client_received_,
            .options = Timestamps(clock_, (flags & kAck) == 0 ? 0 : 7'000'000)};
  }

  Bytes ClientFrame(const TcpFields& fields, std::span<const uint8_t> bytes) const {
    return FromClient().Tcp(fields).Payload(bytes).Build();
  }

  Bytes SegmentFrame(const Range& range) const {
    return ClientFrame(ClientFields(range.begin, kAck | kPsh),
                       std::span(stream_).subspan(range.begin, range.end - range.begin));
  }

  bool Handshake() {
    const Op* data = FindOp(OpKind::kSynData);
    for (unsigned i = 0; i < kTries && !server_.heard_syn(); ++i) {
      if (i > 0) wire_.Pause(1000U << i);
      EmitSyn(i == 0 ? data : nullptr);
      if (i == 0 && FindOp(OpKind::kSynCopy) != nullptr) EmitSyn(data);
    }
    if (!server_.heard_syn() || client_reset()) return false;
    if (FindOp(OpKind::kSplitHandshake) != nullptr) {
      EmitPlain(ClientFrame(ClientFields(0xffffffff, kSyn | kAck), {}));
    }
    EmitPlain(ClientFrame(ClientFields(acked_, kAck), {}));
    return !client_reset();
  }

  void EmitSyn(const Op* data) {
    TcpFields fields = ClientFields(0, kSyn);
    --fields.seq;
    std::span<const uint8_t> bytes;
    if (data != nullptr) {
      bytes = std::span(stream_).first(std::min(data->a, ends_[flights_[1] - 1]));
      const Bytes cookie = {34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1};
      fields.options.insert(fields.options.end(), cookie.begin(), cookie.end());
      if (data->b != 0) server_.AllowSynData();
    }
    for (const Op& op : case_.ops) {
      const bool syn = op.kind == OpKind::kFakeSyn && op.c == 1;
      const bool syn_ack = op.kind == OpKind::kFakeServer && op.c == 0 && op.b == 1;
      if (syn || syn_ack) EmitFake(op, 0);
    }
    EmitPlain(ClientFrame(fields, bytes));
  }

  // --- A flight ---------------------------------------------------------------------------------

  uint32_t FlightEnd(uint32_t flight) const { return ends_[flights_[flight + 1] - 1]; }

  // True when all of it has arrived and been replied to.
  bool SendFlight(uint32_t flight) {
    BeginFlight();
    clock_ += 1000;
    const auto units = Segments(ends_, case_.ops, flights_, flight, acked_);
    std::map<uint32_t, Bytes> sent;
    for (const PlannedPacket& packet : PlanFlight(units, case_.ops, flight, flight_count())) {
      if (client_reset() || server_.reset()) return false;
      Send(packet, flight, sent);
    }
    if (FindOp(OpKind::kServerQuiet) != nullptr) ServerAck();
    for (unsigned i = 1; i < kTries && !IsDone(flight); ++i) SayAgain(flight, i);
    if (!IsDone(flight)) return false;
    EmitPlain(ClientFrame(ClientFields(FlightEnd(flight), kAck), {}));
    return !client_reset();
  }

  void Send(const PlannedPacket& packet, uint32_t flight, std::map<uint32_t, Bytes>& sent) {
    switch (packet.kind) {
      case PlannedPacket::Kind::kUnit: {
        Bytes& frame = sent[packet.id];
        if (frame.empty()) frame = SegmentFrame(packet.unit);
        said_ = std::max(said_, packet.unit.end);
        Emit(frame, packet);
        break;
      }
      case PlannedPacket::Kind::kAck:
        EmitPlain(ClientFrame(ClientFields(std::max(said_, acked_), kAck), {}));
        break;
      case PlannedPacket::Kind::kProbe:
        EmitPlain(ClientFrame(ClientFields(acked_ - 1, kAck), Bytes(packet.op->a)));
        break;
      case PlannedPacket::Kind::kPause:
        wire_.Pause(packet.op->a);
        break;
      case PlannedPacket::Kind::kStranger:
        EmitStranger();
        break;
      case PlannedPacket::Kind::kFake:
        EmitFake(*packet.op, flight);
        break;
    }
  }

  bool IsDone(uint32_t flight) const {
    const size_t last = flights_[flight + 1] - 1;
    return acked_ >= ends_[last] && client_received_ >= reply_ends_[last];
  }

  void SayAgain(uint32_t flight, unsigned attempt) {
    wire_.Pause(200U << attempt);
    clock_ += 200;
    for (uint32_t at = acked_; at < FlightEnd(flight);) {
      if (client_reset() || server_.reset()) return;
      const uint32_t end = std::min(FlightEnd(flight), at + kSegmentBytesMax);
      EmitPlain(SegmentFrame({at, end}));
      at = end;
    }
    ServerAck();
    if (client_received_ < server_sent_) ServerSay({client_received_, server_sent_});
  }

  // --- Fakes ------------------------------------------------------------------------------------

  Bytes FakeBytes(const Op& op, const Range& range) const {
    Bytes bytes(stream_.begin() + range.begin, stream_.begin() + range.end);
    Random random(case_.seed ^ op.a);
    if (op.c == 1) return RandomBytes(random, bytes.size());
    if (op.c == 2) return Bytes(bytes.size(), 0);
    for (size_t i = 0; i < exchange_.messages.size(); ++i) {
      const uint32_t start = i == 0 ? 0 : ends_[i - 1];
      for (const Asked& asked : exchange_.messages[i].asked) {
        for (uint32_t at = asked.letters.begin; at < asked.letters.end; ++at) {
          const uint32_t place = start + at;
          const bool inside = place >= range.begin && place < range.end;
          if (inside && std::isalpha(stream_[place]) != 0) bytes[place - range.begin] = 'z';
        }
      }
    }
    return bytes;
  }

  void TrickFields(Trick trick, TcpFields& fields) const {
    constexpr uint32_t kLongAgo = 5'000'000;
    if (trick == Trick::kPastSeq) fields.seq -= kFarAway;
    if (trick == Trick::kFarSeq) fields.seq += kFarAway;
    if (trick == Trick::kPastAck) fields.ack -= kFarAway;
    if (trick == Trick::kFarAck) fields.ack += kFarAway;
    if (trick == Trick::kNoAck) fields.flags = static_cast<uint8_t>(fields.flags & ~kAck);
    if (trick == Trick::kOldTimestamp) {
      fields.options = Timestamps(clock_ - kLongAgo, 7'000'000);
    }
    if (trick == Trick::kMd5) {
      fields.options.insert(fields.options.end(), {1, 1, 19, 18});
      fields.options.resize(fields.options.size() + 16, 0x6d);
    }
  }

  void EmitFake(const Op& op, uint32_t flight) {
    const uint32_t begin = flight == 0 ? 0 : ends_[flights_[flight] - 1];
    Range range{begin + op.a % (FlightEnd(flight) - begin), 0};
    range.end = std::min(FlightEnd(flight), range.begin + op.b);
    if (op.kind == OpKind::kFakeServer) {
      EmitFakeServer(op, range.begin);
      return;
    }
    TcpFields fields = ClientFields(range.begin, kAck | kPsh);
    Bytes bytes;
    if (op.kind == OpKind::kFakeBytes) {
      bytes = FakeBytes(op, range);
    } else if (op.kind == OpKind::kFakeReset || op.kind == OpKind::kFakeFin) {
      fields = ClientFields(std::max(said_, acked_),
                            op.kind == OpKind::kFakeReset ? kRst | kAck : kFin | kAck);
    } else {
      fields = ClientFields(range.begin - op.b - 1, kSyn);
    }
    TrickFields(op.trick, fields);
    Bytes frame = ClientFrame(fields, bytes);
    const bool no_clock = op.trick == Trick::kOldTimestamp && !exchange_.timestamps;
    ApplyTrick(frame, no_clock ? Trick::kBadChecksum : op.trick, kFewHops);
    EmitPlain(frame);
  }

  void EmitFakeServer(const Op& op, uint32_t acked) {
    constexpr uint8_t kFlags[] = {kSyn | kAck, kAck, kRst | kAck, kFin | kAck};
    constexpr uint32_t kBeforeAll = 0xffffffff;  // the SYN's own number
    TcpFields fields = ServerFields(op.c == 0 ? kBeforeAll : server_sent_, kFlags[op.c]);
    fields.ack = exchange_.client_isn + 1 + acked;
    Bytes frame = FromServer().Tcp(fields).Build();
    ApplyTrick(frame, op.trick, kFewHops);
    EmitForged(frame);
  }

  // --- The server -------------------------------------------------------------------------------

  TcpFields ServerFields(uint32_t offset, uint8_t flags) const {
    return {.src_port = exchange_.server_port,
            .dst_port = exchange_.client_port,
            .flags = flags,
            .seq = exchange_.server_isn + 1 + offset,
            .ack = (flags & kAck) == 0 ? 0 : server_.ack_number(),
            .options = Timestamps(7'000'000 + clock_, clock_)};
  }

  Bytes ServerFrame(uint32_t offset, uint8_t flags, std::span<const uint8_t> bytes) const {
    return FromServer().Tcp(ServerFields(offset, flags)).Payload(bytes).Build();
  }

  void ClientHears() { acked_ = std::max(acked_, server_.received()); }

  void ServerAck() {
    if (!server_.heard_syn() || server_.reset()) return;
    if (EmitServer(ServerFrame(server_sent_, kAck, {}))) ClientHears();
  }

  void ServerSay(const Range& range) {
    std::vector<uint32_t> bounds = {range.begin, range.end};
    for (const Op& op : case_.ops) {
      const bool inside = op.a > range.begin && op.a < range.end;
      if (op.kind == OpKind::kServerCut && inside) bounds.push_back(op.a);
    }
    std::sort(bounds.begin(), bounds.end());
    for (size_t i = 0; i + 1 < bounds.size(); ++i) {
      if (bounds[i] == bounds[i + 1]) continue;
      SayPiece({bounds[i], bounds[i + 1]});
    }
  }

  void SayPiece(const Range& range) {
    const Op* pieces = FindOp(OpKind::kServerFragment);
    const Op* copy = FindOp(OpKind::kServerCopy);
    const Bytes frame =
        ServerFrame(range.begin, kAck | kPsh,
                    std::span(replies_).subspan(range.begin, range.end - range.begin));
    server_sent_ = std::max(server_sent_, range.end);
    server_.Sent(server_sent_);
    const bool in_pieces = pieces != nullptr && pieces->a == server_segments_;
    const bool twice = copy != nullptr && copy->a == server_segments_;
    ++server_segments_;
    if (EmitServer(frame, in_pieces ? pieces->b : 0)) {
      std::fill(got_.begin() + range.begin, got_.begin() + range.end, true);
      client_received_ =
          static_cast<uint32_t>(std::find(got_.begin(), got_.end(), false) - got_.begin());
      ClientHears();
    }
    if (twice) EmitServer(frame);
  }

  void Arrive(const Datagram4& datagram) override {
    if (datagram.protocol == packet::ip_protocol::kTcp) server_.Take(datagram.bytes);
  }

  void React() override {
    if (!server_.heard_syn() || server_.reset()) return;
    const bool owes = server_.OwesAck();
    if (!server_.established()) {
      if (!owes) return;
      const bool split = FindOp(OpKind::kSplitHandshake) != nullptr;
      const Bytes frame = ServerFrame(0xffffffff, split ? kSyn : kSyn | kAck, {});
      if (EmitServer(frame) && !split) ClientHears();
      return;
    }
    bool replied = false;
    while (replied_ < ends_.size() && server_.received() >= ends_[replied_]) {
      ++replied_;
      const uint32_t begin = replied_ == 1 ? 0 : reply_ends_[replied_ - 2];
      ServerSay({begin, reply_ends_[replied_ - 1]});
      replied = true;
    }
    // A handshake is acknowledged by the most quiet one.
    const bool quiet = FindOp(OpKind::kServerQuiet) != nullptr && server_.received() > 0;
    if (owes && !replied && !quiet) ServerAck();
  }

  // --- The end ----------------------------------------------------------------------------------

  void Close() {
    clock_ += 1000;
    const auto end = static_cast<uint32_t>(stream_.size());
    const auto server_end = static_cast<uint32_t>(replies_.size());
    switch (exchange_.ending) {
      case Ending::kClientFin:
        EmitPlain(ClientFrame(ClientFields(end, kFin | kAck), {}));
        ServerFin(server_end);
        EmitPlain(ClientFrame(ClientFields(end + 1, kAck), {}));
        break;
      case Ending::kServerFin:
        ServerFin(server_end);
        EmitPlain(ClientFrame(ClientFields(end, kFin | kAck), {}));
        break;
      case Ending::kClientReset:
        EmitPlain(ClientFrame(ClientFields(end, kRst | kAck), {}));
        break;
      case Ending::kSilence:
        break;
    }
  }

  void ServerFin(uint32_t offset) {
    EmitServer(ServerFrame(offset, kFin | kAck, {}));
    server_sent_ = offset + 1;
    server_.Sent(server_sent_);
    ++client_received_;
  }

  // Whether the server knows a blocked name: it has all bytes up to its end, and those that say
  // something are the real ones.
  bool Told() const {
    const TestPolicy& policy = Policies()[exchange_.policy];
    for (size_t i = 0; i < exchange_.messages.size(); ++i) {
      const uint32_t start = i == 0 ? 0 : ends_[i - 1];
      for (const Asked& asked : exchange_.messages[i].asked) {
        const bool blocked = Expect(policy, asked.name).blocked();
        if (blocked && Knows(start + asked.told_at)) return true;
      }
    }
    return false;
  }

  bool Knows(uint32_t end) const {
    if (server_.received() < end) return false;
    std::vector<bool> idle(end);
    for (size_t i = 0; i < exchange_.messages.size(); ++i) {
      const uint32_t from = i == 0 ? 0 : ends_[i - 1];
      for (const Range& range : exchange_.messages[i].idle) {
        for (uint32_t at = from + range.begin; at < std::min(end, from + range.end); ++at) {
          idle[at] = true;
        }
      }
    }
    for (uint32_t at = 0; at < end; ++at) {
      if (!idle[at] && server_.stream()[at] != stream_[at]) return false;
    }
    return true;
  }

  TcpServer server_;
  Bytes stream_;
  std::vector<uint32_t> ends_;
  Bytes replies_;
  std::vector<uint32_t> reply_ends_;
  std::vector<bool> got_;         // of the server's stream, by the client
  uint32_t client_received_ = 0;  // in order
  uint32_t acked_ = 0;            // of the client's stream, as far as the client knows
  uint32_t said_ = 0;             // so far at least once
  uint32_t server_sent_ = 0;
  uint32_t server_segments_ = 0;
  size_t replied_ = 0;
  uint32_t clock_ = 1'000'000'000;  // TSval
};

}  // namespace

Outcome ConverseInStream(testing::PipelineHarness& bench, const Case& of, bool keep) {
  StreamTalk talk(bench, of, keep);
  talk.Run();
  return talk.Finish();
}

}  // namespace weir::property

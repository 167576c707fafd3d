// DNS queries and QUIC: datagrams that the client says again when no reply comes.
#include <algorithm>

#include "tests/property/talk.h"

namespace weir::property {
namespace {

constexpr unsigned kTries = 3;
constexpr size_t kUdpHeaderBytes = 8;

class DatagramTalk final : public Talk {
 public:
  DatagramTalk(testing::PipelineHarness& bench, const Case& of, bool keep)
      : Talk(bench, of, keep), told_(exchange_.messages.size()) {
    for (size_t i = 0; i < told_.size(); ++i) told_[i].resize(exchange_.messages[i].whole);
    outcome_.complete.resize(told_.size());
    replied_.resize(told_.size());
  }

  void Run() {
    for (uint32_t flight = 0; flight < flight_count(); ++flight) {
      SendFlight(flight);
      // Queries stand each for itself; behind a hello that went nowhere nothing more is said.
      const bool answered = replied_[flights_[flight]];
      if (exchange_.protocol == Protocol::kQuic && !answered) return;
      ForgetReset();
    }
  }

 private:
  void SendFlight(uint32_t flight) {
    BeginFlight();
    std::vector<const Datagram*> datagrams;
    std::vector<Range> units;
    for (size_t i = flights_[flight]; i < flights_[flight + 1]; ++i) {
      for (const Datagram& datagram : exchange_.messages[i].datagrams) {
        units.push_back({static_cast<uint32_t>(units.size()), 0});
        datagrams.push_back(&datagram);
      }
    }
    for (const PlannedPacket& packet : PlanFlight(units, case_.ops, flight, flight_count())) {
      if (client_reset()) return;
      Send(packet, datagrams, flight);
    }
    for (unsigned i = 1; i < kTries; ++i) SayAgain(flight, i);
  }

  void Send(const PlannedPacket& packet, const std::vector<const Datagram*>& datagrams,
            uint32_t flight) {
    switch (packet.kind) {
      case PlannedPacket::Kind::kUnit:
        if (packet.unit.begin < datagrams.size()) {
          Emit(Frame(datagrams[packet.unit.begin]->payload), packet);
        }
        break;
      case PlannedPacket::Kind::kPause:
        wire_.Pause(packet.op->a);
        break;
      case PlannedPacket::Kind::kStranger:
        EmitStranger();
        break;
      case PlannedPacket::Kind::kFake:
        EmitFake(*packet.op, exchange_.messages[flights_[flight]]);
        break;
      case PlannedPacket::Kind::kAck:
      case PlannedPacket::Kind::kProbe:
        break;  // TCP's
    }
  }

  void SayAgain(uint32_t flight, unsigned attempt) {
    for (size_t i = flights_[flight]; i < flights_[flight + 1]; ++i) {
      if (replied_[i]) continue;
      wire_.Pause(300U << attempt);
      for (const Datagram& datagram : exchange_.messages[i].again) {
        if (client_reset()) return;
        EmitPlain(Frame(datagram.payload));
      }
    }
  }

  Bytes Frame(std::span<const uint8_t> payload) const {
    return FromClient()
        .Udp({.src_port = exchange_.client_port, .dst_port = exchange_.server_port})
        .Payload(payload)
        .Build();
  }

  void EmitFake(const Op& op, const Message& message) {
    if (op.kind == OpKind::kFakeServer) EmitFakeServer(op, message);
    if (op.kind != OpKind::kFakeDatagram) return;
    Random random(case_.seed ^ op.packet);
    Bytes payload;
    if (op.c == 0 || message.decoys.empty()) {
      payload = RandomBytes(random, random.Between(1, 1300));
    } else if (op.c == 1 && !message.datagrams.empty()) {
      payload = random.Of(message.datagrams).payload;
      payload[payload.size() / 2] = static_cast<uint8_t>(payload[payload.size() / 2] ^ 0x10);
    } else {
      payload = random.Of(message.decoys);
    }
    Bytes frame = Frame(payload);
    ApplyTrick(frame, op.trick, kFewHops);
    EmitPlain(frame);
  }

  // Noise, a hello or query, a decoy, or an answer.
  void EmitFakeServer(const Op& op, const Message& message) {
    Random random(case_.seed ^ op.a);
    Bytes payload = RandomBytes(random, random.Between(1, 1300));
    if (op.c == 1 && !message.datagrams.empty()) payload = random.Of(message.datagrams).payload;
    if (op.c == 2 && !message.decoys.empty()) payload = random.Of(message.decoys);
    if (op.c == 3) payload = message.reply;
    Bytes frame = Reply(payload);
    ApplyTrick(frame, op.trick, kFewHops);
    EmitForged(frame);
  }

  void Arrive(const Datagram4& datagram) override {
    if (datagram.protocol != packet::ip_protocol::kUdp) return;
    const auto payload = std::span(datagram.bytes).subspan(kUdpHeaderBytes);
    for (size_t i = 0; i < exchange_.messages.size(); ++i) {
      const Message& message = exchange_.messages[i];
      for (const auto* list : {&message.datagrams, &message.again}) {
        for (const Datagram& known : *list) {
          if (std::ranges::equal(known.payload, payload)) Note(i, known);
        }
      }
    }
  }

  void Note(size_t message, const Datagram& datagram) {
    auto& told = told_[message];
    for (const Range& range : datagram.carries) {
      std::fill(told.begin() + range.begin, told.begin() + range.end, true);
    }
    if (std::find(told.begin(), told.end(), false) != told.end()) return;
    outcome_.complete[message] = true;
    for (const Asked& asked : exchange_.messages[message].asked) {
      if (Expect(Policies()[exchange_.policy], asked.name).blocked()) outcome_.told = true;
    }
  }

  void React() override {
    for (size_t i = 0; i < exchange_.messages.size(); ++i) {
      if (!outcome_.complete[i] || replied_[i]) continue;
      replied_[i] = true;
      const Op* pieces = FindOp(OpKind::kServerFragment);
      const Op* copy = FindOp(OpKind::kServerCopy);
      const Bytes reply = Reply(exchange_.messages[i].reply);
      EmitServer(reply, pieces != nullptr && pieces->a == i ? pieces->b : 0);
      if (copy != nullptr && copy->a == i) EmitServer(reply);
    }
  }

  Bytes Reply(std::span<const uint8_t> payload) const {
    return FromServer()
        .Udp({.src_port = exchange_.server_port, .dst_port = exchange_.client_port})
        .Payload(payload)
        .Build();
  }

  std::vector<std::vector<bool>> told_;
  std::vector<bool> replied_;
};

}  // namespace

Outcome ConverseInDatagrams(testing::PipelineHarness& bench, const Case& of, bool keep) {
  DatagramTalk talk(bench, of, keep);
  talk.Run();
  return talk.Finish();
}

}  // namespace weir::property

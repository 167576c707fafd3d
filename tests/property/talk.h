// What both kinds of conversation have in common: packets that go through Weir to the far end,
// whole, in pieces, twice or not at all.
#pragma once

#include <map>

#include "tests/property/conversation.h"
#include "tests/property/plan.h"

namespace weir::property {

class Talk {
 public:
  Talk(testing::PipelineHarness& bench, const Case& of, bool keep)
      : case_(of),
        exchange_(of.exchange),
        fate_(FateOf(of.exchange)),
        flights_(Flights(of.exchange)),
        wire_(bench, of.ops, keep),
        reassembler_(of.server),
        ip_id_(static_cast<uint32_t>(of.seed)) {}
  virtual ~Talk() = default;
  Talk(const Talk&) = delete;
  Talk& operator=(const Talk&) = delete;

  Outcome Finish();

 protected:
  // Where a low hop limit ends: behind Weir, before the server.
  static constexpr uint8_t kFewHops = 3;

  uint32_t flight_count() const { return static_cast<uint32_t>(flights_.size() - 1); }
  // Weir has told the client that it need not go on.
  bool client_reset() const { return client_reset_; }
  void BeginFlight() { copied_ids_.clear(); }
  void ForgetReset() { client_reset_ = false; }

  // A frame of the client's, as the plan has it.
  void Emit(const Bytes& frame, const PlannedPacket& packet);
  void EmitPlain(const Bytes& frame) { Emit(frame, PlannedPacket()); }
  void EmitStranger();
  // A frame in the server's name that the client's end sends: it reaches nobody.
  void EmitForged(const Bytes& frame);
  // A frame of the server's; true when the client got it whole. 0: not in pieces.
  bool EmitServer(const Bytes& frame, uint32_t fragment_bytes = 0);

  const Op* FindOp(OpKind kind) const;

  // The server's transport gets a datagram; then it may answer.
  virtual void Arrive(const Datagram4& datagram) = 0;
  virtual void React() = 0;

  testing::PacketBuilder FromClient() const;
  testing::PacketBuilder FromServer() const;

  const Case& case_;
  const Exchange& exchange_;
  const Fate fate_;
  const std::vector<size_t> flights_;
  Wire wire_;
  Outcome outcome_;

 private:
  uint32_t IpIdOf(const PlannedPacket& packet);
  std::vector<Bytes> Pieces(Bytes frame, const PlannedPacket& packet);
  void AddFake(const Bytes& frame, const Op& op, uint32_t id, std::vector<Bytes>& pieces) const;
  void Deliver(const Bytes& frame);
  void TakeAnswers();

  Reassembler reassembler_;
  uint32_t ip_id_;
  std::map<uint32_t, uint32_t> copied_ids_;  // by PlannedPacket::id
  uint32_t strangers_ = 0;
  bool client_reset_ = false;
};

Outcome ConverseInStream(testing::PipelineHarness& bench, const Case& of, bool keep);
Outcome ConverseInDatagrams(testing::PipelineHarness& bench, const Case& of, bool keep);

// Makes a frame what `trick` says, where that is not for TCP alone.
void ApplyTrick(Bytes& frame, Trick trick, uint8_t few_hops);

}  // namespace weir::property

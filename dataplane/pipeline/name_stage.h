// The host names in a packet, found by the parsers of names/ on the client's ordered bytes.
//
// Worker's thread.
#pragma once

#include <memory>

#include "dataplane/names/name_context.h"
#include "dataplane/pipeline/found_names.h"
#include "dataplane/pipeline/keyword_finder.h"
#include "dataplane/pipeline/worker.h"

namespace weir::pipeline {

class NameStage {
 public:
  NameStage(Worker& worker, std::unique_ptr<names::NameContext> context)
      : worker_(worker), context_(std::move(context)) {}

  // What is in force for the packets to come; null: no keywords.
  void Use(const rules::KeywordTable* keywords) { keywords_.Use(keywords); }

  // A flow that has learnt all may still be asked for another name: DNS asks again on the same
  // ports, and a QUIC client may open another connection.
  static bool MayNameAgain(const FlowPacket& at);
  // A datagram that could begin another QUIC connection: a client's Initial comes in at least so
  // many bytes (RFC 9000 §14.1) and has a long header (§17.2). The bit beside it may be anything
  // (RFC 9287).
  static bool MayBeHello(std::span<const uint8_t> payload) {
    return payload.size() >= kQuicInitialBytesMin && (payload[0] & kQuicLongHeader) != 0;
  }

  // Adds to `found` the names that this packet completes, and keeps the first one with the flow.
  void Look(FlowPacket& at, FoundNames& found);
  // It completes more than is judged at once: LookOn() goes on behind them.
  bool has_more() const { return has_more_; }
  void LookOn(FlowPacket& at, FoundNames& found);

  // A name of another kind than the flow's own: the hello within a CONNECT's tunnel. Null when
  // there is none.
  static const FoundNames::Found* OfAnotherKind(const FlowPacket& at, const FoundNames& found);
  // Keeps `name` in place of the flow's own.
  void Rename(FlowPacket& at, const FoundNames::Found& name);

 private:
  static constexpr size_t kQuicInitialBytesMin = 1200;
  static constexpr uint8_t kQuicLongHeader = 0x80;

  void LookTcp(FlowPacket& at, Learning& learning, FoundNames& found);
  bool IsClient(const FlowPacket& at, Learning& learning) const;
  void ReadClient(FlowPacket& at, Learning& learning, FoundNames& found);
  template <typename Read>
  stream::Added WithReader(Learning& learning, FoundNames& found, Read read);
  void NoteRead(FlowPacket& at, Learning& learning) const;
  bool MayStartHere(FlowPacket& at, Learning& learning) const;
  void StartReading(const FlowPacket& at, uint32_t seq, Learning& learning) const;
  void Refuse(FlowPacket& at, stream::Added added, Learning& learning);
  void Refuse(FlowPacket& at, names::Outcome outcome);
  static void NoteClient(const FlowPacket& at, Learning& learning);
  void RefuseSecondClient(FlowPacket& at, const Learning& learning);
  void LookUdp(FlowPacket& at, Learning& learning, FoundNames& found);
  void LookAgain(FlowPacket& at, FoundNames& found);
  void Keep(FlowPacket& at, const FoundNames& found);

  Worker& worker_;
  std::unique_ptr<names::NameContext> context_;
  KeywordFinder keywords_;
  bool has_more_ = false;
};

}  // namespace weir::pipeline

#include "dataplane/pipeline/stream_stage.h"

#include "dataplane/parse/transport_checksum.h"

namespace weir::pipeline {
namespace {

using packet::Side;
using packet::ip_protocol::kTcp;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kSyn;
using stream::Peer;
using stream::SegmentFault;

constexpr size_t kTcpBytesMin = 20;

stream::Segment SegmentOf(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  const size_t options_at = headers.l4_offset + kTcpBytesMin;
  const std::span<const uint8_t> options(packet.data + options_at,
                                         headers.payload_offset - options_at);
  const parse::ChecksumState checksum = parse::CheckTcpChecksum(packet);
  return {.seq = headers.tcp_seq,
          .ack = headers.tcp_ack,
          .payload_bytes = headers.payload_bytes,
          .window = headers.tcp_window,
          .flags = headers.tcp_flags,
          .checksum_is_known = checksum != parse::ChecksumState::kUnknown,
          .checksum_is_right =
              checksum == parse::ChecksumState::kRight && parse::Ipv4HeaderChecksumIsRight(packet),
          .options = stream::ParseTcpOptions(options)};
}

}  // namespace

bool StreamStage::Check(FlowPacket& at) {
  const bool is_tcp = at.hot.key.protocol == kTcp && at.hot.Has(flow::kLearning);
  if (!is_tcp || at.packet.headers.note != packet::ParseNote::kComplete) return true;
  Learning& learning = worker_.learning.at(at.cold.learning);
  if (!FindClient(at, learning)) return true;
  const Peer peer = at.sender == learning.client_end ? Peer::kClient : Peer::kServer;
  // Who sits on the client's side can send anything in the server's name: it does not count. A
  // router on one wire may send it, so it passes.
  const bool wrong_side = learning.client_side != Side::kUnknown && peer == Peer::kServer &&
                          at.packet.rx_side == learning.client_side;
  if (wrong_side) {
    KeepEnds(at, learning);
    // Two on one side, each of whom begins: who is the server cannot be known.
    if (packet::IsFirstSyn(at.packet.headers)) return Refuse(at, SegmentFault::kWrongSide);
    worker_.counters.stream_faults[static_cast<size_t>(SegmentFault::kWrongSide)].Add();
    return true;
  }
  const SegmentFault fault = Look(at, peer, learning);
  KeepEnds(at, learning);
  if (fault != SegmentFault::kNone) return Refuse(at, fault);
  if (peer == Peer::kClient) {
    NoteSyn(at, learning);
  } else if ((at.packet.headers.tcp_flags & kAck) != 0) {
    const uint32_t ack = learning.tcp.ack(Peer::kServer);
    if (worker_.keeps_streams() && learning.client.IsElsewhere(ack)) {
      ReadFrom(ack, at.packet.headers.src_port, learning);
    }
    learning.client.Acknowledge(ack);
  }
  return true;
}

// Begins to read there, where the server is.
void StreamStage::ReadFrom(uint32_t seq, uint16_t server_port, Learning& learning) {
  learning.client.Stop();
  learning.client.Start(seq, true);
  learning.tcp_names = names::TcpNameFinder(server_port);
  learning.names_done = false;
}

// A server that has forgotten the connection takes a SYN in the middle of it for a new one, and
// says so by answering it.
SegmentFault StreamStage::Look(const FlowPacket& at, Peer peer, Learning& learning) const {
  const packet::Headers& headers = at.packet.headers;
  const bool begins_again = peer == Peer::kServer && packet::IsSynAck(headers) &&
                            learning.syn_again && headers.tcp_ack == *learning.syn_again + 1;
  if (begins_again) {
    learning.tcp = stream::TcpCheck();
    ReadFrom(headers.tcp_ack, headers.src_port, learning);
    learning.syn_again.reset();
  }
  const bool server_acks = peer == Peer::kServer && (headers.tcp_flags & (kSyn | kAck)) == kAck;
  if (server_acks) learning.tcp.ClientHasSent(headers.tcp_ack);
  const SegmentFault fault = learning.tcp.Look(peer, SegmentOf(at.packet), worker_.keeps_streams());
  if (fault == SegmentFault::kSynAgain && peer == Peer::kClient) {
    learning.syn_again = headers.tcp_seq;
  }
  return fault;
}

// By its SYN, by the answer to it, or in mid-stream by who sends the first payload. False as long
// as nobody knows.
bool StreamStage::FindClient(const FlowPacket& at, Learning& learning) const {
  const packet::Headers& headers = at.packet.headers;
  const bool syn = (headers.tcp_flags & kSyn) != 0;
  const bool ack = (headers.tcp_flags & kAck) != 0;
  if (!learning.client_known) {
    if (!syn && headers.payload_bytes == 0) return false;
    learning.client_known = true;
    learning.client_end = syn && ack ? flow::Other(at.sender) : at.sender;
  }
  // The side is certain only by the client's own packet.
  const bool tells_side = at.sender == learning.client_end && (syn || headers.payload_bytes > 0);
  if (learning.client_side != Side::kUnknown || at.packet.rx_side == Side::kUnknown) return true;
  const uint8_t side_bit = static_cast<uint8_t>(1U << static_cast<unsigned>(at.packet.rx_side));
  if (at.sender != learning.client_end) learning.server_sides |= side_bit;
  if (!tells_side) return true;
  learning.client_side = at.packet.rx_side;
  // Whoever sits beside the client may have said it.
  if ((learning.server_sides & side_bit) != 0) {
    learning.tcp = stream::TcpCheck();
    learning.client.Stop();
  }
  return true;
}

// A SYN that counts, sent again perhaps with another number: the stream begins behind it.
void StreamStage::NoteSyn(const FlowPacket& at, Learning& learning) const {
  const packet::Headers& headers = at.packet.headers;
  if ((headers.tcp_flags & kSyn) == 0 || at.sender != learning.client_end) return;
  const uint32_t start = headers.tcp_seq + 1;
  if (learning.client.started() && learning.client.start_seq() == start) return;
  learning.client.Stop();
  learning.client.Start(start, true);
  learning.tcp_names = names::TcpNameFinder(headers.dst_port);
}

// The flow table has noted every RST and FIN; only those that count may end the flow.
void StreamStage::KeepEnds(FlowPacket& at, const Learning& learning) const {
  const stream::TcpCheck& tcp = learning.tcp;
  const bool client_is_low = learning.client_end == flow::Endpoint::kLow;
  if (!tcp.reset(Peer::kClient) && !tcp.reset(Peer::kServer)) at.hot.Clear(flow::kReset);
  if (!tcp.fin(Peer::kClient)) at.hot.Clear(client_is_low ? flow::kFinFromLow : flow::kFinFromHigh);
  if (!tcp.fin(Peer::kServer)) at.hot.Clear(client_is_low ? flow::kFinFromHigh : flow::kFinFromLow);
}

// A SYN in the middle passes, for its sender may have lost the connection: the server's answer
// tells. It may carry nothing.
bool StreamStage::Refuse(FlowPacket& at, SegmentFault fault) {
  worker_.counters.stream_faults[static_cast<size_t>(fault)].Add();
  const bool passes = fault == SegmentFault::kSynAgain && at.packet.headers.payload_bytes == 0;
  if (worker_.protects_streams && !passes) at.packet.Drop(packet::DropReason::kStream);
  return false;
}

}  // namespace weir::pipeline

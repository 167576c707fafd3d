// A TCP conversation for tests: right sequence numbers, both ways.
#pragma once

#include <string>

#include "tests/support/pipeline_harness.h"

namespace weir::testing {

class TcpTalk {
 public:
  TcpTalk(PipelineHarness& bench, uint16_t src_port, uint16_t dst_port,
          std::string client = "10.20.0.11", std::string server = "198.51.100.10")
      : bench_(bench),
        src_port_(src_port),
        dst_port_(dst_port),
        client_(std::move(client)),
        server_(std::move(server)) {}

  // True when all three segments pass.
  bool Handshake() {
    using namespace packet::tcp_flag;
    const bool syn = Client(kSyn, {});
    ++client_seq_;
    const bool syn_ack = Server(kSyn | kAck, {});
    ++server_seq_;
    return Client(kAck, {}) && syn && syn_ack;
  }
  bool Say(std::span<const uint8_t> bytes) {
    const bool passed = Client(packet::tcp_flag::kAck | packet::tcp_flag::kPsh, bytes);
    client_seq_ += static_cast<uint32_t>(bytes.size());
    return passed;
  }
  bool Say(std::string_view text) { return Say(BytesOf(text)); }
  bool Answer(std::string_view text) {
    const bool passed = Server(packet::tcp_flag::kAck | packet::tcp_flag::kPsh, BytesOf(text));
    server_seq_ += static_cast<uint32_t>(text.size());
    return passed;
  }
  bool ClientFin() { return Client(packet::tcp_flag::kFin | packet::tcp_flag::kAck, {}); }
  bool ServerFin() { return Server(packet::tcp_flag::kFin | packet::tcp_flag::kAck, {}); }

  // A segment out of its turn, `ahead` bytes behind the next.
  bool SayAt(uint32_t ahead, std::span<const uint8_t> bytes) {
    return bench_.FromInside(Segment(ahead, packet::tcp_flag::kAck, bytes));
  }
  bool Client(uint8_t flags, std::span<const uint8_t> bytes) {
    return bench_.FromInside(Segment(0, flags, bytes));
  }
  bool Server(uint8_t flags, std::span<const uint8_t> bytes) {
    return bench_.FromOutside(PacketBuilder()
                                  .Macs("02:00:00:00:00:02", "02:00:00:00:00:01")
                                  .Ipv4(server_, client_)
                                  .Tcp({.src_port = dst_port_,
                                        .dst_port = src_port_,
                                        .flags = flags,
                                        .seq = server_seq_,
                                        .ack = client_seq_})
                                  .Payload(bytes));
  }
  uint32_t client_seq() const { return client_seq_; }
  uint32_t server_seq() const { return server_seq_; }

 private:
  PacketBuilder Segment(uint32_t ahead, uint8_t flags, std::span<const uint8_t> bytes) const {
    PacketBuilder builder;
    builder.Ipv4(client_, server_)
        .Tcp({.src_port = src_port_,
              .dst_port = dst_port_,
              .flags = flags,
              .seq = client_seq_ + ahead,
              .ack = server_seq_})
        .Payload(bytes);
    return builder;
  }

  PipelineHarness& bench_;
  uint16_t src_port_;
  uint16_t dst_port_;
  std::string client_;
  std::string server_;
  uint32_t client_seq_ = 1000;
  uint32_t server_seq_ = 9000;
};

}  // namespace weir::testing

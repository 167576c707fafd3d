// One TLS connection for a pipeline, from its SYN to both FINs.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "tests/bench/bench_pipeline.h"
#include "tests/bench/flow_maker.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::bench {

inline constexpr uint32_t kClientStart = 1000;
inline constexpr uint32_t kServerStart = 9000;

class Connection {
 public:
  Connection(BenchPipeline& bench, const FlowMaker& maker, uint64_t number)
      : bench_(bench), maker_(maker), number_(number) {}

  void Handshake() {
    Client(packet::tcp_flag::kSyn, {});
    ++client_seq_;
    Server(packet::tcp_flag::kSyn | packet::tcp_flag::kAck, {});
    ++server_seq_;
    Client(packet::tcp_flag::kAck, {});
  }
  void Say(std::span<const uint8_t> bytes) {
    Client(packet::tcp_flag::kAck, bytes);
    client_seq_ += static_cast<uint32_t>(bytes.size());
  }
  void Answer() {
    static constexpr std::array<uint8_t, 64> kServerHello = {0x16, 0x03, 0x03, 0x00, 0x3b, 0x02};
    Server(packet::tcp_flag::kAck, kServerHello);
    server_seq_ += static_cast<uint32_t>(kServerHello.size());
  }
  // A TLS record of application data each way.
  void Exchange() {
    static constexpr std::array<uint8_t, 69> kRecord = {0x17, 0x03, 0x03, 0x00, 0x40};
    Say(kRecord);
    Server(packet::tcp_flag::kAck, kRecord);
    server_seq_ += static_cast<uint32_t>(kRecord.size());
  }
  void End() {
    Client(packet::tcp_flag::kFin | packet::tcp_flag::kAck, {});
    ++client_seq_;
    Server(packet::tcp_flag::kFin | packet::tcp_flag::kAck, {});
    ++server_seq_;
    Client(packet::tcp_flag::kAck, {});
  }

 private:
  void Client(uint8_t flags, std::span<const uint8_t> payload) {
    maker_.Tcp(number_, true,
               {.flags = flags, .seq = client_seq_, .ack = server_seq_, .payload = payload},
               bench_.Next());
  }
  void Server(uint8_t flags, std::span<const uint8_t> payload) {
    maker_.Tcp(number_, false,
               {.flags = flags, .seq = server_seq_, .ack = client_seq_, .payload = payload},
               bench_.Next());
  }

  BenchPipeline& bench_;
  const FlowMaker& maker_;
  uint64_t number_;
  uint32_t client_seq_ = kClientStart;
  uint32_t server_seq_ = kServerStart;
};

inline names::testing::Bytes HelloFor(std::string_view name) {
  const names::testing::Bytes key_share(140, 0x55);
  return names::testing::HelloBuilder()
      .Sni(name)
      .Alpn({"h2", "http/1.1"})
      .Extension(51, key_share)
      .Stream();
}

}  // namespace weir::bench

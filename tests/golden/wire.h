// A capture in the making: frames with their times, and conversations that speak on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/time.h"
#include "tests/support/packet_builder.h"

namespace weir::testing {

struct TimedFrame {
  base::WallTime time;
  Bytes bytes;
  uint32_t wire_bytes = 0;
};

// 2026-03-01T08:00:00Z, a millisecond later for each frame.
class Wire {
 public:
  void Carry(const PacketBuilder& packet) { Carry(packet.Build()); }
  void Carry(const Bytes& frame) {
    const auto bytes = static_cast<uint32_t>(frame.size());
    frames_.push_back({now_, frame, bytes});
    Wait(base::kNsPerMs);
  }
  void Wait(int64_t ns) { now_.ns += ns; }

  base::WallTime now() const { return now_; }
  std::vector<TimedFrame>& frames() { return frames_; }
  const std::vector<TimedFrame>& frames() const { return frames_; }

 private:
  base::WallTime now_{1'772'352'000 * base::kNsPerSecond};
  std::vector<TimedFrame> frames_;
};

// One TCP connection with right sequence numbers.
class TcpOnWire {
 public:
  TcpOnWire(Wire& wire, std::string client, std::string server, uint16_t src_port,
            uint16_t dst_port)
      : wire_(wire),
        client_{std::move(client), src_port, 1000},
        server_{std::move(server), dst_port, 9000} {}

  void Open() {
    using namespace packet::tcp_flag;
    Send(client_, server_, kSyn, {});
    ++client_.seq;
    Send(server_, client_, kSyn | kAck, {});
    ++server_.seq;
    Send(client_, server_, kAck, {});
  }
  void Say(std::string_view text) { Say(BytesOf(text)); }
  void Say(const Bytes& bytes) { Data(client_, server_, bytes); }
  void Answer(std::string_view text) { Data(server_, client_, BytesOf(text)); }
  void Close() {
    using namespace packet::tcp_flag;
    Send(client_, server_, kFin | kAck, {});
    ++client_.seq;
    Send(server_, client_, kFin | kAck, {});
    ++server_.seq;
    Send(client_, server_, kAck, {});
  }
  void Reset() { Send(client_, server_, packet::tcp_flag::kRst, {}); }

 private:
  struct End {
    std::string address;
    uint16_t port;
    uint32_t seq;
  };

  void Data(End& from, End& to, const Bytes& bytes) {
    Send(from, to, packet::tcp_flag::kAck | packet::tcp_flag::kPsh, bytes);
    from.seq += static_cast<uint32_t>(bytes.size());
    Send(to, from, packet::tcp_flag::kAck, {});
  }
  void Send(const End& from, const End& to, uint8_t flags, const Bytes& bytes) {
    const bool from_client = &from == &client_;
    PacketBuilder packet;
    packet.Macs(from_client ? "02:00:00:00:00:01" : "02:00:00:00:00:02",
                from_client ? "02:00:00:00:00:02" : "02:00:00:00:00:01");
    if (from.address.find(':') == std::string::npos) {
      packet.Ipv4(from.address, to.address);
    } else {
      packet.Ipv6(from.address, to.address);
    }
    packet.Tcp({.src_port = from.port,
                .dst_port = to.port,
                .flags = flags,
                .seq = from.seq,
                .ack = (flags & packet::tcp_flag::kAck) != 0 ? to.seq : 0});
    wire_.Carry(packet.Payload(bytes));
  }

  Wire& wire_;
  End client_;
  End server_;
};

// A question of type A for a name such as "www.example".
Bytes DnsQuestion(std::string_view name);

// A web page over HTTP with its DNS question before it.
void BrowseHttp(Wire& wire, uint16_t src_port, std::string_view host);
// A TLS connection whose ClientHello names the host.
void BrowseTls(Wire& wire, uint16_t src_port, std::string_view host);

}  // namespace weir::testing

// A frame and what Parse() makes of it.
#pragma once

#include <gtest/gtest.h>

#include <utility>

#include "dataplane/parse/parse.h"
#include "tests/support/encapsulation.h"

namespace weir::parse::testing {

using weir::testing::Bytes;

class Parsed {
 public:
  // `wire_bytes`: more than the frame has where a capture cut it; 0: it did not.
  explicit Parsed(Bytes frame, size_t wire_bytes = 0) : frame_(std::move(frame)) {
    packet_.data = frame_.data();
    packet_.captured_bytes = static_cast<uint32_t>(frame_.size());
    packet_.wire_bytes = static_cast<uint32_t>(wire_bytes == 0 ? frame_.size() : wire_bytes);
    Parse(packet_);
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  const packet::Headers* operator->() const { return &packet_.headers; }
  const packet::Packet& packet() const { return packet_; }
  std::span<const packet::OuterLayer> around() const { return packet_.around(); }

  // Nothing that was found reaches beyond what is there.
  void ExpectInside() const {
    const packet::Headers& headers = packet_.headers;
    const size_t captured = packet_.captured_bytes;
    const size_t wire = std::max<size_t>(captured, packet_.wire_bytes);
    ASSERT_LE(headers.tunnel_depth, packet::kTunnelDepthMax);
    if (headers.payload_offset != packet::kNoOffset) {
      ASSERT_LE(headers.payload_offset + headers.payload_bytes, captured);
      ASSERT_LT(headers.l4_offset, headers.payload_offset);
    }
    if (headers.l4_offset != packet::kNoOffset) {
      ASSERT_LE(headers.l4_offset, captured);
      ASSERT_LT(headers.l3_offset, headers.l4_offset);
    }
    if (headers.l3 == packet::L3::kNone) return;
    ASSERT_LE(headers.l3_offset + headers.ip_bytes, wire);
    ASSERT_LE(headers.ip_bytes, headers.wire_ip_bytes);
  }

 private:
  Bytes frame_;
  packet::Packet packet_;
};

}  // namespace weir::parse::testing

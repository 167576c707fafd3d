// Frames that Weir makes itself (resets, prohibitions), waiting for the pipeline's caller to send
// them.
//
// Fixed room, allocated once; one worker's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/packet/packet.h"

namespace weir::respond {

inline constexpr size_t kFrameBytesMax = 1344;  // kPageBytesMax behind every header
inline constexpr size_t kOutboxFramesMax = 128;

struct OutFrame {
  packet::Side to = packet::Side::kUnknown;  // the port to send by
  uint16_t bytes = 0;
  std::array<uint8_t, kFrameBytesMax> data;

  std::span<const uint8_t> frame() const { return {data.data(), bytes}; }
};

class Outbox {
 public:
  Outbox() : frames_(std::make_unique<std::array<OutFrame, kOutboxFramesMax>>()) {}

  // A frame to fill in, or nullptr when the outbox is full: the answer is then withheld.
  OutFrame* Add() { return count_ == kOutboxFramesMax ? nullptr : &(*frames_)[count_++]; }
  void DropLast() { --count_; }

  std::span<const OutFrame> frames() const { return {frames_->data(), count_}; }
  void Clear() { count_ = 0; }

 private:
  std::unique_ptr<std::array<OutFrame, kOutboxFramesMax>> frames_;
  size_t count_ = 0;
};

}  // namespace weir::respond

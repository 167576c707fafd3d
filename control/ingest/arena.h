// Memory for bytes that must stay where they are until the batch is done.
//
// Freed all at once by Clear(), which keeps the first chunk. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace weir::control::ingest {

class Arena {
 public:
  std::span<const uint8_t> Keep(std::span<const uint8_t> bytes) {
    if (chunks_.empty() || used_ + bytes.size() > chunk_bytes_) Grow(bytes.size());
    uint8_t* const at = chunks_.back().get() + used_;
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    used_ += bytes.size();
    return {at, bytes.size()};
  }

  std::string_view Keep(std::string_view text) {
    const auto kept = Keep(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
    return {reinterpret_cast<const char*>(kept.data()), kept.size()};
  }

  void Clear() {
    if (chunks_.size() > 1) chunks_.clear();
    used_ = 0;
  }

 private:
  static constexpr size_t kChunkBytes = 1 << 20;

  void Grow(size_t bytes) {
    chunk_bytes_ = std::max(kChunkBytes, bytes);
    chunks_.push_back(std::make_unique<uint8_t[]>(chunk_bytes_));
    used_ = 0;
  }

  std::vector<std::unique_ptr<uint8_t[]>> chunks_;
  size_t chunk_bytes_ = 0;  // of the last one
  size_t used_ = 0;
};

}  // namespace weir::control::ingest

// Gathers rows into pieces worth sending. One thread; lives while a reply is streamed.
#pragma once

#include <string>
#include <string_view>

#include "control/api/message.h"

namespace weir::control::api {

class RowStream {
 public:
  static constexpr size_t kPieceBytes = 32 * 1024;

  explicit RowStream(const ChunkWriter& write) : write_(write) {}

  // False: the client is gone; stop.
  bool Add(std::string_view row) {
    pending_ += row;
    return pending_.size() < kPieceBytes || Flush();
  }
  bool Flush() {
    const bool sent = pending_.empty() || write_(pending_);
    pending_.clear();
    return sent;
  }

 private:
  const ChunkWriter& write_;
  std::string pending_;
};

}  // namespace weir::control::api

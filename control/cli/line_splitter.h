// Cuts what comes in pieces into lines. One thread.
#pragma once

#include <string>
#include <string_view>

namespace weir::control::cli {

class LineSplitter {
 public:
  // Calls `take` with each line that is whole now, without its end.
  template <typename TakeLine>
  void Add(std::string_view piece, const TakeLine& take) {
    pending_ += piece;
    size_t begin = 0;
    for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      take(std::string_view(pending_).substr(begin, end - begin));
    }
    pending_.erase(0, begin);
  }

 private:
  std::string pending_;
};

}  // namespace weir::control::cli

// One thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::control::cli {

// How many records a text of CSV has, in pieces: a line feed in quotes ends none.
class CsvCounter {
 public:
  void Add(std::string_view piece) {
    for (const char c : piece) {
      if (c == '"') quoted_ = !quoted_;
      if (c == '\n' && !quoted_) rows_++;
    }
  }
  uint64_t records() const { return rows_ == 0 ? 0 : rows_ - 1; }  // without the header

 private:
  uint64_t rows_ = 0;
  bool quoted_ = false;
};

}  // namespace weir::control::cli

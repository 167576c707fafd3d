// Splits CSV text into rows (RFC 4180): quoted fields may hold commas, quotes and line breaks;
// lines end in LF or CR LF.
//
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::control::accounts {

struct CsvRow {
  size_t line = 0;  // where the row begins, from 1
  std::vector<std::string> fields;
  std::string error;  // what is wrong with the row's quoting; empty: nothing
};

class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  // The next row that is not an empty line; false at the end.
  bool Next(CsvRow& row);

 private:
  bool AtLineEnd() const;
  void SkipLineEnd();
  void ReadField(CsvRow& row);
  void ReadQuoted(CsvRow& row, std::string& field);

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;
};

}  // namespace weir::control::accounts

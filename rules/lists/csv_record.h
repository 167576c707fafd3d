// One line of comma-separated values (RFC 4180 §2), but that blanks around a field do not count and
// that a field does not go on in the next line.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <string_view>

namespace weir::rules {

class CsvRecord {
 public:
  // False when a quotation mark is not closed, or something stands behind one that is. Fields
  // behind the 16th are not kept. The fields are valid as long as `line` and until the next Read.
  bool Read(std::string_view line);

  size_t size() const { return size_; }
  std::string_view operator[](size_t i) const { return fields_[i]; }

 private:
  static constexpr size_t kFieldsMax = 16;

  bool TakeQuoted(std::string_view& rest, std::string_view& field);

  std::array<std::string_view, kFieldsMax> fields_;
  size_t size_ = 0;
  std::deque<std::string> unescaped_;  // fields with "" in them; a deque keeps them where they are
};

}  // namespace weir::rules

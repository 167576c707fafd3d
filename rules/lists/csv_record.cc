#include "rules/lists/csv_record.h"

#include <algorithm>

#include "rules/lists/line_text.h"

namespace weir::rules {

bool CsvRecord::TakeQuoted(std::string_view& rest, std::string_view& field) {
  rest.remove_prefix(1);
  bool escaped = false;
  size_t end = rest.find('"');
  while (end != rest.npos && end + 1 < rest.size() && rest[end + 1] == '"') {
    escaped = true;
    end = rest.find('"', end + 2);
  }
  if (end == rest.npos) return false;
  field = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  if (!escaped) return true;
  std::string& text = unescaped_.emplace_back();
  for (size_t i = 0; i < field.size(); ++i) {
    text += field[i];
    if (field[i] == '"') ++i;
  }
  field = text;
  return true;
}

bool CsvRecord::Read(std::string_view line) {
  size_ = 0;
  unescaped_.clear();
  while (true) {
    while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
    std::string_view field;
    if (line.starts_with('"')) {
      if (!TakeQuoted(line, field)) return false;
      while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
      if (!line.empty() && line.front() != ',') return false;
    } else {
      field = Before(line, ',');
      line.remove_prefix(std::min(line.find(','), line.size()));
    }
    if (size_ < kFieldsMax) fields_[size_++] = field;
    if (line.empty()) return true;
    line.remove_prefix(1);
  }
}

}  // namespace weir::rules

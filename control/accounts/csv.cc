#include "control/accounts/csv.h"

namespace weir::control::accounts {

bool CsvReader::AtLineEnd() const {
  if (at_ == text_.size() || text_[at_] == '\n') return true;
  return text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n');
}

void CsvReader::SkipLineEnd() {
  if (at_ < text_.size() && text_[at_] == '\r') at_++;
  if (at_ < text_.size() && text_[at_] == '\n') {
    at_++;
    line_++;
  }
}

bool CsvReader::Next(CsvRow& row) {
  while (at_ < text_.size() && AtLineEnd()) SkipLineEnd();
  if (at_ == text_.size()) return false;
  row.line = line_;
  row.fields.clear();
  row.error.clear();
  ReadField(row);
  while (!AtLineEnd()) {
    at_++;  // the comma
    ReadField(row);
  }
  SkipLineEnd();
  return true;
}

// Leaves the position at a comma or at the end of the line.
void CsvReader::ReadField(CsvRow& row) {
  std::string& field = row.fields.emplace_back();
  if (at_ < text_.size() && text_[at_] == '"') ReadQuoted(row, field);
  while (!AtLineEnd() && text_[at_] != ',') {
    if (text_[at_] == '"' && row.error.empty()) {
      row.error = "a quote inside a field: put the whole field in quotes and double the quote";
    }
    field += text_[at_++];
  }
}

void CsvReader::ReadQuoted(CsvRow& row, std::string& field) {
  for (at_++; at_ < text_.size(); at_++) {
    if (text_[at_] == '\n') line_++;
    if (text_[at_] != '"') {
      field += text_[at_];
    } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
      field += text_[at_++];
    } else {
      at_++;
      if (!AtLineEnd() && text_[at_] != ',') {
        row.error = "text behind a closing quote: a comma or the line's end must follow it";
      }
      return;
    }
  }
  row.error = "a quote that is opened here is never closed";
}

}  // namespace weir::control::accounts

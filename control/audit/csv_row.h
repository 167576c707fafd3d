// One row of CSV (RFC 4180) in UTF-8, for spreadsheets as well. One thread; allocates.
#pragma once

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/base/utf8.h"

namespace weir::control::audit {

class CsvRow {
 public:
  // From outside: may hold anything. What a spreadsheet would take for a formula is led by an
  // apostrophe (OWASP: CSV injection); bytes that are not UTF-8 become U+FFFD.
  CsvRow& Text(std::string_view text) {
    const bool formula =
        !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
    const bool quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
    Separate();
    if (quoted) line_ += '"';
    if (formula) line_ += '\'';
    while (!text.empty()) {
      const std::string_view before = text;
      char32_t character = 0;
      if (!base::TakeUtf8(text, character)) {
        text.remove_prefix(1);
        line_ += "\xef\xbf\xbd";
        continue;
      }
      if (character == U'"') line_ += '"';
      line_ += before.substr(0, before.size() - text.size());
    }
    if (quoted) line_ += '"';
    return *this;
  }
  // Made by Weir: needs no quotes.
  template <typename Value>
  CsvRow& Plain(const Value& value) {
    Separate();
    fmt::format_to(std::back_inserter(line_), "{}", value);
    return *this;
  }
  // Empty where the field means nothing for this record.
  template <typename Value>
  CsvRow& PlainIf(bool meant, const Value& value) {
    return meant ? Plain(value) : Plain("");
  }
  std::string Finish() && { return std::move(line_) + "\r\n"; }

 private:
  void Separate() {
    if (!first_) line_ += ',';
    first_ = false;
  }

  std::string line_;
  bool first_ = true;
};

}  // namespace weir::control::audit

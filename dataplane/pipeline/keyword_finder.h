// Looks for the keywords of the policy in force in what an HTTP request says, piece by piece.
//
// Worker's thread; allocates nothing.
#pragma once

#include <array>
#include <string_view>

#include "dataplane/names/name_sink.h"
#include "dataplane/pipeline/keyword_reading.h"

namespace weir::pipeline {

class KeywordFinder {
 public:
  // Null: there are none.
  void Use(const rules::KeywordTable* table) { table_ = table; }

  // Whether requests must be told to it at all.
  bool reads_requests() const { return table_ != nullptr && table_->asks_for_text(); }
  // Whether more of the request's body must be shown.
  bool wants_body(const KeywordReading& reading) const {
    return table_ != nullptr && table_->asks(rules::KeywordField::kHttpBody) &&
           reading.body_left > 0;
  }

  // One piece of a part, as NameSink::OnHttpText has it. True: another keyword was found.
  bool Read(names::HttpPart part, std::string_view text, bool more, KeywordReading& reading);

 private:
  static constexpr size_t kPieceBytesMax = 4096;

  bool ReadPiece(rules::KeywordField field, std::string_view text, bool more,
                 KeywordReading& reading);

  const rules::KeywordTable* table_ = nullptr;
  std::array<char,
             KeywordReading::kTailBytesMax + kPieceBytesMax + 2 * rules::KeywordFold::kMoreBytesMax>
      buffer_;
};

}  // namespace weir::pipeline

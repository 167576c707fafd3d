#include "dataplane/pipeline/keyword_finder.h"

#include <algorithm>

namespace weir::pipeline {
namespace {

rules::KeywordField FieldOf(names::HttpPart part) {
  switch (part) {
    case names::HttpPart::kUrl:
      return rules::KeywordField::kHttpUrl;
    case names::HttpPart::kHeader:
      return rules::KeywordField::kHttpHeader;
    case names::HttpPart::kBody:
      break;
  }
  return rules::KeywordField::kHttpBody;
}

}  // namespace

bool KeywordFinder::Read(names::HttpPart part, std::string_view text, bool more,
                         KeywordReading& reading) {
  const rules::KeywordField field = FieldOf(part);
  if (!table_->asks(field)) return false;
  if (part == names::HttpPart::kBody) {
    text = text.substr(0, reading.body_left);
    reading.body_left -= static_cast<uint32_t>(text.size());
    more = more && reading.body_left > 0;
  }
  bool any_new = false;
  while (text.size() > kPieceBytesMax) {
    any_new |= ReadPiece(field, text.substr(0, kPieceBytesMax), true, reading);
    text.remove_prefix(kPieceBytesMax);
  }
  any_new |= ReadPiece(field, text, more, reading);
  if (!more) reading.BeginPart();
  return any_new;
}

bool KeywordFinder::ReadPiece(rules::KeywordField field, std::string_view text, bool more,
                              KeywordReading& reading) {
  std::copy_n(reading.tail.begin(), reading.tail_bytes, buffer_.begin());
  size_t bytes = reading.tail_bytes;
  bytes += reading.fold.Fold(text, buffer_.data() + bytes);
  if (!more) bytes += reading.fold.Finish(buffer_.data() + bytes);
  const bool any_new = table_->Find(field, {buffer_.data(), bytes}, reading.hits);
  const size_t kept = std::min(bytes, KeywordReading::kTailBytesMax);
  std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(bytes - kept), kept, reading.tail.begin());
  reading.tail_bytes = static_cast<uint8_t>(kept);
  return any_new;
}

}  // namespace weir::pipeline

// Text searched for keywords: whatever the pieces that it comes in, the words found are those that
// a plain search of the whole text finds. The first byte chooses the size of the pieces.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/pipeline/keyword_finder.h"
#include "fuzz_check.h"

using namespace weir;

namespace {

constexpr size_t kTextBytesMax = 4096;
const std::vector<std::string> kWords = {"ab", "abc", "100%", "赌博", "a b", "\\u", "%", "🎲"};

std::shared_ptr<const rules::KeywordTable> MakeTable() {
  rules::KeywordTable::Builder builder;
  for (uint32_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i].size() < rules::kKeywordBytesMin) continue;
    builder.Add(kWords[i], rules::BitOf(rules::KeywordField::kHttpBody), i);
  }
  return builder.Build().value();
}

std::vector<uint32_t> FoundIn(std::string_view text, size_t piece,
                              const rules::KeywordTable& table) {
  static pipeline::KeywordFinder finder;
  finder.Use(&table);
  pipeline::KeywordReading reading;
  reading.BeginRequest();
  do {
    const std::string_view next = text.substr(0, piece);
    text.remove_prefix(next.size());
    finder.Read(names::HttpPart::kBody, next, !text.empty(), reading);
  } while (!text.empty());
  rules::KeywordSets sets;
  for (const rules::KeywordId id : reading.hits.all()) sets.Add(table.SetsOf(id));
  return {sets.all().begin(), sets.all().end()};
}

// In UTF-8 or, of the one that has other bytes there, in GB18030.
std::vector<uint32_t> FoundPlainly(std::string_view text) {
  const std::string folded = rules::Folded(text);
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < kWords.size(); ++i) {
    if (kWords[i].size() < rules::kKeywordBytesMin) continue;
    const bool in_gb18030 =
        (kWords[i] == "赌博" && folded.find("\xb6\xc4\xb2\xa9") < folded.size()) ||
        (kWords[i] == "🎲" && folded.find("\x94\x39\xc1\x36") < folded.size());
    if (in_gb18030 || folded.find(kWords[i]) < folded.size()) found.push_back(i);
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto table = MakeTable();
  if (size < 1) return 0;
  const size_t piece = 1 + (data[0] & 0x1f);
  const std::string_view text(static_cast<const char*>(static_cast<const void*>(data + 1)),
                              std::min(size - 1, kTextBytesMax));
  const auto expected = FoundPlainly(text);
  FUZZ_CHECK(FoundIn(text, kTextBytesMax, *table) == expected);
  FUZZ_CHECK(FoundIn(text, piece, *table) == expected);
  return 0;
}

// Seals, their parts and anchors, from files that anybody may have changed: the pieces of a seal
// lie in each other, and the others are written as they were read.
#include <cstdint>
#include <string>

#include "control/sealing/anchor.h"
#include "control/sealing/seal.h"
#include "control/sealing/seal_parts.h"
#include "fuzz_check.h"

using namespace weir::control::sealing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto parsed = ParseSeal(text); parsed.ok()) {
    FUZZ_CHECK(text.starts_with(parsed->signed_text));
    FUZZ_CHECK(parsed->signed_text.starts_with(parsed->accepted));
    FUZZ_CHECK(parsed->seal.kind != SealKind::kHandOver || !parsed->accepted.empty());
  }
  if (const auto parts = ParseParts(text); parts.ok()) {
    FUZZ_CHECK(PartsText(*parts) == text);
    FUZZ_CHECK(MinutesThatDiffer(*parts, *parts).empty());
  }
  if (const auto anchors = ParseAnchors(text); anchors.ok()) {
    std::string lines;
    for (const Anchor& anchor : *anchors) lines += AnchorLine(anchor);
    const auto again = ParseAnchors(lines);
    FUZZ_CHECK(again.ok() && *again == *anchors);
  }
  return 0;
}

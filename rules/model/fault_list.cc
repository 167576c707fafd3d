#include "rules/model/fault_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "rules/model/parse.h"

namespace weir::rules {
namespace {

constexpr size_t kWordShownBytesMax = 60;

// Long words are cut between characters.
std::string Shown(std::string_view word) {
  if (word.empty()) return "end of line";
  if (word.size() <= kWordShownBytesMax) return fmt::format("'{}'", word);
  size_t end = kWordShownBytesMax;
  while (end > 0 && (static_cast<uint8_t>(word[end]) & 0xc0) == 0x80) --end;
  return fmt::format("'{}…'", word.substr(0, end));
}

}  // namespace

void FaultList::Add(const Location& where, std::string_view word, std::string_view advice) {
  faults_.push_back({where, fmt::format("{}: {}", Shown(word), advice)});
}

void FaultList::Add(const Location& where, std::string sentence) {
  faults_.push_back({where, std::move(sentence)});
}

base::Error FaultList::ToError(const PolicyText& policy) const {
  std::vector<const Fault*> ordered;
  for (const Fault& fault : faults_) ordered.push_back(&fault);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Fault* a, const Fault* b) {
    return std::tie(a->where.source, a->where.line, a->where.column) <
           std::tie(b->where.source, b->where.line, b->where.column);
  });
  std::string message;
  for (size_t i = 0; i < std::min(ordered.size(), kErrorsShownMax); ++i) {
    if (i > 0) message += '\n';
    message += fmt::format("{}: {}", ToText(policy, ordered[i]->where), ordered[i]->text);
  }
  if (ordered.size() > kErrorsShownMax) {
    message += fmt::format("\nand {} more faults", ordered.size() - kErrorsShownMax);
  }
  return base::Error{std::move(message)};
}

}  // namespace weir::rules

#include "rules/lists/adblock_exceptions.h"

namespace weir::rules {
namespace {

constexpr uint8_t kPass = 1, kImportantBlock = 2, kImportantPass = 4;

uint8_t BitOf(NameMark mark) {
  if (mark.pass) return mark.important ? kImportantPass : kPass;
  return mark.important ? kImportantBlock : 0;
}

// The marks that win over an entry at or below their name.
uint8_t StrongerThan(NameMark mark) {
  if (mark.pass) return mark.important ? 0 : kImportantBlock;
  return mark.important ? kImportantPass : kPass | kImportantPass;
}

}  // namespace

void AdblockExceptions::Add(std::string_view name, NameMark mark) {
  marks_[std::string(name)] |= BitOf(mark);
  has_pass_ = has_pass_ || mark.pass;
}

bool AdblockExceptions::Overrule(std::string_view name, NameMark mark) const {
  const uint8_t stronger = StrongerThan(mark);
  if (stronger == 0) return false;
  while (true) {
    const auto found = marks_.find(name);
    if (found != marks_.end() && (found->second & stronger) != 0) return true;
    const size_t dot = name.find('.');
    if (dot == name.npos) return false;
    name.remove_prefix(dot + 1);
  }
}

}  // namespace weir::rules

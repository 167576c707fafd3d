#include "rules/compile/account_pattern.h"

#include <re2/re2.h>

#include <utility>

namespace weir::rules {
namespace {

constexpr int64_t kPatternBytesMax = 1 << 20;
constexpr size_t kInstructionBytes = 16;

}  // namespace

AccountPattern::AccountPattern(std::unique_ptr<re2::RE2> compiled)
    : compiled_(std::move(compiled)) {}
AccountPattern::AccountPattern(AccountPattern&&) noexcept = default;
AccountPattern& AccountPattern::operator=(AccountPattern&&) noexcept = default;
AccountPattern::~AccountPattern() = default;

base::Result<AccountPattern> AccountPattern::Make(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kPatternBytesMax);
  auto compiled = std::make_unique<re2::RE2>(pattern, options);
  if (!compiled->ok()) return base::Error{compiled->error()};
  return AccountPattern(std::move(compiled));
}

bool AccountPattern::Matches(std::string_view account) const {
  return re2::RE2::PartialMatch(re2::StringPiece(account.data(), account.size()), *compiled_);
}

size_t AccountPattern::memory_bytes() const {
  return sizeof(re2::RE2) + compiled_->pattern().capacity() +
         static_cast<size_t>(compiled_->ProgramSize()) * kInstructionBytes;
}

}  // namespace weir::rules

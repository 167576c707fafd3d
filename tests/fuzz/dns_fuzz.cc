// DNS messages: bounded, every question readable that was counted, names in their one form; keys of
// encrypted hellos hidden once, and nothing else changed.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/base/byte_order.h"
#include "dataplane/names/dns_ech.h"
#include "dataplane/names/dns_message.h"
#include "fuzz_check.h"

using namespace weir::names;

namespace {

void CheckHiding(std::span<const uint8_t> message) {
  std::vector<uint8_t> hidden(message.begin(), message.end());
  const HiddenEch result = HideEch(hidden);
  FUZZ_CHECK(result.count <= kEchConfigsMax);
  if (result.count < kEchConfigsMax) {
    std::vector<uint8_t> twice = hidden;
    HideEch(twice);
    FUZZ_CHECK(twice == hidden);
  }
  for (size_t i = result.count; i-- > 0;) {
    const HiddenEch::Change& change = result.changes[i];
    FUZZ_CHECK(change.offset + size_t{2} <= hidden.size());
    weir::base::StoreBe(&hidden[change.offset], change.before);
  }
  FUZZ_CHECK(std::ranges::equal(hidden, message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CheckHiding({data, size});
  DnsMessage message;
  const Outcome outcome = ParseDnsMessage({data, size}, message);
  FUZZ_CHECK(outcome == Outcome::kFound || outcome == Outcome::kNone ||
             outcome == Outcome::kNotThis || outcome == Outcome::kTooLong);
  if (outcome != Outcome::kFound) return 0;
  DnsQuestionReader reader(message);
  DnsQuestion question;
  size_t questions = 0;
  while (reader.Next(question) == Outcome::kFound) {
    ++questions;
    for (const char c : question.name.view()) {
      FUZZ_CHECK(c > ' ' && c < 0x7f && (c < 'A' || c > 'Z'));
    }
  }
  FUZZ_CHECK(questions > 0 && questions <= kDnsQuestionsMax);
  FUZZ_CHECK(reader.offset() <= size);
  return 0;
}

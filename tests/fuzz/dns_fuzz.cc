// DNS messages: bounded, every question readable that was counted, names in their one form.
#include <cstdint>

#include "dataplane/names/dns_message.h"
#include "fuzz_check.h"

using namespace weir::names;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
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

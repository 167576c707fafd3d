// DNS messages as a client sends them: the header and every question.
//
// A worker's thread; pure functions over bytes, no allocation. Bounded: kDnsQuestionsMax questions,
// names of at most 255 bytes (RFC 1035 §3.1), pointers that only go backwards.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/names/name.h"
#include "dataplane/names/outcome.h"

namespace weir::names {

// Servers take one question; a message with more is somebody's experiment.
inline constexpr size_t kDnsQuestionsMax = 16;
inline constexpr uint16_t kDnsPort = 53;  // RFC 1035 §4.2
inline constexpr size_t kDnsHeaderBytes = 12;

struct DnsMessage {
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t question_count = 0;
  uint16_t answer_count = 0;
  uint16_t authority_count = 0;
  uint16_t additional_count = 0;
  bool has_edns = false;  // an OPT record among the additional ones (RFC 6891)
  bool whole = false;     // every record counted is there and nothing behind it
  bool odd = false;       // its opcode or the first question's class is not assigned
  std::span<const uint8_t> bytes;

  bool is_query() const { return (flags & 0x8000) == 0; }
  unsigned opcode() const { return (flags >> 11) & 0xf; }
};

struct DnsQuestion {
  HostName name;  // empty for the root
  uint16_t type = 0;
  uint16_t dns_class = 0;
};

// Reads header and record counts, and walks the message once. kFound: a DNS message (query or
// response) with at least one well-formed question. kNone: a message without a question. kNotThis:
// no DNS; also for a first question that cannot be read, and for what is odd and not whole, so that
// other protocols on port 53 are not taken for broken DNS. kTooLong: more than kDnsQuestionsMax
// questions.
Outcome ParseDnsMessage(std::span<const uint8_t> bytes, DnsMessage& out);

// The questions of a message, one at a time.
class DnsQuestionReader {
 public:
  explicit DnsQuestionReader(const DnsMessage& message)
      : bytes_(message.bytes), left_(message.question_count) {}

  // kFound: `out` holds one. kNone: that was the last. kMalformed: the rest cannot be read.
  Outcome Next(DnsQuestion& out);
  size_t offset() const { return offset_; }  // of what follows the questions read

 private:
  std::span<const uint8_t> bytes_;
  size_t offset_ = kDnsHeaderBytes;
  uint16_t left_;
};

}  // namespace weir::names

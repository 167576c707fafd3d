#include "dataplane/respond/dns_answer.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/cursor.h"

namespace weir::respond {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kOptBytes = 11;           // without options
constexpr size_t kExtendedErrorBytes = 6;  // without text
constexpr size_t kRecordHeadBytes = 12;    // with the owner as a pointer
constexpr uint16_t kTypeA = 1;
constexpr uint16_t kTypeAaaa = 28;
constexpr uint16_t kTypeOpt = 41;
constexpr uint16_t kClassIn = 1;
constexpr uint16_t kClassAny = 255;
constexpr uint16_t kExtendedErrorCode = 15;
constexpr uint16_t kUdpBytesMax = 1232;  // what an asker may send
constexpr uint16_t kOwnerIsQuestion = 0xc000 | kHeaderBytes;
constexpr uint16_t kNxDomain = 3;
constexpr uint16_t kRefused = 5;

// RFC 1035 §4.1.1, RFC 4035 §3.2.
namespace flag {
constexpr uint16_t kResponse = 0x8000, kOpcode = 0x7800, kTruncated = 0x0200, kDesired = 0x0100,
                   kAvailable = 0x0080, kCheckingDisabled = 0x0010;
}

struct Question {
  uint16_t id = 0;
  uint16_t flags = 0;
  uint16_t type = 0;
  uint16_t dns_class = 0;
  std::span<const uint8_t> wire;  // name, type and class
  bool has_opt = false;
  bool dnssec_ok = false;
};

// Passes over a name without pointers.
bool SkipName(base::Cursor& cursor) {
  for (size_t bytes = 1; bytes <= kNameBytesMax;) {
    const uint8_t length = cursor.U8();
    if (!cursor.ok() || length > 63) return false;
    if (length == 0) return true;
    cursor.Skip(length);
    bytes += size_t{length} + 1;
  }
  return false;
}

bool ReadOpt(base::Cursor& cursor, Question& out) {
  if (cursor.U8() != 0 || cursor.U16() != kTypeOpt) return false;
  cursor.Skip(2);  // the size the asker takes
  out.has_opt = true;
  out.dnssec_ok = (cursor.U32() & 0x8000) != 0;
  cursor.Skip(cursor.U16());
  return cursor.ok();
}

bool ReadQuestion(std::span<const uint8_t> query, Question& out) {
  base::Cursor cursor(query);
  out.id = cursor.U16();
  out.flags = cursor.U16();
  const bool one_question = cursor.U16() == 1;
  const bool no_records = cursor.U16() == 0 && cursor.U16() == 0;
  const uint16_t additional = cursor.U16();
  constexpr uint16_t kNotPlain = flag::kResponse | flag::kOpcode | flag::kTruncated;
  if (!cursor.ok() || (out.flags & kNotPlain) != 0) return false;
  if (!one_question || !no_records || additional > 1) return false;
  if (!SkipName(cursor)) return false;
  out.type = cursor.U16();
  out.dns_class = cursor.U16();
  if (!cursor.ok()) return false;
  out.wire = query.subspan(kHeaderBytes, cursor.offset() - kHeaderBytes);
  if (additional == 1 && !ReadOpt(cursor, out)) return false;
  return cursor.ok() && cursor.empty();
}

// The address that the question gets, in the bytes of its record; empty: none of that type.
std::span<const uint8_t> SinkholeFor(const Question& question, const Settings& settings) {
  if (question.dns_class != kClassIn && question.dns_class != kClassAny) return {};
  if (question.type == kTypeA && settings.sinkhole_ipv4.has_value()) {
    return std::span<const uint8_t>(settings.sinkhole_ipv4->bytes()).subspan(12);
  }
  if (question.type == kTypeAaaa && settings.sinkhole_ipv6.has_value()) {
    return settings.sinkhole_ipv6->bytes();
  }
  return {};
}

uint8_t* Put(uint8_t* at, std::span<const uint8_t> bytes) {
  return std::ranges::copy(bytes, at).out;
}

template <std::unsigned_integral T>
uint8_t* Put(uint8_t* at, T value) {
  base::StoreBe(at, value);
  return at + sizeof value;
}

uint16_t ResponseCode(DnsAnswer answer) {
  if (answer == DnsAnswer::kNxDomain) return kNxDomain;
  return answer == DnsAnswer::kRefused ? kRefused : 0;
}

}  // namespace

size_t WriteDnsRefusal(std::span<const uint8_t> query, const DnsRefusal& refusal,
                       const Settings& settings, std::span<uint8_t> out) {
  Question question;
  if (!ReadQuestion(query, question)) return 0;
  size_t bytes = kHeaderBytes + question.wire.size() + (question.has_opt ? kOptBytes : 0);
  if (bytes > out.size()) return 0;

  std::span<const uint8_t> address;
  if (refusal.answer == DnsAnswer::kSinkhole) address = SinkholeFor(question, settings);
  const size_t record_bytes = address.empty() ? 0 : kRecordHeadBytes + address.size();
  const bool truncated = bytes + record_bytes > out.size();
  if (!truncated) bytes += record_bytes;
  const bool explained = question.has_opt && bytes + kExtendedErrorBytes <= out.size();
  if (explained) bytes += kExtendedErrorBytes;
  const bool has_record = record_bytes > 0 && !truncated;

  uint16_t flags = question.flags & (flag::kDesired | flag::kCheckingDisabled);
  flags = flags | flag::kResponse | flag::kAvailable | ResponseCode(refusal.answer);
  if (truncated) flags = flags | flag::kTruncated;
  uint8_t* at = out.data();
  at = Put(at, question.id);
  at = Put(at, flags);
  at = Put(at, uint16_t{1});
  at = Put(at, static_cast<uint16_t>(has_record ? 1 : 0));
  at = Put(at, uint16_t{0});
  at = Put(at, static_cast<uint16_t>(question.has_opt ? 1 : 0));
  at = Put(at, question.wire);
  if (has_record) {
    at = Put(at, kOwnerIsQuestion);
    at = Put(at, question.type);
    at = Put(at, kClassIn);
    at = Put(at, settings.dns_ttl_s);
    at = Put(at, static_cast<uint16_t>(address.size()));
    at = Put(at, address);
  }
  if (question.has_opt) {
    at = Put(at, uint8_t{0});
    at = Put(at, kTypeOpt);
    at = Put(at, kUdpBytesMax);
    at = Put(at, question.dnssec_ok ? uint32_t{0x8000} : uint32_t{0});
    at = Put(at, static_cast<uint16_t>(explained ? kExtendedErrorBytes : 0));
    if (explained) {
      at = Put(at, kExtendedErrorCode);
      at = Put(at, uint16_t{2});
      at = Put(at, static_cast<uint16_t>(refusal.error));
    }
  }
  return static_cast<size_t>(at - out.data());
}

}  // namespace weir::respond

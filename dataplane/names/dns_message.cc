#include "dataplane/names/dns_message.h"

#include <algorithm>

#include "dataplane/base/cursor.h"

namespace weir::names {
namespace {

using base::Cursor;

constexpr size_t kWireNameBytesMax = 254;  // 255 with the root's byte, which is not kept
constexpr unsigned kPointersMax = 64;
constexpr uint16_t kTypeOpt = 41;
constexpr unsigned kOpcodeMax = 6;  // RFC 8490; 7 to 15 are not assigned
constexpr size_t kRecordsMax = 64;  // walked in search of OPT

// RFC 6895 §3.2, and the bit by which multicast DNS asks for an answer to the asker alone.
bool IsKnownClass(uint16_t dns_class) {
  dns_class = dns_class & 0x7fff;
  return dns_class == 1 || dns_class == 3 || dns_class == 4 || dns_class == 254 || dns_class == 255;
}

struct WireName {
  std::array<uint8_t, kWireNameBytesMax> labels;
  size_t bytes = 0;
};

// Reads the name at `offset`, following pointers, which must go back (RFC 1035 §4.1.4). Sets
// `offset` behind the name where it stands. False when it is not one.
bool ReadName(std::span<const uint8_t> message, size_t& offset, WireName& out) {
  out.bytes = 0;
  size_t at = offset;
  size_t limit = message.size();  // the start of the part that was read last
  unsigned pointers = 0;
  while (at < message.size()) {
    const uint8_t length = message[at];
    if (length == 0) {
      if (pointers == 0) offset = at + 1;
      return true;
    }
    if ((length & 0xc0) == 0xc0) {
      if (at + 1 >= message.size() || ++pointers > kPointersMax) return false;
      const size_t target = (size_t{length & 0x3fU} << 8) | message[at + 1];
      if (pointers == 1) {
        limit = offset;
        offset = at + 2;
      }
      if (target >= limit) return false;
      limit = target;
      at = target;
      continue;
    }
    const size_t label_end = at + 1 + length;
    if (length > 63 || label_end > message.size()) return false;
    if (out.bytes + 1 + length > out.labels.size()) return false;
    std::copy_n(message.begin() + static_cast<ptrdiff_t>(at), length + 1,
                out.labels.begin() + out.bytes);
    out.bytes += length + size_t{1};
    at = label_end;
  }
  return false;
}

// Passes over resource records from `offset`; false when one is not whole.
bool SkipRecords(DnsMessage& message, size_t& offset) {
  const size_t count =
      size_t{message.answer_count} + message.authority_count + message.additional_count;
  WireName owner;
  for (size_t i = 0; i < std::min(count, kRecordsMax); ++i) {
    if (!ReadName(message.bytes, offset, owner)) return false;
    Cursor record(message.bytes.subspan(offset));
    const uint16_t type = record.U16();
    record.Skip(2 + 4);  // class, time to live
    record.Skip(record.U16());
    if (!record.ok()) return false;
    if (type == kTypeOpt && owner.bytes == 0) message.has_edns = true;
    offset += record.offset();
  }
  return count <= kRecordsMax;
}

}  // namespace

Outcome ParseDnsMessage(std::span<const uint8_t> bytes, DnsMessage& out) {
  out = DnsMessage();
  Cursor header(bytes);
  out.bytes = bytes;
  out.id = header.U16();
  out.flags = header.U16();
  out.question_count = header.U16();
  out.answer_count = header.U16();
  out.authority_count = header.U16();
  out.additional_count = header.U16();
  if (!header.ok()) return Outcome::kNotThis;
  out.odd = out.opcode() > kOpcodeMax;

  DnsQuestionReader questions(out);
  DnsQuestion question;
  Outcome outcome = Outcome::kNone;
  const size_t readable = std::min<size_t>(out.question_count, kDnsQuestionsMax);
  for (size_t i = 0; i < readable && outcome != Outcome::kMalformed; ++i) {
    outcome = questions.Next(question);
    if (i > 0) continue;
    if (outcome != Outcome::kFound) return Outcome::kNotThis;
    out.odd = out.odd || !IsKnownClass(question.dns_class);
  }
  if (out.question_count > kDnsQuestionsMax && outcome != Outcome::kMalformed) {
    return out.odd ? Outcome::kNotThis : Outcome::kTooLong;
  }
  size_t offset = questions.offset();
  out.whole = outcome != Outcome::kMalformed && SkipRecords(out, offset) && offset == bytes.size();
  if (out.odd && (!out.whole || out.question_count == 0)) return Outcome::kNotThis;
  return out.question_count > 0 ? Outcome::kFound : Outcome::kNone;
}

Outcome DnsQuestionReader::Next(DnsQuestion& out) {
  if (left_ == 0) return Outcome::kNone;
  --left_;
  WireName name;
  size_t offset = offset_;
  if (!ReadName(bytes_, offset, name)) return Outcome::kMalformed;
  Cursor rest(bytes_.subspan(offset));
  out.type = rest.U16();
  out.dns_class = rest.U16();
  if (!rest.ok()) return Outcome::kMalformed;
  offset_ = offset + rest.offset();
  NormaliseDnsName(std::span<const uint8_t>(name.labels).first(name.bytes), out.name);
  return Outcome::kFound;
}

}  // namespace weir::names

#include "dataplane/names/dns_ech.h"

#include <algorithm>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/cursor.h"
#include "dataplane/names/dns_message.h"

namespace weir::names {
namespace {

using base::Cursor;

constexpr uint16_t kResponse = 0x8000;
constexpr uint16_t kTypeSvcb = 64;
constexpr uint16_t kTypeHttps = 65;
constexpr uint16_t kKeyEch = 5;
constexpr size_t kRecordsMax = 64;

// Passes over a name where it stands, without following a pointer.
void SkipName(Cursor& cursor) {
  for (;;) {
    const uint8_t length = cursor.U8();
    if (!cursor.ok() || length == 0) return;
    if ((length & 0xc0) == 0xc0) {
      cursor.Skip(1);
      return;
    }
    if (length > 63) return cursor.Fail();
    cursor.Skip(length);
  }
}

// A part of the message and where in it the part begins.
struct Part {
  std::span<const uint8_t> bytes;
  size_t offset = 0;
};

// `list`: the value of the parameter, an ECHConfigList (RFC 9849 §4).
void HideList(std::span<uint8_t> message, Part list, HiddenEch& hidden) {
  Cursor cursor(list.bytes);
  if (cursor.U16() != cursor.left()) return;
  while (!cursor.empty() && hidden.count < hidden.changes.size()) {
    const size_t at = list.offset + cursor.offset();
    const uint16_t version = cursor.U16();
    cursor.Skip(cursor.U16());
    if (!cursor.ok()) return;
    if (version == kHiddenEchVersion) continue;
    hidden.changes[hidden.count++] = {static_cast<uint16_t>(at), version};
    base::StoreBe(message.data() + at, kHiddenEchVersion);
  }
}

void HideInRecord(std::span<uint8_t> message, Part data, HiddenEch& hidden) {
  Cursor cursor(data.bytes);
  cursor.Skip(2);  // priority
  SkipName(cursor);
  while (cursor.ok() && !cursor.empty()) {
    const uint16_t key = cursor.U16();
    const size_t bytes = cursor.U16();
    const size_t at = data.offset + cursor.offset();
    const auto value = cursor.Bytes(bytes);
    if (cursor.ok() && key == kKeyEch) HideList(message, {value, at}, hidden);
  }
}

}  // namespace

HiddenEch HideEch(std::span<uint8_t> message) {
  HiddenEch hidden;
  if (message.size() > UINT16_MAX) return hidden;
  Cursor cursor(message);
  cursor.Skip(2);
  const uint16_t flags = cursor.U16();
  const size_t questions = cursor.U16();
  const size_t records = size_t{cursor.U16()} + cursor.U16() + cursor.U16();
  if (!cursor.ok() || (flags & kResponse) == 0 || questions > kDnsQuestionsMax) return hidden;
  for (size_t i = 0; i < questions; ++i) {
    SkipName(cursor);
    cursor.Skip(4);
  }
  for (size_t i = 0; i < std::min(records, kRecordsMax); ++i) {
    SkipName(cursor);
    const uint16_t type = cursor.U16();
    cursor.Skip(2 + 4);  // class, time to live
    const size_t bytes = cursor.U16();
    const size_t at = cursor.offset();
    const auto data = cursor.Bytes(bytes);
    if (!cursor.ok()) break;
    if (type == kTypeHttps || type == kTypeSvcb) HideInRecord(message, {data, at}, hidden);
  }
  return hidden;
}

}  // namespace weir::names

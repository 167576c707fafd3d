// One form for a host name, so that names compare by their bytes: lower case, A-labels (RFC 5890),
// no trailing dot.
//
// Rules and names on the wire both go through here. No state, no allocation, any thread.
//
// Limits, on purpose: text outside ASCII is taken to be in NFC already; letters fold by the simple
// case pairs of Latin, Greek, Cyrillic, Armenian and full-width forms; what IDNA 2008 forbids is
// not refused, for a blocker must be able to compare whatever somebody sent. A label that is an
// A-label already ("xn--…") is kept.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::base {

inline constexpr size_t kHostBytesMax = 253;  // RFC 1035 §2.3.4, written without the root's dot
inline constexpr size_t kLabelBytesMax = 63;

enum class HostFault : uint8_t {
  kNone,
  kEmpty,
  kTooLong,       // beyond kHostBytesMax as A-labels
  kLabelTooLong,  // beyond kLabelBytesMax as an A-label
  kEmptyLabel,    // "a..b", ".a"
  kBadCharacter,  // a space, a control character
  kBadUtf8,
};
std::string_view HostFaultText(HostFault fault);  // "the name is empty", …

struct NormalHost {
  std::string_view name;  // into `out`; empty when there is a fault
  HostFault fault = HostFault::kNone;
  bool ok() const { return fault == HostFault::kNone; }
};

using HostBuffer = std::array<char, kHostBytesMax>;

// Writes `host` in its one form into `out`. One trailing dot is dropped; the ideographic and
// full-width stops count as dots (RFC 3490 §3.1). Ports, brackets and addresses are not its
// business.
NormalHost NormaliseHost(std::string_view host, HostBuffer& out);

// RFC 3492: the code points as Punycode without the "xn--". Returns the bytes written, 0 when there
// is no room or a number overflows.
size_t PunycodeEncode(std::span<const char32_t> label, std::span<char> out);
// The way back. Returns the code points written, 0 when it is no Punycode or there is no room.
size_t PunycodeDecode(std::string_view coded, std::span<char32_t> out);

// A code point of a label takes a byte or more of its A-label.
using ReadableHostBuffer = std::array<char, kHostBytesMax * 4>;

// A name in its one form as people read it, in UTF-8: `host` itself where it has no A-label, else
// written into `out`. A label that does not decode stays.
std::string_view ReadableHost(std::string_view host, ReadableHostBuffer& out);

}  // namespace weir::base

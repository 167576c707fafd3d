// A syslog datagram taken apart: RFC 5424 §6, or what is called RFC 3164 and seldom is, or neither.
//
// Tolerant: what does not have the form of a header is text. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/time.h"

namespace weir::control::portal {

// RFC 5424 §6.1: everybody must take 480 bytes and should take 2048.
inline constexpr size_t kSyslogBytesMax = 8192;

// Views into the datagram.
struct SyslogLine {
  std::string_view host;               // empty: not said
  std::optional<base::WallTime> time;  // with RFC 5424 only: the other one has no year and no zone
  // What patterns are matched against. Of RFC 5424 the structured data, where there is some, and
  // the message; else all that follows time and host.
  std::string_view text;
};

SyslogLine ReadSyslogLine(std::string_view datagram);

// Fit to be shown: at most `bytes_max` bytes, what is no printable ASCII as "\x1b".
std::string Shown(std::string_view line, size_t bytes_max);

}  // namespace weir::control::portal

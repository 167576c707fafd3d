// What clients send before TLS on the same connection: proxies' headers, and the ways of protocols
// to ask for encryption. Passed over, so that the ClientHello behind is found.
//
// A worker's thread; pure functions, no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/names/outcome.h"

namespace weir::names {

inline constexpr size_t kPreludeBytesMax = 1024;

struct Prelude {
  Outcome outcome = Outcome::kNotThis;  // kFound, kNeedMore, kNotThis
  size_t bytes = 0;                     // with kFound: how long it is
};

// One message of: the PROXY protocol (1 and 2), SOCKS 4, 4a and 5, PostgreSQL's and MySQL's request
// for TLS, RDP's connection request, LDAP's StartTLS. `within_socks`: SOCKS 5 has begun, and its
// request has not come: then nothing else may.
Prelude FindPrelude(std::span<const uint8_t> stream, bool within_socks);

// Whether SOCKS 5 goes on behind the message that FindPrelude found at the beginning of `stream`.
bool GoesOnWithSocks5(std::span<const uint8_t> stream, bool within_socks);

// True when `stream` begins as an HTTP server's answer does.
bool IsHttpResponse(std::span<const uint8_t> stream);

// Text protocols that change to TLS (SMTP, IMAP, POP3, FTP, XMPP, …): `text` is what the client
// said so far.
//   kFound     `bytes` of text lie before what looks like a TLS record
//   kNeedMore  `bytes` of text may be let go; what is behind them is not decided
//   kNotThis   this is no text
Prelude SkipTextBeforeTls(std::span<const uint8_t> text);

}  // namespace weir::names

// What a name parser says of the bytes it was shown, in words all parsers of this folder share.
//
// Any thread; values only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::names {

enum class Outcome : uint8_t {
  kNeedMore,   // so far it fits; more bytes will tell
  kFound,      // the message is whole and holds a name
  kNone,       // this protocol, and it will give no name; Coverage says why
  kNotThis,    // another protocol
  kMalformed,  // this protocol, but no server would take it
  kTooLong,    // a limit of this folder was reached before a name was seen
  // QUIC only, and for who must not be led astray a reason to drop the datagram:
  kConflict,  // it contradicts bytes seen before; nothing of it was taken
  kCrowded,   // what it begins cannot be followed: too much is begun, or a part of it was forgotten
};

// Where a name was seen. The values are those of events::NameSource.
enum class Source : uint8_t { kNone, kTlsSni, kQuicSni, kHttpHost, kDnsQuery };

// How much is known of a flow's name: the reason to count when there is none.
enum class Coverage : uint8_t {
  kUndecided,
  kNamed,
  kNamedOuter,     // the hello also carries ECH: the name seen may be a cover
  kNoSni,          // a ClientHello without server_name
  kEncryptedSni,   // no name in clear, and ECH or ESNI present
  kInvalidName,    // a name that no rule can be compared with (control bytes, too long)
  kSslV2Hello,     // an SSLv2-compatible hello, which has no extensions
  kDtls,           // DTLS; its name is not looked for
  kHttp2,          // HTTP/2 with prior knowledge, in clear
  kHttpNoHost,     // HTTP/1 without Host or absolute URI
  kDnsNoName,      // a DNS message that asks for nothing, or for the root
  kQuicVersion,    // QUIC of a version whose Initial cannot be read
  kQuicUndecided,  // QUIC whose first flight was not seen whole
  kUnknown,        // no protocol of this folder
  kMalformed,
  kTooLong,
};
inline constexpr size_t kCoverages = 16;

// "tls_sni", "quic_sni", "http_host", "dns_query"; "" for kNone.
std::string_view SourceName(Source source);
// The word for metrics and reports: "named", "named_outer", "no_sni", …
std::string_view CoverageName(Coverage coverage);
// True when `next` says more than `now`: a name beats every reason, a reason beats none.
bool Improves(Coverage now, Coverage next);

}  // namespace weir::names

#include "dataplane/names/outcome.h"

namespace weir::names {

std::string_view SourceName(Source source) {
  switch (source) {
    case Source::kNone:
      return "";
    case Source::kTlsSni:
      return "tls_sni";
    case Source::kQuicSni:
      return "quic_sni";
    case Source::kHttpHost:
      return "http_host";
    case Source::kDnsQuery:
      return "dns_query";
  }
  return "";
}

std::string_view CoverageName(Coverage coverage) {
  static constexpr std::string_view kNames[kCoverages] = {
      "undecided",      "named",   "named_outer", "no_sni",       "encrypted_sni", "invalid_name",
      "sslv2_hello",    "dtls",    "http2",       "http_no_host", "dns_no_name",   "quic_version",
      "quic_undecided", "unknown", "malformed",   "too_long"};
  const auto index = static_cast<size_t>(coverage);
  return index < kCoverages ? kNames[index] : std::string_view("undecided");
}

bool Improves(Coverage now, Coverage next) {
  const auto rank = [](Coverage coverage) {
    switch (coverage) {
      case Coverage::kUndecided:
        return 0;
      case Coverage::kUnknown:
        return 1;
      case Coverage::kQuicUndecided:
      case Coverage::kQuicVersion:
        return 2;
      case Coverage::kInvalidName:
        return 4;
      case Coverage::kNamed:
      case Coverage::kNamedOuter:
        return 5;
      default:
        return 3;
    }
  };
  return rank(next) > rank(now);
}

}  // namespace weir::names

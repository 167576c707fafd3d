#include "rules/lists/url_host.h"

#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

unsigned PortOfScheme(std::string_view scheme) {
  if (SameWord(scheme, "http")) return 80;
  if (SameWord(scheme, "https")) return 443;
  if (SameWord(scheme, "ftp")) return 21;
  return 0;
}

// Takes the host off the front of `authority`: what remains is "" or begins with ':'.
std::string_view TakeHost(std::string_view& authority) {
  const bool bracketed = authority.starts_with('[');
  const size_t end = authority.find(bracketed ? ']' : ':');
  std::string_view host = authority.substr(0, end);
  authority.remove_prefix(host.size());
  if (bracketed) {
    host.remove_prefix(1);
    authority.remove_prefix(authority.empty() ? 0 : 1);
  }
  return host;
}

}  // namespace

void AddUrlHost(std::string_view url, EntrySink& sink) {
  constexpr std::string_view kSchemeEnd = "://";
  unsigned port = 0;
  const size_t scheme_end = url.find(kSchemeEnd);
  if (scheme_end != url.npos) {
    port = PortOfScheme(url.substr(0, scheme_end));
    url.remove_prefix(scheme_end + kSchemeEnd.size());
  }
  std::string_view authority = url.substr(0, url.find_first_of("/?#\\"));
  if (const size_t at = authority.rfind('@'); at != authority.npos) {
    authority.remove_prefix(at + 1);
  }
  const std::string_view host = TakeHost(authority);
  if (!LooksLikeAddress(host)) return sink.AddName(host, NameReach::kExact);
  if (authority.size() > 1 && !ParseNumber(authority.substr(1), port)) {
    return sink.Skip(SkipReason::kBadAddress);
  }
  if (port == 0) return sink.Skip(SkipReason::kUnsupported);
  constexpr uint8_t kProtocols[] = {kTcp};
  sink.AddEndpoint(host, kProtocols, port);
}

}  // namespace weir::rules

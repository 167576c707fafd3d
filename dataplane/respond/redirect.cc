#include "dataplane/respond/redirect.h"

#include <algorithm>

namespace weir::respond {
namespace {

// `no-store`: whoever has logged in asks for the same page again.
constexpr std::string_view kHead = "HTTP/1.1 302 Found\r\nLocation: ";
constexpr std::string_view kTail =
    "\r\nContent-Length: 0\r\nConnection: close\r\nCache-Control: no-store\r\n\r\n";

}  // namespace

size_t WriteRedirect(std::string_view url, std::span<uint8_t> out) {
  if (out.size() < kHead.size() + url.size() + kTail.size()) return 0;
  auto at = out.begin();
  for (const std::string_view piece : {kHead, url, kTail}) at = std::ranges::copy(piece, at).out;
  return static_cast<size_t>(at - out.begin());
}

}  // namespace weir::respond

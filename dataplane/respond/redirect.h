// Where a rejected HTTP request of somebody unknown is sent: to the portal.
//
// The address is the operator's, as it stands in the configuration; nothing of the request is in
// the answer, so that nobody can be sent elsewhere by it. Pure; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::respond {

// Writes a whole HTTP/1.1 response with status 302 (RFC 9110 §15.4.3), and returns its bytes; 0
// when `out` has not the room. It takes 97 bytes and the address.
size_t WriteRedirect(std::string_view url, std::span<uint8_t> out);

}  // namespace weir::respond

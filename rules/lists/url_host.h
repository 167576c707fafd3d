// The host of a URL (RFC 3986 §3.2), for lists that hold URLs. Pure.
#pragma once

#include <string_view>

#include "rules/lists/entry_sink.h"

namespace weir::rules {

// Adds the host: a name as that name alone, an address as its TCP port, which is that of http,
// https or ftp where none is written. A path cannot be asked of TLS, so the host stands for it.
// Without a scheme ("host/path") only names are taken.
void AddUrlHost(std::string_view url, EntrySink& sink);

}  // namespace weir::rules

// JA4, FoxIO's fingerprint of a ClientHello, in its published text form:
// "t13d1516h2_8daaf6152771_e5627efa2ab1".
//
// A worker's thread, with the worker's Crypto; no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/names/crypto.h"
#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

struct Ja4 {
  std::array<char, 36> text;
  std::string_view view() const { return {text.data(), text.size()}; }
};

enum class Ja4Transport : char { kTcp = 't', kQuic = 'q', kDtls = 'd' };

// `hello` as a parser of this folder filled it, with its spans still alive. An SSLv2-compatible
// hello has no fingerprint of worth: its lists are empty.
Ja4 ComputeJa4(const ClientHello& hello, Ja4Transport transport, Crypto& crypto);

}  // namespace weir::names

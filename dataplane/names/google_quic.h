// Google's QUIC before TLS: the "CHLO" message, and the versions that send it in clear (Q024 to
// Q046).
//
// A worker's thread; pure functions, no allocation.
#pragma once

#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

// A CHLO from its first byte: tags, ends of values, values. kFound, kNone (no SNI tag), kNeedMore,
// kNotThis, kTooLong. Fills server_names, the only field it knows.
Outcome ParseChlo(ByteSpan message, ClientHello& out);

// A datagram of a version whose first packets are not encrypted. kNotThis for all others; kNeedMore
// for such a datagram without a CHLO.
Outcome ParseClearGoogleQuic(ByteSpan datagram, ClientHello& out);

}  // namespace weir::names

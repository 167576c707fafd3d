// The DNS message that refuses a question: NXDOMAIN, a sinkhole's address, or REFUSED, with the
// reason as an extended error (RFC 8914).
//
// Pure functions over bytes; a worker's thread; no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/respond/settings.h"

namespace weir::respond {

// RFC 8914 §4: the operator blocks the name, the asker may not ask here, the answer is made up.
enum class ExtendedError : uint16_t { kForged = 4, kBlocked = 15, kProhibited = 18 };

struct DnsRefusal {
  DnsAnswer answer = DnsAnswer::kNxDomain;  // never kNone
  ExtendedError error = ExtendedError::kBlocked;
};

// Writes the answer to `query` into `out` and returns its bytes. Identifier, question and RD, CD
// and DO bits are the query's own; RA is set; the OPT record stands there when the query had one
// (RFC 6891 §6.1.1). What has no room is left out in this order: the extended error; then a
// sinkhole's record, with TC set, so that the asker comes again by TCP.
//
// 0, and no answer, when `query` is not one plain question: a response, another opcode than QUERY,
// not exactly one question, compressed or longer names, records other than one OPT (a signature,
// for instance, that Weir cannot give back), bytes behind the end. Never when `out` is as long as
// such a query.
size_t WriteDnsRefusal(std::span<const uint8_t> query, const DnsRefusal& refusal,
                       const Settings& settings, std::span<uint8_t> out);

}  // namespace weir::respond

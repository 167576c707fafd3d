// RADIUS accounting requests: whatever comes is read or refused, and what is read can be answered.
#include <algorithm>
#include <cstdint>

#include "control/radius/radius_packet.h"
#include "fuzz_check.h"

using namespace weir::control::radius;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> datagram(data, size);
  AccountingRequest request;
  const RadiusFault fault = ReadAccountingRequest(datagram, request);
  IsAuthentic(datagram, "secret");
  FUZZ_CHECK(fault == RadiusFault::kNone || !RadiusFaultName(fault).empty());
  if (fault != RadiusFault::kNone) return 0;
  const auto answer = WriteAccountingResponse(request, "secret");
  FUZZ_CHECK(answer.size() >= kRadiusBytesMin && answer.size() <= kRadiusBytesMax);
  FUZZ_CHECK(answer[1] == request.id);
  for (const auto* prefixes : {&request.framed_prefixes, &request.delegated_prefixes}) {
    for (const auto& prefix : *prefixes) {
      FUZZ_CHECK(prefix.length_bits() >= 32 && prefix.length_bits() <= 128);
      FUZZ_CHECK(!prefix.address().is_v4());
    }
  }
  // The answer is none of a client's.
  AccountingRequest back;
  FUZZ_CHECK(ReadAccountingRequest(answer, back) == RadiusFault::kCode);
  return 0;
}

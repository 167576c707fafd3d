// The digests that seals hold, made from what the stores hold now.
//
// Any thread.
#pragma once

#include <functional>

#include "control/audit/session_store.h"
#include "control/operations/operations_log.h"
#include "control/sealing/seal.h"
#include "control/sealing/seal_parts.h"

namespace weir::control::sealing {

// Where the record lies. What is referred to must outlive it.
struct Record {
  audit::SessionStore& store;
  operations::OperationsLog& operations;
};

// Called with each record; false ends the reading with an error.
using KeepOn = std::function<bool()>;

// Of the sessions that began in the span: as they are, or as they were when they were sealed.
enum class Moment : uint8_t { kNow, kSealed };
// Adds the digests of the parts to `parts`, where it is given.
base::Result<Digest> DigestSessions(const Record& record, const audit::TimeSpan& span,
                                    Moment moment, const KeepOn& keep_on,
                                    SealParts* parts = nullptr);

// Of the records numbered above `after`, up to `upto`; kToTheLast: to the last there is, whose
// number is in the result.
inline constexpr uint64_t kToTheLast = UINT64_MAX;
base::Result<NumberedDigest> DigestNumbered(const Record& record, NumberedClass numbered,
                                            uint64_t after, uint64_t upto, const KeepOn& keep_on,
                                            SealParts* parts = nullptr);

}  // namespace weir::control::sealing

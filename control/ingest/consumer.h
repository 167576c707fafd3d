// Who wants findings, or news of the data plane, each exactly once.
//
// The consumer keeps the number of the last one it took in the same transaction as what it made of
// it. All calls come from the ingest's thread. What a consumer refuses is offered again, in order;
// nothing is passed over.
#pragma once

#include <cstdint>
#include <span>

#include "control/audit/record.h"
#include "dataplane/base/result.h"
#include "dataplane/events/lease_event.h"

namespace weir::control::ingest {

using audit::SequencedFinding;
using audit::SequencedHealth;

class FindingConsumer {
 public:
  virtual ~FindingConsumer() = default;
  // The `seq` of the last one taken; 0 for none.
  virtual base::Result<uint64_t> LastSeq() = 0;
  // Takes all of them or none. Views live until the call returns.
  virtual base::Status Consume(std::span<const SequencedFinding> findings) = 0;
};

class HealthConsumer {
 public:
  virtual ~HealthConsumer() = default;
  virtual base::Result<uint64_t> LastSeq() = 0;
  virtual base::Status Consume(std::span<const SequencedHealth> health) = 0;
};

// Who wants leases: before the sessions of the same batch are joined with their accounts, and
// before the batch is committed. So after a stop in between the same leases come again, in order,
// and must change nothing.
class LeaseConsumer {
 public:
  virtual ~LeaseConsumer() = default;
  // Takes all of them or none. While it refuses, ingest waits.
  virtual base::Status Consume(std::span<const events::LeaseEvent> leases) = 0;
};

}  // namespace weir::control::ingest

// What a writer must know of the journal that it finds: where the numbers go on.
//
// Reads only; what is on disk is left as it is. The writer's thread, once at opening.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/events/journal_format.h"

namespace weir::events {

struct RecoveredJournal {
  uint64_t journal_id = 0;  // 0: there is no journal to go on with
  uint64_t next_seq = kFirstSeq;
  uint64_t read_end_seq = kFirstSeq;  // a reader finds no frame from here on, or has read it
  std::vector<SegmentFile> segments;
  uint64_t torn_tails = 0;
};

// Looks through the newest segment for its last good frame. `ack` is the acknowledgement file's
// content: no number up to it may come again.
base::Result<RecoveredJournal> RecoverJournal(const std::filesystem::path& dir,
                                              const std::optional<Acknowledgement>& ack);

}  // namespace weir::events

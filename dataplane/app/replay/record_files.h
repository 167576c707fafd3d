// The kept records of all workers as JSON lines: sessions by start, events by time. One thread, at
// the end.
#pragma once

#include <span>
#include <string_view>

#include "control/accounts/directory.h"
#include "dataplane/app/replay/record_keeper.h"
#include "dataplane/app/replay/text_output.h"

namespace weir::replay {

// `directory` may be null: then no session has an account.
void WriteSessions(std::span<const RecordKeeper* const> keepers,
                   const control::accounts::Directory* directory, std::string_view sensor,
                   TextOutput& out);

void WriteEvents(std::span<const RecordKeeper* const> keepers, std::string_view sensor,
                 TextOutput& out);

}  // namespace weir::replay

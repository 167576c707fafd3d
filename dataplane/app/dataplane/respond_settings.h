// [respond] of the configuration as the pipeline takes it, with the block page read from its file.
// At start, main thread.
#pragma once

#include "dataplane/base/config.h"
#include "dataplane/base/result.h"
#include "dataplane/respond/settings.h"

namespace weir::appliance {

// Fails when the page cannot be read or is none. `total_per_second` is
// that of all workers together.
base::Result<respond::Settings> MakeRespondSettings(const base::Config& config);

}  // namespace weir::appliance

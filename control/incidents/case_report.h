// The report of a case as Markdown, for a person to read, print and send.
//
// Pure: any thread.
#pragma once

#include <span>
#include <string>

#include "control/incidents/incident.h"

namespace weir::control::incidents {

std::string RenderCaseReport(const Incident& incident, std::span<const LogEntry> log);

}  // namespace weir::control::incidents

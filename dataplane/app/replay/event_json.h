// A finding, a lease or a piece of news as a JSON object: "Event" of INTERFACES.md. Any thread;
// allocates.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/events/lease_event.h"

namespace weir::replay {

// One line each, without its line feed.
std::string FindingToJson(const events::FindingEvent& event, std::string_view sensor);
std::string LeaseToJson(const events::LeaseEvent& event, std::string_view sensor);
std::string HealthToJson(const events::HealthEvent& event, std::string_view sensor);

}  // namespace weir::replay

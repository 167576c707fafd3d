// Records as the bytes of the embedded store's values: docs/formats/session_store.md.
//
// What the key says already (start, inside address, session_id, part) is not said again. Pure; any
// thread. Views in a decoded record point into the bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/record.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// The names of the sensors that have written to a store; records hold the index.
using Sensors = std::vector<std::string>;

// `sensor` is the index of record.sensor.
std::string EncodeSession(const SessionRecord& record, uint32_t sensor);
base::Result<SessionRecord> DecodeSession(const RecordKey& key, std::string_view value,
                                          const Sensors& sensors);

std::string EncodeFinding(const events::FindingEvent& event, const Identity& identity,
                          uint32_t sensor);
base::Result<SequencedFinding> DecodeFinding(uint64_t seq, std::string_view value,
                                             const Sensors& sensors);

std::string EncodeHealth(const events::HealthEvent& event, uint32_t sensor);
base::Result<SequencedHealth> DecodeHealth(uint64_t seq, std::string_view value,
                                           const Sensors& sensors);

std::string EncodeLogin(const LoginRecord& login);
base::Result<LoginRecord> DecodeLogin(std::string_view value);

}  // namespace weir::control::audit

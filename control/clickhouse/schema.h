// The archive's database and tables: made when they are missing, and known by a version.
//
// One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/clickhouse/http_connection.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

inline constexpr uint32_t kSchemaVersion = 1;
inline constexpr std::string_view kTables[] = {"sessions", "logins", "findings", "health"};

// "weir.sessions"
std::string TableName(const Endpoint& endpoint, std::string_view table);

enum class SchemaOutcome : uint8_t {
  kReady,
  kNotYet,   // the server is away, slow, or refuses for now: ask again
  kRefused,  // another version's or another store's: no asking helps
};
struct SchemaCheck {
  SchemaOutcome outcome = SchemaOutcome::kNotYet;
  std::string error;  // one line, unless ready
};

// Makes what is missing, and claims a new database for `store_id`: a database holds the records of
// one store only.
SchemaCheck EnsureSchema(HttpConnection& server, uint64_t store_id);

}  // namespace weir::control::clickhouse

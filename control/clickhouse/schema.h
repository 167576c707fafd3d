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
  kNotYet,   // the server is away, slow, or refuses for now, or it has lost days: ask again
  kRefused,  // another version's or another store's: no asking helps
};
struct SchemaCheck {
  SchemaOutcome outcome = SchemaOutcome::kNotYet;
  std::string error;   // one line, unless ready
  bool plain = false;  // sessions lie on one server: what it has merged stays so
};

// Written there by hand as the store's number: days that the database had are given up.
inline constexpr uint64_t kAnyStore = 0;

// Makes what is missing, and claims a new database for `store_id`: a database holds the records of
// one store only. `has_days`: there are days that only the archive has. Then one that is empty is
// not the right one, and nothing is made.
SchemaCheck EnsureSchema(HttpConnection& server, uint64_t store_id, bool has_days);

}  // namespace weir::control::clickhouse

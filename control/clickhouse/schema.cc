#include "control/clickhouse/schema.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "dataplane/events/event.h"

namespace weir::control::clickhouse {
namespace {

// "Enum8('open' = 0, 'closed' = 1)": the words of the session record.
template <typename Enum, typename NameOf>
std::string EnumType(Enum last, NameOf name_of) {
  std::string type = "Enum8(";
  for (unsigned value = 0; value <= static_cast<unsigned>(last); value++) {
    const std::string_view comma = value == 0 ? "" : ", ";
    type += fmt::format("{}'{}' = {}", comma, name_of(static_cast<Enum>(value)), value);
  }
  return type + ")";
}

std::string DirectionType() {
  return EnumType(events::Direction::kInternal, events::DirectionName);
}
std::string NameSourceType() {
  return EnumType(events::NameSource::kDnsQuery, events::NameSourceName);
}
std::string VerdictType() { return EnumType(events::Verdict::kWouldReject, events::VerdictName); }

constexpr std::string_view kIdentityColumns =
    "account String, account_group String, account_source UInt8, login_time_ns Nullable(Int64)";

// Rows lie in the order of the embedded store's keys: the hour, then the inside address.
std::string SessionTable() {
  return fmt::format(
      "(day Date, hour UInt8, inside_ip FixedString(16), version UInt64, start_ns Int64, "
      "session_id UInt64, part UInt32, revision UInt32, session_start_ns Int64, end_ns Int64, "
      "src_ip FixedString(16), dst_ip FixedString(16), src_port UInt16, dst_port UInt16, "
      "proto_number UInt8, direction {}, state {}, end_reason {}, name_source {}, verdict {}, "
      "vlan Array(UInt16), src_mac FixedString(6), dst_mac FixedString(6), packets_to_dst UInt64, "
      "packets_to_src UInt64, bytes_to_dst UInt64, bytes_to_src UInt64, tcp_flags UInt8, "
      "policy_version UInt32, list_line UInt32, name String, app String, category String, "
      "rule String, {}, sensor String) ENGINE = ReplacingMergeTree(version) PARTITION BY day "
      "ORDER BY (day, hour, inside_ip, start_ns, session_id, part)",
      DirectionType(), EnumType(events::SessionState::kClosed, events::SessionStateName),
      EnumType(events::EndReason::kLost, events::EndReasonName), NameSourceType(), VerdictType(),
      kIdentityColumns);
}

std::string FindingTable() {
  return fmt::format(
      "(day Date, seq UInt64, time_ns Int64, session_id UInt64, src_ip FixedString(16), "
      "dst_ip FixedString(16), src_port UInt16, dst_port UInt16, proto_number UInt8, "
      "direction {}, name_source {}, verdict {}, src_mac FixedString(6), dst_mac FixedString(6), "
      "policy_version UInt32, list_line UInt32, rule String, rule_class String, severity String, "
      "reason String, name String, app String, {}, sensor String) "
      "ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY (day, seq)",
      DirectionType(), NameSourceType(), VerdictType(), kIdentityColumns);
}

std::string HealthTable() {
  return "(day Date, seq UInt64, time_ns Int64, kind Enum8('started' = 1, 'stopped' = 2, "
         "'policy_installed' = 3, 'policy_refused' = 4, 'events_lost' = 5, 'bypass' = 6), "
         "boot_id UInt64, value UInt64, detail String, sensor String) "
         "ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY (day, seq)";
}

std::string LoginTable() {
  return "(day Date, seq UInt64, login_id UInt64, login_time_ns Int64, "
         "logout_time_ns Nullable(Int64), ip FixedString(16), mac FixedString(6), source UInt8, "
         "account String, nas String, port String, room String, seat String, cause String) "
         "ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY (day, seq)";
}

base::Status MakeTables(HttpConnection& server) {
  const Endpoint& endpoint = server.endpoint();
  std::vector<std::string> statements{"CREATE DATABASE IF NOT EXISTS " + endpoint.database};
  const auto add = [&](std::string_view table, const std::string& columns) {
    statements.push_back("CREATE TABLE IF NOT EXISTS " + TableName(endpoint, table) + " " +
                         columns);
  };
  add("weir_schema", "(version UInt32, store UInt64) ENGINE = TinyLog");
  add("sessions", SessionTable());
  add("logins", LoginTable());
  add("findings", FindingTable());
  add("health", HealthTable());
  for (const std::string& statement : statements) {
    if (auto made = server.Ask(statement); !made.ok()) return made.error();
  }
  return {};
}

struct Claim {
  uint32_t version = 0;
  uint64_t store = 0;
  uint64_t rows = 0;
};

// "1\t77\t1\n"; nullopt for anything else.
std::optional<Claim> ParseClaim(std::string_view text) {
  Claim claim;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto& value, char after) {
    const auto parsed = std::from_chars(at, end, value);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != after) return false;
    at = parsed.ptr + 1;
    return true;
  };
  if (!number(claim.version, '\t') || !number(claim.store, '\t') || !number(claim.rows, '\n')) {
    return std::nullopt;
  }
  return claim;
}

// Empty: there is no such table yet.
base::Result<std::optional<Claim>> ReadClaim(HttpConnection& server) {
  const Endpoint& endpoint = server.endpoint();
  const auto known =
      server.Ask(fmt::format("SELECT count() FROM system.tables WHERE database = '{}' AND name = "
                             "'weir_schema' FORMAT TabSeparated",
                             endpoint.database));
  if (!known.ok()) return known.error();
  if (*known == "0\n") return std::optional<Claim>();
  const auto text =
      server.Ask(fmt::format("SELECT max(version), max(store), count() FROM {} FORMAT TabSeparated",
                             TableName(endpoint, "weir_schema")));
  if (!text.ok()) return text.error();
  const auto claim = ParseClaim(*text);
  if (claim) return claim->rows == 0 ? std::optional<Claim>() : claim;
  return base::Error{fmt::format("ClickHouse at {}: {} cannot be read", endpoint.url,
                                 TableName(endpoint, "weir_schema"))};
}

}  // namespace

std::string TableName(const Endpoint& endpoint, std::string_view table) {
  return fmt::format("{}.{}", endpoint.database, table);
}

SchemaCheck EnsureSchema(HttpConnection& server, uint64_t store_id) {
  const Endpoint& endpoint = server.endpoint();
  const auto refuse = [&](const std::string& why) {
    return SchemaCheck{SchemaOutcome::kRefused, fmt::format("ClickHouse at {}: the database {} {}",
                                                            endpoint.url, endpoint.database, why)};
  };
  const auto claim = ReadClaim(server);
  if (!claim.ok()) return {SchemaOutcome::kNotYet, claim.error().message};
  if (*claim && (*claim)->version != kSchemaVersion) {
    return refuse(fmt::format("has version {} of the tables, this Weir knows {} only",
                              (*claim)->version, kSchemaVersion));
  }
  if (*claim && (*claim)->store != store_id) {
    return refuse(
        "holds the records of another store; one database is for one: set clickhouse_database");
  }
  if (auto made = MakeTables(server); !made.ok()) {
    return {SchemaOutcome::kNotYet, made.error().message};
  }
  if (*claim) return {SchemaOutcome::kReady, ""};
  const auto claimed =
      server.Ask(fmt::format("INSERT INTO {} VALUES ({}, {})", TableName(endpoint, "weir_schema"),
                             kSchemaVersion, store_id));
  if (!claimed.ok()) return {SchemaOutcome::kNotYet, claimed.error().message};
  return {SchemaOutcome::kReady, ""};
}

}  // namespace weir::control::clickhouse

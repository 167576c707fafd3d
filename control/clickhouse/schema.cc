#include "control/clickhouse/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include "dataplane/events/event.h"

namespace weir::control::clickhouse {
namespace {

// "Enum8('open' = 0, 'closed' = 1)": the words of the session record.
template <typename Enum, typename NameOf>
std::string EnumType(Enum last, NameOf name_of, Enum first = Enum{}) {
  std::string type = "Enum8(";
  for (auto value = static_cast<unsigned>(first); value <= static_cast<unsigned>(last); value++) {
    const std::string_view comma = value == static_cast<unsigned>(first) ? "" : ", ";
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

// Up to the last that has a name: whoever adds a kind of news need not think of this table.
std::string HealthKindType() {
  using events::HealthKind;
  const std::string_view no_name = events::HealthKindName(HealthKind{});
  uint8_t last = 1;
  while (events::HealthKindName(static_cast<HealthKind>(last + 1)) != no_name) last++;
  return EnumType(static_cast<HealthKind>(last), events::HealthKindName, HealthKind::kStarted);
}

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
  return fmt::format(
      "(day Date, seq UInt64, time_ns Int64, kind {}, boot_id UInt64, value UInt64, detail String, "
      "sensor String) ENGINE = ReplacingMergeTree PARTITION BY day ORDER BY (day, seq)",
      HealthKindType());
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

// A table that an earlier version made does not know the kinds of news that came later: rows of
// them would go in, and no question about them could be answered.
base::Status AddHealthKinds(HttpConnection& server) {
  const Endpoint& endpoint = server.endpoint();
  const auto known =
      server.Ask(fmt::format("SELECT type FROM system.columns WHERE database = '{}' AND table = "
                             "'health' AND name = 'kind' FORMAT TabSeparatedRaw",
                             endpoint.database));
  if (!known.ok()) return known.error();
  const std::string type = HealthKindType();
  // It may know more: a later version was here.
  if (known->starts_with(std::string_view(type).substr(0, type.size() - 1))) return {};
  const auto added = server.Ask(
      fmt::format("ALTER TABLE {} MODIFY COLUMN kind {}", TableName(endpoint, "health"), type));
  return added.ok() ? base::Status() : base::Status(added.error());
}

// Of a table that lies on one server, and is asked and merged there.
constexpr std::string_view kPlainEngine = "ReplacingMergeTree";

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

// The engines of the tables that tell whether the database is this store's, by name.
base::Result<std::map<std::string, std::string, std::less<>>> ReadTables(HttpConnection& server) {
  const auto text = server.Ask(
      fmt::format("SELECT name, engine FROM system.tables WHERE database = '{}' AND name IN "
                  "('sessions', 'weir_schema') FORMAT TabSeparated",
                  server.endpoint().database));
  if (!text.ok()) return text.error();
  std::map<std::string, std::string, std::less<>> engines;
  std::string_view rest(*text);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const size_t tab = std::min(line.find('\t'), line.size());
    engines.emplace(line.substr(0, tab), line.substr(std::min(tab + 1, line.size())));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  }
  return engines;
}

// Empty: nobody's yet.
base::Result<std::optional<Claim>> ReadClaim(HttpConnection& server) {
  const Endpoint& endpoint = server.endpoint();
  const auto text =
      server.Ask(fmt::format("SELECT max(version), max(store), count() FROM {} FORMAT TabSeparated",
                             TableName(endpoint, "weir_schema")));
  if (!text.ok()) return text.error();
  const auto claim = ParseClaim(*text);
  if (claim) return claim->rows == 0 ? std::optional<Claim>() : claim;
  return base::Error{fmt::format("ClickHouse at {}: {} cannot be read", endpoint.url,
                                 TableName(endpoint, "weir_schema"))};
}

// Makes what is missing, and claims the database unless it is claimed.
base::Status MakeReady(HttpConnection& server, std::optional<uint64_t> claim_for) {
  if (auto made = MakeTables(server); !made.ok()) return made;
  if (auto added = AddHealthKinds(server); !added.ok()) return added;
  if (!claim_for) return {};
  const auto claimed = server.Ask(fmt::format("INSERT INTO {} VALUES ({}, {})",
                                              TableName(server.endpoint(), "weir_schema"),
                                              kSchemaVersion, *claim_for));
  return claimed.ok() ? base::Status() : base::Status(claimed.error());
}

}  // namespace

std::string TableName(const Endpoint& endpoint, std::string_view table) {
  return fmt::format("{}.{}", endpoint.database, table);
}

SchemaCheck EnsureSchema(HttpConnection& server, uint64_t store_id, bool has_days) {
  const Endpoint& endpoint = server.endpoint();
  const auto check = [&](SchemaOutcome outcome, const std::string& why) {
    return SchemaCheck{
        outcome,
        fmt::format("ClickHouse at {}: the database {} {}", endpoint.url, endpoint.database, why),
        false};
  };
  auto tables = ReadTables(server);
  if (!tables.ok()) return {SchemaOutcome::kNotYet, tables.error().message, false};
  const auto claim = tables->contains("weir_schema") ? ReadClaim(server) : std::optional<Claim>();
  if (!claim.ok()) return {SchemaOutcome::kNotYet, claim.error().message, false};
  const bool is_ours = *claim && (*claim)->store == store_id;
  const bool is_given = *claim && (*claim)->store == kAnyStore;
  if (*claim && (*claim)->version != kSchemaVersion) {
    return check(SchemaOutcome::kRefused,
                 fmt::format("has version {} of the tables, this Weir knows {} only",
                             (*claim)->version, kSchemaVersion));
  }
  if (*claim && !is_ours && !is_given) {
    return check(
        SchemaOutcome::kRefused,
        "holds the records of another store; one database is for one: set clickhouse_database");
  }
  if (has_days && !is_given && (!is_ours || !tables->contains("sessions"))) {
    return check(SchemaOutcome::kNotYet,
                 "has lost the days that were archived there, or is not where they are: restore "
                 "it, or correct clickhouse_url or clickhouse_database; nothing is made or shipped "
                 "there before (docs/operations/clickhouse.md, When the database is lost)");
  }
  const auto ready = MakeReady(server, is_ours ? std::nullopt : std::optional(store_id));
  if (ready.ok() && !tables->contains("sessions")) tables = ReadTables(server);
  const base::Status known = tables.ok() ? base::Status() : base::Status(tables.error());
  if (!ready.ok() || !known.ok()) {
    return {SchemaOutcome::kNotYet, (ready.ok() ? known : ready).error().message, false};
  }
  const auto sessions = tables->find("sessions");
  return {SchemaOutcome::kReady, "", sessions != tables->end() && sessions->second == kPlainEngine};
}

}  // namespace weir::control::clickhouse

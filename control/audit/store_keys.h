// The keys of the embedded store: docs/formats/session_store.md is the specification.
//
// A day's records are led by the hour and the inside address, so all sessions of an address in an
// hour are one range. The index does not name records but *cells*: an inside address in a minute of
// the day. One entry serves every session of the cell that has the term, so the index stays small,
// and a look-up reads the cells' ranges and leaves out what does not match.
//
// Pure functions; any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/audit/record.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/time.h"

namespace weir::control::audit {

inline constexpr int64_t kMinuteNs = 60 * base::kNsPerSecond;
inline constexpr int64_t kHourNs = 60 * kMinuteNs;
inline constexpr int64_t kDayNs = 24 * kHourNs;
inline constexpr uint32_t kMinutesPerDay = 1440;

// Days since 1970 in UTC.
using DayNumber = int32_t;
DayNumber DayOf(base::WallTime time);
base::WallTime DayStart(DayNumber day);
base::WallTime HourStart(base::WallTime time);
std::string DayName(DayNumber day);  // "2026-11-22"
std::optional<DayNumber> ParseDayName(std::string_view name);

// What tells the sessions of a store apart, and their order in every answer.
struct SessionOrder {
  base::WallTime start;
  uint64_t session_id = 0;
  uint32_t part = 0;
  auto operator<=>(const SessionOrder&) const = default;
};

// A record's place within its day.
struct RecordKey {
  base::IpAddress inside_ip;
  SessionOrder order;
};
std::string EncodeRecordKey(const RecordKey& key);
std::optional<RecordKey> DecodeRecordKey(DayNumber day, std::string_view bytes);
// The smallest key of `inside_ip` at or behind `offset_ns` of the day; in its hour.
std::string RecordKeyFloor(const base::IpAddress& inside_ip, int64_t offset_ns);
// What all keys of `inside_ip` in that hour begin with.
std::string RecordKeyPrefix(const base::IpAddress& inside_ip, int64_t offset_ns);

struct Cell {
  uint16_t minute = 0;  // of the day
  base::IpAddress inside_ip;
  auto operator<=>(const Cell&) const = default;
};
Cell CellOf(const RecordKey& key);

// The index's terms. Each is what its entries begin with; the cell follows.
std::string TimeTerm();
std::string SessionIdTerm(uint64_t session_id);
std::string AccountTerm(std::string_view account);
std::string PeerTerm(const base::IpAddress& ip);
std::string PortTerm(uint16_t port);
// Labels stand in reverse order, so that all names below a domain are neighbours.
std::string NameTerm(std::string_view name);
// What the terms of all names *below* `domain` begin with.
std::string NamesBelowPrefix(std::string_view domain);

// A term's entry for a cell, and where a term's entries at or behind a minute begin.
std::string IndexKey(std::string_view term, const Cell& cell);
void AppendCell(std::string& term, const Cell& cell);  // makes an entry of it
std::string IndexFloor(std::string_view term, uint32_t minute);
// The cell of an entry; `term_bytes` as from TermBytes().
std::optional<Cell> DecodeIndexCell(std::string_view key, size_t term_bytes);
// The length of the term that a name's entry begins with; 0 when it is damaged.
size_t NameTermBytes(std::string_view key);
// The same of any entry.
size_t TermBytes(std::string_view key);
// By what an entry leads to its records, for a person: "account", "time" …
std::string_view TermKind(std::string_view key);

// How many records of a cell have the term.
enum class TermUse : uint8_t { kByMany, kByOne };

// Calls `use(term, TermUse)` for every term under which the record is to be found.
template <typename Use>
void ForEachTerm(const SessionRecord& record, const Use& use);
// Only for those under which `before`, the same session's earlier record, was not found already.
template <typename Use>
void ForEachNewTerm(const SessionRecord& before, const SessionRecord& record, const Use& use);

bool HasPorts(uint8_t ip_protocol);            // TCP, UDP, SCTP
std::string LowerCase(std::string_view text);  // ASCII

// ---

template <typename Use>
void ForEachPortTerm(const events::SessionEvent& event, const Use& use) {
  if (!HasPorts(event.ip_protocol)) return;
  use(PortTerm(event.dst_port), TermUse::kByMany);
  if (event.src_port != event.dst_port) use(PortTerm(event.src_port), TermUse::kByOne);
}

template <typename Use>
void ForEachTerm(const SessionRecord& record, const Use& use) {
  const events::SessionEvent& event = record.event;
  use(TimeTerm(), TermUse::kByMany);
  use(SessionIdTerm(event.session_id), TermUse::kByOne);
  use(PeerTerm(PeerIp(event)), TermUse::kByMany);
  if (!record.identity.account.empty()) {
    use(AccountTerm(record.identity.account), TermUse::kByMany);
  }
  if (!event.name.empty()) use(NameTerm(event.name), TermUse::kByMany);
  ForEachPortTerm(event, use);
}

// Time, number and addresses are a session's for good.
template <typename Use>
void ForEachNewTerm(const SessionRecord& before, const SessionRecord& record, const Use& use) {
  const events::SessionEvent& event = record.event;
  const std::string_view account = record.identity.account;
  if (!account.empty() && account != before.identity.account) {
    use(AccountTerm(account), TermUse::kByMany);
  }
  if (!event.name.empty() && event.name != before.event.name) {
    use(NameTerm(event.name), TermUse::kByMany);
  }
  const bool same_ports = event.ip_protocol == before.event.ip_protocol &&
                          event.src_port == before.event.src_port &&
                          event.dst_port == before.event.dst_port;
  if (!same_ports) ForEachPortTerm(event, use);
}

}  // namespace weir::control::audit

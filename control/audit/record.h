// The records that the audit store keeps.
//
// Strings are views. In a record handed to a visitor they live until the visitor returns; in a
// record given to a Batch they must live until the batch is committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"
#include "dataplane/events/event.h"

namespace weir::control::audit {

// What accounts knew of the session's inside address at its start. Empty account: nobody known.
struct Identity {
  std::string_view account;
  std::string_view group;
  uint8_t source = 0;  // accounts::BindingSource
  std::optional<base::WallTime> login_time;

  bool operator==(const Identity&) const = default;
};

// One part of a session, in its newest revision.
struct SessionRecord {
  events::SessionEvent event;
  Identity identity;
  std::string_view sensor;
};

// `seq` numbers the findings of a store without gaps. It begins above the numbers of any store that
// was there before; a finding keeps its number for ever.
struct SequencedFinding {
  uint64_t seq = 0;
  events::FindingEvent event;
  Identity identity;
  std::string_view sensor;
};

// The detail of an `events lost` that control itself writes, for what the journal could not give:
// numbers that are missing, and frames whose payload made no sense. Of which class they were is not
// known. Value 0: it was damaged, and how many events that were is not known either.
inline constexpr std::string_view kLostInJournal = "journal";

// `seq` as above, numbered apart from the findings.
struct SequencedHealth {
  uint64_t seq = 0;
  events::HealthEvent event;
  std::string_view sensor;
};

// What is known, when it is written, of an account's log-in at an address. One is written when it
// begins, one when it ends, and one more whenever that is told otherwise later: of the records with
// the same `login_id` the newest counts.
struct LoginRecord {
  uint64_t login_id = 0;  // of the source's own
  base::WallTime login_time;
  std::optional<base::WallTime> logout_time;  // empty: still logged in
  base::IpAddress ip;
  base::MacAddress mac;
  uint8_t source = 0;  // accounts::BindingSource
  std::string_view account;
  std::string_view nas;
  std::string_view port;  // of the NAS
  std::string_view room;
  std::string_view seat;
  std::string_view cause;
};

// `seq` as above, numbered apart.
struct SequencedLogin {
  uint64_t seq = 0;
  LoginRecord login;
};

// The end of a session that is on the inside, and so the one that has the account: the source of an
// outbound or internal session, the destination of an inbound one, the source where unknown.
inline const base::IpAddress& InsideIp(const events::SessionEvent& event) {
  return event.direction == events::Direction::kInbound ? event.dst_ip : event.src_ip;
}
inline const base::IpAddress& PeerIp(const events::SessionEvent& event) {
  return event.direction == events::Direction::kInbound ? event.src_ip : event.dst_ip;
}

}  // namespace weir::control::audit

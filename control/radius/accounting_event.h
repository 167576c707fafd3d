// What a RADIUS accounting request says about a log-in, with its times made sense of.
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/binding.h"
#include "control/radius/radius_clients.h"
#include "control/radius/radius_packet.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::control::radius {

struct AccountingEvent {
  accounts::BindingSource source = accounts::BindingSource::kRadius;
  AccountingStatus status = AccountingStatus::kOther;
  // Which access server: with the session's name it says which session. The sender's address and,
  // where the request names the server as somebody else, a space and the name: a proxy sends for
  // many, whose sessions may have the same names.
  std::string nas;
  bool names_nas = true;  // false: it says nothing of a server but its sender
  std::string nas_name;   // NAS-Identifier, else the address
  std::string session;
  std::string account;
  std::string port;  // NAS-Port-Id, else NAS-Port
  base::MacAddress mac;
  std::vector<base::IpPrefix> addresses;  // and prefixes
  base::WallTime time;        // of what happened, by the NAS's clock where that can be right
  bool time_is_told = false;  // and not merely that at which it came
  base::WallTime heard;       // when it came, by this machine's clock
  base::WallTime login;    // when the session began, as far as the event says: never after `time`
  uint32_t interim_s = 0;  // 0: not said
  std::string cause;       // of the end: "user-request", …; empty: none was given
};

base::WallTime Earlier(base::WallTime time, int64_t seconds);

// What a clock elsewhere says, where it can be right: at most five minutes ahead of `arrival` and
// seven days behind. Else the arrival.
base::WallTime PlausibleTime(base::WallTime told, base::WallTime arrival);

// In any of the usual forms, with or without something behind it (":SSID", "@…"); anything else is
// none: zero.
base::MacAddress StationMac(std::string_view station);

// "user-request" for 1, …: RFC 2866 §5.10; "cause-99" for others; empty for 0.
std::string TerminateCauseName(uint32_t cause);

// How far the NAS's clock is ahead of this machine's, in seconds, less the delay that it says; 0
// where it does not say its time.
int64_t ClockAheadS(const AccountingRequest& request, base::WallTime arrival);

// The event's time is its Event-Timestamp, else its arrival less Acct-Delay-Time. A clock that is
// more than five minutes ahead or seven days behind is wrong: then the arrival counts.
// `Calling-Station-Id` is read by StationMac(). `framed`: what a Framed-IPv6-Prefix of this NAS is.
AccountingEvent EventOf(const AccountingRequest& request, const base::IpAddress& sender,
                        FramedPrefix framed, base::WallTime arrival);

}  // namespace weir::control::radius

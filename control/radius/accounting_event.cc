#include "control/radius/accounting_event.h"

#include <algorithm>
#include <array>

#include "control/accounts/readable_text.h"
#include "dataplane/base/hex.h"

namespace weir::control::radius {
namespace {

constexpr int64_t kAheadMaxS = 300;
constexpr int64_t kBehindMaxS = 7 * 86'400;
// Longer than any session there is.
constexpr uint32_t kSessionMaxS = 400U * 86'400;

constexpr std::array<const char*, 19> kCauses = {"",
                                                 "user-request",
                                                 "lost-carrier",
                                                 "lost-service",
                                                 "idle-timeout",
                                                 "session-timeout",
                                                 "admin-reset",
                                                 "admin-reboot",
                                                 "port-error",
                                                 "nas-error",
                                                 "nas-request",
                                                 "nas-reboot",
                                                 "port-unneeded",
                                                 "port-preempted",
                                                 "port-suspended",
                                                 "service-unavailable",
                                                 "callback",
                                                 "user-error",
                                                 "host-request"};

base::WallTime TimeByDelay(const AccountingRequest& request, base::WallTime arrival) {
  return request.delay_s <= kBehindMaxS ? Earlier(arrival, request.delay_s) : arrival;
}

base::WallTime ToldTime(const AccountingRequest& request) {
  return {int64_t{request.event_time_s.value_or(0)} * base::kNsPerSecond};
}

void TakeTime(const AccountingRequest& request, base::WallTime arrival, AccountingEvent& event) {
  const base::WallTime told = ToldTime(request);
  const bool tells = request.event_time_s && PlausibleTime(told, arrival) == told;
  event.time = event.login = tells ? told : TimeByDelay(request, arrival);
  event.time_is_told = tells || (request.delay_s > 0 && request.delay_s <= kBehindMaxS);
  event.heard = arrival;
}

void AddAddresses(const AccountingRequest& request, FramedPrefix framed,
                  std::vector<base::IpPrefix>& out) {
  const auto add = [&](const base::IpPrefix& ip) {
    if (std::find(out.begin(), out.end(), ip) == out.end()) out.push_back(ip);
  };
  for (const base::IpAddress& ip : request.addresses) add(ip);
  for (const base::IpPrefix& ip : request.delegated_prefixes) add(ip);
  if (framed == FramedPrefix::kOwn) {
    for (const base::IpPrefix& ip : request.framed_prefixes) add(ip);
  }
}

// RFC 2866 §4.1: a request has NAS-IP-Address or NAS-Identifier. The address goes before: of a
// wireless controller the identifier may be another for each network.
void TakeNas(const AccountingRequest& request, const base::IpAddress& sender,
             AccountingEvent& event) {
  const std::string address = request.nas_address ? request.nas_address->ToString() : "";
  const std::string identifier = accounts::ReadableText(request.nas_identifier);
  const std::string& name = address.empty() ? identifier : address;
  event.nas = sender.ToString();
  event.names_nas = !name.empty();
  event.nas_name = !identifier.empty() ? identifier : !address.empty() ? address : event.nas;
  if (!name.empty() && name != event.nas) event.nas += " " + name;
}

}  // namespace

base::WallTime Earlier(base::WallTime time, int64_t seconds) {
  return {time.ns - seconds * base::kNsPerSecond};
}

base::WallTime PlausibleTime(base::WallTime told, base::WallTime arrival) {
  const bool plausible =
      told <= Earlier(arrival, -kAheadMaxS) && told >= Earlier(arrival, kBehindMaxS);
  return plausible ? told : arrival;
}

base::MacAddress StationMac(std::string_view station) {
  constexpr size_t kDigits = 12;
  // The digits alone, as long as nothing but the usual separators stands between them.
  std::string plain;
  for (const char c : station) {
    if (plain.size() == kDigits) break;
    if (base::HexDigit(c) >= 0) {
      plain += c;
    } else if (c != ':' && c != '-' && c != '.') {
      break;
    }
  }
  if (plain.size() != kDigits) return {};
  std::string spaced;
  for (size_t i = 0; i < kDigits; i += 2) spaced += (i == 0 ? "" : ":") + plain.substr(i, 2);
  return base::MacAddress::Parse(spaced).value();
}

std::string TerminateCauseName(uint32_t cause) {
  return cause < kCauses.size() ? kCauses[cause] : "cause-" + std::to_string(cause);
}

int64_t ClockAheadS(const AccountingRequest& request, base::WallTime arrival) {
  if (!request.event_time_s) return 0;
  return (ToldTime(request).ns - TimeByDelay(request, arrival).ns) / base::kNsPerSecond;
}

AccountingEvent EventOf(const AccountingRequest& request, const base::IpAddress& sender,
                        FramedPrefix framed, base::WallTime arrival) {
  AccountingEvent event;
  event.status = request.status;
  TakeNas(request, sender, event);
  event.session = accounts::ReadableText(request.session_id);
  event.account = accounts::ReadableText(request.user_name, accounts::kAccountBytesMax);
  event.port = accounts::ReadableText(request.nas_port_id);
  if (event.port.empty() && request.nas_port) event.port = std::to_string(*request.nas_port);
  event.mac = StationMac(request.calling_station_id);
  AddAddresses(request, framed, event.addresses);
  TakeTime(request, arrival, event);
  const bool began_before =
      request.status == AccountingStatus::kInterim || request.status == AccountingStatus::kStop;
  if (began_before && request.session_time_s && *request.session_time_s <= kSessionMaxS) {
    event.login = Earlier(event.time, *request.session_time_s);
  }
  event.interim_s = request.interim_interval_s;
  event.cause = TerminateCauseName(request.terminate_cause);
  return event;
}

}  // namespace weir::control::radius

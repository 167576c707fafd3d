// Portals' syslog lines: whatever comes is text, and what becomes a log-in has all that one needs.
#include <cstdint>
#include <string_view>

#include "control/accounts/utf8.h"
#include "control/portal/portal_patterns.h"
#include "fuzz_check.h"

using namespace weir::control;

namespace {

constexpr std::string_view kPatterns =
    R"(
[[pattern]]
kind = "login"
regex = '(?P<account>[^ ]*) in (?P<ip>\S+)(?: m=(?P<mac>\S+))?)"
    R"((?: p=(?P<port>.+?))?(?: s=(?P<session>.*))?(?: t=(?P<time>.+))?'
[[pattern]]
kind = "logout"
regex = '(?P<account>[^ ]*) out (?P<ip>\S*)(?: s=(?P<session>.*))?'
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto patterns = portal::PortalPatterns::Parse(kPatterns, "fuzz");
  FUZZ_CHECK(patterns.ok());
  const std::string_view datagram(reinterpret_cast<const char*>(data), size);
  const portal::SyslogLine line = portal::ReadSyslogLine(datagram);
  FUZZ_CHECK(line.text.size() <= size && line.host.size() <= size);
  FUZZ_CHECK(portal::Shown(datagram, 100).size() <= 100);
  portal::ReadPortalTime(datagram);
  const auto sender = weir::base::IpAddress::Parse("10.0.0.5").value();
  const weir::base::WallTime arrival{1'796'000'000 * weir::base::kNsPerSecond};
  const auto outcome = patterns->Match(line, sender, arrival);
  if (outcome.fault != portal::LineFault::kNone) {
    FUZZ_CHECK(!LineFaultName(outcome.fault).empty());
    return 0;
  }
  const radius::AccountingEvent& event = outcome.event;
  const bool is_login = event.status == radius::AccountingStatus::kStart;
  FUZZ_CHECK(!is_login || (!event.account.empty() && event.addresses.size() == 1));
  FUZZ_CHECK(!event.session.empty() && event.session.size() <= portal::kFieldBytesMax);
  FUZZ_CHECK(event.account.size() <= portal::kFieldBytesMax);
  FUZZ_CHECK(accounts::IsUtf8(event.account) && accounts::IsUtf8(event.session));
  FUZZ_CHECK(accounts::IsUtf8(event.port) && accounts::IsUtf8(event.nas_name));
  FUZZ_CHECK(event.time <= weir::control::radius::Earlier(arrival, -300));
  FUZZ_CHECK(event.time >= weir::control::radius::Earlier(arrival, 7 * 86'400));
  return 0;
}

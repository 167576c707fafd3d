// What portals' lines mean: patterns from a small file, in RE2's syntax, so that matching takes
// time linear in the line, whatever the pattern.
//
//     [[pattern]]
//     kind = "login"        # or "logout", "interim"
//     regex = 'user (?P<account>\S+) logged in from (?P<ip>\S+)'
//
// Groups: account, ip, mac, port, session, time. The first pattern that matches counts.
// Immutable once parsed; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/portal/syslog_line.h"
#include "control/radius/accounting_event.h"
#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace re2 {
class RE2;
}

namespace weir::control::portal {

inline constexpr size_t kPatternsMax = 100;
inline constexpr size_t kFieldBytesMax = 255;

// Why a line is no event.
enum class LineFault : uint8_t {
  kNone,
  kNotUtf8,
  kNoPattern,   // none matched
  kBadAccount,  // empty, longer than kFieldBytesMax, or with control characters
  kBadAddress,  // no address of one host
  kBadSession,  // longer than kFieldBytesMax, or with control characters
};
inline constexpr size_t kLineFaults = 6;
std::string_view LineFaultName(LineFault fault);  // "not_utf8", …; "" for kNone

// Of the group `time`: RFC 3339; seconds or milliseconds since 1970; "2026-11-30 18:05:09", with
// "T" or "/" as well, in this machine's time zone. Empty: none of these.
std::optional<base::WallTime> ReadPortalTime(std::string_view text);

class PortalPatterns {
 public:
  // Fails with "<file>:<line>:<column>: …" for the first thing that is wrong.
  static base::Result<PortalPatterns> Parse(std::string_view text, std::string_view file);
  static base::Result<PortalPatterns> Load(const std::filesystem::path& file);

  PortalPatterns(PortalPatterns&&) noexcept;
  PortalPatterns& operator=(PortalPatterns&&) noexcept;
  ~PortalPatterns();

  struct Outcome {
    LineFault fault = LineFault::kNone;
    bool bad_time = false;          // the group `time` could not be read: another time was taken
    bool bad_mac = false;           // the group `mac` could not be read: none was taken
    radius::AccountingEvent event;  // without a fault
  };
  // A session is the portal (`sender`) and the group `session`; without that group the address. The
  // time is the group's, else the line's, else `arrival`; as is one that cannot be right.
  Outcome Match(const SyslogLine& line, const base::IpAddress& sender,
                base::WallTime arrival) const;

  size_t size() const { return patterns_.size(); }

 private:
  enum Group : size_t { kAccount, kIp, kMac, kPort, kSession, kTime };
  static constexpr size_t kGroups = 6;
  using Fields = std::array<std::string_view, kGroups>;  // null data: not in the line
  struct Pattern {
    radius::AccountingStatus status = radius::AccountingStatus::kOther;
    std::unique_ptr<re2::RE2> regex;
    std::array<int, kGroups> groups{};  // of the expression; 0: not there
  };
  class Reader;

  PortalPatterns();
  static bool Find(const Pattern& pattern, std::string_view text, Fields& fields);
  static void Take(const Fields& fields, Outcome& outcome);

  std::vector<Pattern> patterns_;
};

}  // namespace weir::control::portal

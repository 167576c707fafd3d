// The policies under which exchanges are tried, and what each says about a name in the simplest
// possible words: the properties do not take the rule compiler's word for it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "dataplane/events/event.h"

namespace weir::property {

struct Expected {
  events::Verdict verdict = events::Verdict::kPass;
  std::string_view rule;  // empty: none matches

  bool blocked() const {
    return verdict == events::Verdict::kDrop || verdict == events::Verdict::kReject;
  }
  bool operator==(const Expected&) const = default;
};

struct NameRule {
  std::string_view name;
  bool below = false;  // and all names below it
  Expected expected;
};

struct TestPolicy {
  std::string_view text;
  std::span<const NameRule> rules;  // the first that fits decides
  Expected blocked_server;
  Expected blocked_port;
};

std::span<const TestPolicy> Policies();

// `name` in small letters, without trailing dot.
Expected Expect(const TestPolicy& policy, std::string_view name);

// The address and port that the last of the policies blocks.
inline constexpr std::string_view kBlockedServer = "203.0.113.66";
inline constexpr std::string_view kBlockedServer6 = "2001:db8:66::66";
inline constexpr uint16_t kBlockedPort = 8443;

// As they may be written in a request; blocked by some policy, and not.
std::span<const std::string_view> BlockedNames();
std::span<const std::string_view> OtherNames();

// The form that records hold.
std::string Canonical(std::string_view name);

}  // namespace weir::property

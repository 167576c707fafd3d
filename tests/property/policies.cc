#include "tests/property/policies.h"

namespace weir::property {
namespace {

using events::Verdict;

constexpr NameRule kDropRules[] = {
    {"blocked.example", true, {Verdict::kDrop, "d"}},
};

constexpr NameRule kRejectRules[] = {
    {"blocked.example", true, {Verdict::kReject, "r"}},
};

constexpr NameRule kMixedRules[] = {
    {"good.blocked.example", false, {Verdict::kPass, "a"}},
    {"watched.example", true, {Verdict::kPass, "m"}},
    {"www.blocked.example", false, {Verdict::kReject, "h"}},
    {"blocked.example", true, {Verdict::kDrop, "c"}},
};

constexpr NameRule kHostRules[] = {
    {"www.blocked.example", false, {Verdict::kDrop, "h"}},
    {"a.b.c.blocked.example", false, {Verdict::kReject, "abc"}},
};

constexpr NameRule kMonitorRules[] = {
    {"blocked.example", true, {Verdict::kWouldDrop, "w"}},
    {"watched.example", true, {Verdict::kWouldReject, "wr"}},
};

constexpr TestPolicy kPolicies[] = {
    {"drop domain blocked.example id d\n", kDropRules, {}, {}},
    {"reject domain blocked.example class harmful severity high id r\n", kRejectRules, {}, {}},
    {"allow host good.blocked.example id a\n"
     "monitor domain watched.example class watched id m\n"
     "reject host www.blocked.example id h\n"
     "drop domain blocked.example class harmful id c\n",
     kMixedRules,
     {},
     {}},
    {"drop host www.blocked.example class harmful id h\n"
     "reject host a.b.c.blocked.example id abc\n",
     kHostRules,
     {},
     {}},
    {"drop domain blocked.example mode monitor class harmful id w\n"
     "reject domain watched.example mode monitor id wr\n",
     kMonitorRules,
     {},
     {}},
    {"drop ip 203.0.113.66, 2001:db8:66::66 id i\n"
     "drop port tcp/8443, udp/8443 id p\n"
     "drop domain blocked.example id d\n",
     kDropRules,
     {Verdict::kDrop, "i"},
     {Verdict::kDrop, "p"}},
};

constexpr std::string_view kBlocked[] = {
    "blocked.example",      "www.blocked.example",   "WWW.Blocked.Example",
    "www.blocked.example.", "a.b.c.blocked.example", "x.blocked.example",
    "BLOCKED.EXAMPLE.",     "x-1.y.blocked.example", "xn--9kr716k.blocked.example",
};

constexpr std::string_view kOther[] = {
    "notblocked.example",
    "blocked.example.org",
    "blocked.exampl",
    "www.blocked.examples",
    "good.blocked.example",
    "watched.example",
    "cam.Watched.Example",
    "allowed.example",
    "ALLOWED.example.",
    "xn--9kr716k.example",
    "a.very-long-label-of-sixty-three-bytes-which-resolvers-have-to-ta.example",
    "example",
};

bool Fits(const NameRule& rule, std::string_view name) {
  if (name == rule.name) return true;
  return rule.below && name.size() > rule.name.size() && name.ends_with(rule.name) &&
         name[name.size() - rule.name.size() - 1] == '.';
}

}  // namespace

std::span<const TestPolicy> Policies() { return kPolicies; }

Expected Expect(const TestPolicy& policy, std::string_view name) {
  for (const NameRule& rule : policy.rules) {
    if (Fits(rule, name)) return rule.expected;
  }
  return {};
}

std::span<const std::string_view> BlockedNames() { return kBlocked; }
std::span<const std::string_view> OtherNames() { return kOther; }

std::string Canonical(std::string_view name) {
  std::string out(name);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (out.ends_with('.')) out.pop_back();
  return out;
}

}  // namespace weir::property

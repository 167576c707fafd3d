#include "dataplane/app/dataplane/trial_requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/events/event.h"

namespace weir::appliance {
namespace {

int HexDigit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// The bytes of hex digits, into `out`; how many, 0 for what is no hex or too long.
size_t FromHex(std::string_view hex, std::span<uint8_t> out) {
  if (hex.size() % 2 != 0 || hex.size() / 2 > out.size()) return 0;
  for (size_t byte = 0; byte < hex.size() / 2; ++byte) {
    const int high = HexDigit(hex[2 * byte]);
    const int low = HexDigit(hex[2 * byte + 1]);
    if (high < 0 || low < 0) return 0;
    out[byte] = static_cast<uint8_t>(high << 4 | low);
  }
  return hex.size() / 2;
}

}  // namespace

void TrialRequests::Try(const Request& request, const Reply& reply) {
  auto sources = PolicySources(request);
  if (!sources) return reply(Line(Refusal(sources.error().message)));
  const auto mode = PolicyMode(request);
  if (!mode) return reply(Line(Refusal(mode.error().message)));
  parts_.policy->Try(
      std::move(*sources), *mode, [this, reply](const base::Result<PolicyPtr>& tried) {
        if (!tried) return reply(Line(Refusal(tried.error().message)));
        const PolicyInForce& now = parts_.shared->policy;
        trial_ = Trial{++last_number_,
                       {now.current(), now.identities()},
                       {*tried, IdentityKeeper::Resolve(now.identities(), **tried).after},
                       base::MonoNow()};
        reply(Line({{"ok", true},
                    {"trial", trial_->number},
                    {"policy_version", trial_->in_force.policy->version()},
                    {"rules", (*tried)->rule_count()},
                    {"warnings", (*tried)->warnings()},
                    {"live", JudgeLive()}}));
      });
}

Json TrialRequests::JudgeLive() {
  PolicyTrial trial(trial_->in_force, trial_->tried, *parts_.names);
  uint64_t total = 0;
  size_t room = kLiveFlowsMax;
  for (const auto& worker : parts_.workers) {
    total += worker->flows().entries.value();
    if (room == 0) continue;
    const auto flows = worker->ListFlows(room);
    room -= std::min(room, flows.size());
    for (const std::vector<uint8_t>& bytes : flows) {
      const auto session = events::DecodeSession(bytes);
      if (session.ok()) trial.Judge(*session);
    }
  }
  Json report = trial.Report();
  report["total"] = total;
  return report;
}

base::Result<Json> TrialRequests::Judge(const Request& request) {
  const auto number = Number(request, "trial", 0, UINT64_MAX);
  if (!number) return number.error();
  if (!trial_ || trial_->number != *number) {
    return base::Error{fmt::format("there is no trial {} any more", *number)};
  }
  const base::Error expected{fmt::format("\"sessions\" must be a list of up to {}", kSessionsMax)};
  if (!request.contains("sessions")) return expected;
  const Request& sessions = request.at("sessions");
  if (!sessions.is_array() || sessions.size() > kSessionsMax) return expected;
  trial_->asked = base::MonoNow();
  PolicyTrial trial(trial_->in_force, trial_->tried, *parts_.names);
  uint64_t undecodable = 0;
  std::array<uint8_t, events::kEncodedBytesMax> bytes;
  for (const Request& hex : sessions) {
    const size_t count = hex.is_string() ? FromHex(hex.get_ref<const std::string&>(), bytes) : 0;
    const auto session = events::DecodeSession({bytes.data(), count});
    if (session.ok()) {
      trial.Judge(*session);
    } else {
      ++undecodable;
    }
  }
  Json reply = trial.Report();
  reply["undecodable"] = undecodable;
  reply["ok"] = true;
  return reply;
}

void TrialRequests::Forget(base::MonoTime now) {
  if (trial_ && now.ns - trial_->asked.ns > kKeptNs) trial_.reset();
}

}  // namespace weir::appliance

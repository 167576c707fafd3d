#include "tests/property/fault.h"

#include <algorithm>

namespace weir::property {
namespace {

using testing::SeenSession;
using Fault = std::optional<std::string>;

const SeenSession* MainSession(const Case& of, const Outcome& outcome) {
  const auto found = std::find_if(outcome.sessions.begin(), outcome.sessions.end(),
                                  [&](const SeenSession& session) {
                                    return session.event.src_ip.ToString() == of.exchange.client &&
                                           session.event.src_port == of.exchange.client_port;
                                  });
  return found == outcome.sessions.end() ? nullptr : &*found;
}

std::string_view VerdictWord(events::Verdict verdict) { return events::VerdictName(verdict); }

// What a record says and must go on saying, as text that shows a difference at once.
std::string Identity(const SeenSession& session, bool verdict_only = false) {
  const events::SessionEvent& event = session.event;
  std::string text;
  if (verdict_only) {
    return std::string(VerdictWord(event.verdict)) + " by '" + session.rule + "'";
  }
  text += event.src_ip.ToString() + ' ' + std::to_string(event.src_port) + " > " +
          event.dst_ip.ToString() + ' ' + std::to_string(event.dst_port) + " protocol " +
          std::to_string(event.ip_protocol);
  text += ", name '" + session.name + "' from " +
          std::string(events::NameSourceName(event.name_source));
  text += ", " + std::string(VerdictWord(event.verdict)) + " by '" + session.rule + "'";
  text += ", end " + std::string(events::EndReasonName(event.end_reason));
  text += ", part " + std::to_string(event.part) + ", policy " +
          std::to_string(event.policy_version) + ", direction " +
          std::string(events::DirectionName(event.direction));
  text += ", flags " + std::to_string(event.tcp_flags);
  return text;
}

// In their order. A datagram that comes twice may be found twice: Weir keeps none.
std::string Findings(const Case& of, const Outcome& outcome) {
  std::vector<std::string> lines;
  for (const auto& finding : outcome.findings) {
    lines.push_back(finding.rule + ' ' + finding.name + ' ' +
                    std::string(VerdictWord(finding.event.verdict)) + "; ");
  }
  if (of.exchange.protocol == Protocol::kDnsUdp) {
    std::sort(lines.begin(), lines.end());
    lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  }
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

Fault SumsFault(const SeenSession& session, const Tally& tally) {
  const events::SessionEvent& event = session.event;
  const bool right = event.packets_to_dst == tally.packets[0] &&
                     event.packets_to_src == tally.packets[1] &&
                     event.bytes_to_dst == tally.bytes[0] && event.bytes_to_src == tally.bytes[1];
  if (right) return std::nullopt;
  const auto sums = [](uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    return std::to_string(a) + '/' + std::to_string(b) + " packets, " + std::to_string(c) + '/' +
           std::to_string(d) + " bytes";
  };
  return "the record counts " +
         sums(event.packets_to_dst, event.packets_to_src, event.bytes_to_dst, event.bytes_to_src) +
         ", sent were " + sums(tally.packets[0], tally.packets[1], tally.bytes[0], tally.bytes[1]);
}

bool HasNoPorts(const SeenSession& session) {
  return session.event.src_port == 0 && session.event.dst_port == 0;
}

// Fragments to a blocked address are dropped at once; until the first one has come nobody knows
// their ports. They make a session of their own, and are taken out of `tally`.
std::vector<SeenSession> Sessions(const Case& of, const Outcome& outcome, Tally& tally) {
  std::vector<SeenSession> sessions = outcome.sessions;
  if (!FateOf(of.exchange).by_address) return sessions;
  const auto found = std::ranges::find_if(sessions, HasNoPorts);
  if (found == sessions.end() || found->event.dst_ip.ToString() != of.exchange.server)
    return sessions;
  tally.packets[0] -= found->event.packets_to_dst;
  tally.bytes[0] -= found->event.bytes_to_dst;
  sessions.erase(found);
  return sessions;
}

Fault CountFault(const Case& of, const Outcome& outcome) {
  const size_t expected = outcome.stranger.packets[0] > 0 ? 2 : 1;
  Tally tally = outcome.tally;
  const auto sessions = Sessions(of, outcome, tally);
  if (sessions.size() == expected && MainSession(of, outcome) != nullptr) {
    return SumsFault(*MainSession(of, outcome), tally);
  }
  std::string text =
      std::to_string(sessions.size()) + " sessions instead of " + std::to_string(expected);
  for (const SeenSession& session : sessions) text += "\n  " + Identity(session);
  return text;
}

Fault BlockedFault(const Fate& fate, const Outcome& outcome) {
  if (outcome.told) return "the server got to know the blocked name " + fate.name;
  if (fate.by_address && outcome.knocked) return "a datagram came to a blocked server";
  if (outcome.early_drops > 0) {
    return std::to_string(outcome.early_drops) + " packets dropped before the name was known";
  }
  return std::nullopt;
}

Fault AllowedFault(const Outcome& outcome) {
  if (outcome.tally.dropped > 0) {
    return std::to_string(outcome.tally.dropped) + " packets of an allowed exchange dropped";
  }
  const auto lost = std::find(outcome.complete.begin(), outcome.complete.end(), false);
  if (lost == outcome.complete.end()) return std::nullopt;
  return "message " + std::to_string(lost - outcome.complete.begin()) +
         " of an allowed exchange did not arrive";
}

// On a stream that is blocked, what was said at once with the blocked request may be lost with it.
Fault ArrivalFault(const Case& of, const Outcome& plain, const Outcome& outcome) {
  size_t compared = plain.complete.size();
  if (const Fate fate = FateOf(of.exchange); of.exchange.is_tcp() && fate.message >= 0) {
    compared = static_cast<size_t>(fate.message);
    while (of.exchange.messages[compared].at_once && compared > 0) --compared;
  }
  for (size_t i = 0; i < compared; ++i) {
    if (plain.complete[i] != outcome.complete[i]) {
      return "message " + std::to_string(i) + " arrives only " +
             (plain.complete[i] ? "untouched" : "when the exchange is changed");
    }
  }
  return std::nullopt;
}

}  // namespace

Fault PlainFault(const Case& of, const Outcome& outcome) {
  const Fate fate = FateOf(of.exchange);
  if (auto fault = CountFault(of, outcome)) return "untouched: " + *fault;
  const SeenSession& session = *MainSession(of, outcome);
  if (fate.expected.blocked()) {
    const bool named = fate.by_address || session.name == fate.name;
    if (!named || session.event.verdict != fate.expected.verdict ||
        session.rule != fate.expected.rule) {
      return "untouched: " + std::string(VerdictWord(fate.expected.verdict)) + " of " + fate.name +
             " by " + std::string(fate.expected.rule) + " was to be, but: " + Identity(session);
    }
    if (auto fault = BlockedFault(fate, outcome)) return "untouched: " + *fault;
    return std::nullopt;
  }
  if (auto fault = AllowedFault(outcome)) return "untouched: " + *fault;
  return std::nullopt;
}

Fault HonestFault(const Case& of, const Outcome& plain, const Outcome& outcome) {
  const Fate fate = FateOf(of.exchange);
  if (outcome.stranger.dropped > 0) return "somebody else's packets were dropped";
  if (auto fault = fate.expected.blocked() ? BlockedFault(fate, outcome) : AllowedFault(outcome)) {
    return fault;
  }
  if (auto fault = CountFault(of, outcome)) return fault;
  // A SYN that brings the name is where a blocked connection ends already, and of a blocked server
  // nothing is read but what the first packet says.
  const bool has_syn_data =
      std::ranges::any_of(of.ops, [](const Op& op) { return op.kind == OpKind::kSynData; });
  const bool short_lived = fate.expected.blocked() && (has_syn_data || fate.by_address);
  const std::string before = Identity(*MainSession(of, plain), short_lived);
  const std::string after = Identity(*MainSession(of, outcome), short_lived);
  if (before != after) return "the record was\n  " + before + "\nand is\n  " + after;
  if (Findings(of, plain) != Findings(of, outcome)) {
    return "findings were\n  " + Findings(of, plain) + "\nand are\n  " + Findings(of, outcome);
  }
  return ArrivalFault(of, plain, outcome);
}

// A verdict by a name that the policy does not block. A fake may say one that it does.
Fault MistakenFault(const Case& of, const Outcome& outcome) {
  if (FateOf(of.exchange).by_address) return std::nullopt;
  for (const SeenSession& session : outcome.sessions) {
    const auto verdict = session.event.verdict;
    const bool blocks = verdict == events::Verdict::kDrop || verdict == events::Verdict::kReject;
    if (!blocks || Expect(Policies()[of.exchange.policy], session.name).blocked()) continue;
    return "blocked without a name that is blocked: " + Identity(session);
  }
  return std::nullopt;
}

Fault HostileFault(const Case& of, const Outcome& outcome) {
  const Fate fate = FateOf(of.exchange);
  if (auto fault = MistakenFault(of, outcome)) return fault;
  if (outcome.told) return "the server got to know the blocked name " + fate.name;
  if (fate.by_address && outcome.knocked) return "a datagram came to a blocked server";
  if (outcome.stranger.dropped > 0) return "somebody else's packets were dropped";
  return std::nullopt;
}

}  // namespace weir::property

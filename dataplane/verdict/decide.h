// What the policy says about a flow, from what is known about it so far.
//
// First matching rule wins, `protect` rules before all others. A rule decides once all it asks
// about is known; while an earlier rule still waits for something unknown the decision is open. A
// rule that fails on something known waits for nothing, and a rule behind the first open one is not
// asked.
//
// Pure functions of their arguments: any worker, no allocation, no lock. The policy must outlive
// the call; so must the views in Facts, which are not kept.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/events/event.h"
#include "dataplane/identity/identity_table.h"
#include "dataplane/packet/packet.h"
#include "rules/compile/compiled_policy.h"

namespace weir::verdict {

enum class Knowledge : uint8_t {
  kOpen,  // may still become known
  kNone,  // will never be known: no selector of this kind matches
  kKnown,
};

struct Facts {
  base::IpAddress initiator_ip;
  base::IpAddress responder_ip;
  uint16_t initiator_port = 0;
  uint16_t responder_port = 0;
  uint8_t ip_protocol = 0;
  bool ports_open = false;  // may still become known: the rest of a fragmented datagram

  // Unknown in captures without --inside: then neither `inside` nor `outside` matches.
  packet::Side initiator_side = packet::Side::kUnknown;
  // Unknown stands for the other side of the initiator's; set it where both are on one side.
  packet::Side responder_side = packet::Side::kUnknown;

  // Of the link that the frames came by, whatever tunnels are in them: both ends' addresses, and
  // the first `vlan_count` of its tags, outermost first. Not known where a person asks and does not
  // say.
  bool macs_known = true;
  std::array<base::MacAddress, 2> macs{};
  bool vlans_known = true;
  uint8_t vlan_count = 0;
  std::array<uint16_t, 2> vlans{};

  // Whose addresses these are, in the sets of the policy asked. Null: nobody knows anybody.
  const identity::IdentityTable* identities = nullptr;

  // Names in their one form (dataplane/base/idna.h). Usually one. Each of several (an HTTP request
  // with conflicting Hosts) is judged as if it were the only one, and the strictest verdict stands.
  Knowledge name_state = Knowledge::kOpen;
  std::span<const std::string_view> names;
  bool names_are_http_hosts = false;

  // The keywords found so far in the request that is judged. Nothing waits for more of them: who
  // finds another asks again.
  std::span<const rules::KeywordId> keywords;
  // The id of the rule that judged the flow before, when what it found is not kept: the keywords of
  // a rule with this id count as found. Empty: none.
  std::string_view judged_by;

  // nDPI's numbers; 0 is "unknown" and matches nothing. An `app` rule matches master or sub.
  Knowledge app_state = Knowledge::kOpen;
  uint16_t app_master = 0;
  uint16_t app_sub = 0;
  uint16_t category = 0;
};

struct Decision {
  // An earlier rule waits for what is unknown: packets pass, up to the pipeline's limits; then it
  // asks again with kNone in place of kOpen, and gets a decision that is not open.
  bool open = false;
  events::Verdict verdict = events::Verdict::kPass;
  uint32_t rule =
      rules::kNoRule;  // the index in the policy; kNoRule: none matched, the flow passes
  uint32_t list = rules::kNoList;  // that matched, the index in the policy; kNoList: none
  uint32_t list_line = 0;          // of that list; 0: none
};

// What a policy can ask for is CompiledPolicy::asks_for_names() and asks_for_apps(). Where open is
// true it is a name, an application or a port that the first open rule waits for.
Decision Decide(const rules::CompiledPolicy& policy, const Facts& facts);

}  // namespace weir::verdict

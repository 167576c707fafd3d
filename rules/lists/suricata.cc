// The part of Suricata rules that means an address, a port or a name.
#include <algorithm>
#include <optional>
#include <string>

#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"
#include "rules/lists/suricata_rule.h"

namespace weir::rules {
namespace {

using Options = std::vector<SuricataOption>;

template <size_t kCount>
bool IsOneOf(std::string_view word, const std::string_view (&words)[kCount]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Whether the option narrows nothing that a list must ask: what is told of a hit, how often, and in
// which state a connection is, for each comes into it.
bool IsHarmless(const SuricataOption& option) {
  static constexpr std::string_view kKeys[] = {"flow",     "msg",    "reference", "classtype",
                                               "sid",      "rev",    "gid",       "metadata",
                                               "priority", "target", "tag"};
  if (IsOneOf(option.key, kKeys)) return true;
  if (option.key == "threshold") return option.value.find("limit") != option.value.npos;
  if (option.key == "flowbits") return !option.value.starts_with("is");  // isset, isnotset
  return option.key == "flags" && (option.value == "S" || option.value.starts_with("S,"));
}

bool IsAny(std::string_view address) { return address == "any"; }
bool IsAnyOrHome(std::string_view address) { return IsAny(address) || address == "$HOME_NET"; }

bool IsLiteral(std::string_view addresses) {
  return !IsAny(addresses) && addresses.find('$') == addresses.npos;
}

std::span<const uint8_t> ProtocolsOf(std::string_view protocol) {
  static constexpr uint8_t kAll[] = {kTcp, kUdp, kSctp};
  if (protocol == "ip") return kTcpAndUdp;
  const std::span<const uint8_t> all(kAll);
  if (protocol == "tcp") return all.subspan(0, 1);
  if (protocol == "udp") return all.subspan(1, 1);
  return protocol == "sctp" ? all.subspan(2, 1) : all.subspan(0, 0);
}

// The name that a rule looks for, if that is all that it looks for.
struct NameMatch {
  std::string content;
  NameReach reach = NameReach::kExact;
};

// Options in the order of the rule: the buffer, its content, and what binds the content to the
// buffer's ends. False when there is more, or less.
bool ReadNameMatch(const Options& options, NameMatch& match) {
  static constexpr std::string_view kBuffers[] = {"tls.sni",   "tls_sni",   "dns.query",
                                                  "dns_query", "http.host", "quic.sni"};
  unsigned buffers = 0, contents = 0;
  std::optional<unsigned> depth, size;
  bool at_start = false, at_end = false, dot_prefix = false;
  for (const SuricataOption& option : options) {
    unsigned number = 0;
    if (IsHarmless(option) || option.key == "nocase" || option.key == "fast_pattern") continue;
    if (IsOneOf(option.key, kBuffers)) {
      ++buffers;
    } else if (option.key == "dotprefix" && buffers == 1) {
      dot_prefix = true;
    } else if (option.key == "content" && buffers == 1) {
      if (++contents > 1 || !ReadSuricataText(option.value, match.content)) return false;
    } else if (option.key == "startswith") {
      at_start = true;
    } else if (option.key == "endswith" ||
               (option.key == "isdataat" && option.value == "!1,relative")) {
      at_end = true;
    } else if (option.key == "depth" && ParseNumber(option.value, number)) {
      depth = number;
    } else if (option.key == "bsize" && ParseNumber(option.value, number)) {
      size = number;
    } else {
      return false;
    }
  }
  if (buffers != 1 || contents != 1) return false;
  const size_t length = match.content.size();
  if (size.value_or(length) != length || depth.value_or(length) != length) return false;
  at_start = at_start || depth;  // within as many bytes as it has: at the start
  if (!dot_prefix) return size || (at_start && at_end);
  if (!at_end || at_start || size || !match.content.starts_with('.')) return false;
  match.content.erase(0, 1);
  match.reach = NameReach::kDomain;
  return true;
}

class SuricataFormat : public LineFormat {
  // '#' inside of a rule is text.
  std::string_view WithoutComment(std::string_view line) const override {
    return Trimmed(line).starts_with('#') ? std::string_view() : line;
  }

  void Read(std::string_view line, EntrySink& sink) override {
    if (!ReadSuricataRule(line, rule_)) return sink.Skip(SkipReason::kNotUnderstood);
    static constexpr std::string_view kActions[] = {"alert",     "drop",      "reject",
                                                    "rejectsrc", "rejectdst", "rejectboth"};
    if (!IsOneOf(rule_.action, kActions)) {
      return sink.Skip(rule_.action == "pass" ? SkipReason::kUnsupported
                                              : SkipReason::kNotUnderstood);
    }
    if (std::all_of(rule_.options.begin(), rule_.options.end(), IsHarmless)) {
      return ReadAddresses(sink);
    }
    NameMatch match;
    const bool anywhere = !IsLiteral(rule_.source) && !IsLiteral(rule_.destination);
    if (!anywhere || !ReadNameMatch(rule_.options, match)) {
      return sink.Skip(SkipReason::kConditional);
    }
    sink.AddName(match.content, match.reach);
  }

  // A rule that asks nothing but its header: of what it goes to, or of an attacker's address that
  // comes to one's own network.
  void ReadAddresses(EntrySink& sink) {
    const bool to = IsLiteral(rule_.destination);
    const std::string_view ours = to ? rule_.source : rule_.destination;
    const std::string_view ours_port = to ? rule_.source_port : rule_.destination_port;
    const std::string_view theirs = to ? rule_.destination : rule_.source;
    const std::string_view port = to ? rule_.destination_port : rule_.source_port;
    const std::span<const uint8_t> protocols = ProtocolsOf(rule_.protocol);
    if (theirs.find('!') != theirs.npos || !IsLiteral(theirs)) {
      return sink.Skip(SkipReason::kUnsupported);
    }
    if (!IsAnyOrHome(ours) || !IsAny(ours_port) || protocols.empty()) {
      return sink.Skip(SkipReason::kConditional);
    }
    constexpr size_t kPortsMax = 8;
    std::vector<std::string_view> ports;
    const bool any_port = IsAny(port);
    if (!ReadSuricataItems(theirs, items_) ||
        (!any_port && (!ReadSuricataItems(port, ports) || ports.size() > kPortsMax))) {
      return sink.Skip(SkipReason::kUnsupported);
    }
    for (const std::string_view address : items_) {
      if (any_port) {
        sink.AddRange(address);
        continue;
      }
      for (const std::string_view one : ports) AddEndpoint(address, one, protocols, sink);
    }
  }

  static void AddEndpoint(std::string_view address, std::string_view port,
                          std::span<const uint8_t> protocols, EntrySink& sink) {
    unsigned number = 0;
    // "1024:", "!80", "$HTTP_PORTS"
    if (!ParseNumber(port, number)) return sink.Skip(SkipReason::kUnsupported);
    sink.AddEndpoint(address, protocols, number);
  }

  SuricataRule rule_;
  std::vector<std::string_view> items_;
};

}  // namespace

std::unique_ptr<LineFormat> MakeSuricataFormat() { return std::make_unique<SuricataFormat>(); }

}  // namespace weir::rules

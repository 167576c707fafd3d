// What `ipset save` prints, ipset(8): sets of addresses, networks, and those with a port.
#include <algorithm>
#include <map>

#include "rules/lists/line_format.h"
#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

enum class SetKind : uint8_t { kAddress, kAddressPort, kOther };

SetKind KindOfType(std::string_view type) {
  if (type == "hash:ip" || type == "hash:net" || type == "bitmap:ip") return SetKind::kAddress;
  if (type == "hash:ip,port" || type == "hash:net,port") return SetKind::kAddressPort;
  return SetKind::kOther;  // MAC addresses, interfaces, marks, pairs, sets of sets
}

uint8_t ProtocolOf(std::string_view word) {
  if (word == "tcp") return kTcp;
  if (word == "udp") return kUdp;
  return word == "sctp" ? kSctp : 0;
}

// "1.2.3.4,tcp:80"; without a protocol it is TCP.
void AddWithPort(std::string_view element, EntrySink& sink) {
  const size_t comma = element.find(',');
  if (comma == element.npos) return sink.Skip(SkipReason::kNotUnderstood);
  const std::string_view address = element.substr(0, comma);
  std::string_view port_word = element.substr(comma + 1);
  uint8_t protocol = kTcp;
  if (const size_t colon = port_word.find(':'); colon != port_word.npos) {
    protocol = ProtocolOf(port_word.substr(0, colon));
    port_word.remove_prefix(colon + 1);
  }
  unsigned port = 0;
  // A range of ports, ICMP's types, and protocols that flows here have no ports of.
  if (protocol == 0 || !ParseNumber(port_word, port)) return sink.Skip(SkipReason::kUnsupported);
  sink.AddEndpoint(address, {&protocol, 1}, port);
}

// Whether "nomatch" is among the options: the element is an exception of a wider one.
bool HasNomatch(std::string_view options) {
  for (std::string_view word = TakeWord(options); !word.empty(); word = TakeWord(options)) {
    if (word == "nomatch") return true;
    if (word != "comment") continue;
    // The comment's text may hold the word; no quotation mark can stand in it.
    for (int mark = 0; mark < 2; ++mark) {
      options.remove_prefix(std::min(options.find('"'), options.size() - 1) + 1);
    }
  }
  return false;
}

class IpsetFormat : public LineFormat {
  std::string_view WithoutComment(std::string_view line) const override {
    return Trimmed(line).starts_with('#') ? std::string_view() : line;
  }

  void Read(std::string_view line, EntrySink& sink) override {
    const std::string_view verb = TakeWord(line);
    const std::string_view set = TakeWord(line);
    const std::string_view word = TakeWord(line);  // a type or an element
    if (verb == "create" && !word.empty()) {
      kinds_[set] = KindOfType(word);
    } else if (verb == "add" && !word.empty()) {
      Add(set, word, line, sink);
    } else if (verb != "flush" && verb != "destroy" && verb != "COMMIT") {
      sink.Skip(SkipReason::kNotUnderstood);
    }
  }

  void Add(std::string_view set, std::string_view element, std::string_view options,
           EntrySink& sink) {
    const auto found = kinds_.find(set);
    // Lines that were cut out of a save have no "create" before them.
    const bool comma = element.find(',') != element.npos;
    const SetKind implied = comma ? SetKind::kAddressPort : SetKind::kAddress;
    const SetKind kind = found == kinds_.end() ? implied : found->second;
    if (kind == SetKind::kOther || HasNomatch(options)) return sink.Skip(SkipReason::kUnsupported);
    if (kind == SetKind::kAddressPort) return AddWithPort(element, sink);
    sink.AddRange(element);
  }

  std::map<std::string_view, SetKind> kinds_;
};

}  // namespace

std::unique_ptr<LineFormat> MakeIpsetFormat() { return std::make_unique<IpsetFormat>(); }

}  // namespace weir::rules

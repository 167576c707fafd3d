// What a list holds, whatever its format was: names, addresses, and addresses with a port, each
// with its line.
//
// Filled by ReadList (read_list.h), then immutable: any thread. A million names take about 24 MB.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

enum class ListFormat : uint8_t {
  kHosts,
  kDomains,
  kAdblock,
  kRpz,
  kCidr,
  kIpset,
  kDrop,  // Spamhaus DROP, as text or as JSON lines
  kUrlhaus,
  kThreatfox,
  kStix,
  kMisp,
  kSuricata,
};
inline constexpr size_t kListFormats = 12;
std::string_view ListFormatName(ListFormat format);  // as a rules file has it: "hosts"

// Lines are kept in 24 bits where they are looked up.
inline constexpr uint32_t kListLinesMax = 0xffffff;

// Which names an entry is about.
enum class NameReach : uint8_t {
  kExact,   // the name alone
  kDomain,  // the name and all below it
  kBelow,   // all below it
};

// Of several entries of a list that are about a name, the one with most labels decides; of those of
// one name kExact before the others, and `pass` before one that is not.
struct ListName {
  std::string_view name;  // in its one form
  NameReach reach = NameReach::kExact;
  bool pass = false;  // not in the list, whatever the less exact entries say
  uint32_t line = 0;
};

struct ListRange {
  AddressRange range;
  uint32_t line = 0;
};

// One address at one port; `ip_protocol` is 6 (TCP), 17 (UDP) or 132 (SCTP).
struct ListEndpoint {
  base::IpAddress address;
  uint8_t ip_protocol = 0;
  uint16_t port = 0;
  uint32_t line = 0;
};

// Why a line, or an object of a JSON format, gave no entry; each is counted.
enum class SkipReason : uint8_t {
  kNotUnderstood,  // no line of this format
  kBadName,        // a host name that cannot be one
  kBadAddress,
  kUnsupported,  // right, but means what a list here cannot hold: a pattern, a path, a hash
  kConditional,  // holds only together with what a list cannot ask: an option, a page, a direction
  kLocal,        // this machine, "localhost", an address that means every address
  kExpired,      // the list itself says that it no longer holds
  kCount,
};
std::string_view SkipReasonName(SkipReason reason);  // "not_understood"

class ListContent {
 public:
  struct Skipped {
    static constexpr size_t kShownMax = 3;
    struct Line {
      uint32_t line = 0;
      std::string text;  // at most kShownBytesMax of it, control characters taken out
    };
    uint64_t count = 0;
    std::vector<Line> first;
  };
  static constexpr size_t kShownBytesMax = 100;

  ListFormat format = ListFormat::kDomains;
  uint64_t lines = 0;
  std::vector<ListRange> ranges;
  std::vector<ListEndpoint> endpoints;

  // `name`: in its one form, 1 to 253 bytes. `line` is not below that of the name before.
  void AddName(const ListName& name);
  void Skip(SkipReason reason, uint32_t line, std::string_view text);
  void ShrinkToFit();

  // Calls `visit(const ListName&)` for each, in the order in which they were added.
  template <typename Visit>
  void ForEachName(Visit visit) const {
    ListName name;
    for (size_t at = 0; at < names_.size();) {
      const auto head = static_cast<uint8_t>(names_[at]);
      name.reach = static_cast<NameReach>(head & 3);
      name.pass = (head & kPassBit) != 0;
      name.line += TakeStep(at);
      const auto bytes = static_cast<uint8_t>(names_[at++]);
      name.name = std::string_view(names_).substr(at, bytes);
      at += bytes;
      visit(std::as_const(name));
    }
  }

  uint64_t name_count() const { return name_count_; }
  uint64_t entry_count() const { return name_count_ + ranges.size() + endpoints.size(); }
  uint64_t skipped_count() const;
  const Skipped& skipped(SkipReason reason) const { return skipped_[static_cast<size_t>(reason)]; }
  size_t memory_bytes() const;

 private:
  // A name: reach, pass and the lines since the one before in the head; its bytes' number, and
  // they. The head: 2 bits reach, 1 bit pass, 5 bits lines; kLongStep: 3 more bytes hold the lines.
  static constexpr uint8_t kPassBit = 4;
  static constexpr unsigned kStepShift = 3;
  static constexpr uint8_t kLongStep = 31;

  uint32_t TakeStep(size_t& at) const {
    const uint32_t step = static_cast<uint8_t>(names_[at++]) >> kStepShift;
    if (step != kLongStep) return step;
    uint32_t far = 0;
    for (unsigned i = 0; i < 3; ++i) far = far << 8 | static_cast<uint8_t>(names_[at++]);
    return far;
  }

  std::string names_;
  uint64_t name_count_ = 0;
  uint32_t last_line_ = 0;
  std::array<Skipped, static_cast<size_t>(SkipReason::kCount)> skipped_;
};

}  // namespace weir::rules

// Where the formats put what they find: checked, in its one form, with its line; or skipped, with
// the reason.
//
// One for each list that is read; not for several threads.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "dataplane/base/idna.h"
#include "dataplane/base/time.h"
#include "rules/lists/list_content.h"

namespace weir::rules {

class AdblockExceptions;

inline constexpr uint8_t kTcp = 6, kUdp = 17, kSctp = 132;
inline constexpr uint8_t kTcpAndUdp[] = {kTcp, kUdp};  // where a list does not say which

// What an entry says of its name; `important` is AdBlock's, see adblock_exceptions.h.
struct NameMark {
  bool pass = false;
  bool important = false;
};

// `host` in its one form, by way of `buffer` where need be; "" when it cannot be a host name. Names
// of letters, digits, '-', '_' and dots are taken (RFC 5891 §4.2 is not asked), but no addresses.
std::string_view OneForm(std::string_view host, base::HostBuffer& buffer);

class EntrySink {
 public:
  EntrySink(ListContent& content, base::WallTime now) : content_(content), now_(now) {}

  // What the next entries and skips belong to. `text` is shown, and must stay until the next call.
  void At(uint32_t line, std::string_view text) {
    line_ = line;
    text_ = text;
  }
  uint32_t line() const { return line_; }
  base::WallTime now() const { return now_; }

  void Skip(SkipReason reason);

  // Each adds an entry, or skips with kBadName, kBadAddress, kLocal or kUnsupported.
  void AddName(std::string_view host, NameReach reach, NameMark mark = {});
  void AddRange(std::string_view word);  // an address, a prefix, "first-last"
  void AddEndpoint(std::string_view address, std::span<const uint8_t> ip_protocols, unsigned port);

  // Names that these overrule are skipped from now on; nullptr: none. Not owned.
  void set_exceptions(const AdblockExceptions* exceptions) { exceptions_ = exceptions; }

  // No more entries are taken: a few bytes can mean many endpoints, and memory has a limit.
  bool full() const { return full_; }

 private:
  bool HasRoom();

  ListContent& content_;
  base::WallTime now_;
  uint32_t line_ = 0;
  std::string_view text_;
  const AdblockExceptions* exceptions_ = nullptr;
  bool full_ = false;
  base::HostBuffer buffer_;
};

// Whether a list that holds it would cut off this machine, its links or the whole Internet: a range
// that touches 0.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 224.0.0.0/4, 255.255.255.255, ::, ::1,
// fe80::/10 or ff00::/8, or that holds all of 2000::/3 (RFC 6890; RFC 4291 §2.4).
bool IsLocalRange(const AddressRange& range);

}  // namespace weir::rules

// Why a refused packet was not answered. Each is a counter; `drop` answers nobody and counts
// nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::respond {

enum class Withheld : uint8_t {
  kNoConversation,  // the ends have not proved that they talk to each other
  kUnanswerable,    // a reset, an error, a group, a fragment, a broken checksum, an odd question
  kEncapsulated,    // behind more than VLAN tags: no way back is known
  kRate,            // this source, or all together, had its share of this second
  kBudget,          // longer than what came in
  kNoRoom,          // the outbox is full
  kCount,
};
std::string_view WithheldName(Withheld reason);

}  // namespace weir::respond

// The application of a flow, as nDPI sees it, behind an interface that never makes a packet wait.
//
// A flow borrows a slot while there is something to learn and gives it back. Slots come from a pool
// of fixed size; with none left the flow goes without a label and is counted. One classifier a
// worker, used by that worker's thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/packet/packet.h"

namespace weir::classify {

using Slot = uint32_t;
inline constexpr Slot kNoSlot = 0xffffffff;

// nDPI's numbers: "TLS.YouTube" is master TLS, app YouTube. Zero is unknown.
struct Label {
  uint16_t master = 0;
  uint16_t app = 0;
  uint16_t category = 0;

  bool known() const { return master != 0 || app != 0; }
  bool operator==(const Label&) const = default;
};

struct Answer {
  Label label;
  bool final = false;  // nothing more will be learnt: give the slot back
};

struct ClassifierCounters {
  uint64_t slots_in_use = 0;
  uint64_t slots_max = 0;
  uint64_t pool_empty = 0;  // flows that found no slot
  uint64_t packets = 0;
  uint64_t labels_final = 0;
};

class Classifier {
 public:
  virtual ~Classifier() = default;

  // kNoSlot when the pool is empty.
  virtual Slot Open() = 0;
  // One packet of the slot's flow, with headers parsed. `from_initiator`: source to destination.
  virtual Answer Submit(Slot slot, const packet::Packet& packet, bool from_initiator) = 0;
  // No more packets will come: the best guess. The slot stays open.
  virtual Label GiveUp(Slot slot) = 0;
  virtual void Close(Slot slot) = 0;

  // Names for a record; the views live as long as the classifier. "" for unknown.
  virtual std::string_view AppName(const Label& label) const = 0;
  virtual std::string_view CategoryName(const Label& label) const = 0;
  virtual const ClassifierCounters& counters() const = 0;
};

}  // namespace weir::classify

// The Classifier over nDPI 4.2, one detection module and one fixed pool of flows each.
//
// One worker's thread; made before it starts. The pool is allocated at construction; nDPI's own
// heap is counted, and while it is above its limit no new flow gets a slot. Its caches between
// flows (BitTorrent peers, STUN, TLS certificates …) have fixed sizes in nDPI and make part of that
// count.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/classify/classifier.h"
#include "dataplane/classify/clean_packet.h"
#include "dataplane/classify/ndpi_module.h"
#include "dataplane/classify/ndpi_names.h"

namespace weir::classify {

struct NdpiOptions {
  uint32_t slots_max = 16384;           // flows in classification at once
  uint32_t packets_max = 24;            // of a flow, both ways; then the best guess is final
  uint32_t payload_packets_max = 12;    // of a flow, each way, with payload
  uint64_t heap_bytes_max = 256 << 20;  // nDPI's own, beside the pool
};

// Beside what every classifier counts.
struct NdpiCounters {
  uint64_t slot_bytes = 0;      // of the pool for one flow
  uint64_t heap_bytes = 0;      // nDPI holds now, its tables among them
  uint64_t heap_bytes_max = 0;  // the most it ever held
  uint64_t heap_refused = 0;  // flows without a slot because of heap_bytes_max; also in pool_empty
  uint64_t packets_skipped = 0;  // later fragments and cut headers, never shown to nDPI
};

class NdpiClassifier final : public Classifier {
 public:
  static base::Result<std::unique_ptr<NdpiClassifier>> Create(
      const NdpiOptions& options, std::shared_ptr<const NdpiNames> names);
  ~NdpiClassifier() override;

  Slot Open() override;
  Answer Submit(Slot slot, const packet::Packet& packet, bool from_initiator) override;
  Label GiveUp(Slot slot) override;
  void Close(Slot slot) override;
  std::string_view AppName(const Label& label) const override { return names_->AppName(label); }
  std::string_view CategoryName(const Label& label) const override {
    return names_->CategoryName(label.category);
  }
  const ClassifierCounters& counters() const override { return counters_; }

  NdpiCounters ndpi_counters() const;

 private:
  struct SlotState {
    Label label;
    uint32_t packets = 0;
    std::array<uint32_t, 2> payload_packets{};  // from the responder, from the initiator
    bool open = false;
    bool final = false;
  };

  NdpiClassifier(const NdpiOptions& options, std::shared_ptr<const NdpiNames> names,
                 std::unique_ptr<NdpiModule> module);
  SlotState& Checked(Slot slot);
  void Finish(Slot slot, SlotState& state);

  const NdpiOptions options_;
  const std::shared_ptr<const NdpiNames> names_;
  const std::unique_ptr<NdpiModule> module_;
  std::vector<ndpi::Flow> flows_;
  std::vector<SlotState> states_;
  std::vector<Slot> free_;
  CleanPacket clean_packet_;
  ClassifierCounters counters_;
  uint64_t heap_refused_ = 0;
  uint64_t packets_skipped_ = 0;
};

}  // namespace weir::classify

#include "dataplane/classify/ndpi_classifier.h"

#include <cstdlib>
#include <cstring>

namespace weir::classify {
namespace {

Label ToLabel(const ndpi_protocol& protocol) {
  return Label{.master = protocol.master_protocol,
               .app = protocol.app_protocol,
               .category = static_cast<uint16_t>(protocol.category)};
}

}  // namespace

base::Result<std::unique_ptr<NdpiClassifier>> NdpiClassifier::Create(
    const NdpiOptions& options, std::shared_ptr<const NdpiNames> names) {
  auto module = NdpiModule::Create();
  if (!module.ok()) return module.error();
  return std::unique_ptr<NdpiClassifier>(
      new NdpiClassifier(options, std::move(names), std::move(*module)));
}

NdpiClassifier::NdpiClassifier(const NdpiOptions& options, std::shared_ptr<const NdpiNames> names,
                               std::unique_ptr<NdpiModule> module)
    : options_(options),
      names_(std::move(names)),
      module_(std::move(module)),
      flows_(options.slots_max),
      states_(options.slots_max) {
  free_.reserve(options.slots_max);
  // Taken from the back: low slots first, so that few flows stay in few cache lines.
  for (Slot slot = options.slots_max; slot > 0; --slot) free_.push_back(slot - 1);
  counters_.slots_max = options.slots_max;
}

NdpiClassifier::~NdpiClassifier() {
  for (Slot slot = 0; slot < states_.size(); ++slot) {
    if (states_[slot].open) Close(slot);
  }
}

NdpiClassifier::SlotState& NdpiClassifier::Checked(Slot slot) {
  // A slot that is not open is a bug of the caller and would hand one flow's state to another.
  if (slot >= states_.size() || !states_[slot].open) std::abort();
  return states_[slot];
}

Slot NdpiClassifier::Open() {
  const bool heap_full = module_->heap().bytes > options_.heap_bytes_max;
  if (heap_full) ++heap_refused_;
  if (free_.empty() || heap_full) {
    ++counters_.pool_empty;
    return kNoSlot;
  }
  const Slot slot = free_.back();
  free_.pop_back();
  std::memset(&flows_[slot], 0, sizeof(ndpi::Flow));
  states_[slot] = SlotState{};
  states_[slot].open = true;
  ++counters_.slots_in_use;
  return slot;
}

Answer NdpiClassifier::Submit(Slot slot, const packet::Packet& packet, bool from_initiator) {
  SlotState& state = Checked(slot);
  if (state.final) return {state.label, true};
  const auto bytes = clean_packet_.Write(packet);
  if (bytes.empty()) {
    ++packets_skipped_;
    return {state.label, false};
  }
  ++counters_.packets;
  ++state.packets;
  if (packet.headers.payload_bytes > 0) ++state.payload_packets[from_initiator ? 1 : 0];
  const HeapScope scope(module_->heap());
  const auto time_ms = static_cast<uint64_t>(packet.time.ns / base::kNsPerMs);
  state.label = ToLabel(ndpi::ProcessPacket(module_->get(), &flows_[slot], bytes.data(),
                                            static_cast<uint16_t>(bytes.size()), time_ms));
  const bool learnt_all =
      state.label.known() && ndpi_extra_dissection_possible(module_->get(), &flows_[slot]) == 0;
  const bool at_limit = state.packets >= options_.packets_max ||
                        state.payload_packets[0] >= options_.payload_packets_max ||
                        state.payload_packets[1] >= options_.payload_packets_max;
  if (learnt_all || at_limit) Finish(slot, state);
  return {state.label, state.final};
}

void NdpiClassifier::Finish(Slot slot, SlotState& state) {
  const HeapScope scope(module_->heap());
  if (!state.label.known()) state.label = ToLabel(ndpi::GiveUp(module_->get(), &flows_[slot]));
  state.final = true;
  ++counters_.labels_final;
}

Label NdpiClassifier::GiveUp(Slot slot) {
  SlotState& state = Checked(slot);
  // A flow of which nDPI saw nothing has no protocol to guess from.
  if (!state.final && state.packets > 0) Finish(slot, state);
  return state.label;
}

void NdpiClassifier::Close(Slot slot) {
  SlotState& state = Checked(slot);
  const HeapScope scope(module_->heap());
  ndpi_free_flow_data(&flows_[slot]);
  state.open = false;
  free_.push_back(slot);
  --counters_.slots_in_use;
}

NdpiCounters NdpiClassifier::ndpi_counters() const {
  return NdpiCounters{.slot_bytes = sizeof(ndpi::Flow) + sizeof(SlotState) + sizeof(Slot),
                      .heap_bytes = module_->heap().bytes,
                      .heap_bytes_max = module_->heap().bytes_max,
                      .heap_refused = heap_refused_,
                      .packets_skipped = packets_skipped_};
}

}  // namespace weir::classify

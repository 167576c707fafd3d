#include "dataplane/names/name_context.h"

#include <algorithm>
#include <utility>

namespace weir::names {

QuicAttempts::QuicAttempts(size_t places)
    : places_(std::max<size_t>(places, 1)),
      generations_(places_.size(), 0),
      nodes_(places_.size() + 2) {
  for (const uint32_t ring : {FreeRing(), LentRing()}) nodes_[ring] = {ring, ring};
  for (uint32_t slot = 0; slot < places_.size(); ++slot) Append(FreeRing(), slot);
}

QuicLease QuicAttempts::Lend() {
  uint32_t slot = nodes_[FreeRing()].behind;
  if (slot == FreeRing()) {
    slot = nodes_[LentRing()].behind;
    ++taken_away_;
  }
  Remove(slot);
  Append(LentRing(), slot);
  if (++generations_[slot] == 0) ++generations_[slot];
  places_[slot].Reset();
  return {slot, generations_[slot]};
}

QuicInitial* QuicAttempts::Find(QuicLease lease) {
  const bool valid = lease.generation != 0 && generations_[lease.slot] == lease.generation;
  return valid ? &places_[lease.slot] : nullptr;
}

void QuicAttempts::Settle(QuicLease lease) {
  if (Find(lease) == nullptr) return;
  Remove(lease.slot);
  Append(FreeRing(), lease.slot);
}

void QuicAttempts::Append(uint32_t ring, uint32_t slot) {
  nodes_[slot] = {nodes_[ring].before, ring};
  nodes_[nodes_[ring].before].behind = slot;
  nodes_[ring].before = slot;
}

void QuicAttempts::Remove(uint32_t slot) {
  nodes_[nodes_[slot].before].behind = nodes_[slot].behind;
  nodes_[nodes_[slot].behind].before = nodes_[slot].before;
}

base::Result<std::unique_ptr<NameContext>> NameContext::Create(size_t quic_places) {
  auto crypto = Crypto::Create();
  if (!crypto) return crypto.error();
  return std::unique_ptr<NameContext>(new NameContext(std::move(*crypto), quic_places));
}

NameContext::NameContext(std::unique_ptr<Crypto> crypto, size_t quic_places)
    : crypto_(std::move(crypto)), attempts_(quic_places) {}

}  // namespace weir::names

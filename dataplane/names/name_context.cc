#include "dataplane/names/name_context.h"

#include <algorithm>
#include <utility>

namespace weir::names {

QuicAttempts::QuicAttempts(size_t places)
    : places_(std::max<size_t>(places, 1)),
      generations_(places_.size(), 0),
      lent_at_(places_.size(), 0),
      nodes_(places_.size() + 3) {
  for (const uint32_t ring : {FreeRing(), LentRing(), SettledRing()}) nodes_[ring] = {ring, ring};
  for (uint32_t slot = 0; slot < places_.size(); ++slot) Append(FreeRing(), slot);
}

QuicLease QuicAttempts::Lend() {
  uint32_t slot = nodes_[FreeRing()].behind;
  if (slot == FreeRing()) slot = ToGiveWay();
  Remove(slot);
  lent_at_[slot] = ++lendings_;
  Append(LentRing(), slot);
  if (++generations_[slot] == 0) ++generations_[slot];
  places_[slot].Reset();
  return {slot, generations_[slot]};
}

// All places are in one of the two rings.
uint32_t QuicAttempts::ToGiveWay() {
  const uint32_t settled = nodes_[SettledRing()].behind;
  const uint32_t lent = nodes_[LentRing()].behind;
  const bool none_lent = lent == LentRing();
  if (none_lent) return settled;
  const bool give_settled =
      settled != SettledRing() &&
      (lendings_ - lent_at_[settled] >= places_.size() / 2 || lent_at_[settled] < lent_at_[lent]);
  if (give_settled) return settled;
  ++taken_away_;
  return lent;
}

QuicInitial* QuicAttempts::Find(QuicLease lease) {
  const bool valid = lease.generation != 0 && generations_[lease.slot] == lease.generation;
  return valid ? &places_[lease.slot] : nullptr;
}

void QuicAttempts::Settle(QuicLease lease) {
  if (Find(lease) == nullptr) return;
  Remove(lease.slot);
  Append(SettledRing(), lease.slot);
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

#include "dataplane/names/name_context.h"

#include <algorithm>
#include <utility>

namespace weir::names {

QuicAttempts::QuicAttempts(size_t places)
    : places_(std::max<size_t>(places, 1)), generations_(places_.size(), 0) {}

QuicLease QuicAttempts::Lend() {
  const size_t slot = next_;
  next_ = next_ + 1 == places_.size() ? 0 : next_ + 1;
  uint32_t& generation = generations_[slot];
  const bool lent = generation % 2 != 0;
  if (lent) ++taken_away_;
  generation += lent ? 2 : 1;
  places_[slot].Reset();
  return {static_cast<uint32_t>(slot), generation};
}

QuicInitial* QuicAttempts::Find(QuicLease lease) {
  const bool valid = lease.generation != 0 && generations_[lease.slot] == lease.generation;
  return valid ? &places_[lease.slot] : nullptr;
}

void QuicAttempts::Return(QuicLease& lease) {
  if (Find(lease) != nullptr) ++generations_[lease.slot];
  lease = QuicLease();
}

base::Result<std::unique_ptr<NameContext>> NameContext::Create(size_t quic_places) {
  auto crypto = Crypto::Create();
  if (!crypto) return crypto.error();
  return std::unique_ptr<NameContext>(new NameContext(std::move(*crypto), quic_places));
}

NameContext::NameContext(std::unique_ptr<Crypto> crypto, size_t quic_places)
    : crypto_(std::move(crypto)), attempts_(quic_places) {}

}  // namespace weir::names

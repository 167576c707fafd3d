// Which key must have signed a seal: the first one, and from each hand-over on the one that it
// names.
//
// One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "control/sealing/seal_log.h"
#include "control/sealing/signing_key.h"

namespace weir::control::sealing {

class KeyChain {
 public:
  // Begins with the key that the first hand-over says it comes from; without any, with `present`.
  KeyChain(const std::vector<LoggedSeal>& seals, const PublicKey& present);

  // The key that must have signed the next seal.
  const PublicKey& current() const { return keys_.back(); }

  // Goes on behind `seal`: when it hands over, and both keys have signed it, the next one counts.
  // What is wrong with a hand-over; empty: nothing.
  std::string Pass(const LoggedSeal& seal);

  // Whether a key of this fingerprint has been current.
  bool Has(std::string_view fingerprint) const;

 private:
  std::vector<PublicKey> keys_;  // never empty
};

}  // namespace weir::control::sealing

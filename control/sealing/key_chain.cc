#include "control/sealing/key_chain.h"

#include <algorithm>

namespace weir::control::sealing {

KeyChain::KeyChain(const std::vector<LoggedSeal>& seals, const PublicKey& present) {
  const auto first = std::ranges::find_if(seals, [](const LoggedSeal& logged) {
    return logged.seal && logged.seal->kind == SealKind::kHandOver;
  });
  auto from = first == seals.end() ? base::Result<PublicKey>(present)
                                   : PublicKey::ParseDer(first->seal->hand_over.from);
  keys_.push_back(from.ok() ? std::move(*from) : present);
}

std::string KeyChain::Pass(const LoggedSeal& logged) {
  if (!logged.seal || logged.seal->kind != SealKind::kHandOver) return "";
  const HandOver& hand_over = logged.seal->hand_over;
  const auto parsed = ParseSeal(logged.text);
  auto next = PublicKey::ParseDer(hand_over.to);
  if (!parsed.ok() || !next.ok()) return "it hands over to what is no key";
  if (hand_over.from != current().der() ||
      !current().Verifies(parsed->signed_text, parsed->signature)) {
    return "it hands over for another key than the one whose turn it is";
  }
  if (!next->Verifies(parsed->accepted, hand_over.accepted)) {
    return "the key that it hands over to has not signed it";
  }
  keys_.push_back(std::move(*next));
  return "";
}

bool KeyChain::Has(std::string_view fingerprint) const {
  return std::ranges::any_of(
      keys_, [&](const PublicKey& key) { return key.fingerprint() == fingerprint; });
}

}  // namespace weir::control::sealing

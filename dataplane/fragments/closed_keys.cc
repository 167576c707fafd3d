#include "dataplane/fragments/closed_keys.h"

#include <algorithm>

namespace weir::fragments {

std::optional<ClosedKey> ClosedKeys::Find(uint64_t hash, base::MonoTime now) const {
  for (const Record& record : sets_[SetOf(hash)]) {
    if (record.hash == hash && record.until_ns > now.ns) return record.key;
  }
  return std::nullopt;
}

bool ClosedKeys::Put(uint64_t hash, const ClosedKey& key, base::MonoTime now,
                     base::MonoTime until) {
  Set& set = sets_[SetOf(hash)];
  auto place = std::ranges::find(set, hash, &Record::hash);
  if (place == set.end()) place = std::ranges::min_element(set, {}, &Record::until_ns);
  const bool forgets = place->hash != hash && place->until_ns > now.ns;
  *place = {hash, until.ns, key};
  return forgets;
}

void ClosedKeys::Clear() { std::ranges::fill(sets_.span(), Set{}); }

}  // namespace weir::fragments

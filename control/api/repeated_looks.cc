#include "control/api/repeated_looks.h"

#include <utility>

namespace weir::control::api {
namespace {

// Another actor, target or reason makes another look.
std::string KeyOf(const operations::Operation& look) {
  std::string key;
  for (const std::string* part :
       {&look.actor, &look.via, &look.action, &look.target, &look.reason}) {
    key += std::to_string(part->size()) + ":" + *part;
  }
  return key;
}

}  // namespace

std::optional<RepeatedLooks::Due> RepeatedLooks::Note(const operations::Operation& look,
                                                      base::MonoTime now) {
  const std::scoped_lock lock(mutex_);
  const std::string key = KeyOf(look);
  auto known = known_.find(key);
  if (known == known_.end()) {
    ForgetOld(now);
    if (known_.size() < kKnownMax) known_[key].written = now;
    return Due{1, look.rows};
  }
  Known& row = known->second;
  row.since.looks++;
  row.since.rows += look.rows;
  if (now.ns - row.written.ns < kEntryEveryNs) return std::nullopt;
  row.written = now;
  return std::exchange(row.since, {});
}

void RepeatedLooks::Forget(const operations::Operation& look) {
  const std::scoped_lock lock(mutex_);
  known_.erase(KeyOf(look));
}

// Whose looks ended: what came after their last entry stays uncounted.
void RepeatedLooks::ForgetOld(base::MonoTime now) {
  std::erase_if(known_, [now](const auto& known) {
    return now.ns - known.second.written.ns > 2 * kEntryEveryNs;
  });
}

}  // namespace weir::control::api

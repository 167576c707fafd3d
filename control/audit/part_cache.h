// The stored form of sessions that are open, so that their next snapshot need not be looked up.
//
// A bounded cache in two generations: when the young one is full it becomes the old one, and what
// was not touched since is forgotten. Forgetting costs a look-up, nothing else. The writer's
// thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "control/audit/store_keys.h"

namespace weir::control::audit {

struct PartId {
  uint64_t session_id = 0;
  uint32_t part = 0;
  auto operator<=>(const PartId&) const = default;
};

struct PartIdHash {
  size_t operator()(const PartId& id) const {
    return (id.session_id + id.part) * 0x9e3779b97f4a7c15 >> 7;
  }
};

struct StoredPart {
  DayNumber day = 0;
  std::string key;
  std::string value;
};

class PartCache {
 public:
  explicit PartCache(size_t parts_max) : generation_max_(parts_max / 2 + 1) {}

  // Null when it is not known. Valid until the next call.
  const StoredPart* Find(const PartId& id) {
    const auto young = young_.find(id);
    if (young != young_.end()) return &young->second;
    const auto old = old_.find(id);
    return old == old_.end() ? nullptr : &old->second;
  }

  void Put(const PartId& id, StoredPart part) {
    old_.erase(id);
    if (young_.size() >= generation_max_) {
      old_ = std::move(young_);
      young_ = {};
    }
    young_[id] = std::move(part);
  }

  void Erase(const PartId& id) {
    young_.erase(id);
    old_.erase(id);
  }

  void Clear() {
    young_.clear();
    old_.clear();
  }

 private:
  using Generation = std::unordered_map<PartId, StoredPart, PartIdHash>;

  const size_t generation_max_;
  Generation young_;
  Generation old_;
};

}  // namespace weir::control::audit

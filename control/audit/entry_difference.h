// In what two sets of index entries differ, without holding either: an invertible Bloom lookup
// table (Goodrich and Mitzenmacher, "Invertible Bloom Lookup Tables", 2011). The entries of one set
// are added and those of the other removed; what both have leaves nothing behind, and the rest can
// be read back as long as it is not too much.
//
// Entries are their keyed hashes (base::KeyedHash), so that nobody can choose two that collide.
// Each is added once at most, and removed once at most. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace weir::control::audit {

class EntryDifference {
 public:
  struct Rest {
    std::vector<uint64_t> added;  // and never removed
    uint64_t removed = 0;         // and never added
  };

  // Of 16 bytes. About three quarters as many entries can be read back.
  explicit EntryDifference(size_t places) : part_(places / kParts + 1), places_(kParts * part_) {}

  void Add(uint64_t entry) { Change(entry, 1); }
  void Remove(uint64_t entry) { Change(entry, -1); }

  // Takes out what is left. Nothing: it is more than can be read back.
  std::optional<Rest> Take();

 private:
  static constexpr size_t kParts = 3;  // an entry has one place in each
  struct Place {
    uint64_t entries = 0;  // all that are here, by exclusive or; as are their checks
    uint32_t checks = 0;
    int32_t count = 0;  // added less removed
  };

  std::array<size_t, kParts> PlacesOf(uint64_t entry) const;
  void Change(uint64_t entry, int32_t by);
  bool HasOne(const Place& place) const;

  const size_t part_;
  std::vector<Place> places_;
};

}  // namespace weir::control::audit

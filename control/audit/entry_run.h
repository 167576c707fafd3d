// Index entries in order, each once, packed: as one write brings them, or as several merged.
//
// An immutable value; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::control::audit {

class EntryRun {
 public:
  EntryRun() = default;

  // Of entries in any order, some of them more than once.
  static EntryRun Of(std::vector<std::string_view> entries);
  static EntryRun Merged(const EntryRun& a, const EntryRun& b);

  // How it lies in the store: a varint count; of each entry, as varints, how many bytes it has in
  // common with the one before and how many follow, and these. Empty: damaged.
  std::string Encode() const;
  static std::optional<EntryRun> Decode(std::string_view encoded);

  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::string_view operator[](size_t i) const {
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  // The place of the first entry that is not less than `floor`; size(): there is none.
  size_t LowerBound(std::string_view floor) const;

 private:
  void Reserve(size_t entries, size_t bytes);
  void Append(std::string_view entry);

  std::string bytes_;           // of all entries
  std::vector<uint32_t> ends_;  // of each, in bytes_
};

}  // namespace weir::control::audit

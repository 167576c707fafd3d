// Which lists of a policy an address, an address with a port, or a name lies in, and at which line.
//
// Names lie in the policy's NameTable; here is what becomes of what it finds, and all the rest.
// Immutable after they are made: any thread may ask, without allocation or lock.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "rules/compile/address_key.h"
#include "rules/compile/name_table.h"
#include "rules/compile/range_map.h"
#include "rules/lists/list_content.h"

namespace weir::rules {

using AddressMapV4 = RangeMap<uint32_t, 32>;
using AddressMapV6 = RangeMap<AddressKeyV6, 128>;

// Lists that the rules of one policy ask about.
inline constexpr size_t kListsMax = 255;

// The lists found for one flow, ascending, each with one line.
class ListHits {
 public:
  ListHits() {}  // leaves the arrays as they are

  bool empty() const { return count_ == 0; }
  void Clear() { count_ = 0; }
  std::span<const uint32_t> lists() const { return {lists_.data(), count_}; }

  // In place of another line of the list.
  void Put(uint32_t list, uint32_t line) {
    const size_t at = PlaceOf(list);
    if (!IsAt(at, list)) {
      MoveUp(at);
      lists_[at] = list;
    }
    lines_[at] = line;
  }
  void PutIfNew(uint32_t list, uint32_t line) {
    if (!Contains(list)) Put(list, line);
  }
  void Remove(uint32_t list) {
    const size_t at = PlaceOf(list);
    if (!IsAt(at, list)) return;
    std::copy(lists_.begin() + at + 1, lists_.begin() + count_, lists_.begin() + at);
    std::copy(lines_.begin() + at + 1, lines_.begin() + count_, lines_.begin() + at);
    --count_;
  }

  bool Contains(uint32_t list) const { return IsAt(PlaceOf(list), list); }
  uint32_t LineOf(uint32_t list) const {  // 0: not among them
    const size_t at = PlaceOf(list);
    return IsAt(at, list) ? lines_[at] : 0;
  }

 private:
  size_t PlaceOf(uint32_t list) const {
    const auto end = lists_.begin() + count_;
    return static_cast<size_t>(std::lower_bound(lists_.begin(), end, list) - lists_.begin());
  }
  bool IsAt(size_t at, uint32_t list) const { return at < count_ && lists_[at] == list; }
  void MoveUp(size_t at) {
    const auto from = static_cast<ptrdiff_t>(at);
    std::copy_backward(lists_.begin() + from, lists_.begin() + count_, lists_.begin() + count_ + 1);
    std::copy_backward(lines_.begin() + from, lines_.begin() + count_, lines_.begin() + count_ + 1);
    ++count_;
  }

  uint16_t count_ = 0;
  std::array<uint32_t, kListsMax> lists_;
  std::array<uint32_t, kListsMax> lines_;
};

// Takes account of what a list says about a name or one of its parents: called from the shortest to
// the whole name, as those with most labels decide.
inline void AddListPlaces(const NameTable::Group& group, bool whole, ListHits& hits) {
  for (size_t i = 0; i < group.list_places.size(); ++i) {
    const auto place = NameTable::ListPlace::OfBits(group.list_places[i]);
    if (!place.AppliesTo(whole)) continue;
    if (place.pass()) {
      hits.Remove(place.list());
    } else {
      hits.Put(place.list(), group.LineOf(i));
    }
  }
}

class ListAddresses {
 public:
  class Builder;

  bool empty() const { return v4_.empty() && v6_.empty(); }

  // Of several entries of a list the narrowest range's line is kept. `port_key`: PortKey of this
  // end's port; nullptr while it is not known, then no endpoint is found.
  void Find(const base::IpAddress& address, const uint32_t* port_key, ListHits& hits) const;

  size_t memory_bytes() const;

 private:
  struct Endpoint {
    AddressKeyV6 address = 0;
    uint32_t port_key = 0;
    uint32_t place = 0;
    auto operator<=>(const Endpoint&) const = default;
  };

  // A list and a line in one number. Of the number behind the last list: the address has endpoints.
  static constexpr unsigned kListShift = 24;
  static constexpr uint32_t kHasEndpoints = uint32_t{kListsMax} << kListShift;

  void FindEndpoints(AddressKeyV6 address, uint32_t port_key, ListHits& hits) const;

  AddressMapV4 v4_;
  AddressMapV6 v6_;
  std::vector<Endpoint> endpoints_;  // sorted
};

class ListAddresses::Builder {
 public:
  void Add(const ListContent& content, uint32_t list);
  ListAddresses Build();  // once

 private:
  void AddRange(const AddressRange& range, uint32_t place);

  std::vector<AddressMapV4::Range> v4_;
  std::vector<AddressMapV6::Range> v6_;
  std::vector<Endpoint> endpoints_;
};

}  // namespace weir::rules

#include "rules/compile/list_tables.h"

namespace weir::rules {
namespace {

// Equal ranges in one list: the first line is enough.
template <typename Ranges>
void DropRepetitions(Ranges& ranges, unsigned list_shift) {
  std::sort(ranges.begin(), ranges.end(), [](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first < b.first;
    return a.last != b.last ? a.last < b.last : a.set < b.set;
  });
  const auto same = [&](const auto& a, const auto& b) {
    return a.first == b.first && a.last == b.last && a.set >> list_shift == b.set >> list_shift;
  };
  ranges.erase(std::unique(ranges.begin(), ranges.end(), same), ranges.end());
}

}  // namespace

void ListAddresses::Find(const base::IpAddress& address, const uint32_t* port_key,
                         ListHits& hits) const {
  const AddressKeyV6 key = AddressKey(address);
  bool has_endpoints = false;
  const auto visit = [&](std::span<const uint32_t> places) {
    for (const uint32_t place : places) {
      if (place == kHasEndpoints) {
        has_endpoints = true;
      } else {
        hits.PutIfNew(place >> kListShift, place & kListLinesMax);
      }
    }
  };
  if (address.is_v4()) {
    v4_.ForEach(static_cast<uint32_t>(key), visit);
  } else {
    v6_.ForEach(key, visit);
  }
  if (has_endpoints && port_key != nullptr) FindEndpoints(key, *port_key, hits);
}

void ListAddresses::FindEndpoints(AddressKeyV6 address, uint32_t port_key, ListHits& hits) const {
  auto at = std::lower_bound(endpoints_.begin(), endpoints_.end(), Endpoint{address, port_key, 0});
  for (; at != endpoints_.end() && at->address == address && at->port_key == port_key; ++at) {
    hits.PutIfNew(at->place >> kListShift, at->place & kListLinesMax);
  }
}

size_t ListAddresses::memory_bytes() const {
  return v4_.memory_bytes() + v6_.memory_bytes() + endpoints_.capacity() * sizeof(Endpoint);
}

void ListAddresses::Builder::AddRange(const AddressRange& range, uint32_t place) {
  const AddressKeyV6 first = AddressKey(range.first);
  const AddressKeyV6 last = AddressKey(range.last);
  if (range.first.is_v4()) {
    v4_.push_back({static_cast<uint32_t>(first), static_cast<uint32_t>(last), place});
  } else {
    v6_.push_back({first, last, place});
  }
}

void ListAddresses::Builder::Add(const ListContent& content, uint32_t list) {
  const auto place = [&](uint32_t line) { return list << kListShift | line; };
  for (const ListRange& entry : content.ranges) AddRange(entry.range, place(entry.line));
  for (const ListEndpoint& entry : content.endpoints) {
    AddRange({entry.address, entry.address}, kHasEndpoints);
    endpoints_.push_back(
        {AddressKey(entry.address), PortKey(entry.ip_protocol, entry.port), place(entry.line)});
  }
}

ListAddresses ListAddresses::Builder::Build() {
  DropRepetitions(v4_, kListShift);
  DropRepetitions(v6_, kListShift);
  ListAddresses made;
  made.v4_ = AddressMapV4(v4_);
  made.v6_ = AddressMapV6(v6_);
  std::sort(endpoints_.begin(), endpoints_.end());
  made.endpoints_ = std::move(endpoints_);
  made.endpoints_.shrink_to_fit();
  return made;
}

}  // namespace weir::rules

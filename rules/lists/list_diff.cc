#include "rules/lists/list_diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "rules/model/print.h"
#include "rules/model/values.h"

namespace weir::rules {
namespace {

std::string TextOf(const ListName& name) {
  switch (name.reach) {
    case NameReach::kExact:
      return fmt::format("{}{}", name.pass ? "not " : "", name.name);
    case NameReach::kDomain:
      return fmt::format("{}*.{}", name.pass ? "not " : "", name.name);
    case NameReach::kBelow:
      break;
  }
  return fmt::format("{}below {}", name.pass ? "not " : "", name.name);
}

std::string TextOf(const ListEndpoint& endpoint) {
  return fmt::format("{} {}/{}", endpoint.address.ToString(),
                     PortProtocolName(endpoint.ip_protocol), endpoint.port);
}

std::vector<std::string> EntriesOf(const ListContent& content) {
  std::vector<std::string> entries;
  entries.reserve(content.entry_count());
  content.ForEachName([&](const ListName& name) { entries.push_back(TextOf(name)); });
  for (const ListRange& range : content.ranges) entries.push_back(ToText(range.range));
  for (const ListEndpoint& endpoint : content.endpoints) entries.push_back(TextOf(endpoint));
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  return entries;
}

void Count(std::string& entry, uint64_t& count, std::vector<std::string>& first) {
  ++count;
  if (first.size() < ListDiff::kShownMax) first.push_back(std::move(entry));
}

}  // namespace

ListDiff DiffLists(const ListContent& before, const ListContent& after) {
  std::vector<std::string> old = EntriesOf(before);
  std::vector<std::string> fresh = EntriesOf(after);
  ListDiff diff;
  size_t o = 0;
  size_t f = 0;
  while (o < old.size() || f < fresh.size()) {
    const bool gone = f == fresh.size() || (o < old.size() && old[o] < fresh[f]);
    if (gone) {
      Count(old[o++], diff.removed, diff.first_removed);
    } else if (o == old.size() || fresh[f] < old[o]) {
      Count(fresh[f++], diff.added, diff.first_added);
    } else {
      ++diff.same;
      ++o;
      ++f;
    }
  }
  return diff;
}

}  // namespace weir::rules

#include "rules/compile/set_catalog.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <string_view>

namespace weir::rules {
namespace {

size_t HashOf(std::span<const WordItem> names) {
  size_t hash = names.size();
  for (const WordItem& item : names) {
    hash = (hash ^ std::hash<std::string_view>()(item.word)) * 0x9e3779b97f4a7c15;
  }
  return hash;
}

bool Same(std::span<const WordItem> a, std::span<const WordItem> b) {
  return std::ranges::equal(a, b, {}, &WordItem::word, &WordItem::word);
}

// The sets of names that hold for this one: numbers * 2 + is_domain, ascending.
std::vector<uint32_t> Holding(const NameTable& table, std::string_view name, bool hosts_too) {
  std::vector<uint32_t> sets;
  table.ForEach(name, [&](const NameTable::Group& group, bool whole) {
    for (const uint32_t set : group.domains) sets.push_back(set * 2 + 1);
    if (!whole || !hosts_too) return;
    for (const uint32_t set : group.hosts) sets.push_back(set * 2);
  });
  std::sort(sets.begin(), sets.end());
  sets.erase(std::unique(sets.begin(), sets.end()), sets.end());
  return sets;
}

template <typename Map, typename Sets>
Map NumberMap(const Sets& sets) {
  std::vector<typename Map::Range> ranges;
  for (uint32_t number = 0; number < sets.size(); ++number) {
    for (const auto& [first, last] : sets[number].ranges()) ranges.push_back({first, last, number});
  }
  return Map(ranges);
}

// Words to compare; with more, a set covers none but itself.
constexpr size_t kComparedMax = 1'000'000;

}  // namespace

// Text that holds a word holds every part of it.
bool KeywordSet::Covers(const KeywordSet& other) const {
  if ((other.fields & ~fields) != 0 || words.size() * other.words.size() > kComparedMax) {
    return *this == other;
  }
  return std::ranges::all_of(other.words, [this](const std::string& narrow) {
    return std::ranges::any_of(
        words, [&](const std::string& wide) { return narrow.find(wide) != std::string::npos; });
  });
}

uint32_t SetCatalog::AddNames(std::span<const WordItem> names, bool is_domain) {
  const size_t hash = HashOf(names);
  auto& same_hash = same_hash_[is_domain ? 1 : 0];
  auto& known = names_[is_domain ? 1 : 0];
  const auto [begin, end] = same_hash.equal_range(hash);
  for (auto other = begin; other != end; ++other) {
    if (Same(known[other->second].items, names)) return other->second;
  }
  const auto number = static_cast<uint32_t>(known.size());
  known.push_back({names, {}});
  same_hash.emplace(hash, number);
  for (const WordItem& item : names) builder_.Add(item.word, number, is_domain);
  return number;
}

void SetCatalog::AddList(const ListContent& content, uint32_t list) {
  content.ForEachName([&](const ListName& name) { builder_.AddListed(name, list); });
  list_addresses_.Add(content, list);
}

base::Result<SetTables> SetCatalog::MakeTables() {
  std::vector<AddressMapV4::Range> v4;
  std::vector<AddressMapV6::Range> v6;
  for (uint32_t number = 0; number < addresses_.size(); ++number) {
    const uint32_t set = kFirstAddressSet + number;
    for (const AddressRange& range : addresses_[number].v4()) {
      v4.push_back({static_cast<uint32_t>(AddressKey(range.first)),
                    static_cast<uint32_t>(AddressKey(range.last)), set});
    }
    for (const AddressRange& range : addresses_[number].v6()) {
      v6.push_back({AddressKey(range.first), AddressKey(range.last), set});
    }
  }
  SetTables tables;
  auto keywords = keyword_builder_.Build();
  if (!keywords) return keywords.error();
  tables.keywords = std::move(keywords).value();
  tables.v4 = AddressMapV4(v4);
  tables.v6 = AddressMapV6(v6);
  tables.macs = NumberMap<MacMap>(macs_);
  tables.vlans = NumberMap<VlanMap>(vlans_);
  tables.ports = NumberMap<PortMap>(ports_);
  tables.apps = NumberMap<AppMap>(apps_);
  tables.categories = NumberMap<AppMap>(categories_);
  tables.names = builder_.Build();
  tables.list_addresses = list_addresses_.Build();
  identities_.MakeMaps(tables);
  return tables;
}

uint32_t SetCatalog::AddKeywords(KeywordSet set) {
  const uint32_t before = keywords_.size();
  const uint32_t number = keywords_.Add(std::move(set));
  if (number < before) return number;
  const KeywordSet& added = keywords_[number];
  for (const std::string& word : added.words) keyword_builder_.Add(word, added.fields, number);
  return number;
}

bool SetCatalog::Covers(Aspect outer_aspect, uint32_t outer, Aspect inner_aspect,
                        uint32_t inner) const {
  const auto is_name = [](Aspect aspect) {
    return aspect == Aspect::kHost || aspect == Aspect::kDomain;
  };
  if (is_name(outer_aspect) && is_name(inner_aspect)) {
    const auto& covered_by = names_[inner_aspect == Aspect::kDomain ? 1 : 0][inner].covered_by;
    const uint32_t wanted = outer * 2 + (outer_aspect == Aspect::kDomain ? 1 : 0);
    return std::binary_search(covered_by.begin(), covered_by.end(), wanted);
  }
  if (outer_aspect != inner_aspect) return false;
  if (outer == inner) return true;
  switch (outer_aspect) {
    case Aspect::kIp:
    case Aspect::kFrom:
    case Aspect::kTo:
      return addresses_[outer - kFirstAddressSet].Covers(addresses_[inner - kFirstAddressSet]);
    case Aspect::kMac:
      return macs_[outer].Covers(macs_[inner]);
    case Aspect::kVlan:
      return vlans_[outer].Covers(vlans_[inner]);
    case Aspect::kAccount:
      return identities_.CoversAccounts(outer, inner);
    case Aspect::kGroup:
      return identities_.CoversGroup(outer, inner);
    case Aspect::kPort:
    case Aspect::kSourcePort:
      return ports_[outer].Covers(ports_[inner]);
    case Aspect::kApp:
      return apps_[outer].Covers(apps_[inner]);
    case Aspect::kKeyword:
      return keywords_[outer].Covers(keywords_[inner]);
    case Aspect::kList:
      return std::ranges::includes(list_choices_[outer], list_choices_[inner]);
    default:
      return categories_[outer].Covers(categories_[inner]);
  }
}

void SetCatalog::FindNameCovers(const NameTable& table) {
  for (const bool is_domain : {false, true}) {
    for (Names& names : names_[is_domain ? 1 : 0]) FindCovers(names, is_domain, table);
  }
}

// Those that hold for each of the names. Every set covers itself: with that alone the search ends.
void SetCatalog::FindCovers(Names& names, bool is_domain, const NameTable& table) {
  bool first = true;
  for (const WordItem& item : names.items) {
    std::vector<uint32_t> holding = Holding(table, item.word, !is_domain);
    if (std::exchange(first, false)) {
      names.covered_by = std::move(holding);
    } else {
      std::vector<uint32_t> both;
      std::set_intersection(names.covered_by.begin(), names.covered_by.end(), holding.begin(),
                            holding.end(), std::back_inserter(both));
      names.covered_by = std::move(both);
    }
    if (names.covered_by.size() == 1) return;
  }
}

}  // namespace weir::rules

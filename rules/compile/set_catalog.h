// The values of all conditions while a policy is compiled: gives equal sets one number, answers
// which covers which, and makes the tables that workers ask.
//
// Numbers rise in the order in which sets are first added, for addresses, MAC addresses, VLANs,
// ports, applications, categories, keywords, `host` and `domain` apart. The names are not copied:
// their text must outlive this.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dataplane/base/siphash.h"
#include "rules/compile/identity_catalog.h"
#include "rules/compile/interned.h"
#include "rules/compile/keyword_table.h"
#include "rules/compile/set_tables.h"
#include "rules/compile/tables.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

// The words of one condition, folded and ascending.
struct KeywordSet {
  std::vector<std::string> words;
  KeywordFields fields = 0;

  bool Covers(const KeywordSet& other) const;
  auto operator<=>(const KeywordSet&) const = default;
};

class SetCatalog {
 public:
  explicit SetCatalog(const base::HashKey& secret) : builder_(secret) {}

  uint32_t AddAddresses(AddressSet set) {
    return kFirstAddressSet + addresses_.Add(std::move(set));
  }
  uint32_t AddMacs(MacSet set) { return macs_.Add(std::move(set)); }
  uint32_t AddVlans(NumberSet set) { return vlans_.Add(std::move(set)); }
  uint32_t AddPorts(NumberSet set) { return ports_.Add(std::move(set)); }
  uint32_t AddApps(NumberSet set) { return apps_.Add(std::move(set)); }
  uint32_t AddCategories(NumberSet set) { return categories_.Add(std::move(set)); }
  uint32_t AddNames(std::span<const WordItem> names, bool is_domain);
  // `lists`: ascending numbers.
  uint32_t AddListChoice(std::vector<uint32_t> lists) {
    return list_choices_.Add(std::move(lists));
  }
  void AddList(const ListContent& content, uint32_t list);
  uint32_t AddKeywords(KeywordSet set);

  IdentityCatalog& identities() { return identities_; }

  // How many different names there are, and different keywords.
  size_t CountNames() { return builder_.Count(); }
  size_t CountKeywords() const { return keyword_builder_.words(); }

  // Once, after the last set; at most kNamesMax names. Fails where there are keywords, and nothing
  // can look for them.
  base::Result<SetTables> MakeTables();

  // Whether every flow in the set `inner` is in the set `outer`. Of names after FindNameCovers();
  // those of a `domain` may cover those of a `host`.
  bool Covers(Aspect outer_aspect, uint32_t outer, Aspect inner_aspect, uint32_t inner) const;
  void FindNameCovers(const NameTable& table);

 private:
  struct Names {
    std::span<const WordItem> items;
    std::vector<uint32_t> covered_by;  // ascending: numbers * 2 + is_domain
  };

  static void FindCovers(Names& names, bool is_domain, const NameTable& table);

  Interned<AddressSet> addresses_;
  Interned<MacSet> macs_;
  Interned<NumberSet> vlans_;
  Interned<NumberSet> ports_;
  Interned<NumberSet> apps_;
  Interned<NumberSet> categories_;
  Interned<std::vector<uint32_t>> list_choices_;
  Interned<KeywordSet> keywords_;
  KeywordTable::Builder keyword_builder_;
  IdentityCatalog identities_;
  std::array<std::vector<Names>, 2> names_;                             // host, domain
  std::array<std::unordered_multimap<size_t, uint32_t>, 2> same_hash_;  // of the words, in order
  NameTable::Builder builder_;
  ListAddresses::Builder list_addresses_;
};

}  // namespace weir::rules

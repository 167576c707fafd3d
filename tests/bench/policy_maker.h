// Policies for benchmarks, and what to ask them: names, prefixes and five-tuples by the number, the
// same for the same seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/verdict/decide.h"
#include "rules/compile/compile.h"
#include "rules/model/policy_text.h"

namespace weir::bench {

// Names as blocklists have them: two to four labels, 19 bytes on average, all different.
std::string ListedName(uint64_t number);
// Names as flows ask for that are in no list, of three and four labels.
std::string OtherName(uint64_t number);
// 127 labels of one letter, all different; in front of `parent`, where there is one.
std::string HostileName(uint64_t number, std::string_view parent = "");

// Seven of ten IPv4 /20 to /28, the others IPv6 /40 to /56; some lie within others.
base::IpPrefix ListedPrefix(uint64_t number);
// An address in that prefix.
base::IpAddress AddressIn(const base::IpPrefix& prefix, uint64_t random);

// How the tuples of a policy are alike.
enum class Alike : uint8_t { kNothing, kSource, kPort, kSourceAndPort, kAddresses, kGrid, kNested };
inline constexpr Alike kAllAlike[] = {Alike::kNothing,       Alike::kSource,    Alike::kPort,
                                      Alike::kSourceAndPort, Alike::kAddresses, Alike::kGrid,
                                      Alike::kNested};
std::string_view AlikeName(Alike alike);
struct Tuple {
  base::IpPrefix source;
  base::IpPrefix destination;
  uint16_t port = 0;
};
Tuple MakeTuple(Alike alike, uint64_t number);

// Eight letters, or four Chinese characters, by turns.
std::string Keyword(uint64_t number);

// Rules files. Names and prefixes fill lines to the parser's limit, tuples have a rule each.
using Sources = std::vector<rules::PolicySource>;
Sources NameRules(uint64_t names);
Sources PrefixRules(uint64_t prefixes);
Sources KeywordRules(uint64_t keywords);
Sources TupleRules(Alike alike, uint64_t tuples);

rules::PolicyText Parsed(const Sources& sources);
// All rules made into one, as a list will be.
rules::PolicyText AsOneRule(rules::PolicyText text);
std::shared_ptr<const rules::CompiledPolicy> Compiled(const rules::PolicyText& text,
                                                      uint32_t version = 1,
                                                      const rules::ListCatalog* lists = nullptr);

// A hosts file of so many names, and a policy with the one list that is made of it.
std::string HostsFile(uint64_t names);
class OneList : public rules::ListCatalog {
 public:
  explicit OneList(const std::string& text);
  base::Result<rules::LoadedList> Load(const rules::ListDefinition& list,
                                       const std::string& rules_file) const override;

 private:
  rules::LoadedList list_;
};
Sources ListRules();

}  // namespace weir::bench

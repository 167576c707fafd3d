// PolicyText back to text, in one canonical form: parsing it again gives the same meaning.
#pragma once

#include <string>

#include "rules/model/policy_text.h"

namespace weir::rules {

// One line without its end. A rule's id is printed when it was given.
std::string ToText(const Rule& rule);

// As above for people to read, with up to kValuesShownMax values of a selector, then "… 997 more".
inline constexpr size_t kValuesShownMax = 20;
std::string ToShortText(const Rule& rule);

std::string ToText(const SetDefinition& set);
std::string ToText(const ListDefinition& list);
std::string ToText(const GroupDefinition& group);
std::string ToText(const TimeDefinition& time);

std::string ToText(const Conjunction& conjunction);  // "domain a.example port tcp/443 from inside"
std::string ToText(const AddressRange& range);       // an address, a prefix, or first-last

// Text in quotation marks as the parser takes it: for who writes rules, such as `weirctl block`.
// Control characters become spaces.
std::string Quoted(std::string_view text);

// All definitions, then all rules, a line each.
std::string ToText(const PolicyText& policy);

}  // namespace weir::rules

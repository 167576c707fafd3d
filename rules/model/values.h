// The values that stand behind the keywords: one word each to its meaning, and the other way.
//
// Each Parse function returns what would do instead when the word is wrong, "" when it is right.
// Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "rules/model/policy_text.h"

namespace weir::rules {

std::string ParseAddressRange(std::string_view word, AddressRange& out);

// `set` is filled for "@set", else `range`.
std::string ParseAddressItem(std::string_view word, AddressItem& out);

// As above, and "inside" and "outside".
std::string ParseEndpointItem(std::string_view word, AddressItem& out);

std::string ParsePort(std::string_view word, PortItem& out);
std::string ParseVlan(std::string_view word, VlanItem& out);
std::string ParseMac(std::string_view word, base::MacAddress& out);

// A host name into its one form.
std::string ParseHostName(std::string_view word, std::string& out);

std::string ParseSeverity(std::string_view word, Severity& out);
std::string ParseMode(std::string_view word, Mode& out);
std::string ParseKeywordField(std::string_view word, KeywordField& out);

// "Mon", "Mon-Fri", "Sat-Mon" as bits, Monday bit 0.
std::string ParseDays(std::string_view word, uint8_t& out);

// "08:00-12:00"; fills the minutes only.
std::string ParseMinutes(std::string_view word, TimeSpan& out);

// Ids, classes and the names of sets, lists, groups and times.
std::string CheckIdentifier(std::string_view word, bool is_rule_id);

std::string_view PortProtocolName(uint8_t ip_protocol);  // "tcp", "udp", "sctp"
std::string_view DayName(unsigned day);                  // 0 is "Mon"

// Words that have a meaning between the values of a rule; as a value they need quotation marks.
std::span<const std::string_view> ClauseKeywords();
bool IsClauseKeyword(std::string_view word);

}  // namespace weir::rules

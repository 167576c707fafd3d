// A policy as it was written: the whole grammar of docs/rules.md as plain data, nothing resolved.
//
// Made by ParsePolicy (parse.h), printed by ToText (print.h), turned into something that decides by
// Compile (rules/compile/compile.h). Plain values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/time.h"

namespace weir::rules {

// One rules file. `name` is its path: errors show it, list paths are relative to it, and rules
// without an id are called after it.
struct PolicySource {
  std::string name;
  std::string text;
};

// Where a word stands. Line and column count from 1, the column in characters.
struct Location {
  uint32_t source = 0;  // index into PolicyText::source_names
  uint32_t line = 0;
  uint32_t column = 0;
};

enum class Verb : uint8_t { kProtect, kAllow, kDrop, kReject, kMonitor };
enum class Mode : uint8_t { kMonitor, kEnforce };
enum class Severity : uint8_t { kNone, kInfo, kLow, kMedium, kHigh, kCritical };

std::string_view VerbName(Verb verb);
std::string_view ModeName(Mode mode);
std::string_view SeverityName(Severity severity);  // "" for kNone
std::optional<Mode> FindMode(std::string_view word);

// What a rule may ask about a flow. The order is the order in which rules are printed.
enum class Selector : uint8_t {
  kAny,
  kHost,
  kDomain,
  kIp,
  kPort,
  kSourcePort,  // "port src"
  kApp,
  kCategory,
  kKeyword,
  kList,
  kAccount,
  kGroup,
  kMac,
  kVlan,
  kFrom,
  kTo,
};
std::string_view SelectorName(Selector selector);  // the keyword in the rule: "port" for both ports

// A name, in its one form for hosts and domains; as written for all others.
struct WordItem {
  std::string word;
  Location where;
};

// Both ends belong to it, and both are of one family: an IPv6 range never holds an IPv4 address,
// though the mapped form would lie inside.
struct AddressRange {
  base::IpAddress first;
  base::IpAddress last;

  bool Contains(const base::IpAddress& address) const {
    return first <= address && address <= last && first.is_v4() == address.is_v4();
  }
  auto operator<=>(const AddressRange&) const = default;
};

struct AddressItem {
  enum class Kind : uint8_t { kRange, kSet, kInside, kOutside };  // sides: after from and to only
  Kind kind = Kind::kRange;
  AddressRange range;
  std::string set;  // without the '@'
  Location where;
};

struct PortItem {
  uint8_t ip_protocol = 0;  // 6, 17 or 132
  uint16_t first = 0;
  uint16_t last = 0;
  Location where;
};

struct MacItem {
  base::MacAddress mac;
  Location where;
};

struct VlanItem {
  uint16_t first = 0;
  uint16_t last = 0;
  Location where;
};

// Where a keyword is looked for.
enum class KeywordField : uint8_t { kName, kHttpHost, kHttpUrl, kHttpHeader, kHttpBody };
std::string_view KeywordFieldName(KeywordField field);

struct KeywordItems {
  std::vector<WordItem> words;
  std::vector<KeywordField> fields;  // empty: all of them
};

// One selector with its values: it holds when any value does.
struct Condition {
  Selector selector = Selector::kAny;
  Location where;  // of the keyword
  // monostate: any. WordItem: host domain app category list account group. AddressItem: ip from to.
  std::variant<std::monostate, std::vector<WordItem>, std::vector<AddressItem>,
               std::vector<PortItem>, std::vector<MacItem>, std::vector<VlanItem>, KeywordItems>
      values;
};

// Holds when every condition does.
struct Conjunction {
  Location where;  // of the verb or of "except"
  std::vector<Condition> conditions;
};

struct DuringClause {
  WordItem time;
  Location where;  // of the keyword
};

struct UntilClause {
  base::WallTime time;
  Location where;
};

// Matches a flow when `match` holds and none of `exceptions` does.
struct Rule {
  Verb verb = Verb::kDrop;
  Location where;
  Conjunction match;
  std::vector<Conjunction> exceptions;
  std::optional<DuringClause> during;
  std::optional<UntilClause> until;
  std::string rule_class;  // empty: hits make no finding
  Severity severity = Severity::kNone;
  std::string reason;
  std::string id;  // given, or "<file stem>:<line>"; unique in the policy
  bool id_given = false;
  std::optional<Mode> mode;  // of drop and reject only
};

struct SetDefinition {
  std::string name;
  Location where;
  std::vector<AddressItem> items;  // ranges only
};

struct ListDefinition {
  std::string name;
  Location where;
  std::string path;    // as written
  std::string format;  // empty: found out from the content
  std::string list_class;
};

struct GroupItem {
  enum class Kind : uint8_t { kRange, kAccount, kAccountPattern };
  Kind kind = Kind::kRange;
  AddressRange range;
  std::string account;  // or the pattern between its slashes, as written
  Location where;
};

struct GroupDefinition {
  std::string name;
  Location where;
  std::vector<GroupItem> items;
};

// Minutes of the day; last_minute < first_minute runs over midnight into the next day.
struct TimeSpan {
  uint8_t days = 0;  // bit 0 Monday … bit 6 Sunday: the days on which it begins
  uint16_t first_minute = 0;
  uint16_t last_minute = 0;  // not included; 1440 is the day's end

  auto operator<=>(const TimeSpan&) const = default;
};

struct TimeDefinition {
  std::string name;
  Location where;
  std::vector<TimeSpan> spans;
  std::string zone;  // IANA name; empty: the appliance's own
};

struct PolicyText {
  std::vector<std::string> source_names;
  std::vector<SetDefinition> sets;
  std::vector<ListDefinition> lists;
  std::vector<GroupDefinition> groups;
  std::vector<TimeDefinition> times;
  std::vector<Rule> rules;  // in the order of the sources and their lines
};

// "rules/campus.rules:12:8"
std::string ToText(const PolicyText& policy, const Location& where);

}  // namespace weir::rules

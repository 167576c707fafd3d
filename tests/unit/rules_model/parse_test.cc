#include "rules/model/parse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "rules/model/print.h"

namespace weir::rules {
namespace {

base::Result<PolicyText> Parse(std::string text) {
  const std::vector<PolicySource> sources = {{"rules/t.rules", std::move(text)}};
  return ParsePolicy(sources);
}

PolicyText Parsed(const std::string& text) {
  auto policy = Parse(text);
  EXPECT_TRUE(policy.ok()) << text << ": " << (policy.ok() ? "" : policy.error().message);
  return policy.ok() ? *std::move(policy) : PolicyText();
}

std::string FaultOf(const std::string& text) {
  const auto policy = Parse(text);
  return policy.ok() ? "accepted" : policy.error().message;
}

// The canonical form of a policy of one line.
std::string Canonical(const std::string& text) {
  std::string printed = ToText(Parsed(text));
  if (!printed.empty()) printed.pop_back();
  return printed;
}

template <typename Item>
const std::vector<Item>& ValuesOf(const Condition& condition) {
  return std::get<std::vector<Item>>(condition.values);
}

constexpr std::string_view kWholeGrammar = R"(
set    mail-servers = 10.1.2.3, 2001:db8::25
list   malware from "lists/malware.hosts" class malware        # format found out
list   bad from "bad.txt" format hosts
group  students = 10.20.0.0/16, account:/^s[0-9]{8}$/, account:teacher
time   lessons = Mon-Fri 08:00-12:00, 14:00-17:30

protect ip 10.0.0.53                                            # never blocked, whatever follows
allow   domain portal.campus.example
drop    domain bad.example            class harmful reason "notice 2026-17"
reject  host   games.example          group students during lessons
drop    ip     203.0.113.0/24
drop    port   tcp/23, tcp/135-139    from outside
drop    port   tcp/25 from inside except ip @mail-servers       class spam
drop    app    BitTorrent, eDonkey    group students
monitor category VPN
drop    list   malware
drop    keyword "exact words" in http.url                       until 2026-12-31T18:00+08:00
drop    account s20230017             id quarantine-88
drop    mac 02-00-5E-10-00-01 vlan 7, 100-200 to @mail-servers severity high mode monitor
)";

TEST(ParsePolicy, TakesTheWholeGrammar) {
  const PolicyText policy = Parsed(std::string(kWholeGrammar));
  ASSERT_EQ(policy.rules.size(), 13U);
  ASSERT_EQ(policy.lists.size(), 2U);
  EXPECT_EQ(policy.lists[0].list_class, "malware");
  EXPECT_EQ(policy.lists[1].format, "hosts");
  ASSERT_EQ(policy.groups[0].items.size(), 3U);
  EXPECT_EQ(policy.groups[0].items[1].account, "^s[0-9]{8}$");
  EXPECT_EQ(policy.groups[0].items[2].kind, GroupItem::Kind::kAccount);
  ASSERT_EQ(policy.times[0].spans.size(), 2U);
  EXPECT_EQ(policy.times[0].spans[1], (TimeSpan{0x1f, 14 * 60, 17 * 60 + 30}));

  const Rule& harmful = policy.rules[2];
  EXPECT_EQ(harmful.verb, Verb::kDrop);
  EXPECT_EQ(harmful.rule_class, "harmful");
  EXPECT_EQ(harmful.reason, "notice 2026-17");
  EXPECT_EQ(harmful.id, "t:10");
  const Rule& spam = policy.rules[6];
  ASSERT_EQ(spam.exceptions.size(), 1U);
  EXPECT_EQ(ValuesOf<AddressItem>(spam.exceptions[0].conditions[0])[0].set, "mail-servers");
  EXPECT_EQ(spam.match.conditions[1].where.column, 23U);
  const Rule& keyword = policy.rules[10];
  EXPECT_EQ(base::FormatRfc3339(keyword.until->time), "2026-12-31T10:00:00.000000Z");
  EXPECT_EQ(policy.rules[11].id, "quarantine-88");
  EXPECT_EQ(policy.rules[12].mode, Mode::kMonitor);
}

TEST(ParsePolicy, PutsNamesInTheirOneForm) {
  EXPECT_EQ(Canonical("drop host WWW.Bücher.Example."), "drop host www.xn--bcher-kva.example");
  EXPECT_EQ(Canonical("drop domain 赌博。中国"), "drop domain xn--9kr716k.xn--fiqs8s");
}

TEST(ParsePolicy, PutsAddressesInTheirOneForm) {
  EXPECT_EQ(Canonical("drop ip 10.0.0.0-10.0.0.255, 2001:DB8:0::1"),
            "drop ip 10.0.0.0/24, 2001:db8::1");
  EXPECT_EQ(Canonical("drop ip 10.0.0.1-10.0.0.3"), "drop ip 10.0.0.1-10.0.0.3");
  EXPECT_EQ(Canonical("drop ip ::/0, 0.0.0.0/0"), "drop ip ::/0, 0.0.0.0/0");
}

TEST(ParsePolicy, PrintsClausesInOneOrder) {
  EXPECT_EQ(
      Canonical("drop reason \"a \\\"b\\\"\" id x-1 to inside port src udp/53 class c ip 10.0.0.1 "
                "except port TCP/25 mode enforce from 10.1.0.0/16"),
      "drop ip 10.0.0.1 port src udp/53 from 10.1.0.0/16 to inside except port tcp/25 class c "
      "reason \"a \\\"b\\\"\" id x-1 mode enforce");
}

TEST(ParsePolicy, TakesKeywordsAsValuesInQuotationMarks) {
  EXPECT_EQ(Canonical("drop host \"from\" account \"a, b\""),
            "drop host \"from\" account \"a, b\"");
}

TEST(ParsePolicy, TakesSidesAndAddressesAsEndpoints) {
  EXPECT_EQ(Canonical("drop any from inside, 10.0.0.0/8 to outside"),
            "drop any from inside, 10.0.0.0/8 to outside");
}

TEST(ParsePolicy, ReadsTimes) {
  EXPECT_EQ(Canonical("time t = Sat, Sun"), "time t = Sat-Sun 00:00-24:00");
  EXPECT_EQ(Canonical("time t = 22:00-06:00"), "time t = Mon-Sun 22:00-06:00");
  EXPECT_EQ(Canonical("time t = Fri-Mon 22:00-00:00, Wed 08:00-09:00 zone Asia/Shanghai"),
            "time t = Mon, Fri-Sun 22:00-24:00, Wed 08:00-09:00 zone Asia/Shanghai");
  EXPECT_EQ(Canonical("time t = mon, WED 08:00-09:00, 10:00-11:00, Thu"),
            "time t = Mon, Wed 08:00-09:00, Mon, Wed 10:00-11:00, Thu 00:00-24:00");
}

TEST(ParsePolicy, TakesByteOrderMarkCarriageReturnsAndNoLastNewline) {
  const PolicyText policy = Parsed(
      "\xef\xbb\xbf"
      "drop any\r\n\r\n\t# 说明\r\nallow any");
  ASSERT_EQ(policy.rules.size(), 2U);
  EXPECT_EQ(policy.rules[1].id, "t:4");
}

TEST(ParsePolicy, FindsDefinitionsInAnySourceAndOrder) {
  const std::vector<PolicySource> sources = {{"a/blocks.rules", "drop ip @bad\n"},
                                             {"b/sets.rules", "set bad = 192.0.2.1\n"}};
  const auto policy = ParsePolicy(sources);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(policy->rules[0].id, "blocks:1");
  EXPECT_EQ(ToText(*policy, policy->sets[0].where), "b/sets.rules:1:5");
}

TEST(ParsePolicy, TakesNoSourcesAsAnEmptyPolicy) {
  const auto policy = ParsePolicy({});
  ASSERT_TRUE(policy.ok());
  EXPECT_TRUE(policy->rules.empty());
}

struct BadLine {
  std::string text;
  std::string fault;  // behind "rules/t.rules:1:"
};

void PrintTo(const BadLine& line, std::ostream* out) { *out << line.text; }

class BadLineTest : public testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, NamesColumnWordAndWhatWouldDo) {
  EXPECT_EQ(FaultOf(GetParam().text), "rules/t.rules:1:" + GetParam().fault);
}

const BadLine kBadLines[] = {
    {"dorp host a", "1: 'dorp': 'drop' would do"},
    {"DROP host a", "1: 'DROP': 'drop' would do"},
    {"\"drop\" host a",
     "1: 'drop': a rule begins with protect, allow, drop, reject or monitor, a definition with "
     "set, "
     "list, group or time"},
    {"drop hots a", "6: 'hots': 'host' would do"},
    {"drop", "1: 'drop': drop wants a selector; 'drop any' would do for every flow"},
    {"drop from inside", "1: 'drop': drop wants a selector; 'drop any' would do for every flow"},
    {"drop host", "10: end of line: a host name such as www.example.com would do"},
    {"drop host a,", "13: end of line: a host name such as www.example.com would do"},
    {"drop host from inside",
     "11: 'from': a host name such as www.example.com would do, in quotation marks if it is a "
     "keyword"},
    {"drop host a b",
     "13: 'b': a comma before it, if it is one more value, or a keyword such as from, except or "
     "reason would do"},
    {"drop host a host b",
     "13: 'host': all its values behind one of it, with commas between them, would do"},
    {"drop host 10.1.1.1", "11: '10.1.1.1': 'ip 10.1.1.1' would do"},
    {"drop host １０.1.1.1", "11: '１０.1.1.1': 'ip 10.1.1.1' would do"},
    {"drop host 2001:db8::1", "11: '2001:db8::1': 'ip 2001:db8::1' would do"},
    {"drop host *.a.example",
     "11: '*.a.example': 'domain a.example', the name and all below it, would do"},
    {"drop domain https://a.example/x",
     "13: 'https://a.example/x': the name alone, 'a.example', would do"},
    {"drop domain a.example:443", "13: 'a.example:443': the name alone, 'a.example', would do"},
    {"drop host a..b",
     "11: 'a..b': nothing stands between two dots; a host name such as www.example.com would do"},
    {"drop host a$b",
     "11: 'a$b': a host name has no '$' in it; a host name such as www.example.com would do"},
    {"drop ip 10.0.0.1/8", "9: '10.0.0.1/8': bits are set behind its length; 10.0.0.0/8 would do"},
    {"drop ip 10.0.0.0/33", "9: '10.0.0.0/33': a length of 0 to 32 would do"},
    {"drop ip 10.0.0.9-10.0.0.1", "9: '10.0.0.9-10.0.0.1': 10.0.0.1-10.0.0.9 would do"},
    {"drop ip 10.0.0.9-2001:db8::1",
     "9: '10.0.0.9-2001:db8::1': two addresses of one family would do"},
    {"drop ip bad.example",
     "9: 'bad.example': an address, a prefix such as 10.0.0.0/8, a range first-last or @set would "
     "do"},
    {"drop ip @nobody", "9: '@nobody': no set has this name; a line 'set nobody …' would do"},
    {"drop any from insde", "15: 'insde': 'inside' would do"},
    {"drop port 443", "11: '443': tcp/443 or udp/443 would do"},
    {"drop port icmp/1", "11: 'icmp/1': tcp, udp or sctp before the slash would do"},
    {"drop port tcp/65536",
     "11: 'tcp/65536': a port of 0 to 65535, or a rising range of them, behind the slash would do"},
    {"drop port tcp/9-1",
     "11: 'tcp/9-1': a port of 0 to 65535, or a rising range of them, behind the slash would do"},
    {"drop src tcp/1", "6: 'src': 'port src tcp/1024-65535' would do"},
    {"drop mac 02:00:5e:10:00",
     "10: '02:00:5e:10:00': an address such as 02:00:5e:10:00:01 would do"},
    {"drop vlan 4096",
     "11: '4096': an identifier of 0 to 4094, or a rising range of them, would do"},
    {"drop any port tcp/1",
     "10: 'port': 'any' stands without other selectors; the rule without 'any' would do"},
    {"drop host a except any", "20: 'any': a rule except any would never match"},
    {"drop host a except",
     "19: end of line: a selector such as host, domain, ip, port, app or any "
     "would do"},
    {"drop list nolist", "11: 'nolist': no list has this name; a line 'list nolist …' would do"},
    {"drop group g", "12: 'g': no group has this name; a line 'group g …' would do"},
    {"drop any during t", "17: 't': no time has this name; a line 'time t …' would do"},
    {"drop any until tomorrow", "16: 'tomorrow': a time such as 2026-12-31T18:00+08:00 would do"},
    {"drop any severity hihg", "19: 'hihg': 'high' would do"},
    {"drop any class a class b", "18: 'class': a rule has this once"},
    {"drop any class a.b", "16: 'a.b': up to 64 letters, digits, - and _ would do"},
    {"drop any reason \"\"", "17: end of line: a reason of 1 to 200 bytes would do"},
    {"drop any id a/b", "13: 'a/b': up to 64 letters, digits, - and _, . and : would do"},
    {"allow any mode monitor",
     "11: 'mode': only drop and reject have a mode; 'allow' without it would do"},
    {"drop any mode enforced", "15: 'enforced': 'enforce' would do"},
    {"drop keyword \"x\" in http.ulr", "21: 'http.ulr': 'http.url' would do"},
    {"drop host \"a", "11: '\"a': a quotation mark at its end would do"},
    {"drop any reason \"a\\n\"", "19: '\\': \\\" or \\\\ would do"},
    {"drop host \xb6\xc4.cn", "11: '\\xb6': this is not UTF-8; save the file as UTF-8"},
    {"drop host 赌博 \x01", "14: '\\x01': a control character has no place here"},
    {"set s 10.0.0.1", "7: '10.0.0.1': '=' would do"},
    {"set s = @t", "9: '@t': a set holds addresses, not other sets"},
    {"set a,b = 10.0.0.1", "6: ',': '=' would do"},
    {"set s = 10.0.0.1 10.0.0.2",
     "18: '10.0.0.2': a comma before it, if it is one more address, would do"},
    {"list l \"x\"", "8: 'x': 'from' and the list's file would do"},
    {"list l from \"x\" format host",
     "24: 'host': a format such as hosts would do, in quotation "
     "marks if it is a keyword"},
    {"list l from \"x\" format hostss", "24: 'hostss': 'hosts' would do"},
    {"group g = students", "11: 'students': a prefix, account:NAME or account:/pattern/ would do"},
    {"group g = account:/a", "11: 'account:/a': a slash at the pattern's end would do"},
    {"time t = Mon-Fry",
     "10: 'Mon-Fry': days such as Mon-Fri, or a time of day such as "
     "08:00-12:00, would do"},
    {"time t = 08:00-25:00", "10: '08:00-25:00': a time of day such as 08:00-12:00 would do"},
    {"time t = 08:00-08:00", "10: '08:00-08:00': 00:00-24:00, for the whole day, would do"},
    {"time t = Mon 08:00-09:00 zone Asia Shanghai",
     "36: 'Shanghai': a comma before it, if it is one more time, or 'zone' would do"},
};

INSTANTIATE_TEST_SUITE_P(ParsePolicy, BadLineTest, testing::ValuesIn(kBadLines));

TEST(ParsePolicy, SuggestsDefinedNames) {
  EXPECT_EQ(FaultOf("set mail-servers = 10.0.0.1\ndrop ip @mail-server\n"),
            "rules/t.rules:2:9: '@mail-server': '@mail-servers' would do");
}

TEST(ParsePolicy, GathersTheFaultsOfAllLinesInTheirOrder) {
  EXPECT_EQ(FaultOf("drop ip @x\nallow any\ndorp any\n"),
            "rules/t.rules:1:9: '@x': no set has this name; a line 'set x …' would do\n"
            "rules/t.rules:3:1: 'dorp': 'drop' would do");
}

TEST(ParsePolicy, ShowsFiftyFaultsAndCountsTheRest) {
  std::string text;
  for (size_t i = 0; i < kErrorsShownMax + 7; ++i) text += "dorp any\n";
  const std::string fault = FaultOf(text);
  EXPECT_EQ(std::count(fault.begin(), fault.end(), '\n'), static_cast<ptrdiff_t>(kErrorsShownMax));
  EXPECT_TRUE(fault.ends_with("\nand 7 more faults")) << fault;
}

TEST(ParsePolicy, RefusesDoubleIdsAndNames) {
  EXPECT_EQ(
      FaultOf("drop any id a\nallow any id a\n"),
      "rules/t.rules:2:1: 'a': another id would do; the rule at rules/t.rules:1:1 has this one "
      "already");
  EXPECT_EQ(FaultOf("drop any\nallow any id t:1\n"),
            "rules/t.rules:2:1: 't:1': another id would do; the rule at rules/t.rules:1:1 has this "
            "one already");
  EXPECT_EQ(FaultOf("set a = 10.0.0.1\nset a = 10.0.0.2\n"),
            "rules/t.rules:2:5: 'a': another name would do; rules/t.rules:1:5 is a set with this "
            "name already");
}

TEST(ParsePolicy, KeepsTheLimitOfALine) {
  const std::string rule = "drop any #";
  EXPECT_TRUE(Parse(rule + std::string(kLineBytesMax - rule.size(), 'x')).ok());
  EXPECT_EQ(FaultOf(rule + std::string(kLineBytesMax, 'x')),
            "rules/t.rules:1:1: 'drop any #" + std::string(50, 'x') +
                "…': a line of up to 65536 bytes would do");
}

TEST(ParsePolicy, KeepsTheLimitOfRules) {
  std::string text;
  for (size_t i = 0; i < kRulesMax; ++i) text += "drop any\n";
  EXPECT_TRUE(Parse(text).ok());
  EXPECT_EQ(FaultOf(text + "\nallow any\nallow any"),
            "rules/t.rules:100002:1: 'allow': a policy has up to 100000 rules; put names and "
            "addresses into a list");
}

TEST(ParsePolicy, KeepsTheLimitOfAReason) {
  EXPECT_TRUE(Parse("drop any reason \"" + std::string(kReasonBytesMax, 'x') + "\"").ok());
  EXPECT_FALSE(Parse("drop any reason \"" + std::string(kReasonBytesMax + 1, 'x') + "\"").ok());
}

}  // namespace
}  // namespace weir::rules

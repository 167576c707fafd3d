#include <gtest/gtest.h>

#include "reading.h"
#include "rules/lists/suricata_rule.h"

namespace weir::rules {
namespace {

// What a rule gives behind one that is always taken.
Lines Rule(std::string_view rule) {
  Lines lines = ReadAs(ListFormat::kSuricata,
                       fmt::format("alert ip any any -> 192.0.2.99 any (sid:1;)\n{}\n", rule));
  std::erase(lines, "1 192.0.2.99");
  for (std::string& line : lines) {
    const size_t text = line.find(": ");
    if (text != line.npos) line.resize(text);
  }
  return lines;
}

TEST(SuricataFormat, TakesAddresses) {
  EXPECT_EQ(
      Read("# of a kind\n#alert ip any any -> 192.0.2.1 any (sid:1;)\n"
           "alert tcp [192.0.2.1,198.51.100.0/24, 2001:db8::1] any -> $HOME_NET any "
           "(msg:\"Poor; reputation\"; flags:S; reference:url,a.example; threshold: type limit, "
           "track by_src, seconds 3600, count 1; classtype:misc-attack; sid:2; rev:3; "
           "metadata:a b, c d;)\n"
           "drop ip $HOME_NET any -> 203.0.113.5 any (msg:\"x\"; sid:3;)\n"
           "reject tcp any any -> [192.0.2.7,192.0.2.8] [80,443] (flow:established; sid:4;)\n"
           "alert ip any any -> 192.0.2.9 53 (sid:5;)\n"
           "alert udp 192.0.2.10 123 -> $HOME_NET any (sid:6;)\n"),
      (Lines{"suricata", "3 192.0.2.1", "3 198.51.100.0-198.51.100.255", "3 2001:db8::1",
             "4 203.0.113.5", "5 6/192.0.2.7:80", "5 6/192.0.2.7:443", "5 6/192.0.2.8:80",
             "5 6/192.0.2.8:443", "6 6/192.0.2.9:53", "6 17/192.0.2.9:53", "7 17/192.0.2.10:123"}));
}

TEST(SuricataFormat, SkipsOtherHeaders) {
  for (const std::string_view header : {
           "alert ip any any -> !192.0.2.1 any",
           "alert ip any any -> [192.0.2.0/24,!192.0.2.1] any",
           "alert ip any any -> any any",
           "alert ip $EXTERNAL_NET any -> $HOME_NET any",
           "alert ip any any -> [$HOME_NET,192.0.2.1] any",
           "alert tcp any any -> 192.0.2.1 1024:",
           "alert tcp any any -> 192.0.2.1 !80",
           "alert tcp any any -> 192.0.2.1 $HTTP_PORTS",
           "alert tcp any any -> 192.0.2.0/24 80",
           "pass ip any any -> 192.0.2.1 any",
           "alert tcp any any -> 192.0.2.1 [1,2,3,4,5,6,7,8,9]",
       }) {
    EXPECT_EQ(Rule(fmt::format("{} (sid:2;)", header)), (Lines{"2 unsupported"})) << header;
  }
  for (const std::string_view header : {
           "alert icmp any any -> 192.0.2.1 any",
           "alert http any any -> 192.0.2.1 any",
           "alert ip 192.0.2.2 any -> 192.0.2.1 any",
           "alert ip $EXTERNAL_NET any -> 192.0.2.1 any",
           "alert tcp any 1024 -> 192.0.2.1 80",
           "alert tcp 192.0.2.1 any -> $HOME_NET 22",
       }) {
    EXPECT_EQ(Rule(fmt::format("{} (sid:2;)", header)), (Lines{"2 conditional"})) << header;
  }
}

TEST(SuricataFormat, SkipsOptionsThatNarrow) {
  for (const std::string_view option :
       {"content:\"x\"", "pcre:\"/x/\"", "dsize:>10", "flowbits:isset,x", "noalert", "ttl:1",
        "threshold: type both, track by_src, count 5, seconds 60", "flags:F", "flags:SF"}) {
    EXPECT_EQ(Rule(fmt::format("alert tcp any any -> 192.0.2.1 any ({}; sid:2;)", option)),
              (Lines{"2 conditional"}))
        << option;
  }
}

TEST(SuricataFormat, TakesNames) {
  const auto name = [](std::string_view protocol, std::string_view options) {
    return Rule(fmt::format("alert {} $HOME_NET any -> any any (msg:\"x\"; {}; sid:2;)", protocol,
                            options));
  };
  const Lines exact = {"2 a.example"};
  EXPECT_EQ(name("tls", "tls.sni; content:\"a.example\"; bsize:9; fast_pattern"), exact);
  EXPECT_EQ(name("tls", "tls.sni; bsize:9; content:\"a.example\"; nocase"), exact);
  EXPECT_EQ(name("dns", "dns.query; content:\"a|2e|example\"; startswith; endswith"), exact);
  EXPECT_EQ(name("dns", "dns.query; content:\"a.example\"; depth:9; isdataat:!1,relative"), exact);
  EXPECT_EQ(name("http", "http.host; content:\"A.Example\"; bsize:9"), exact);
  EXPECT_EQ(name("dns", "dns.query; dotprefix; content:\".a.example\"; nocase; endswith"),
            (Lines{"2 .a.example"}));
  for (const std::string_view options : {
           "tls.sni; content:\"a.example\"",
           "tls.sni; content:\"a.example\"; endswith",
           "tls.sni; content:\"a.example\"; startswith",
           "tls.sni; content:\"a.example\"; bsize:>9",
           "tls.sni; content:\"a.example\"; bsize:8",
           "tls.sni; content:!\"a.example\"; bsize:9",
           "tls.sni; content:\"a.example\"; depth:20; isdataat:!1,relative",
           "tls.sni; content:\"a\"; content:\".example\"; bsize:9",
           "dns.query; dotprefix; content:\"a.example\"; endswith",
           "http.uri; content:\"a.example\"; bsize:9",
           "content:\"a.example\"; bsize:9",
           "tls.sni; dns.query; content:\"a.example\"; bsize:9",
           "tls.sni; content:\"a.example|2\"; bsize:9",
           "tls.sni; content:\"a.example\"; bsize:9; ttl:1",
       }) {
    EXPECT_EQ(name("tls", options), (Lines{"2 conditional"})) << options;
  }
  EXPECT_EQ(Rule("alert tls any any -> 192.0.2.1 any (tls.sni; content:\"a.example\"; bsize:9;)"),
            (Lines{"2 conditional"}));
}

TEST(SuricataFormat, SkipsWhatIsNoRule) {
  for (const std::string_view line :
       {"alert", "alert ip any any -> 192.0.2.1 any", "alert ip any any -> 192.0.2.1 (sid:1;)",
        "alert ip any any 192.0.2.1 any (sid:1;)", "alert ip any any -> [192.0.2.1 any (sid:1;)",
        "alert ip any any -> 192.0.2.1 any (msg:\"x;)", "frob ip any any -> 192.0.2.1 any (sid:1;)",
        "alert ip any any -> 192.0.2.1 any any (sid:1;)", ")(", "()"}) {
    EXPECT_EQ(Rule(line), (Lines{"2 not_understood"})) << line;
  }
}

TEST(SuricataText, UndoesEscapes) {
  std::string out;
  EXPECT_TRUE(ReadSuricataText(R"("a\"b\;c\\|41 4243|d")", out));
  EXPECT_EQ(out, "a\"b;c\\ABCd");
  for (const std::string_view bad : {"", "\"", "x", "\"|4\"", "\"|4|\"", "\"|4g|\"", "\"a\\\""}) {
    EXPECT_FALSE(ReadSuricataText(bad, out)) << bad;
  }
}

}  // namespace
}  // namespace weir::rules

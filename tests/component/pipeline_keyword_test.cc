// Keywords in names and in clear-text HTTP: packets and a policy in, verdicts out.
#include <gtest/gtest.h>

#include "dataplane/pipeline/keyword_reading.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

using events::Verdict;
using packet::DropReason;

std::string Get(const std::string& target, const std::string& host,
                const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + headers + "\r\n";
}

std::string Post(const std::string& host, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// In segments of so many bytes, acknowledged by the server one by one; true when all pass.
bool SayInPieces(TcpTalk& talk, std::string_view text, size_t bytes) {
  for (; !text.empty(); text.remove_prefix(std::min(bytes, text.size()))) {
    if (!talk.Say(text.substr(0, bytes))) return false;
    talk.Server(packet::tcp_flag::kAck, {});
  }
  return true;
}

// Whether a connection of its own may say this.
bool Passes(PipelineHarness& bench, std::string_view text, size_t piece_bytes = 1400) {
  static uint16_t port = 20000;
  TcpTalk talk(bench, ++port, 80);
  EXPECT_TRUE(talk.Handshake());
  return SayInPieces(talk, text, piece_bytes);
}

TEST(PipelineKeyword, InTheUrlHoweverItIsSpelt) {
  PipelineHarness bench("drop keyword \"exact words\", 赌博 in http.url class harmful id k1");
  EXPECT_TRUE(Passes(bench, Get("/exact/words", "a.test")));
  EXPECT_TRUE(Passes(bench, Get("/", "a.test", "Referer: exact words\r\n")));
  EXPECT_TRUE(Passes(bench, Post("a.test", "exact words")));
  EXPECT_EQ(bench.events().findings().size(), 0U);
  for (const char* target :
       {"/exact%20words", "/?q=Exact+Words", "/%65%78act%20words?x", "/s?wd=%E8%B5%8C%E5%8D%9A",
        "/s?wd=%B6%C4%B2%A9", "/s?wd=%u8d4c%u535a", "http://a.test/exact%20words"}) {
    EXPECT_FALSE(Passes(bench, Get(target, "a.test"))) << target;
    EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  }
  ASSERT_EQ(bench.events().findings().size(), 7U);
  EXPECT_EQ(bench.events().findings()[0].rule, "k1");
  EXPECT_EQ(bench.events().findings()[0].name, "a.test");
}

TEST(PipelineKeyword, InTheHeader) {
  PipelineHarness bench("drop keyword secret in http.header");
  EXPECT_TRUE(Passes(bench, Get("/secret", "a.test")));
  EXPECT_FALSE(Passes(bench, Get("/", "a.test", "Cookie: a=SECRET\r\n")));
  EXPECT_FALSE(Passes(bench, Get("/", "secret.test")));
  // A line that is longer than what is kept of a line.
  const std::string pad(20'000, 'x');
  EXPECT_FALSE(Passes(bench, Get("/", "a.test", "Cookie: " + pad + "secret\r\n")));
  EXPECT_TRUE(Passes(bench, Get("/", "a.test", "Cookie: " + pad + "sec\r\nX-A: ret\r\n")));
}

TEST(PipelineKeyword, InTheBodyWhereverItIsCut) {
  PipelineHarness bench("drop keyword secret, 赌博 in http.body");
  EXPECT_TRUE(Passes(bench, Post("a.test", "sec ret")));
  const std::string text = Post("a.test", "abc SECRET def");
  for (size_t piece = 1; piece < text.size(); ++piece) {
    EXPECT_FALSE(Passes(bench, text, piece)) << piece;
  }
  EXPECT_FALSE(Passes(bench, Post("a.test", R"({"q":"\u8d4c\u535A"})"), 3));
  EXPECT_FALSE(Passes(bench, Post("a.test", "q=%E8%B5%8C%E5%8D%9A&x=1"), 5));
}

TEST(PipelineKeyword, InTheBodyThroughChunksOfOneByte) {
  PipelineHarness bench("drop keyword secret in http.body");
  const auto chunked = [](std::string_view body) {
    std::string text = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char c : body) text += "1\r\n" + std::string(1, c) + "\r\n";
    return text + "0\r\n\r\n";
  };
  EXPECT_FALSE(Passes(bench, chunked("a secret!")));
  EXPECT_FALSE(Passes(bench, chunked("a %73%65cret!"), 7));
  EXPECT_TRUE(Passes(bench, chunked("a secre!")));
  // What ends a body is not joined to the next one.
  EXPECT_TRUE(Passes(bench, Post("a.test", "sec") + Post("a.test", "ret")));
  EXPECT_TRUE(Passes(bench, chunked("sec") + chunked("ret")));
}

// The last byte of a text may be held back as the beginning of an escape.
TEST(PipelineKeyword, AtTheEndOfAText) {
  PipelineHarness bench("drop keyword 100% in http.url, http.body");
  EXPECT_FALSE(Passes(bench, Post("a.test", "we give 100%")));
  EXPECT_FALSE(Passes(bench, Get("/100%", "a.test")));
  EXPECT_FALSE(Passes(bench, Get("/100%25", "a.test")));
  EXPECT_TRUE(Passes(bench, Get("/1000", "a.test")));
}

TEST(PipelineKeyword, OfABodySoMuchIsSearched) {
  PipelineHarness bench("drop keyword secret in http.body");
  const std::string pad(pipeline::KeywordReading::kBodyBytesMax - 6, 'x');
  EXPECT_FALSE(Passes(bench, Post("a.test", pad + "secret")));
  EXPECT_TRUE(Passes(bench, Post("a.test", pad + "xsecret")));
  // The next request is searched from its beginning.
  EXPECT_FALSE(Passes(bench, Post("a.test", pad + pad) + Post("a.test", "secret")));
}

TEST(PipelineKeyword, InNamesOfEveryKind) {
  PipelineHarness bench("drop keyword casino, 赌 in name");
  TcpTalk tls(bench, 40000, 443);
  ASSERT_TRUE(tls.Handshake());
  EXPECT_FALSE(tls.Say(names::testing::HelloBuilder().Sni("www.bestcasino.example").Stream()));
  TcpTalk other(bench, 40001, 443);
  ASSERT_TRUE(other.Handshake());
  EXPECT_TRUE(other.Say(names::testing::HelloBuilder().Sni("www.cinema.example").Stream()));
  EXPECT_FALSE(Passes(bench, Get("/", "casino.example")));
  EXPECT_FALSE(Passes(bench, Get("/", "www.赌场.example")));
  EXPECT_TRUE(Passes(bench, Get("/casino", "a.test")));
}

TEST(PipelineKeyword, HttpHostIsNoOtherName) {
  PipelineHarness bench("drop keyword casino in http.host");
  TcpTalk tls(bench, 40000, 443);
  ASSERT_TRUE(tls.Handshake());
  EXPECT_TRUE(tls.Say(names::testing::HelloBuilder().Sni("casino.example").Stream()));
  EXPECT_FALSE(Passes(bench, Get("/", "casino.example")));
}

TEST(PipelineKeyword, WithoutFieldsEverywhere) {
  PipelineHarness bench("drop keyword casino");
  EXPECT_FALSE(Passes(bench, Get("/", "casino.example")));
  EXPECT_FALSE(Passes(bench, Get("/casino", "a.test")));
  EXPECT_FALSE(Passes(bench, Get("/", "a.test", "X: casino\r\n")));
  EXPECT_FALSE(Passes(bench, Post("a.test", "casino")));
  EXPECT_TRUE(Passes(bench, Get("/", "a.test")));
}

// However the request is cut: the host may come in a later packet than the keyword.
TEST(PipelineKeyword, TogetherWithTheHost) {
  PipelineHarness bench("drop keyword secret in http.url, http.body domain a.test id k1");
  for (const size_t piece : {size_t{1}, size_t{20}, size_t{1400}}) {
    EXPECT_FALSE(Passes(bench, Get("/secret", "www.a.test"), piece)) << piece;
    EXPECT_TRUE(Passes(bench, Get("/secret", "b.test"), piece)) << piece;
    EXPECT_FALSE(Passes(bench, Post("a.test", "secret"), piece)) << piece;
    EXPECT_TRUE(Passes(bench, Post("b.test", "secret"), piece)) << piece;
    EXPECT_TRUE(Passes(bench, "GET /secret HTTP/1.0\r\n\r\n", piece)) << piece;
  }
}

// Each request of a connection is judged with its own host and its own keywords.
TEST(PipelineKeyword, RequestByRequest) {
  const std::string rules = "drop keyword secret in http.url, http.header domain a.test";
  PipelineHarness bench(rules);
  for (const size_t piece : {size_t{7}, size_t{1400}}) {
    EXPECT_TRUE(Passes(bench, Get("/", "a.test") + Get("/secret", "b.test"), piece));
    EXPECT_TRUE(Passes(bench, Get("/secret", "b.test") + Get("/", "a.test"), piece));
    EXPECT_TRUE(Passes(bench, Get("/secret", "b.test") + Get("/", "b.test"), piece));
    EXPECT_FALSE(Passes(bench, Get("/", "b.test") + Get("/secret", "a.test"), piece));
    EXPECT_FALSE(Passes(bench, Get("/", "a.test") + Get("/", "a.test", "X: secret\r\n"), piece));
  }
}

// Between the two halves of a request the flow is judged again, by an answer to an earlier one.
TEST(PipelineKeyword, AnEarlierRequestsHostIsNotThisOnes) {
  PipelineHarness bench("drop keyword secret in http.url domain a.test");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(Get("/", "a.test")));
  EXPECT_TRUE(talk.Say("GET /secret HTTP/1.1\r\nAccept: *\r\n"));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(talk.Say("Host: b.test\r\n\r\n"));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n"));
}

TEST(PipelineKeyword, FirstMatchWins) {
  PipelineHarness bench(
      "allow keyword research in http.url\n"
      "drop domain a.test except keyword open in http.url\n"
      "drop keyword secret in http.url except domain b.test\n");
  EXPECT_TRUE(Passes(bench, Get("/research", "a.test")));
  EXPECT_TRUE(Passes(bench, Get("/open", "a.test")));
  EXPECT_FALSE(Passes(bench, Get("/closed", "a.test")));
  EXPECT_TRUE(Passes(bench, Get("/secret/research", "c.test")));
  EXPECT_FALSE(Passes(bench, Get("/secret", "c.test")));
  EXPECT_TRUE(Passes(bench, Get("/secret", "b.test")));
}

// What waits for the application keeps what was found.
TEST(PipelineKeyword, StaysFoundWhileTheRuleWaits) {
  PipelineHarness bench("drop keyword secret in http.url app BitTorrent id k1");
  bench.classifier().final_after_packets = 6;
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(Get("/secret", "a.test")));
  bench.classifier().label = {37, 37, 7};
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n"));
  EXPECT_FALSE(talk.Answer("more"));
  EXPECT_EQ(bench.session().rule, "k1");
}

TEST(PipelineKeyword, MonitorRecordsAndLetsPass) {
  PipelineHarness bench("monitor keyword secret in http.url class warning id k1");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(Get("/secret", "a.test")));
  EXPECT_EQ(bench.session().rule, "k1");
  EXPECT_EQ(bench.session().event.verdict, Verdict::kPass);
  ASSERT_EQ(bench.events().findings().size(), 1U);
  EXPECT_EQ(bench.events().findings()[0].rule_class, "warning");
}

// The client sends again what was dropped: a change of the rules must not let it through.
TEST(PipelineKeyword, ABlockOutlivesAChangeOfTheRules) {
  const std::string rule = "drop keyword secret in http.url id k1\n";
  PipelineHarness bench(rule);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  const std::string request = Get("/secret", "a.test");
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kAck, BytesOf(request)));
  bench.Install("drop port tcp/23\n" + rule);
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kAck, BytesOf(request)));
  bench.RecheckEverything();
  EXPECT_FALSE(talk.Client(packet::tcp_flag::kAck, BytesOf(request)));
  bench.Install("drop port tcp/23\n");
  EXPECT_TRUE(talk.Client(packet::tcp_flag::kAck, BytesOf(request)));
}

// A keyword that begins under one policy and ends under the next is found.
TEST(PipelineKeyword, AChangeOfTheRulesDoesNotCutAWord) {
  PipelineHarness bench("drop keyword other in http.body");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 12\r\n\r\na sec"));
  bench.Install("drop keyword secret in http.body");
  EXPECT_FALSE(talk.Say("ret b"));
}

// What was found in a request is not taken for another's, whatever rules came between.
TEST(PipelineKeyword, WhatWasFoundIsForgottenWithItsRequest) {
  PipelineHarness bench("monitor keyword secret in http.url");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(Get("/secret", "a.test")));
  bench.Install("drop port tcp/23");
  EXPECT_TRUE(talk.Say(Get("/", "a.test")));
  bench.Install("drop keyword secret in http.url");
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(talk.Say(Get("/", "a.test")));
  EXPECT_FALSE(talk.Say(Get("/secret", "a.test")));
}

TEST(PipelineKeyword, ANewRuleReachesTheNextRequest) {
  PipelineHarness bench("drop port tcp/23");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(Get("/secret", "a.test")));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n"));
  bench.Install("drop keyword secret in http.url");
  EXPECT_TRUE(talk.Say(Get("/", "a.test")));
  EXPECT_FALSE(talk.Say(Get("/secret", "a.test")));
}

// The page is the answer to one request, whatever else of it was found.
TEST(PipelineKeyword, RejectShowsThePage) {
  PipelineHarness bench("reject keyword secret in http.url, http.header, http.body id k1");
  const std::string pad =
      "X-Pad: " + std::string(600, 'x') + "\r\n";  // no more is answered than came
  uint16_t port = 40000;
  for (const std::string& request :
       {Get("/secret", "a.test", pad), Get("/", "a.test", pad + "X: secret\r\n"),
        Post("a.test", std::string(600, 'x') + "secret")}) {
    TcpTalk talk(bench, ++port, 80);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_FALSE(talk.Say(request));
    ASSERT_FALSE(bench.answers().empty());
    const auto frame = bench.answers()[0].frame();
    const std::string text(frame.begin(), frame.end());
    EXPECT_NE(text.find("HTTP/1.1 403"), std::string::npos) << request;
    EXPECT_NE(text.find("a.test"), std::string::npos) << request;
  }
}

// More hosts than the pool of strings has places for, one after the other.
TEST(PipelineKeyword, GivesBackTheHostsOfItsRequests) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.flow_limits.flows_max = 64;
  PipelineHarness bench("drop keyword secret in http.body domain a.test", options);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(SayInPieces(talk, Get("/", "a" + std::to_string(i) + ".b.test"), 1400));
  }
  EXPECT_FALSE(SayInPieces(talk, Post("a.test", "secret"), 50));
}

}  // namespace
}  // namespace weir::testing

#include "dataplane/names/http_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hello_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::FromText;
using testing::RecordingSink;

// Feeds `text` in pieces of `piece` bytes as the stream stage does: what is not consumed comes
// again.
struct Fed {
  std::vector<std::string> names;
  Outcome outcome = Outcome::kNeedMore;
  uint32_t requests = 0;
};

Fed Feed(std::string_view text, size_t piece) {
  HttpRequests requests;
  RecordingSink sink;
  Fed fed;
  Bytes held;
  while (!text.empty() && fed.outcome == Outcome::kNeedMore) {
    testing::Append(held, FromText(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
    const HttpStep step = requests.Consume(held, sink);
    fed.outcome = step.outcome;
    EXPECT_LE(step.consumed, held.size());
    held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(step.consumed));
    EXPECT_LE(held.size(), kHttpLineBytesMax + piece);
  }
  fed.names = sink.names;
  fed.requests = requests.requests();
  return fed;
}

// The same result whatever the size of the pieces; joined with commas.
std::string Hosts(std::string_view text) {
  const Fed whole = Feed(text, text.size());
  for (size_t piece = 1; piece < text.size() && piece < 100; ++piece) {
    const Fed split = Feed(text, piece);
    EXPECT_EQ(split.names, whole.names) << "in pieces of " << piece;
    EXPECT_EQ(split.requests, whole.requests) << "in pieces of " << piece;
    EXPECT_EQ(split.outcome, whole.outcome) << "in pieces of " << piece;
  }
  std::string joined;
  for (const std::string& name : whole.names) {
    joined += (joined.empty() ? "" : ",") + name.substr(std::string("http_host ").size());
  }
  return joined;
}

TEST(HttpRequest, FindsTheHostOfEveryRequest) {
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nHost: One.example\r\nAccept: */*\r\n\r\n"
                  "GET /2 HTTP/1.1\r\nUser-Agent: x\r\nHost: two.example:8080\r\n\r\n"),
            "one.example,two.example");
}

TEST(HttpRequest, ForgivesSpacingAndCase) {
  EXPECT_EQ(Hosts("\r\n\r\nget /  HTTP/1.1\nhOsT:one.example\n\n"), "one.example");
  EXPECT_EQ(Hosts("GET\t/\tHTTP/1.1\r\nHost:\tone.example\t\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nHost : one.example.\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\n Host: one.example\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\r\nHost: one.example\r\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("FROB / HTTP/1.1\r\nHost: one.example\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET /\r\nHost: one.example\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET /a b c HTTP/1.1\r\nHost: one.example\r\n\r\n"), "one.example");
}

TEST(HttpRequest, UnfoldsLines) {
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nHost:\r\n one.example\r\n\r\n"), "one.example");
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nX: a\r\n\tHost: no.example\r\nHost: one.example\r\n\r\n"),
            "one.example");
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nHost: one.example\r\n two.example\r\n\r\n"),
            "one.example,two.example");
}

TEST(HttpRequest, ReportsBothOfTwoHosts) {
  EXPECT_EQ(Hosts("GET / HTTP/1.1\r\nHost: one.example\r\nHost: two.example\r\n\r\n"),
            "one.example,two.example");
}

TEST(HttpRequest, AbsoluteUriWinsOverHost) {
  EXPECT_EQ(Hosts("GET http://u:p@Uri.example:80/x?y HTTP/1.1\r\nHost: one.example\r\n\r\n"),
            "uri.example");
  EXPECT_EQ(Hosts("GET HTTP://[2001:DB8::1]:80?q HTTP/1.1\r\nHost: one.example\r\n\r\n"),
            "[2001:db8::1]");
  EXPECT_EQ(Hosts("GET /?u=http://uri.example/ HTTP/1.1\r\nHost: one.example\r\n\r\n"),
            "one.example");
  EXPECT_EQ(Hosts("GET http:///x HTTP/1.1\r\nHost: one.example\r\n\r\n"), "one.example");
}

TEST(HttpRequest, ConnectEndsWithTheTunnel) {
  const std::string text =
      "CONNECT tunnel.example:443 HTTP/1.1\r\nHost: other.example\r\n\r\n\x16\x03";
  const Fed fed = Feed(text, text.size());
  EXPECT_EQ(fed.outcome, Outcome::kNone);
  EXPECT_EQ(fed.names, std::vector<std::string>{"http_host tunnel.example"});
}

TEST(HttpRequest, SkipsBodies) {
  EXPECT_EQ(Hosts("POST / HTTP/1.1\r\nHost: one.example\r\nContent-Length: 26\r\n\r\n"
                  "GET / HTTP/1.1\r\nHost: no\r\n"
                  "GET / HTTP/1.1\r\nHost: two.example\r\n\r\n"),
            "one.example,two.example");
  EXPECT_EQ(Hosts("POST / HTTP/1.1\r\nHost: one.example\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n"
                  "1A;x=y\r\nGET / HTTP/1.1\r\nHost: no\r\n\r\n3\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"
                  "GET / HTTP/1.1\r\nHost: two.example\r\n\r\n"),
            "one.example,two.example");
}

TEST(HttpRequest, RefusesFramingThatContradictsItself) {
  const auto outcome = [](std::string_view headers) {
    const std::string text = "POST / HTTP/1.1\r\n" + std::string(headers) + "\r\n\r\nxx\r\n";
    return Feed(text, text.size()).outcome;
  };
  EXPECT_EQ(outcome("Content-Length: 5\r\nContent-Length: 6"), Outcome::kMalformed);
  EXPECT_EQ(outcome("Content-Length: -5"), Outcome::kMalformed);
  EXPECT_EQ(outcome("Content-Length: 99999999999999999999"), Outcome::kMalformed);
  EXPECT_EQ(outcome("Content-Length: 5\r\nContent-Length: 5"), Outcome::kNeedMore);
  EXPECT_EQ(outcome("Transfer-Encoding: chunked"), Outcome::kMalformed);  // "xx" is no size
}

TEST(HttpRequest, RecognisesItsProtocol) {
  const auto recognise = [](std::string_view text) {
    return HttpRequests::Recognise(FromText(text));
  };
  EXPECT_EQ(recognise("GET / HTTP/1.1\r\n"), Outcome::kFound);
  EXPECT_EQ(recognise("GET /long"), Outcome::kFound);
  EXPECT_EQ(recognise("OPTIONS * HTTP/1.1\r\n"), Outcome::kFound);
  EXPECT_EQ(recognise("\r\nNOTIFY * HTTP/1.1\r\n"), Outcome::kFound);
  EXPECT_EQ(recognise(""), Outcome::kNeedMore);
  EXPECT_EQ(recognise("GE"), Outcome::kNeedMore);
  EXPECT_EQ(recognise("OPTIONS *"), Outcome::kNeedMore);
  EXPECT_EQ(recognise("PRI * HTTP/2.0\r"), Outcome::kNeedMore);
  EXPECT_EQ(recognise("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Outcome::kNone);
  EXPECT_EQ(recognise("PRI x HTTP/1.1\r\n"), Outcome::kFound);
  EXPECT_EQ(recognise("OPTIONS sip:a SIP/2.0\r\n"), Outcome::kNotThis);
  EXPECT_EQ(recognise("DESCRIBE rtsp://x RTSP/1.0\r\n"), Outcome::kNotThis);
  EXPECT_EQ(recognise("EHLO mail.example\r\n"), Outcome::kNotThis);
  EXPECT_EQ(recognise("\x16\x03\x01"), Outcome::kNotThis);
  EXPECT_EQ(recognise("GET\r\n"), Outcome::kNotThis);
  EXPECT_EQ(recognise(std::string(kHttpLineBytesMax, ' ')), Outcome::kNotThis);
  EXPECT_EQ(recognise("GET x" + std::string(kHttpLineBytesMax, 'x')), Outcome::kNotThis);
  EXPECT_EQ(recognise(std::string(33, 'X')), Outcome::kNotThis);
}

TEST(HttpRequest, WhatFollowsARequestMayBeAnotherProtocol) {
  const std::string text = "GET / HTTP/1.1\r\nHost: one.example\r\n\r\n\x01\x02\x03\n";
  EXPECT_EQ(Feed(text, text.size()).outcome, Outcome::kNotThis);
  EXPECT_EQ(Hosts(text), "one.example");
}

TEST(HttpRequest, FindsAHostBehindLongHeaders) {
  const std::string start = "GET / HTTP/1.1\r\n";
  const std::string cookie = "Cookie: " + std::string(kHttpLineBytesMax, 'c') + "\r\n";
  EXPECT_EQ(Hosts(start + cookie + cookie + "Host: one.example\r\n\r\n"), "one.example");
}

TEST(HttpRequest, LimitsLinesAndHeaders) {
  const auto outcome = [](const std::string& text) { return Feed(text, 1000).outcome; };
  const std::string target(kHttpLineBytesMax - std::string("GET / HTTP/1.1\r\n").size(), 'x');
  EXPECT_EQ(outcome("GET /" + target + " HTTP/1.1\r\n"), Outcome::kNeedMore);
  EXPECT_EQ(outcome("GET /x" + target + " HTTP/1.1\r\n"), Outcome::kTooLong);
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\nHost: " + target + "\r\n"), Outcome::kNeedMore);
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\nHost: " + target + target), Outcome::kTooLong);
  std::string headers;
  while (headers.size() <= kHttpHeaderBytesMax) headers += "X: y\r\n";
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\n" + headers), Outcome::kTooLong);
  EXPECT_EQ(outcome("GET / HTTP/1.1\r\nX: " + std::string(kHttpHeaderBytesMax, 'x')),
            Outcome::kTooLong);
}

// What is told of requests: "url /a|", pieces of one part joined.
class TextSink final : public NameSink {
 public:
  void OnName(const HostName& name, Source) override {
    told += "name " + std::string(name.view()) + "|";
  }
  void OnHttpRequest() override { told += "request|"; }
  void OnHttpHeaderEnd() override { told += "end|"; }
  void OnHttpText(HttpPart part, std::string_view text, bool more) override {
    constexpr const char* kParts[] = {"url", "header", "body"};
    if (!within_) told += std::string(kParts[static_cast<size_t>(part)]) + " ";
    told += text;
    within_ = more;
    if (!more) told += "|";
  }
  std::string told;

 private:
  bool within_ = false;
};

std::string Told(std::string_view text, size_t piece) {
  HttpRequests requests;
  TextSink sink;
  Bytes held;
  while (!text.empty()) {
    testing::Append(held, FromText(text.substr(0, piece)));
    text.remove_prefix(std::min(piece, text.size()));
    const HttpStep step = requests.Consume(held, sink);
    held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(step.consumed));
  }
  return sink.told;
}

TEST(HttpRequest, TellsTheTextOfRequests) {
  const std::string text =
      "GET /a?b  HTTP/1.1\r\nHost: a.test\r\nX: 1\r\n 2\r\n\r\n"
      "POST http://b.test/c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
      "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nwo\r\n3;x=y\r\nrld\r\n0\r\nTrailer: t\r\n\r\n"
      "GET / HTTP/1.1\r\n\r\n";
  const std::string expected =
      "request|url /a?b|header Host: a.test|name a.test|header X: 1\r\n 2|end|"
      "request|url http://b.test/c|name b.test|header Content-Length: 5|end|body hello|"
      "request|url /|header Transfer-Encoding: chunked|end|body world|header Trailer: t|"
      "request|url /|end|";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(Told(text, piece), expected) << "in pieces of " << piece;
  }
}

TEST(HttpRequest, TellsALineThatIsLongerThanItKeeps) {
  const std::string line = "X: " + std::string(3 * kHttpLineBytesMax, 'x') + "end";
  const std::string text = "GET / HTTP/1.1\r\n" + line + "\r\nY: z\r\n\r\n";
  for (const size_t piece : {size_t{1000}, text.size()}) {
    EXPECT_EQ(Told(text, piece), "request|url /|header " + line + "\r\n|header Y: z|end|");
  }
}

TEST(HttpRequest, CountsHostsThatAreNoNames) {
  HttpRequests requests;
  RecordingSink sink;
  requests.Consume(FromText("GET / HTTP/1.1\r\nHost: a..b\r\nHost:\r\n\r\n"), sink);
  EXPECT_EQ(requests.invalid_names(), 1U);
  EXPECT_EQ(requests.names(), 0U);
  EXPECT_EQ(requests.requests(), 1U);
}

}  // namespace
}  // namespace weir::names

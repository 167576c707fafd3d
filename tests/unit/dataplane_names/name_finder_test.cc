#include "dataplane/names/name_finder.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "quic_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::CryptoPart;
using testing::FromHex;
using testing::FromText;
using testing::HelloBuilder;
using testing::RecordingSink;

Bytes Join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) testing::Append(out, part);
  return out;
}

Bytes DnsQuery(std::string_view hex_name) {
  return Join(
      {FromHex("1234 0100 0001 0000 0000 0000"), FromHex(hex_name), FromHex("00 0001 0001")});
}
const Bytes kDns = DnsQuery("03777777 076578616d706c65");

Bytes WithLength(const Bytes& message) {
  Bytes out;
  testing::AppendBe(out, message.size(), 2);
  testing::Append(out, message);
  return out;
}

class NameFinderTest : public ::testing::Test {
 protected:
  void SetUp() override { MakeContext(8); }
  void MakeContext(size_t places) {
    auto made = NameContext::Create(places);
    ASSERT_TRUE(made.ok());
    context_ = std::move(*made);
  }

  struct Fed {
    std::vector<std::string> names;
    Coverage coverage;
    bool finished;
    bool operator==(const Fed&) const = default;
  };

  // As the stream stage feeds it: what is not consumed is shown again.
  Fed FeedTcp(const Bytes& stream, size_t piece, uint16_t port) {
    TcpNameFinder finder(port);
    RecordingSink sink;
    Bytes held;
    for (size_t at = 0; at < stream.size(); at += piece) {
      testing::Append(held, std::span(stream).subspan(at, std::min(piece, stream.size() - at)));
      FinderStep step;
      do {
        step = finder.Consume(held, *context_, sink);
        EXPECT_LE(step.consumed, held.size());
        held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(step.consumed));
      } while (step.paused);
    }
    return {sink.names, finder.coverage(), finder.finished()};
  }

  // The same whatever the pieces, or the test fails.
  Fed Tcp(const Bytes& stream, uint16_t port = 443) {
    const Fed whole = FeedTcp(stream, stream.size(), port);
    for (size_t piece = 1; piece <= std::min<size_t>(stream.size(), 40); ++piece) {
      const Fed split = FeedTcp(stream, piece, port);
      EXPECT_EQ(split.names, whole.names) << "in pieces of " << piece;
      EXPECT_EQ(split.coverage, whole.coverage) << "in pieces of " << piece;
      EXPECT_EQ(split.finished, whole.finished) << "in pieces of " << piece;
    }
    return whole;
  }

  std::unique_ptr<NameContext> context_;
};

using Names = std::vector<std::string>;

TEST_F(NameFinderTest, TlsOnAnyPort) {
  const Bytes hello = HelloBuilder().Sni("www.Example").Stream(100);
  for (const uint16_t port : std::initializer_list<uint16_t>{443, 53, 80, 8443}) {
    const Fed fed = Tcp(Join({hello, FromText("more")}), port);
    EXPECT_EQ(fed.names, Names{"tls_sni www.example"});
    EXPECT_EQ(fed.coverage, Coverage::kNamed);
    EXPECT_TRUE(fed.finished);
  }
}

TEST_F(NameFinderTest, SaysWhyTlsHasNoName) {
  const auto coverage = [this](const HelloBuilder& builder) {
    return Tcp(builder.Stream()).coverage;
  };
  const Bytes ech = FromHex("00");
  EXPECT_EQ(coverage(HelloBuilder()), Coverage::kNoSni);
  EXPECT_EQ(coverage(HelloBuilder().Extension(0xfe0d, ech)), Coverage::kEncryptedSni);
  EXPECT_EQ(coverage(HelloBuilder().Extension(0xffce, ech)), Coverage::kEncryptedSni);
  EXPECT_EQ(coverage(HelloBuilder().Extension(0xfe0d, ech).Sni("outer.example")),
            Coverage::kNamedOuter);
  // The inner hello, as a server in front passes it on: its name is no cover.
  EXPECT_EQ(coverage(HelloBuilder().Extension(0xfe0d, FromHex("01")).Sni("inner.example")),
            Coverage::kNamed);
  EXPECT_EQ(coverage(HelloBuilder().Sni("a b")), Coverage::kInvalidName);
  EXPECT_EQ(Tcp(FromHex("80 1c 01 0301 0003 0000 0010 00002f 00010203040506070809")).coverage,
            Coverage::kSslV2Hello);
  EXPECT_EQ(Tcp(FromHex("16 0301 0002 0100 17 0301 0000")).coverage, Coverage::kMalformed);
  EXPECT_EQ(Tcp(FromHex("16 0301 0004 01ffffff")).coverage, Coverage::kTooLong);
}

TEST_F(NameFinderTest, HttpOnAnyPortEveryRequest) {
  const std::string one = "GET / HTTP/1.1\r\nHost: one.example\r\n\r\n";
  const Fed fed = Tcp(FromText(one + "POST / HTTP/1.1\r\nHost: two.example\r\n\r\n"), 8080);
  EXPECT_EQ(fed.names, (Names{"http_host one.example", "http_host two.example"}));
  EXPECT_FALSE(fed.finished);
  EXPECT_EQ(Tcp(FromText("GET / HTTP/1.0\r\n\r\n")).coverage, Coverage::kHttpNoHost);
  EXPECT_EQ(Tcp(FromText("GET / HTTP/1.0\r\nHost: a..b\r\n\r\n")).coverage, Coverage::kInvalidName);
  EXPECT_EQ(Tcp(FromText("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).coverage, Coverage::kHttp2);
  EXPECT_EQ(Tcp(FromText("GET / HTTP/1.0\r\nContent-Length: x\r\n\r\n")).coverage,
            Coverage::kMalformed);
}

TEST_F(NameFinderTest, LooksIntoTunnels) {
  const Bytes connect = FromText("CONNECT proxy.example:443 HTTP/1.1\r\n\r\n");
  const Bytes hello = HelloBuilder().Sni("inner.example").Stream();
  EXPECT_EQ(Tcp(Join({connect, hello})).names,
            (Names{"http_host proxy.example", "tls_sni inner.example"}));
  EXPECT_EQ(Tcp(Join({connect, connect, hello})).names,
            (Names{"http_host proxy.example", "http_host proxy.example", "tls_sni inner.example"}));
  const Fed upgraded = Tcp(FromText("GET / HTTP/1.1\r\nHost: ws.example\r\n\r\n\x81\x85 abcdefgh"));
  EXPECT_EQ(upgraded.names, Names{"http_host ws.example"});
  EXPECT_EQ(upgraded.coverage, Coverage::kNamed);
  EXPECT_TRUE(upgraded.finished);
}

TEST_F(NameFinderTest, LimitsTunnelsWithinTunnels) {
  Bytes stream;
  for (int i = 0; i < 20; ++i) {
    testing::Append(stream, FromText("CONNECT proxy.example:443 HTTP/1.1\r\n\r\n"));
  }
  const Fed fed = Tcp(stream);
  EXPECT_EQ(fed.names.size(), 8U);
  EXPECT_TRUE(fed.finished);
}

TEST_F(NameFinderTest, PassesOverPreludes) {
  const Bytes hello = HelloBuilder().Sni("behind.example").Stream();
  const Bytes mysql = Join({FromHex("20000001 05ae0f00"), Bytes(28, 0)});
  const Bytes ldap = Join({FromHex("301d 020101 7718 8016"), FromText("1.3.6.1.4.1.1466.20037")});
  const Bytes preludes[] = {
      FromText("EHLO a.example\r\nSTARTTLS\r\n"),
      FromText("CAPA\r\nSTLS\r\n"),
      FromText("<?xml version='1.0'?><stream:stream to='x'><starttls/>"),
      FromText("PROXY TCP4 192.0.2.1 192.0.2.2 5 443\r\n"),
      Join({FromHex("0d0a0d0a000d0a515549540a 21 11 000c"), Bytes(12, 9)}),
      FromHex("00000008 04d2162f"),
      FromHex("00000008 04d21630 00000008 04d2162f"),
      mysql,
      FromHex("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000"),
      ldap,
      FromHex("05 01 00  05 01 00 01 c0000201 01bb"),
      FromHex("05 02 00 02  01 01 61 01 62  05 01 00 03 03 612e62 01bb"),
      Join({FromHex("05 01 00  05 01 00 04"), Bytes(16, 1), FromHex("01bb")}),
      FromHex("04 01 01bb c0000201 75736572 00"),
      FromHex("04 01 01bb 00000001 00 612e62 00"),
  };
  for (const Bytes& prelude : preludes) {
    const Fed fed = Tcp(Join({prelude, hello}));
    EXPECT_EQ(fed.names, Names{"tls_sni behind.example"})
        << std::string(prelude.begin(), prelude.end());
  }
}

TEST_F(NameFinderTest, HttpBehindAProxyHeader) {
  const Bytes stream = FromText("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: one.example\r\n\r\n");
  EXPECT_EQ(Tcp(stream).names, Names{"http_host one.example"});
}

// A request quoted in a mail is not a request.
TEST_F(NameFinderTest, TextIsNotSearchedForRequests) {
  const Fed fed = Tcp(FromText("EHLO a.example\r\nGET / HTTP/1.1\r\nHost: quoted.example\r\n\r\n"));
  EXPECT_TRUE(fed.names.empty());
  EXPECT_FALSE(fed.finished);
}

// Mid-stream the one who speaks first may be the server; who asks is told so at once.
TEST_F(NameFinderTest, AnHttpResponseIsNoClients) {
  const Fed fed = Tcp(FromText("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), 40000);
  EXPECT_TRUE(fed.names.empty());
  EXPECT_TRUE(fed.finished);
  EXPECT_EQ(fed.coverage, Coverage::kUnknown);
}

TEST_F(NameFinderTest, GivesUpOnWhatItDoesNotKnow) {
  for (const Bytes& stream :
       {FromHex("ffffffff 00000000 ffffffff 00000000 00"), FromText("EHLO a\r\n\x01"),
        FromHex("16 fefd 0000 0000000000000000 0000"), FromText("no line\x16\x03\x01"),
        FromHex("04 02 01bb c0000201 75736572 00"), FromHex("0300 0004 00 00 00000000000000000000"),
        FromHex("20000001 05a60f00 0000000000000000000000000000000000000000000000000000000000")}) {
    const Fed fed = Tcp(stream);
    EXPECT_TRUE(fed.names.empty());
    EXPECT_TRUE(fed.finished) << std::string(stream.begin(), stream.end());
    EXPECT_EQ(fed.coverage, Coverage::kUnknown);
  }
  Bytes chat;
  while (chat.size() < 20000) testing::Append(chat, FromText("NOOP\r\n"));
  EXPECT_TRUE(FeedTcp(chat, 100, 25).finished);
}

TEST_F(NameFinderTest, DnsOverTcpEveryMessage) {
  const Bytes second = DnsQuery("0162");
  const Bytes stream = Join({WithLength(kDns), WithLength(second)});
  EXPECT_EQ(Tcp(stream, 53).names, (Names{"dns_query www.example", "dns_query b"}));
  EXPECT_EQ(Tcp(stream, 5300).names, (Names{"dns_query www.example", "dns_query b"}));
  EXPECT_EQ(Tcp(Join({WithLength(kDns), FromHex("0003 000000")}), 53).coverage, Coverage::kNamed);
  EXPECT_TRUE(Tcp(Join({WithLength(kDns), FromHex("0003 000000")}), 53).finished);
  EXPECT_TRUE(Tcp(Join({WithLength(kDns), FromHex("ffff 00")}), 53).finished);
}

class UdpNameFinderTest : public NameFinderTest {
 protected:
  Outcome Udp(const Bytes& datagram, uint16_t dst_port = 443) {
    return finder_.Consume(datagram, {40000, dst_port}, *context_, sink_);
  }
  Bytes Seal(const testing::InitialSpec& spec, const Bytes& frames) {
    return testing::SealInitial(spec, frames, context_->crypto());
  }

  UdpNameFinder finder_;
  RecordingSink sink_;
};

TEST_F(UdpNameFinderTest, DnsByPortAndByShape) {
  EXPECT_EQ(Udp(kDns, 53), Outcome::kFound);
  EXPECT_EQ(Udp(kDns, 5353), Outcome::kFound);
  EXPECT_EQ(sink_.names, (Names{"dns_query www.example", "dns_query www.example"}));
  EXPECT_EQ(Udp(kDns, 137), Outcome::kNotThis);
  Bytes odd = kDns;
  odd.back() = 7;  // a class that is not assigned: only where a resolver listens
  EXPECT_EQ(Udp(odd, 5300), Outcome::kNotThis);
  const Bytes answer = Join({FromHex("1234 8180 0001 0000 0000 0000 0161 00 0001 0001")});
  EXPECT_EQ(Udp(answer, 53), Outcome::kNone);
  EXPECT_EQ(Udp(answer, 5300), Outcome::kNotThis);
  EXPECT_EQ(sink_.names.size(), 2U);
  EXPECT_EQ(finder_.coverage(), Coverage::kNamed);
}

TEST_F(UdpNameFinderTest, SaysWhyThereIsNoName) {
  const auto coverage = [this](const Bytes& datagram, uint16_t port) {
    UdpNameFinder finder;
    finder.Consume(datagram, {40000, port}, *context_, sink_);
    return finder.coverage();
  };
  EXPECT_EQ(coverage(DnsQuery(""), 53), Coverage::kDnsNoName);
  EXPECT_EQ(coverage(FromText("GET / HTTP/1.1\r\n\r\n"), 53), Coverage::kUnknown);
  EXPECT_EQ(coverage(FromHex("16 fefd 0000 000000000000 0000 01"), 443), Coverage::kDtls);
  Bytes unknown = FromHex("c0 12345678 08 0102030405060708 00");
  EXPECT_EQ(coverage(unknown, 443), Coverage::kUnknown);
  unknown.resize(1200);
  EXPECT_EQ(coverage(unknown, 443), Coverage::kQuicVersion);
  EXPECT_EQ(coverage(FromHex("d0 00000001 00 00 01 00"), 443), Coverage::kQuicUndecided);
  EXPECT_EQ(coverage(FromHex("0d 0102030405060708 51303433 01 00"), 443), Coverage::kQuicUndecided);
  Bytes many = FromHex("1234 0100 0011 0000 0000 0000");
  for (int i = 0; i < 17; ++i) testing::Append(many, FromHex("0161 00 0001 0001"));
  EXPECT_EQ(coverage(many, 53), Coverage::kTooLong);
  EXPECT_TRUE(sink_.names.empty());
}

TEST_F(UdpNameFinderTest, QuicInOneDatagramTakesNoPlace) {
  const Bytes message = HelloBuilder().Sni("quic.example").Message();
  EXPECT_EQ(Udp(Seal({}, CryptoPart(message, 0, message.size()))), Outcome::kFound);
  EXPECT_EQ(sink_.names, Names{"quic_sni quic.example"});
  EXPECT_FALSE(finder_.in_progress());
  EXPECT_EQ(Udp(FromHex("40 0102030405")), Outcome::kNotThis);
  EXPECT_EQ(finder_.coverage(), Coverage::kNamed);
}

TEST_F(UdpNameFinderTest, PutsAHelloTogetherAfterNoise) {
  const Bytes message = HelloBuilder().Sni("quic.example").Extension(21, Bytes(1500, 0)).Message();
  EXPECT_EQ(Udp(FromText("noise")), Outcome::kNotThis);
  testing::InitialSpec spec;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, 900, message.size() - 900))), Outcome::kNeedMore);
  EXPECT_TRUE(finder_.in_progress());
  EXPECT_EQ(finder_.coverage(), Coverage::kQuicUndecided);
  ++spec.number;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, 0, 900))), Outcome::kFound);
  EXPECT_FALSE(finder_.in_progress());
  EXPECT_EQ(sink_.names, Names{"quic_sni quic.example"});
}

// After a Retry the client begins again with the id the server gave it.
TEST_F(UdpNameFinderTest, SeesEveryAttempt) {
  const Bytes message = HelloBuilder().Sni("retry.example").Message();
  const Bytes other = HelloBuilder().Sni("other.example").Message();
  testing::InitialSpec first;
  testing::InitialSpec second;
  second.dcid = FromHex("f067a5502a4262b5");
  second.token = Bytes(20, 1);
  EXPECT_EQ(Udp(Seal(first, CryptoPart(message, 0, 100))), Outcome::kNeedMore);
  EXPECT_EQ(Udp(Seal(second, CryptoPart(other, 0, 100))), Outcome::kNeedMore);
  EXPECT_EQ(Udp(Seal(first, CryptoPart(message, 100, message.size() - 100))), Outcome::kFound);
  EXPECT_EQ(Udp(Seal(second, CryptoPart(other, 100, other.size() - 100))), Outcome::kFound);
  EXPECT_EQ(sink_.names, (Names{"quic_sni retry.example", "quic_sni other.example"}));
}

TEST_F(UdpNameFinderTest, ContradictionIsMalformedAndTheAttemptGoesOn) {
  const Bytes message = HelloBuilder().Sni("one.example").Message();
  const Bytes lie = HelloBuilder().Sni("two.example").Message();
  testing::InitialSpec spec;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, 0, message.size() - 1))), Outcome::kNeedMore);
  ++spec.number;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(lie, 0, lie.size()))), Outcome::kConflict);
  EXPECT_TRUE(sink_.names.empty());
  EXPECT_TRUE(finder_.in_progress());
  ++spec.number;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, message.size() - 1, 1))), Outcome::kFound);
  EXPECT_EQ(sink_.names, Names{"quic_sni one.example"});
}

// Somebody fills in the beginning with bytes that never reach the server; the true beginning, sent
// after the hello seemed whole, is still told from it.
TEST_F(UdpNameFinderTest, ComparesWithAHelloThatIsWhole) {
  const Bytes message = HelloBuilder().Sni("one.example").Extension(21, Bytes(500, 0)).Message();
  const Bytes fake = HelloBuilder().Sni("two.example").Extension(21, Bytes(500, 0)).Message();
  const size_t half = message.size() / 2;
  testing::InitialSpec spec;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, half, message.size() - half))), Outcome::kNeedMore);
  ++spec.number;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(fake, 0, half))), Outcome::kFound);
  EXPECT_FALSE(finder_.in_progress());
  ++spec.number;
  EXPECT_EQ(Udp(Seal(spec, CryptoPart(message, 0, half))), Outcome::kConflict);
  EXPECT_EQ(sink_.names, Names{"quic_sni two.example"});
}

TEST_F(UdpNameFinderTest, TellsAHelloOnceThatComesAgain) {
  const Bytes message = HelloBuilder().Sni("once.example").Message();
  testing::InitialSpec spec;
  const Bytes first = Seal(spec, CryptoPart(message, 0, 100));
  ++spec.number;
  const Bytes second = Seal(spec, CryptoPart(message, 100, message.size() - 100));
  EXPECT_EQ(Udp(first), Outcome::kNeedMore);
  EXPECT_EQ(Udp(second), Outcome::kFound);
  EXPECT_EQ(Udp(first), Outcome::kNeedMore);
  EXPECT_EQ(Udp(second), Outcome::kNeedMore);
  EXPECT_FALSE(finder_.in_progress());
  EXPECT_EQ(sink_.names, Names{"quic_sni once.example"});
}

// What is begun first stays: nobody pushes his own hello out of sight with other beginnings.
TEST_F(UdpNameFinderTest, RefusesTheBeginningOfOneAttemptTooMany) {
  const Bytes message = HelloBuilder().Sni("begun.example").Message();
  const auto part = [&](uint8_t attempt, size_t offset, size_t bytes) {
    testing::InitialSpec spec;
    spec.dcid.back() = attempt;
    spec.number = offset;
    return Seal(spec, CryptoPart(message, offset, bytes));
  };
  for (uint8_t i = 0; i < UdpNameFinder::kAttemptsMax; ++i) {
    EXPECT_EQ(Udp(part(i, 0, 100)), Outcome::kNeedMore);
  }
  EXPECT_EQ(Udp(part(99, 0, 100)), Outcome::kCrowded);
  EXPECT_EQ(Udp(part(98, 0, message.size())), Outcome::kFound);  // whole: needs no place
  EXPECT_EQ(Udp(part(0, 100, message.size() - 100)), Outcome::kFound);
  EXPECT_EQ(Udp(part(99, 0, 100)), Outcome::kNeedMore);  // the place of what has settled
  EXPECT_EQ(Udp(part(97, 0, 100)), Outcome::kCrowded);
  EXPECT_EQ(Udp(part(99, 100, message.size() - 100)), Outcome::kFound);
}

TEST_F(UdpNameFinderTest, QuicOfAVersionThatIsNotListed) {
  const Bytes message = HelloBuilder().Sni("alias.example").Extension(21, Bytes(1500, 0)).Message();
  for (const uint32_t sealed_as : {testing::kQuicV1, testing::kQuicV2, 0xff00001dU, 0xfaceb002U}) {
    testing::InitialSpec spec;
    spec.version = 0xfaceb003;
    spec.sealed_as = sealed_as;
    spec.pad_to = 1200;
    UdpNameFinder finder;
    sink_.names.clear();
    finder.Consume(Seal(spec, CryptoPart(message, 0, 900)), {1, 443}, *context_, sink_);
    EXPECT_TRUE(finder.in_progress());
    ++spec.number;
    spec.pad_to = 0;  // what goes on may be small
    finder.Consume(Seal(spec, CryptoPart(message, 900, message.size() - 900)), {1, 443}, *context_,
                   sink_);
    EXPECT_EQ(sink_.names, Names{"quic_sni alias.example"}) << sealed_as;
  }
}

TEST_F(UdpNameFinderTest, AnAttemptThatLostItsPlaceStartsAgain) {
  MakeContext(1);
  const Bytes message = HelloBuilder().Sni("again.example").Message();
  testing::InitialSpec spec;
  const Bytes first = Seal(spec, CryptoPart(message, 0, 100));
  ++spec.number;
  const Bytes second = Seal(spec, CryptoPart(message, 100, message.size() - 100));
  EXPECT_EQ(Udp(first), Outcome::kNeedMore);
  UdpNameFinder rival;
  EXPECT_EQ(rival.Consume(first, {1, 443}, *context_, sink_), Outcome::kNeedMore);
  EXPECT_EQ(context_->attempts().taken_away(), 1U);
  // With what the server has already and was forgotten here, this may be the whole.
  EXPECT_EQ(Udp(second), Outcome::kCrowded);
  EXPECT_EQ(Udp(first), Outcome::kFound);
  EXPECT_EQ(sink_.names, Names{"quic_sni again.example"});
}

// What nobody will complete does not push out what a flow has just settled.
TEST(QuicAttempts, ASettledOneGivesWayWhenHalfThePoolWasLentSince) {
  QuicAttempts attempts(4);
  const QuicLease never[] = {attempts.Lend(), attempts.Lend(), attempts.Lend()};
  const QuicLease settled = attempts.Lend();
  attempts.Settle(settled);
  const QuicLease young = attempts.Lend();
  EXPECT_EQ(attempts.Find(never[0]), nullptr);
  EXPECT_NE(attempts.Find(settled), nullptr);
  attempts.Settle(young);
  attempts.Lend();
  EXPECT_EQ(attempts.Find(never[1]), nullptr);
  EXPECT_NE(attempts.Find(settled), nullptr);
  attempts.Lend();
  EXPECT_EQ(attempts.Find(settled), nullptr);
  EXPECT_NE(attempts.Find(never[2]), nullptr);
  EXPECT_NE(attempts.Find(young), nullptr);
  EXPECT_EQ(attempts.taken_away(), 2U);
}

TEST_F(UdpNameFinderTest, GoogleQuicInClear) {
  Bytes datagram = FromHex("0d 0102030405060708 51303433 01 0102030405060708090a0b0c a001 0400");
  testing::Append(datagram, FromText("CHLO"));
  testing::Append(datagram, FromHex("0100 0000 534e4900 07000000"));
  testing::Append(datagram, FromText("g.examp"));
  EXPECT_EQ(Udp(datagram), Outcome::kFound);
  EXPECT_EQ(sink_.names, Names{"quic_sni g.examp"});
}

TEST(NameFinder, HasWordsForEveryReason) {
  for (size_t i = 0; i < kCoverages; ++i) {
    EXPECT_FALSE(CoverageName(static_cast<Coverage>(i)).empty()) << i;
  }
  EXPECT_EQ(CoverageName(Coverage::kTooLong), "too_long");
  EXPECT_EQ(CoverageName(Coverage::kQuicVersion), "quic_version");
  EXPECT_EQ(SourceName(Source::kNone), "");
}

TEST(NameFinder, StaysSmall) {
  EXPECT_LE(sizeof(TcpNameFinder), 64U);
  EXPECT_LE(sizeof(UdpNameFinder), 48U);
}

}  // namespace
}  // namespace weir::names

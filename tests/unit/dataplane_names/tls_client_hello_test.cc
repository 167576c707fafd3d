#include "dataplane/names/tls_client_hello.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "dataplane/names/ja4.h"
#include "hello_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::FromHex;
using testing::HelloBuilder;

std::string Text(ByteSpan bytes) { return {bytes.begin(), bytes.end()}; }

class Parser {
 public:
  TlsParse Parse(ByteSpan stream) { return ParseTlsClientHello(stream, *scratch_, hello); }
  Outcome Of(ByteSpan stream) { return Parse(stream).outcome; }
  ClientHello hello;

 private:
  std::unique_ptr<HandshakeBuffer> scratch_ = std::make_unique<HandshakeBuffer>();
};

TEST(TlsClientHello, FindsServerNameAndAlpn) {
  Parser parser;
  const Bytes stream = HelloBuilder().Sni("www.example").Alpn({"h2", "http/1.1"}).Stream();
  ASSERT_EQ(parser.Of(stream), Outcome::kFound);
  ASSERT_EQ(parser.hello.server_name_count, 1);
  EXPECT_EQ(Text(parser.hello.server_names[0]), "www.example");
  ASSERT_EQ(parser.hello.alpn_count, 2);
  EXPECT_EQ(Text(parser.hello.alpn[1]), "http/1.1");
  EXPECT_EQ(parser.hello.version_max, 0x0304);
  EXPECT_FALSE(parser.hello.has_ech);
  EXPECT_FALSE(parser.hello.damaged);
}

// Every prefix needs more, the whole is found, and no prefix claims to need more than that.
TEST(TlsClientHello, EveryPrefixOfEveryRecordSizeNeedsMore) {
  Parser parser;
  for (const size_t record_bytes : {1UL, 2UL, 3UL, 7UL, 64UL, 100UL, 16384UL}) {
    const Bytes stream = HelloBuilder().Sni("split.example").Stream(record_bytes);
    for (size_t bytes = 0; bytes < stream.size(); ++bytes) {
      const TlsParse parse = parser.Parse(ByteSpan(stream).first(bytes));
      ASSERT_EQ(parse.outcome, Outcome::kNeedMore) << record_bytes << " " << bytes;
      ASSERT_GT(parse.needed_bytes, bytes);
      ASSERT_LE(parse.needed_bytes, stream.size());
    }
    ASSERT_EQ(parser.Of(stream), Outcome::kFound) << record_bytes;
    EXPECT_EQ(Text(parser.hello.server_names[0]), "split.example");
  }
}

TEST(TlsClientHello, SkipsEmptyRecordsAlertsAndCipherChanges) {
  Parser parser;
  Bytes stream = FromHex("14 0303 0001 01  15 0301 0002 0100  16 0301 0000");
  testing::Append(stream, HelloBuilder().Sni("late.example").Stream(50));
  testing::Append(stream, FromHex("17 0303 0003 616263"));
  ASSERT_EQ(parser.Of(stream), Outcome::kFound);
  EXPECT_EQ(Text(parser.hello.server_names[0]), "late.example");
}

TEST(TlsClientHello, ReportsEveryNameOfAForbiddenList) {
  Parser parser;
  const Bytes stream = HelloBuilder().SniList({"one.example", "two.example"}).Sni("three").Stream();
  ASSERT_EQ(parser.Of(stream), Outcome::kFound);
  ASSERT_EQ(parser.hello.server_name_count, 3);
  EXPECT_EQ(Text(parser.hello.server_names[2]), "three");
  const Bytes many = HelloBuilder().SniList({"a", "b", "c", "d", "e", "f"}).Stream();
  ASSERT_EQ(parser.Of(many), Outcome::kFound);
  EXPECT_EQ(parser.hello.server_name_count, kServerNamesMax);
}

TEST(TlsClientHello, TellsWhyThereIsNoName) {
  Parser parser;
  EXPECT_EQ(parser.Of(HelloBuilder().Stream()), Outcome::kNone);
  EXPECT_FALSE(parser.hello.has_sni);
  EXPECT_EQ(parser.Of(HelloBuilder().Bare().Stream()), Outcome::kNone);
  EXPECT_EQ(parser.Of(HelloBuilder().Extension(0xfe0d, FromHex("00")).Stream()), Outcome::kNone);
  EXPECT_TRUE(parser.hello.has_ech);
  EXPECT_EQ(parser.Of(HelloBuilder().Extension(0xffce, FromHex("00")).Stream()), Outcome::kNone);
  EXPECT_TRUE(parser.hello.has_esni);
  EXPECT_EQ(parser.Of(HelloBuilder().SniList({""}).Stream()), Outcome::kNone);
  EXPECT_TRUE(parser.hello.has_sni);
}

TEST(TlsClientHello, KnowsAnSslV2Hello) {
  Parser parser;
  const Bytes hello =
      FromHex("80 1c 01 0301 0003 0000 0010 00002f 000102030405060708090a0b0c0d0e0f");
  for (size_t bytes = 0; bytes < 11; ++bytes) {
    EXPECT_EQ(parser.Of(ByteSpan(hello).first(bytes)), Outcome::kNeedMore) << bytes;
  }
  EXPECT_EQ(parser.Of(hello), Outcome::kNone);
  EXPECT_TRUE(parser.hello.sslv2);
  EXPECT_EQ(parser.Of(FromHex("80 1c 01 0505 0003 0000 0010")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("80 1c 02 0301 0003 0000 0010")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("80 1c 01 0301 0004 0000 0010")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("80 1d 01 0301 0003 0000 0010")), Outcome::kNotThis);
}

TEST(TlsClientHello, TurnsAwayOtherProtocols) {
  Parser parser;
  EXPECT_EQ(parser.Of(testing::FromText("GET / HTTP/1.1\r\n")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("16 fe fd 0000")), Outcome::kNotThis);          // DTLS
  EXPECT_EQ(parser.Of(FromHex("16 0303 0004 02000000")), Outcome::kNotThis);  // ServerHello
  EXPECT_EQ(parser.Of(FromHex("17 0303 0004 02000000")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("16 0303 ffff 01")), Outcome::kNotThis);
  EXPECT_EQ(parser.Of(FromHex("16 0303 0002 0100 17 0303 0001 00")), Outcome::kMalformed);
}

TEST(TlsClientHello, ReadsAsFarAsLyingLengthsAllow) {
  Parser parser;
  Bytes body = HelloBuilder().Sni("lie.example").Message();
  body.push_back(0);  // a byte behind the extensions
  body[3] = static_cast<uint8_t>(body[3] + 1);
  EXPECT_EQ(parser.Of(testing::Records(body, 16384)), Outcome::kFound);
  EXPECT_TRUE(parser.hello.damaged);

  Bytes cut = HelloBuilder().Sni("lie.example").Extension(0x1234, FromHex("0102")).Message();
  cut[cut.size() - 3] = 9;  // the last extension claims more than there is
  EXPECT_EQ(parser.Of(testing::Records(cut, 16384)), Outcome::kFound);
  EXPECT_TRUE(parser.hello.damaged);

  Bytes nameless = HelloBuilder().Extension(0x1234, FromHex("0102")).Message();
  nameless[nameless.size() - 3] = 9;
  EXPECT_EQ(parser.Of(testing::Records(nameless, 16384)), Outcome::kMalformed);
  EXPECT_EQ(parser.Of(FromHex("16 0301 0006 01000002 0303")), Outcome::kMalformed);
}

TEST(TlsClientHello, TakesTheLongestStreamAndRefusesALongerOne) {
  Parser parser;
  HelloBuilder builder;
  builder.Sni("long.example");
  const size_t room = kTlsStreamBytesMax - builder.Stream().size() - 4;
  const Bytes longest = HelloBuilder(builder).Extension(21, Bytes(room, 0)).Stream();
  ASSERT_EQ(longest.size(), kTlsStreamBytesMax);
  EXPECT_EQ(parser.Of(longest), Outcome::kFound);
  const Bytes longer = HelloBuilder(builder).Extension(21, Bytes(room + 1, 0)).Stream();
  EXPECT_EQ(parser.Of(longer), Outcome::kTooLong);
  EXPECT_EQ(parser.Of(ByteSpan(longer).first(9)), Outcome::kTooLong);  // known from the start
  EXPECT_EQ(parser.Of(FromHex("16 0301 0004 01ffffff")), Outcome::kTooLong);
  EXPECT_EQ(parser.Of(Bytes(20000, 0x16)), Outcome::kNotThis);
  Bytes alerts;
  while (alerts.size() < kTlsStreamBytesMax) testing::Append(alerts, FromHex("15 0301 0002 0100"));
  EXPECT_EQ(parser.Of(alerts), Outcome::kTooLong);
}

TEST(Ja4, MatchesThePublishedExample) {
  auto crypto = Crypto::Create();
  ASSERT_TRUE(crypto.ok());
  // The Chrome hello of FoxIO's description: 15 ciphers, 16 extensions, GREASE in each list.
  ClientHello hello;
  hello.has_sni = true;
  hello.version_max = 0x0304;
  const Bytes ciphers =
      FromHex("0a0a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035");
  hello.cipher_suites = ciphers;
  Bytes extensions;
  const Bytes types = FromHex(
      "1a1a 001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a 0015");
  for (size_t i = 0; i < types.size(); i += 2) {
    testing::Append(extensions, ByteSpan(types).subspan(i, 2));
    testing::AppendBe(extensions, 0, 2);
  }
  hello.extensions = extensions;
  const Bytes algorithms = FromHex("0403 0804 0401 0503 0805 0501 0806 0601");
  hello.signature_algorithms = algorithms;
  const Bytes alpn = testing::FromText("h2");
  hello.alpn[0] = alpn;
  hello.alpn_count = 1;
  EXPECT_EQ(ComputeJa4(hello, Ja4Transport::kTcp, **crypto).view(),
            "t13d1516h2_8daaf6152771_e5627efa2ab1");
  hello.signature_algorithms = {};
  hello.extensions = {};
  hello.cipher_suites = {};
  hello.has_sni = false;
  const Bytes odd = FromHex("ab");
  hello.alpn[0] = odd;
  hello.version_max = 0x0a0a;
  EXPECT_EQ(ComputeJa4(hello, Ja4Transport::kQuic, **crypto).view(),
            "q00i0000ab_000000000000_000000000000");
}

}  // namespace
}  // namespace weir::names

#include "dataplane/names/quic_initial.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <string>

#include "dataplane/names/google_quic.h"
#include "quic_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::CryptoPart;
using testing::FromHex;
using testing::HelloBuilder;
using testing::InitialSpec;
using testing::kQuicV1;
using testing::kQuicV2;

class QuicInitialTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = Crypto::Create();
    ASSERT_TRUE(made.ok());
    crypto_ = std::move(*made);
  }

  Outcome Add(ByteSpan datagram) {
    return attempt_->AddDatagram(datagram, {*crypto_, *plain_}, hello_);
  }
  Bytes Seal(const InitialSpec& spec, const Bytes& frames) {
    return testing::SealInitial(spec, frames, *crypto_);
  }
  std::string Name() const {
    if (hello_.server_name_count == 0) return "";
    return {hello_.server_names[0].begin(), hello_.server_names[0].end()};
  }

  std::unique_ptr<Crypto> crypto_;
  std::unique_ptr<QuicInitial> attempt_ = std::make_unique<QuicInitial>();
  std::unique_ptr<PlainBuffer> plain_ = std::make_unique<PlainBuffer>();
  ClientHello hello_;
};

// RFC 9001 appendix A.2; RFC 9369 appendix A.2 has the same frames.
const Bytes kRfcFrames = FromHex(
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff");

// The packet built here is the RFC's: its start shows the header protection, and the tag at its end
// everything before it.
TEST_F(QuicInitialTest, OpensTheSampleOfRfc9001) {
  InitialSpec spec;
  spec.pad_to = 1200;
  const Bytes packet = Seal(spec, kRfcFrames);
  EXPECT_EQ(Bytes(packet.begin(), packet.begin() + 32),
            FromHex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"));
  EXPECT_EQ(Bytes(packet.end() - 16, packet.end()), FromHex("e221af44860018ab0856972e194cd934"));
  EXPECT_EQ(Add(packet), Outcome::kFound);
  EXPECT_EQ(Name(), "example.com");
}

TEST_F(QuicInitialTest, OpensTheSampleOfRfc9369) {
  InitialSpec spec;
  spec.version = kQuicV2;
  spec.pad_to = 1200;
  const Bytes packet = Seal(spec, kRfcFrames);
  EXPECT_EQ(Bytes(packet.begin(), packet.begin() + 32),
            FromHex("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"));
  EXPECT_EQ(Bytes(packet.end() - 16, packet.end()), FromHex("a18b2faa745b6fe189cf772a9f84cbfc"));
  EXPECT_EQ(Add(packet), Outcome::kFound);
  EXPECT_EQ(Name(), "example.com");
}

TEST_F(QuicInitialTest, OpensEveryVersionItNames) {
  const Bytes message = HelloBuilder().Sni("draft.example").Message();
  for (const uint32_t version : {0xff000016U, 0xff000017U, 0xff00001bU, 0xff00001dU, 0xff000020U,
                                 0xff000022U, 0xfaceb001U, 0xfaceb002U, 0x709a50c4U}) {
    InitialSpec spec;
    spec.version = version;
    attempt_->Reset();
    EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 0, message.size()))), Outcome::kFound) << version;
    EXPECT_EQ(Name(), "draft.example");
  }
  EXPECT_EQ(FindQuicVersion(0x12345678), nullptr);
}

// Numbers that stand for a listed version, or for none.
TEST_F(QuicInitialTest, OpensWhatIsNotListedAsOneOfTheLikelyVersions) {
  const Bytes message = HelloBuilder().Sni("alias.example").Message();
  for (const uint32_t sealed_as : {kQuicV1, kQuicV2, 0xff00001dU, 0xfaceb002U}) {
    InitialSpec spec;
    spec.version = 0x1a2a3a4a;
    spec.sealed_as = sealed_as;
    const Bytes first = Seal(spec, CryptoPart(message, 0, 100));
    ++spec.number;
    const Bytes second = Seal(spec, CryptoPart(message, 100, message.size() - 100));
    attempt_->Reset();
    EXPECT_EQ(Add(first), Outcome::kNotThis);
    const auto likely = UnlistedQuicVersions();
    const auto fits = [&](const QuicVersion& version) {
      attempt_->Reset();
      return attempt_->AddDatagram(first, {*crypto_, *plain_}, hello_, &version) ==
             Outcome::kNeedMore;
    };
    ASSERT_EQ(std::count_if(likely.begin(), likely.end(), fits), 1) << sealed_as;
    ASSERT_TRUE(std::any_of(likely.begin(), likely.end(), fits));
    EXPECT_EQ(Add(second), Outcome::kFound) << sealed_as;
    EXPECT_EQ(Name(), "alias.example");
  }
}

TEST_F(QuicInitialTest, EverySplitOverTwoDatagramsInEitherOrder) {
  const Bytes message = HelloBuilder().Sni("split.example").Message();
  for (size_t cut = 1; cut < message.size(); ++cut) {
    InitialSpec spec;
    const Bytes first = Seal(spec, CryptoPart(message, 0, cut));
    spec.number = 3;
    const Bytes second = Seal(spec, CryptoPart(message, cut, message.size() - cut));
    attempt_->Reset();
    ASSERT_EQ(Add(first), Outcome::kNeedMore) << cut;
    ASSERT_EQ(Add(second), Outcome::kFound) << cut;
    EXPECT_EQ(Name(), "split.example");
    attempt_->Reset();
    ASSERT_EQ(Add(second), Outcome::kNeedMore) << cut;
    ASSERT_EQ(Add(second), Outcome::kNeedMore) << cut;  // again
    ASSERT_EQ(Add(first), Outcome::kFound) << cut;
    EXPECT_EQ(Name(), "split.example");
  }
}

// Pieces of one byte to seven in any order, some overlapping, over several datagrams.
TEST_F(QuicInitialTest, ManyPiecesInAnyOrder) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    Bytes message = HelloBuilder().Sni("chaos.example").Extension(21, Bytes(1500, 7)).Message();
    std::vector<Bytes> frames;
    for (size_t at = 0; at < message.size();) {
      const size_t bytes = std::min<size_t>(1 + random() % 7, message.size() - at);
      const size_t early = std::min<size_t>(at, random() % 3);
      frames.push_back(CryptoPart(message, at - early, bytes + early));
      at += bytes;
    }
    std::shuffle(frames.begin(), frames.end(), random);
    attempt_->Reset();
    InitialSpec spec;
    Outcome outcome = Outcome::kNeedMore;
    while (!frames.empty()) {
      ASSERT_EQ(outcome, Outcome::kNeedMore);
      Bytes together = {0x01, 0x00, 0x00};  // PING, PADDING
      for (int i = 0; i < 60 && !frames.empty(); ++i) {
        testing::Append(together, frames.back());
        together.push_back(0);
        frames.pop_back();
      }
      ++spec.number;
      outcome = Add(Seal(spec, together));
    }
    EXPECT_EQ(outcome, Outcome::kFound);
    EXPECT_EQ(Name(), "chaos.example");
  }
}

TEST_F(QuicInitialTest, KeepsItsKeysWhenTheConnectionIdChanges) {
  const Bytes message = HelloBuilder().Sni("moved.example").Message();
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 0, 100))), Outcome::kNeedMore);
  InitialSpec moved;
  moved.dcid = FromHex("f067a5502a4262b5");
  moved.key_dcid = spec.dcid;
  moved.number = 3;
  EXPECT_EQ(Add(Seal(moved, CryptoPart(message, 100, message.size() - 100))), Outcome::kFound);
  EXPECT_EQ(Name(), "moved.example");
}

TEST_F(QuicInitialTest, GoesOnInACompatibleVersion) {
  const Bytes message = HelloBuilder().Sni("v2.example").Message();
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 0, 100))), Outcome::kNeedMore);
  spec.version = kQuicV2;
  spec.number = 3;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 100, message.size() - 100))), Outcome::kFound);
}

TEST_F(QuicInitialTest, AnotherConnectionsPacketIsNotThis) {
  const Bytes message = HelloBuilder().Sni("one.example").Message();
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 0, 100))), Outcome::kNeedMore);
  InitialSpec other;
  other.dcid = FromHex("0102030405060708");
  EXPECT_EQ(Add(Seal(other, CryptoPart(message, 0, message.size()))), Outcome::kNotThis);
  Bytes damaged = Seal(spec, CryptoPart(message, 100, message.size() - 100));
  damaged.back() ^= 1;
  EXPECT_EQ(Add(damaged), Outcome::kNotThis);
}

TEST_F(QuicInitialTest, ReadsCoalescedPacketsAndSkipsOthers) {
  const Bytes message = HelloBuilder().Sni("joined.example").Message();
  InitialSpec spec;
  // 0-RTT first, then two Initials, then a short header.
  Bytes datagram =
      FromHex("d0 00000001 08 8394c8f03e515708 00 4014 0000000000000000 000000000000000000000000");
  testing::Append(datagram, Seal(spec, CryptoPart(message, 100, message.size() - 100)));
  spec.number = 9;
  spec.first_byte_xor = 0x40;  // RFC 9287
  spec.token = Bytes(70, 1);
  spec.scid = FromHex("0102030405");
  testing::Append(datagram, Seal(spec, CryptoPart(message, 0, 100)));
  testing::Append(datagram, FromHex("4112345678"));
  EXPECT_EQ(Add(datagram), Outcome::kFound);
  EXPECT_EQ(Name(), "joined.example");
}

TEST_F(QuicInitialTest, PassesOverAcksAndCloses) {
  const Bytes message = HelloBuilder().Sni("acks.example").Message();
  Bytes frames = FromHex("02 05 00 01 02 00 01   03 05 00 00 02 01 02 03   1c 0a 06 02 6162");
  testing::Append(frames, CryptoPart(message, 0, message.size()));
  EXPECT_EQ(Add(Seal({}, frames)), Outcome::kFound);
  attempt_->Reset();
  Bytes stream_first = FromHex("08 00 01 61");  // STREAM: not in an Initial
  testing::Append(stream_first, CryptoPart(message, 0, message.size()));
  EXPECT_EQ(Add(Seal({}, stream_first)), Outcome::kNeedMore);
}

TEST_F(QuicInitialTest, FirstBytesWinAndContradictionIsMalformed) {
  const Bytes message = HelloBuilder().Sni("first.example").Message();
  const Bytes lie = HelloBuilder().Sni("other.example").Message();
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 0, message.size() - 1))), Outcome::kNeedMore);
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(lie, 0, message.size()))), Outcome::kConflict);
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, message.size() - 1, 1))), Outcome::kFound);
  EXPECT_EQ(Name(), "first.example");
  EXPECT_TRUE(attempt_->settled());
}

// Nor are the bytes taken that a contradicting datagram brings along.
TEST_F(QuicInitialTest, TakesNothingOfAContradiction) {
  const Bytes message = HelloBuilder().Sni("first.example").Message();
  const Bytes lie = HelloBuilder().Sni("other.example").Message();
  const size_t half = message.size() / 2;
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, half, message.size() - half))), Outcome::kNeedMore);
  ++spec.number;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(lie, 0, lie.size()))), Outcome::kConflict);
  Bytes both = testing::CryptoFrame(0, FromHex("01"));
  testing::Append(both, testing::CryptoFrame(0, FromHex("02")));
  ++spec.number;
  Bytes coalesced = Seal(spec, CryptoPart(message, 0, 1));
  ++spec.number;
  testing::Append(coalesced, Seal(spec, CryptoPart(lie, half, lie.size() - half)));
  ASSERT_EQ(Add(coalesced), Outcome::kConflict);
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 0, half))), Outcome::kFound);
  EXPECT_EQ(Name(), "first.example");
  attempt_->Reset();
  EXPECT_EQ(Add(Seal(spec, both)), Outcome::kConflict);
}

// A hello that was cut short by a lie about its length is whole, but not as clients send it.
TEST_F(QuicInitialTest, SettlesOnlyWhenNothingLiesBehindTheHello) {
  const Bytes message = HelloBuilder().Sni("short.example").Message();
  InitialSpec spec;
  ASSERT_EQ(Add(Seal(spec, testing::CryptoFrame(message.size() + 10, FromHex("00")))),
            Outcome::kNeedMore);
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 0, message.size()))), Outcome::kFound);
  EXPECT_TRUE(attempt_->finished());
  EXPECT_FALSE(attempt_->settled());
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 0, message.size()))), Outcome::kNeedMore);
  ++spec.number;
  EXPECT_EQ(Add(Seal(spec, testing::CryptoFrame(0, FromHex("02")))), Outcome::kConflict);
}

// As many as fit a datagram of 1,472 bytes are read, whatever stands before the one that counts.
TEST_F(QuicInitialTest, LimitsThePacketsOfADatagram) {
  const Bytes message = HelloBuilder().Sni("last.example").Message();
  const auto after = [&](size_t others) {
    InitialSpec spec;
    Bytes datagram;
    for (size_t i = 0; i < others; ++i) {
      ++spec.number;
      testing::Append(datagram, Seal(spec, FromHex("01")));
    }
    ++spec.number;
    testing::Append(datagram, Seal(spec, CryptoPart(message, 0, message.size())));
    attempt_->Reset();
    return Add(datagram);
  };
  EXPECT_EQ(after(QuicInitial::kInitialsMax - 1), Outcome::kFound);
  EXPECT_EQ(after(QuicInitial::kInitialsMax), Outcome::kTooLong);
}

TEST_F(QuicInitialTest, LimitsTheKeysMadeForADatagram) {
  const Bytes message = HelloBuilder().Sni("last.example").Message();
  const auto after = [&](unsigned others) {
    InitialSpec spec;
    Bytes datagram;
    for (unsigned i = 0; i < others; ++i) {
      spec.dcid.back() = static_cast<uint8_t>(i);
      Bytes packet = Seal(spec, FromHex("01"));
      packet.back() ^= 1;
      testing::Append(datagram, packet);
      testing::Append(datagram, packet);  // the same keys again
    }
    spec.dcid.back() = 0xff;
    testing::Append(datagram, Seal(spec, CryptoPart(message, 0, message.size())));
    attempt_->Reset();
    return Add(datagram);
  };
  EXPECT_EQ(after(QuicInitial::kKeysMax - 1), Outcome::kFound);
  EXPECT_EQ(after(QuicInitial::kKeysMax), Outcome::kTooLong);
}

TEST_F(QuicInitialTest, PassesOverAnyNumberOfOtherPackets) {
  const Bytes message = HelloBuilder().Sni("behind.example").Message();
  Bytes datagram;
  for (int i = 0; i < 50; ++i)
    testing::Append(datagram, FromHex("e0 00000001 00 00 05 0000000000"));
  testing::Append(datagram, Seal({}, CryptoPart(message, 0, message.size())));
  EXPECT_EQ(Add(datagram), Outcome::kFound);
}

TEST_F(QuicInitialTest, TakesTheLongestHelloAndRefusesALongerOne) {
  const auto hello_of = [](size_t bytes) {
    HelloBuilder builder;
    builder.Sni("long.example");
    const size_t rest = bytes - builder.Message().size() - 4;
    return builder.Extension(21, Bytes(rest, 0)).Message();
  };
  const auto send = [this](const Bytes& message) {
    attempt_->Reset();
    InitialSpec spec;
    Outcome outcome = Outcome::kNeedMore;
    for (size_t at = 0; at < message.size() && outcome == Outcome::kNeedMore; at += 1000) {
      ++spec.number;
      const size_t bytes = std::min<size_t>(1000, message.size() - at);
      outcome = Add(Seal(spec, CryptoPart(message, at, bytes)));
    }
    return outcome;
  };
  EXPECT_EQ(send(hello_of(CryptoStream::kBytesMax - 4)), Outcome::kFound);
  EXPECT_EQ(send(hello_of(CryptoStream::kBytesMax)), Outcome::kFound);
  EXPECT_EQ(send(hello_of(CryptoStream::kBytesMax + 1)), Outcome::kTooLong);
}

TEST_F(QuicInitialTest, DecodesPacketNumbersNearTheLargest) {
  const Bytes message = HelloBuilder().Sni("number.example").Message();
  InitialSpec spec;
  spec.number = 250;
  spec.number_bytes = 1;
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 0, 50))), Outcome::kNeedMore);
  spec.number = 300;  // 0x12c in one byte
  ASSERT_EQ(Add(Seal(spec, CryptoPart(message, 50, 50))), Outcome::kNeedMore);
  spec.number = 240;
  EXPECT_EQ(Add(Seal(spec, CryptoPart(message, 100, message.size() - 100))), Outcome::kFound);
}

TEST_F(QuicInitialTest, RefusesWhatIsNoHello) {
  EXPECT_EQ(Add(Seal({}, testing::CryptoFrame(0, FromHex("02 000000")))), Outcome::kMalformed);
  attempt_->Reset();
  EXPECT_EQ(Add(Seal({}, testing::CryptoFrame(0, FromHex("01 ffffff")))), Outcome::kTooLong);
  attempt_->Reset();
  EXPECT_EQ(Add(FromHex("40 0102030405060708")), Outcome::kNotThis);
  EXPECT_EQ(Add({}), Outcome::kNotThis);
  EXPECT_EQ(Add(FromHex("c0 00000001 ff 00")), Outcome::kNotThis);
}

TEST_F(QuicInitialTest, EveryTruncationIsNotThis) {
  const Bytes message = HelloBuilder().Sni("cut.example").Message();
  const Bytes packet = Seal({}, CryptoPart(message, 0, message.size()));
  for (size_t bytes = 0; bytes < packet.size(); ++bytes) {
    attempt_->Reset();
    EXPECT_EQ(Add(ByteSpan(packet).first(bytes)), Outcome::kNotThis) << bytes;
  }
}

TEST(QuicPacket, ReadsKindsWithoutKeys) {
  const auto kind = [](std::string_view hex) { return ReadQuicPacket(FromHex(hex)).kind; };
  using Kind = QuicPacket::Kind;
  EXPECT_EQ(kind("f0 00000001 00 00"), Kind::kRest);  // Retry
  EXPECT_EQ(kind("c0 6b3343cf 00 00"), Kind::kRest);  // Retry of version 2
  EXPECT_EQ(kind("c0 00000000 00 00"), Kind::kRest);  // version negotiation
  EXPECT_EQ(kind("40"), Kind::kRest);
  EXPECT_EQ(kind("e0 00000001 00 00 00"), Kind::kOther);
  EXPECT_EQ(kind("c0 12345678 00 00"), Kind::kUnlisted);
  EXPECT_EQ(kind(""), Kind::kNotQuic);
  EXPECT_EQ(kind("c0 00000001 15 000000000000000000000000000000000000000000 00 00 00"),
            Kind::kNotQuic);                                   // an id of 21 bytes
  EXPECT_EQ(kind("c0 00000001 00 00 00 01"), Kind::kNotQuic);  // a length beyond the end
}

Bytes Chlo(std::string_view sni) {
  Bytes out = testing::FromText("CHLO");
  testing::Append(out, FromHex("0300 0000"));
  const auto entry = [&out](std::string_view tag, size_t end) {
    testing::Append(out, testing::FromText(tag));
    testing::Append(out, Bytes{static_cast<uint8_t>(end), static_cast<uint8_t>(end >> 8), 0, 0});
  };
  entry({"PAD\0", 4}, 5);
  entry({"SNI\0", 4}, 5 + sni.size());
  entry({"VER\0", 4}, 5 + sni.size() + 4);
  testing::Append(out, Bytes(5, '-'));
  testing::Append(out, testing::FromText(sni));
  testing::Append(out, testing::FromText("Q043"));
  return out;
}

TEST(GoogleQuic, ReadsTheTagsOfAChlo) {
  ClientHello hello;
  const Bytes chlo = Chlo("google.example");
  ASSERT_EQ(ParseChlo(chlo, hello), Outcome::kFound);
  EXPECT_EQ(std::string(hello.server_names[0].begin(), hello.server_names[0].end()),
            "google.example");
  for (size_t bytes = 0; bytes < chlo.size() - 4; ++bytes) {
    ClientHello none;
    EXPECT_EQ(ParseChlo(ByteSpan(chlo).first(bytes), none), Outcome::kNeedMore) << bytes;
  }
  EXPECT_EQ(ParseChlo(Chlo(""), hello), Outcome::kNone);
  EXPECT_EQ(ParseChlo(testing::FromText("REJ"), hello), Outcome::kNotThis);
  EXPECT_EQ(ParseChlo(FromHex("43484c4f ff00 0000"), hello), Outcome::kTooLong);
  EXPECT_EQ(ParseChlo(FromHex("43484c4f 0100 0000 534e4900 ffffff7f"), hello), Outcome::kTooLong);
  EXPECT_EQ(ParseChlo(FromHex("43484c4f 0200 0000 41414141 01000000 42424242 00000000 00"), hello),
            Outcome::kMalformed);
}

TEST(GoogleQuic, FindsAChloInClear) {
  ClientHello hello;
  Bytes q043 = FromHex("0d 0102030405060708 51303433 01 0102030405060708090a0b0c a001 0400");
  testing::Append(q043, Chlo("old.example"));
  EXPECT_EQ(ParseClearGoogleQuic(q043, hello), Outcome::kFound);
  Bytes q046 =
      FromHex("c3 51303436 50 0102030405060708 00000001 0102030405060708090a0b0c a001 0400");
  testing::Append(q046, Chlo("newer.example"));
  EXPECT_EQ(ParseClearGoogleQuic(q046, hello), Outcome::kFound);
  EXPECT_EQ(std::string(hello.server_names[0].begin(), hello.server_names[0].end()),
            "newer.example");
  EXPECT_EQ(ParseClearGoogleQuic(ByteSpan(q043).first(20), hello), Outcome::kNeedMore);
  EXPECT_EQ(ParseClearGoogleQuic(FromHex("0c 0102030405060708 01"), hello), Outcome::kNotThis);
  EXPECT_EQ(ParseClearGoogleQuic(FromHex("0d 0102030405060708 51303939 01"), hello),
            Outcome::kNotThis);
}

TEST(CryptoStream, FillsGapsAndKeepsFirstBytes) {
  const auto stream = std::make_unique<CryptoStream>();
  EXPECT_TRUE(stream->Add(3, testing::FromText("def")));
  EXPECT_EQ(stream->prefix().size(), 0U);
  EXPECT_TRUE(stream->Add(0, testing::FromText("ab")));
  EXPECT_EQ(stream->prefix().size(), 2U);
  EXPECT_FALSE(stream->Add(1, testing::FromText("Bcd")));
  const auto prefix = stream->prefix();
  EXPECT_EQ(std::string(prefix.begin(), prefix.end()), "abcdef");
  EXPECT_TRUE(stream->Add(CryptoStream::kBytesMax, testing::FromText("x")));
  EXPECT_TRUE(stream->Add(UINT64_MAX, testing::FromText("x")));
  EXPECT_TRUE(stream->Add(CryptoStream::kBytesMax - 1, testing::FromText("xy")));
  EXPECT_EQ(stream->prefix().size(), 6U);
  Bytes rest(CryptoStream::kBytesMax - 6, 0);
  rest.back() = 'x';
  EXPECT_TRUE(stream->Add(6, rest));
  EXPECT_EQ(stream->prefix().size(), CryptoStream::kBytesMax);
  stream->Reset();
  EXPECT_EQ(stream->prefix().size(), 0U);
  EXPECT_TRUE(stream->Add(0, testing::FromText("B")));
  EXPECT_EQ(stream->prefix().size(), 1U);
}

TEST(CryptoStream, AgreesWithASimpleModel) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto stream = std::make_unique<CryptoStream>();
    const auto copy = std::make_unique<CryptoStream>();
    std::vector<int> model(600, -1);
    for (int step = 0; step < 40; ++step) {
      const size_t at = random() % 500;
      Bytes piece(random() % 100);
      for (uint8_t& byte : piece) byte = static_cast<uint8_t>(random() % 2);
      bool agrees = true;
      for (size_t i = 0; i < piece.size(); ++i) {
        if (model[at + i] < 0) model[at + i] = piece[i];
        agrees = agrees && model[at + i] == piece[i];
      }
      ASSERT_EQ(stream->Add(at, piece), agrees);
      size_t prefix = 0;
      while (model[prefix] >= 0) ++prefix;
      ASSERT_EQ(stream->prefix().size(), prefix);
      for (size_t i = 0; i < prefix; ++i) ASSERT_EQ(stream->prefix()[i], model[i]);
      copy->CopyFrom(*stream);
      ASSERT_EQ(copy->prefix().size(), prefix);
    }
  }
}

}  // namespace
}  // namespace weir::names

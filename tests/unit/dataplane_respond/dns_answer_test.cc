#include "dataplane/respond/dns_answer.h"

#include <gtest/gtest.h>

#include <array>
#include <random>

#include "tests/support/packet_builder.h"

namespace weir::respond {
namespace {

using testing::Bytes;
using testing::FromHex;

// "bAd.test", type A, class IN.
const std::string kQuestion = "03624164 0474657374 00 0001 0001";
const std::string kQuestionAaaa = "03624164 0474657374 00 001c 0001";
const std::string kOpt = "00 0029 04d0 00000000 0000";
const std::string kOptWithCookie = "00 0029 04d0 00000000 000c 000a0008 0102030405060708";

Bytes Query(const std::string& question, const std::string& opt = "",
            const std::string& flags = "0100") {
  return FromHex("1234" + flags + "0001 0000 0000" + (opt.empty() ? "0000" : "0001") + question +
                 opt);
}

Settings Sinkhole() {
  Settings settings;
  settings.dns = DnsAnswer::kSinkhole;
  settings.sinkhole_ipv4 = base::IpAddress::Parse("192.0.2.1").value();
  settings.sinkhole_ipv6 = base::IpAddress::Parse("2001:db8::1").value();
  return settings;
}

Bytes Answer(const Bytes& query, const DnsRefusal& refusal, const Settings& settings, size_t room) {
  Bytes out(room);
  out.resize(WriteDnsRefusal(query, refusal, settings, out));
  return out;
}

TEST(DnsAnswer, SaysNxDomainInTheQuestionsOwnLetters) {
  const Bytes query = Query(kQuestion);
  EXPECT_EQ(Answer(query, {}, {}, query.size()),
            FromHex("1234 8183 0001 0000 0000 0000" + kQuestion));
}

TEST(DnsAnswer, KeepsRecursionCheckingAndDnssecBits) {
  EXPECT_EQ(Answer(Query(kQuestion, "", "0010"), {}, {}, 100),
            FromHex("1234 8093 0001 0000 0000 0000" + kQuestion));
  const Bytes query = Query(kQuestion, "00 0029 04d0 00008000 0000");
  EXPECT_EQ(Answer(query, {}, {}, query.size()),
            FromHex("1234 8183 0001 0000 0000 0001" + kQuestion + "00 0029 04d0 00008000 0000"));
}

TEST(DnsAnswer, ExplainsItselfWhereTheAskersOptionsMakeRoom) {
  const Bytes with_cookie = Query(kQuestion, kOptWithCookie);
  EXPECT_EQ(Answer(with_cookie, {}, {}, with_cookie.size()),
            FromHex("1234 8183 0001 0000 0000 0001" + kQuestion +
                    "00 0029 04d0 00000000 0006 000f 0002 000f"));
  const Bytes bare = Query(kQuestion, kOpt);
  EXPECT_EQ(Answer(bare, {}, {}, bare.size()),
            FromHex("1234 8183 0001 0000 0000 0001" + kQuestion + kOpt));
  EXPECT_EQ(Answer(bare, {}, {}, bare.size() + 5).size(), bare.size());
  EXPECT_EQ(Answer(bare, {}, {}, bare.size() + 6).size(), bare.size() + 6);
  // Without EDNS nobody would understand it.
  const Bytes plain = Query(kQuestion);
  EXPECT_EQ(Answer(plain, {}, {}, 500).size(), plain.size());
}

TEST(DnsAnswer, RefusesWithItsReason) {
  const DnsRefusal refusal{DnsAnswer::kRefused, ExtendedError::kProhibited};
  EXPECT_EQ(Answer(Query(kQuestion, kOpt), refusal, {}, 100),
            FromHex("1234 8185 0001 0000 0000 0001" + kQuestion +
                    "00 0029 04d0 00000000 0006 000f 0002 0012"));
}

TEST(DnsAnswer, GivesASinkholesAddressOfTheTypeAskedFor) {
  const DnsRefusal refusal{DnsAnswer::kSinkhole, ExtendedError::kForged};
  EXPECT_EQ(Answer(Query(kQuestion), refusal, Sinkhole(), 100),
            FromHex("1234 8180 0001 0001 0000 0000" + kQuestion +
                    "c00c 0001 0001 0000003c 0004 c0000201"));
  EXPECT_EQ(Answer(Query(kQuestionAaaa, kOpt), refusal, Sinkhole(), 100),
            FromHex("1234 8180 0001 0001 0000 0001" + kQuestionAaaa +
                    "c00c 001c 0001 0000003c 0010 20010db8000000000000000000000001" +
                    "00 0029 04d0 00000000 0006 000f 0002 0004"));
}

TEST(DnsAnswer, ASinkholeOfOneFamilyHasNoRecordOfTheOther) {
  Settings settings = Sinkhole();
  settings.sinkhole_ipv6.reset();
  const DnsRefusal refusal{DnsAnswer::kSinkhole, ExtendedError::kForged};
  EXPECT_EQ(Answer(Query(kQuestionAaaa), refusal, settings, 100),
            FromHex("1234 8180 0001 0000 0000 0000" + kQuestionAaaa));
  const std::string https = "03624164 0474657374 00 0041 0001";
  EXPECT_EQ(Answer(Query(https), refusal, settings, 100),
            FromHex("1234 8180 0001 0000 0000 0000" + https));
}

TEST(DnsAnswer, ASinkholeWithoutRoomSendsTheAskerToTcp) {
  const Bytes query = Query(kQuestion);
  const DnsRefusal refusal{DnsAnswer::kSinkhole, ExtendedError::kForged};
  EXPECT_EQ(Answer(query, refusal, Sinkhole(), query.size()),
            FromHex("1234 8380 0001 0000 0000 0000" + kQuestion));
  EXPECT_EQ(Answer(query, refusal, Sinkhole(), query.size() + 15).size(), query.size());
  EXPECT_EQ(Answer(query, refusal, Sinkhole(), query.size() + 16).size(), query.size() + 16);
}

TEST(DnsAnswer, AnswersNothingButOnePlainQuestion) {
  const auto none = [](const std::string& hex) {
    return Answer(FromHex(hex), {}, {}, 500).empty();
  };
  const std::string head = "1234 0100 0001 0000 0000 0000";
  EXPECT_FALSE(none(head + kQuestion));
  EXPECT_TRUE(none("1234 8100 0001 0000 0000 0000" + kQuestion)) << "a response";
  EXPECT_TRUE(none("1234 2800 0001 0000 0000 0000" + kQuestion)) << "an update";
  EXPECT_TRUE(none("1234 0300 0001 0000 0000 0000" + kQuestion)) << "cut";
  EXPECT_TRUE(none("1234 0100 0000 0000 0000 0000")) << "no question";
  EXPECT_TRUE(none("1234 0100 0002 0000 0000 0000" + kQuestion + kQuestion)) << "two";
  EXPECT_TRUE(none("1234 0100 0001 0001 0000 0000" + kQuestion)) << "with an answer";
  EXPECT_TRUE(none("1234 0100 0001 0000 0001 0000" + kQuestion)) << "with an authority";
  EXPECT_TRUE(none("1234 0100 0001 0000 0000 0002" + kQuestion + kOpt + kOpt)) << "two OPT";
  // A TSIG record (RFC 8945) has a name and type 250.
  EXPECT_TRUE(none("1234 0100 0001 0000 0000 0001" + kQuestion + "016b00 00fa 00ff 00000000 0000"));
  EXPECT_TRUE(none(head + kQuestion + "00")) << "a byte behind the end";
  EXPECT_TRUE(none(head + "03624164 c000 0001 0001")) << "a pointer in the question";
  EXPECT_TRUE(none(head + "0362416400")) << "no type";
  std::string long_name;
  for (int i = 0; i < 4; ++i) long_name += "3f" + std::string(126, '6');
  EXPECT_TRUE(none(head + long_name + "00 0001 0001")) << "257 bytes of name";
}

TEST(DnsAnswer, IsNeverLongerThanItsRoomAndAlwaysFitsItsQuestion) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const Bytes whole = Query(kQuestion, kOptWithCookie);
  for (int round = 0; round < 20'000; ++round) {
    Bytes query = whole;
    for (unsigned flips = random() % 4; flips > 0; --flips) {
      query[random() % query.size()] = static_cast<uint8_t>(random());
    }
    query.resize(random() % 3 == 0 ? random() % (query.size() + 1) : query.size());
    const DnsRefusal refusal{static_cast<DnsAnswer>(1 + random() % 3), ExtendedError::kBlocked};
    const size_t room = random() % 100;
    EXPECT_LE(Answer(query, refusal, Sinkhole(), room).size(), room);
    if (Answer(query, refusal, Sinkhole(), 500).empty()) continue;
    EXPECT_FALSE(Answer(query, refusal, Sinkhole(), query.size()).empty());
  }
}

}  // namespace
}  // namespace weir::respond

#include "dataplane/names/dns_message.h"

#include <gtest/gtest.h>

#include <string>

#include "hello_builder.h"

namespace weir::names {
namespace {

using testing::Bytes;
using testing::FromHex;

constexpr std::string_view kHeader = "1234 0100 0001 0000 0000 0000";
constexpr std::string_view kWwwExample = "03777777 076578616d706c65 00 0001 0001";

Bytes Message(std::string_view header, std::initializer_list<std::string_view> parts) {
  std::string hex(header);
  for (const std::string_view part : parts) hex += part;
  return FromHex(hex);
}

TEST(DnsMessage, ReadsAQuery) {
  const Bytes bytes = Message(kHeader, {kWwwExample});
  DnsMessage message;
  ASSERT_EQ(ParseDnsMessage(bytes, message), Outcome::kFound);
  EXPECT_EQ(message.id, 0x1234);
  EXPECT_TRUE(message.is_query());
  EXPECT_EQ(message.opcode(), 0U);
  EXPECT_TRUE(message.whole);
  EXPECT_FALSE(message.has_edns);
  DnsQuestionReader reader(message);
  DnsQuestion question;
  ASSERT_EQ(reader.Next(question), Outcome::kFound);
  EXPECT_EQ(question.name.view(), "www.example");
  EXPECT_EQ(question.type, 1);
  EXPECT_EQ(question.dns_class, 1);
  EXPECT_EQ(reader.Next(question), Outcome::kNone);
}

TEST(DnsMessage, EveryPrefixOfAQueryIsNoQuery) {
  const Bytes bytes = Message(kHeader, {kWwwExample});
  DnsMessage message;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(ParseDnsMessage(std::span(bytes).first(size), message), Outcome::kNotThis) << size;
  }
}

TEST(DnsMessage, SeesEdnsAndResponses) {
  DnsMessage message;
  const Bytes edns =
      Message("1234 0120 0001 0000 0000 0001", {kWwwExample, "00 0029 1000 00000000 0000"});
  ASSERT_EQ(ParseDnsMessage(edns, message), Outcome::kFound);
  EXPECT_TRUE(message.has_edns);
  EXPECT_TRUE(message.whole);
  const Bytes answer = Message("1234 8180 0001 0001 0000 0000",
                               {kWwwExample, "c00c 0001 0001 00000e10 0004 c0000201"});
  ASSERT_EQ(ParseDnsMessage(answer, message), Outcome::kFound);
  EXPECT_FALSE(message.is_query());
  EXPECT_TRUE(message.whole);
}

TEST(DnsMessage, ReadsEveryQuestionWithPointers) {
  const Bytes bytes = Message("0001 0000 0003 0000 0000 0000",
                              {kWwwExample, "0462616421 c010 001c 0001", "c00c 0010 0003"});
  DnsMessage message;
  ASSERT_EQ(ParseDnsMessage(bytes, message), Outcome::kFound);
  DnsQuestionReader reader(message);
  DnsQuestion question;
  std::string names;
  while (reader.Next(question) == Outcome::kFound) names += std::string(question.name.view()) + " ";
  EXPECT_EQ(names, "www.example bad!.example www.example ");
}

TEST(DnsMessage, RefusesPointerLoops) {
  DnsMessage message;
  // To itself, forward, and two that point at one another.
  EXPECT_EQ(ParseDnsMessage(Message(kHeader, {"c00c 0001 0001"}), message), Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(Message(kHeader, {"c00e 00 0001 0001"}), message), Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(Message(kHeader, {"0161 c00c 0001 0001"}), message), Outcome::kNotThis);
}

TEST(DnsMessage, TakesTheLongestNameAndRefusesALongerOne) {
  std::string label = "3f";
  for (int i = 0; i < 63; ++i) label += "61";
  std::string last = "3d";
  for (int i = 0; i < 61; ++i) last += "62";
  DnsMessage message;
  DnsQuestion question;
  const Bytes longest = Message(kHeader, {label, label, label, last, "00 0001 0001"});
  ASSERT_EQ(ParseDnsMessage(longest, message), Outcome::kFound);
  DnsQuestionReader reader(message);
  ASSERT_EQ(reader.Next(question), Outcome::kFound);
  EXPECT_EQ(question.name.view().size(), 253U);
  const Bytes longer =
      Message(kHeader, {label, label, label, "3e62", last.substr(2), "00 0001 0001"});
  EXPECT_EQ(ParseDnsMessage(longer, message), Outcome::kNotThis);
}

TEST(DnsMessage, TurnsAwayWhatIsNotDns) {
  DnsMessage message;
  EXPECT_EQ(ParseDnsMessage(testing::FromText("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), message),
            Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(FromHex("1234 0100 0000 0000 0000 0000"), message), Outcome::kNone);
}

// A server answers such with an error or looks it up all the same: the name was asked for.
TEST(DnsMessage, TakesAnOddMessageWhenItIsWhole) {
  constexpr std::string_view kOpcode15 = "1234 7800 0001 0000 0000 0000";
  constexpr std::string_view kClass7 = "0161 00 0001 0007";
  DnsMessage message;
  ASSERT_EQ(ParseDnsMessage(Message(kOpcode15, {kWwwExample}), message), Outcome::kFound);
  EXPECT_TRUE(message.odd);
  ASSERT_EQ(ParseDnsMessage(Message(kHeader, {kClass7}), message), Outcome::kFound);
  EXPECT_TRUE(message.odd);
  ASSERT_EQ(ParseDnsMessage(Message(kHeader, {kWwwExample}), message), Outcome::kFound);
  EXPECT_FALSE(message.odd);
  EXPECT_EQ(ParseDnsMessage(Message(kOpcode15, {kWwwExample, "00"}), message), Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(Message(kHeader, {kClass7, "00"}), message), Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(FromHex("1234 7800 0000 0000 0000 0000"), message), Outcome::kNotThis);
  EXPECT_EQ(ParseDnsMessage(Message("1234 7800 0011 0000 0000 0000", {kWwwExample}), message),
            Outcome::kNotThis);
}

TEST(DnsMessage, ReadsTheQuestionWhateverTheCountsSay) {
  DnsMessage message;
  for (const std::string_view header :
       {"1234 0100 ffff 0000 0000 0000", "1234 0100 0001 ffff 0000 0000",
        "1234 0100 0001 0000 0000 0001"}) {
    EXPECT_EQ(ParseDnsMessage(Message(header, {kWwwExample}), message), Outcome::kFound) << header;
    EXPECT_FALSE(message.whole) << header;
  }
}

TEST(DnsMessage, LimitsQuestions) {
  std::string many;
  for (size_t i = 0; i < kDnsQuestionsMax; ++i) many += "0161 00 0001 0001";
  DnsMessage message;
  EXPECT_EQ(ParseDnsMessage(Message("0001 0000 0010 0000 0000 0000", {many}), message),
            Outcome::kFound);
  EXPECT_TRUE(message.whole);
  EXPECT_EQ(ParseDnsMessage(Message("0001 0000 0011 0000 0000 0000", {many, "0161 00 0001 0001"}),
                            message),
            Outcome::kTooLong);
}

TEST(DnsMessage, KeepsTheFirstQuestionWhenALaterOneIsBroken) {
  const Bytes bytes = Message("0001 0000 0002 0000 0000 0000", {kWwwExample, "c0ff 0001 0001"});
  DnsMessage message;
  ASSERT_EQ(ParseDnsMessage(bytes, message), Outcome::kFound);
  EXPECT_FALSE(message.whole);
  DnsQuestionReader reader(message);
  DnsQuestion question;
  EXPECT_EQ(reader.Next(question), Outcome::kFound);
  EXPECT_EQ(reader.Next(question), Outcome::kMalformed);
}

TEST(DnsMessage, TheRootHasAnEmptyName) {
  const Bytes bytes = Message(kHeader, {"00 0002 0001"});
  DnsMessage message;
  ASSERT_EQ(ParseDnsMessage(bytes, message), Outcome::kFound);
  DnsQuestionReader reader(message);
  DnsQuestion question;
  ASSERT_EQ(reader.Next(question), Outcome::kFound);
  EXPECT_EQ(question.name.bytes, 0);
  EXPECT_EQ(question.type, 2);
}

}  // namespace
}  // namespace weir::names

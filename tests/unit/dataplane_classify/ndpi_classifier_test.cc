#include "dataplane/classify/ndpi_classifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/dataplane_classify/test_packet.h"

namespace weir::classify {
namespace {

constexpr Endpoints kWeb{"10.0.0.1", "192.0.2.7", 40000, 80};
constexpr Endpoints kWebBack{"192.0.2.7", "10.0.0.1", 80, 40000};
constexpr Endpoints kDns{"10.0.0.1", "192.0.2.53", 40000, 53};
constexpr Endpoints kOdd{"10.0.0.1", "192.0.2.7", 40000, 40001};

std::string DnsQuestion() {
  using namespace std::string_literals;
  return "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
         "example\x03org\x00\x00\x01\x00\x01"s;
}

// Opened for each test, so that nDPI's caches between flows begin empty.
class NdpiClassifierTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { names_ = NdpiNames::Create().value(); }
  static void TearDownTestSuite() { names_.reset(); }

  static std::unique_ptr<NdpiClassifier> Make(const NdpiOptions& options = {.slots_max = 4}) {
    return NdpiClassifier::Create(options, names_).value();
  }
  static Answer Submit(NdpiClassifier& classifier, Slot slot, const Endpoints& ends,
                       std::string_view payload, bool from_initiator = true) {
    TestPacket tcp(TestPacket::kTcp, ends, payload);
    return classifier.Submit(slot, tcp.packet(), from_initiator);
  }
  static void Handshake(NdpiClassifier& classifier, Slot slot) {
    using packet::tcp_flag::kAck;
    using packet::tcp_flag::kSyn;
    TestPacket syn(TestPacket::kTcp, kWeb, "", kSyn);
    TestPacket syn_ack(TestPacket::kTcp, kWebBack, "", kSyn | kAck);
    TestPacket ack(TestPacket::kTcp, kWeb, "", kAck);
    EXPECT_FALSE(classifier.Submit(slot, syn.packet(), true).final);
    EXPECT_FALSE(classifier.Submit(slot, syn_ack.packet(), false).final);
    EXPECT_FALSE(classifier.Submit(slot, ack.packet(), true).final);
  }

  static std::shared_ptr<const NdpiNames> names_;
};
std::shared_ptr<const NdpiNames> NdpiClassifierTest::names_;

TEST_F(NdpiClassifierTest, NamesAnHttpRequestToAKnownService) {
  auto classifier = Make();
  const Slot slot = classifier->Open();
  Handshake(*classifier, slot);
  const Answer answer =
      Submit(*classifier, slot, kWeb,
             "GET / HTTP/1.1\r\nHost: www.youtube.com\r\nUser-Agent: test\r\n\r\n");
  EXPECT_EQ(classifier->AppName(answer.label), "HTTP.YouTube");
  EXPECT_NE(classifier->CategoryName(answer.label), "");
}

TEST_F(NdpiClassifierTest, NamesADnsQuestionFromItsFirstPacket) {
  auto classifier = Make();
  const Slot slot = classifier->Open();
  TestPacket udp(TestPacket::kUdp, kDns, DnsQuestion());
  EXPECT_EQ(classifier->AppName(classifier->Submit(slot, udp.packet(), true).label), "DNS");
}

TEST_F(NdpiClassifierTest, ReadsADatagramThatTheCaptureCut) {
  auto classifier = Make();
  const Slot slot = classifier->Open();
  TestPacket udp(TestPacket::kUdp, kDns, DnsQuestion() + std::string(400, '\0'));
  udp.packet().captured_bytes -= 400;
  udp.packet().headers.payload_bytes -= 400;
  EXPECT_TRUE(classifier->Submit(slot, udp.packet(), true).label.known());
}

TEST_F(NdpiClassifierTest, IsFinalAfterItsPacketsEachWay) {
  auto classifier = Make({.slots_max = 1, .packets_max = 100, .payload_packets_max = 3});
  const Slot slot = classifier->Open();
  const std::string noise = "\x81\x82\x83\x84 nothing that is known";
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, noise).final);
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, noise).final);
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, noise, false).final);
  EXPECT_TRUE(Submit(*classifier, slot, kOdd, noise).final);
  EXPECT_EQ(classifier->counters().labels_final, 1U);
  // A final slot takes no more packets, and its answer stays.
  const uint64_t packets = classifier->counters().packets;
  EXPECT_TRUE(Submit(*classifier, slot, kOdd, noise).final);
  EXPECT_EQ(classifier->counters().packets, packets);
}

TEST_F(NdpiClassifierTest, CountsPacketsWithoutPayloadTowardsTheWholeOnly) {
  auto classifier = Make({.slots_max = 1, .packets_max = 3, .payload_packets_max = 1});
  const Slot slot = classifier->Open();
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, "").final);
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, "").final);
  EXPECT_TRUE(Submit(*classifier, slot, kOdd, "").final);
}

TEST_F(NdpiClassifierTest, GuessesByPortWhenTheFlowEnds) {
  auto classifier = Make();
  const Slot slot = classifier->Open();
  TestPacket syn(TestPacket::kTcp, {"10.0.0.1", "192.0.2.7", 40000, 22}, "",
                 packet::tcp_flag::kSyn);
  EXPECT_FALSE(classifier->Submit(slot, syn.packet(), true).label.known());
  EXPECT_EQ(classifier->AppName(classifier->GiveUp(slot)), "SSH");
}

TEST_F(NdpiClassifierTest, GuessesNothingForAFlowItSawNothingOf) {
  auto classifier = Make();
  EXPECT_FALSE(classifier->GiveUp(classifier->Open()).known());
}

TEST_F(NdpiClassifierTest, HasNoSlotWhenThePoolIsEmpty) {
  auto classifier = Make({.slots_max = 2});
  const Slot first = classifier->Open();
  EXPECT_NE(first, kNoSlot);
  EXPECT_NE(classifier->Open(), kNoSlot);
  EXPECT_EQ(classifier->Open(), kNoSlot);
  EXPECT_EQ(classifier->counters().pool_empty, 1U);
  EXPECT_EQ(classifier->counters().slots_in_use, 2U);
  classifier->Close(first);
  EXPECT_EQ(classifier->Open(), first);
}

TEST_F(NdpiClassifierTest, HasNoSlotWhileNdpiHoldsTooMuch) {
  auto classifier = Make({.slots_max = 2, .heap_bytes_max = 1});
  EXPECT_EQ(classifier->Open(), kNoSlot);
  EXPECT_EQ(classifier->counters().pool_empty, 1U);
  EXPECT_EQ(classifier->ndpi_counters().heap_refused, 1U);
}

TEST_F(NdpiClassifierTest, ForgetsAFlowWhenItsSlotIsClosed) {
  auto classifier = Make({.slots_max = 1});
  Slot slot = classifier->Open();
  TestPacket udp(TestPacket::kUdp, kDns, DnsQuestion());
  ASSERT_TRUE(classifier->Submit(slot, udp.packet(), true).label.known());
  classifier->Close(slot);
  slot = classifier->Open();
  EXPECT_FALSE(Submit(*classifier, slot, kOdd, "").label.known());
}

TEST_F(NdpiClassifierTest, GivesBackWhatAFlowTookFromTheHeap) {
  auto classifier = Make({.slots_max = 1});
  const std::string request =
      "POST /x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\nContent-Type: text/plain\r\n\r\n";
  uint64_t after_first = 0;
  for (int round = 0; round < 3; ++round) {
    const Slot slot = classifier->Open();
    Handshake(*classifier, slot);
    const uint64_t before = classifier->ndpi_counters().heap_bytes;
    static_cast<void>(Submit(*classifier, slot, kWeb, request));
    EXPECT_GT(classifier->ndpi_counters().heap_bytes, before);
    classifier->Close(slot);
    if (round == 0) after_first = classifier->ndpi_counters().heap_bytes;
  }
  EXPECT_EQ(classifier->ndpi_counters().heap_bytes, after_first);
  EXPECT_GT(classifier->ndpi_counters().slot_bytes, 500U);
}

TEST_F(NdpiClassifierTest, SkipsLaterFragments) {
  auto classifier = Make();
  const Slot slot = classifier->Open();
  TestPacket udp(TestPacket::kUdp, kDns, DnsQuestion());
  udp.packet().headers.fragment_offset_bytes = 8;
  EXPECT_FALSE(classifier->Submit(slot, udp.packet(), true).label.known());
  EXPECT_EQ(classifier->ndpi_counters().packets_skipped, 1U);
  EXPECT_EQ(classifier->counters().packets, 0U);
}

TEST_F(NdpiClassifierTest, TwoClassifiersOfOneProcessKeepSeparateAccounts) {
  auto one = Make();
  auto two = Make();
  const uint64_t before = two->ndpi_counters().heap_bytes;
  const Slot slot = one->Open();
  static_cast<void>(Submit(*one, slot, kWeb, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"));
  EXPECT_EQ(two->ndpi_counters().heap_bytes, before);
}

}  // namespace
}  // namespace weir::classify

#include "dataplane/stream/tcp_check.h"

#include <gtest/gtest.h>

#include <set>
#include <string_view>
#include <vector>

#include "dataplane/packet/packet.h"

namespace weir::stream {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr bool kStrict = true;

// A connection after its handshake: the client at 1001, the server at 5001.
class TcpCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Segment syn = Make(1000, 0, kSyn);
    syn.options = {.timestamp = 100,
                   .window_scale = 2,
                   .has_timestamp = true,
                   .has_window_scale = true,
                   .is_signed = false};
    ASSERT_EQ(Client(syn), SegmentFault::kNone);
    Segment answer = Make(5000, 1001, kSyn | kAck);
    answer.options = syn.options;
    ASSERT_EQ(Server(answer), SegmentFault::kNone);
    ASSERT_EQ(Client(Make(1001, 5001, kAck)), SegmentFault::kNone);
  }

  static Segment Make(uint32_t seq, uint32_t ack, uint8_t flags, uint32_t payload_bytes = 0) {
    Segment segment;
    segment.seq = seq;
    segment.ack = ack;
    segment.flags = flags;
    segment.payload_bytes = payload_bytes;
    segment.window = 1000;
    segment.checksum_is_known = segment.checksum_is_right = true;
    return segment;
  }
  SegmentFault Client(const Segment& segment) {
    return check_.Look(Peer::kClient, segment, kStrict);
  }
  SegmentFault Server(const Segment& segment) {
    return check_.Look(Peer::kServer, segment, kStrict);
  }

  TcpCheck check_;
};

TEST(SegmentFault, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (unsigned i = 0; i < static_cast<unsigned>(SegmentFault::kCount); ++i) {
    names.insert(SegmentFaultName(static_cast<SegmentFault>(i)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(SegmentFault::kCount));
  EXPECT_FALSE(names.contains(SegmentFaultName(SegmentFault::kCount)));
}

TEST_F(TcpCheckTest, SaysHowFarTheHandshakeGot) {
  TcpCheck check;
  EXPECT_FALSE(check.handshake_seen());
  check.Look(Peer::kClient, Make(1000, 0, kSyn), kStrict);
  EXPECT_TRUE(check.syn_seen(Peer::kClient));
  EXPECT_FALSE(check.handshake_seen());
  check.Look(Peer::kServer, Make(5000, 1001, kSyn | kAck), kStrict);
  EXPECT_TRUE(check.handshake_seen());
  EXPECT_FALSE(check.connected());
  check.Look(Peer::kClient, Make(1001, 5001, kAck), kStrict);
  EXPECT_TRUE(check.connected());
}

TEST(TcpCheck, LearnsInMidStreamWhatTheClientHasSent) {
  Segment segment;
  segment.seq = 1000;
  segment.flags = kAck;
  segment.payload_bytes = 10;
  TcpCheck check;
  check.ClientHasSent(2000);
  EXPECT_FALSE(check.seen(Peer::kClient));
  check.Look(Peer::kClient, segment, kStrict);
  check.ClientHasSent(2000);
  EXPECT_EQ(check.sent_end(Peer::kClient), 2000U);
  check.ClientHasSent(1500);
  EXPECT_EQ(check.sent_end(Peer::kClient), 2000U) << "an older word moves nothing back";
}

TEST_F(TcpCheckTest, TakesAnOrdinaryConversation) {
  EXPECT_EQ(Client(Make(1001, 5001, kAck, 100)), SegmentFault::kNone);
  EXPECT_EQ(Server(Make(5001, 1101, kAck, 300)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1101, 5301, kAck | kFin)), SegmentFault::kNone);
  EXPECT_EQ(Server(Make(5301, 1102, kAck | kFin)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1102, 5302, kAck)), SegmentFault::kNone);
  EXPECT_TRUE(check_.fin(Peer::kClient));
  EXPECT_TRUE(check_.fin(Peer::kServer));
  EXPECT_FALSE(check_.reset(Peer::kClient));
}

TEST_F(TcpCheckTest, RefusesAWrongChecksum) {
  Segment segment = Make(1001, 5001, kAck, 10);
  segment.checksum_is_right = false;
  EXPECT_EQ(Client(segment), SegmentFault::kChecksum);
  segment.flags |= kRst;
  EXPECT_EQ(Client(segment), SegmentFault::kChecksum);
  EXPECT_FALSE(check_.reset(Peer::kClient));
}

TEST(TcpCheck, DoesNotLookAtChecksumsThatWereNeverFinished) {
  TcpCheck check;
  Segment syn;
  syn.flags = kSyn;
  syn.checksum_is_known = true;
  EXPECT_EQ(check.Look(Peer::kClient, syn, kStrict), SegmentFault::kNone);
  syn.flags = kAck;
  EXPECT_EQ(check.Look(Peer::kClient, syn, kStrict), SegmentFault::kNone);
}

// A forged SYN, then that of an end whose network card fills the checksums in.
TEST(TcpCheck, TheNewestSynTellsWhetherChecksumsAreFinished) {
  TcpCheck check;
  Segment forged;
  forged.flags = kSyn;
  forged.seq = 10;
  forged.checksum_is_known = forged.checksum_is_right = true;
  EXPECT_EQ(check.Look(Peer::kClient, forged, kStrict), SegmentFault::kNone);
  Segment syn = forged;
  syn.seq = 1000;
  syn.checksum_is_right = false;
  EXPECT_EQ(check.Look(Peer::kClient, syn, kStrict), SegmentFault::kNone);
  Segment answer = forged;
  answer.flags = kSyn | kAck;
  answer.ack = 1001;
  EXPECT_EQ(check.Look(Peer::kServer, answer, kStrict), SegmentFault::kNone);
  Segment data = syn;
  data.flags = kAck;
  data.seq = 1001;
  data.ack = 11;
  data.payload_bytes = 10;
  EXPECT_EQ(check.Look(Peer::kClient, data, kStrict), SegmentFault::kNone);
}

TEST_F(TcpCheckTest, RefusesDataWithoutAck) {
  EXPECT_EQ(Client(Make(1001, 0, 0, 10)), SegmentFault::kNoAck);
  EXPECT_EQ(Client(Make(1001, 0, kFin, 10)), SegmentFault::kNoAck);
}

TEST_F(TcpCheckTest, RefusesAcksOfWhatWasNeverSentOrIsTooOld) {
  EXPECT_EQ(Client(Make(1001, 5002, kAck, 10)), SegmentFault::kBadAck);
  EXPECT_EQ(Client(Make(1001, 5001U - 66'000U, kAck, 10)), SegmentFault::kBadAck);
  EXPECT_EQ(Client(Make(1001, 5000, kAck, 10)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1001, 4999, kAck, 10)), SegmentFault::kBadAck);
  // A capture that missed packets would show the same.
  EXPECT_EQ(check_.Look(Peer::kClient, Make(1011, 9000, kAck, 10), !kStrict), SegmentFault::kNone);
  EXPECT_EQ(check_.sent_end(Peer::kServer), 9000U);
}

TEST_F(TcpCheckTest, RefusesOldTimestamps) {
  Segment segment = Make(1001, 5001, kAck, 10);
  segment.options = {.timestamp = 99, .has_timestamp = true};
  EXPECT_EQ(Client(segment), SegmentFault::kOldTimestamp);
  segment.options.timestamp = 100;
  EXPECT_EQ(Client(segment), SegmentFault::kNone);
  // Only what lies at the window's edge moves the newest: a later segment may overtake.
  Segment later = Make(1101, 5001, kAck, 10);
  later.options = {.timestamp = 200, .has_timestamp = true};
  EXPECT_EQ(Client(later), SegmentFault::kNone);
  Segment overtaken = Make(1011, 5001, kAck, 10);
  overtaken.options = {.timestamp = 150, .has_timestamp = true};
  EXPECT_EQ(Client(overtaken), SegmentFault::kNone);
}

TEST_F(TcpCheckTest, RefusesWhatLiesBeyondTheWindow) {
  // The SYN's window is never scaled (RFC 7323 §2.2): 1001 + 1000.
  EXPECT_EQ(Client(Make(2001, 5001, kAck, 10)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(2002, 5001, kAck, 10)), SegmentFault::kOutOfWindow);
  EXPECT_EQ(Server(Make(5001, 1001, kAck)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(5001, 5001, kAck, 10)), SegmentFault::kNone) << "1001 + 4 x 1000";
  EXPECT_EQ(Client(Make(5002, 5001, kAck, 10)), SegmentFault::kOutOfWindow);
}

TEST_F(TcpCheckTest, RefusesUrgentData) {
  EXPECT_EQ(Client(Make(1001, 5001, kAck | 0x20, 10)), SegmentFault::kUrgent);
  EXPECT_EQ(Client(Make(1001, 5001, kAck | 0x20)), SegmentFault::kNone);
}

TEST_F(TcpCheckTest, RefusesASignatureThatTheSynDidNotAnnounce) {
  Segment segment = Make(1001, 5001, kAck, 10);
  segment.options.is_signed = true;
  EXPECT_EQ(Client(segment), SegmentFault::kSigned);
}

TEST_F(TcpCheckTest, RefusesAnotherSynInTheConnection) {
  EXPECT_EQ(Client(Make(1001, 0, kSyn, 10)), SegmentFault::kSynAgain);
  EXPECT_EQ(Client(Make(1000, 0, kSyn)), SegmentFault::kNone) << "the same, sent again";
}

TEST(TcpCheck, TakesTheNewestSynUntilOneIsAnswered) {
  TcpCheck check;
  Segment syn;
  syn.flags = kSyn;
  syn.seq = 10;
  EXPECT_EQ(check.Look(Peer::kClient, syn, kStrict), SegmentFault::kNone);
  syn.seq = 700;
  EXPECT_EQ(check.Look(Peer::kClient, syn, kStrict), SegmentFault::kNone);
  Segment answer;
  answer.flags = kSyn | kAck;
  answer.ack = 11;
  EXPECT_EQ(check.Look(Peer::kServer, answer, kStrict), SegmentFault::kBadAck);
  answer.ack = 701;
  EXPECT_EQ(check.Look(Peer::kServer, answer, kStrict), SegmentFault::kNone);
}

TEST_F(TcpCheckTest, RefusesDataBehindASynThatNobodyAnswered) {
  check_ = TcpCheck();
  ASSERT_EQ(Client(Make(1000, 0, kSyn, 10)), SegmentFault::kNone);  // RFC 7413
  EXPECT_EQ(Client(Make(1011, 5001, kAck, 10)), SegmentFault::kNoHandshake);
  EXPECT_EQ(check_.Look(Peer::kClient, Make(1011, 5001, kAck, 10), !kStrict), SegmentFault::kNone);
  ASSERT_EQ(Server(Make(5000, 1011, kSyn | kAck)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1011, 5001, kAck, 10)), SegmentFault::kNone);
}

TEST_F(TcpCheckTest, CountsAResetOnlyAtTheExactNumber) {
  EXPECT_EQ(Client(Make(1002, 5001, kRst | kAck)), SegmentFault::kInexactReset);
  EXPECT_EQ(Client(Make(1000, 5001, kRst)), SegmentFault::kInexactReset);
  EXPECT_FALSE(check_.reset(Peer::kClient));
  EXPECT_EQ(Client(Make(1001, 5001, kRst)), SegmentFault::kNone);
  EXPECT_TRUE(check_.reset(Peer::kClient));
}

// Nobody answers what follows an end. If the server does, it has never seen the end.
TEST_F(TcpCheckTest, AnEndBehindWhichTheServerTakesDataWasNone) {
  EXPECT_EQ(Client(Make(1001, 5001, kRst)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1001, 5001, kFin | kAck)), SegmentFault::kNone);
  EXPECT_EQ(Client(Make(1001, 5001, kAck, 10)), SegmentFault::kNone);
  EXPECT_EQ(Server(Make(5001, 1001, kAck)), SegmentFault::kNone);
  EXPECT_TRUE(check_.reset(Peer::kClient));
  EXPECT_TRUE(check_.fin(Peer::kClient));
  EXPECT_EQ(Server(Make(5001, 1011, kAck)), SegmentFault::kNone);
  EXPECT_FALSE(check_.reset(Peer::kClient));
  EXPECT_FALSE(check_.fin(Peer::kClient));
}

TEST_F(TcpCheckTest, AFinBehindWhatTheServerHasIsNone) {
  EXPECT_EQ(Client(Make(900, 5001, kFin | kAck)), SegmentFault::kNone);
  EXPECT_FALSE(check_.fin(Peer::kClient));
}

TEST_F(TcpCheckTest, RefusesASignedReset) {
  Segment reset = Make(1001, 5001, kRst);
  reset.options.is_signed = true;
  EXPECT_EQ(Client(reset), SegmentFault::kSigned);
  EXPECT_FALSE(check_.reset(Peer::kClient));
}

TEST(TcpCheck, TakesTheResetThatAnswersASyn) {
  TcpCheck check;
  Segment syn;
  syn.flags = kSyn;
  syn.seq = 10;
  check.Look(Peer::kClient, syn, kStrict);
  Segment reset;
  reset.flags = kRst | kAck;
  reset.ack = 11;
  EXPECT_EQ(check.Look(Peer::kServer, reset, kStrict), SegmentFault::kNone);
  EXPECT_TRUE(check.reset(Peer::kServer));
}

TEST(TcpOptions, ReadsWhatItNeedsAndStopsAtBrokenOnes) {
  const std::vector<uint8_t> usual = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0,
                                      1, 2, 0, 0,   0, 0, 1, 3,  3, 7};
  const TcpOptions options = ParseTcpOptions(usual);
  EXPECT_TRUE(options.has_timestamp);
  EXPECT_EQ(options.timestamp, 0x102U);
  EXPECT_EQ(options.window_scale, 7);
  EXPECT_FALSE(options.is_signed);
  for (size_t cut = 0; cut < usual.size(); ++cut) {
    EXPECT_FALSE(ParseTcpOptions(std::span(usual).first(cut)).has_window_scale) << cut;
  }
  EXPECT_FALSE(ParseTcpOptions(std::vector<uint8_t>{8, 1, 3, 3, 7}).has_window_scale);
  EXPECT_FALSE(ParseTcpOptions(std::vector<uint8_t>{0, 3, 3, 7}).has_window_scale);
  std::vector<uint8_t> md5(18, 0);
  md5[0] = 19;
  md5[1] = 18;
  EXPECT_TRUE(ParseTcpOptions(md5).is_signed);
}

}  // namespace
}  // namespace weir::stream

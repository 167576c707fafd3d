// What a client may try between the handshake and the name, and what of it reaches the server.
#include <gtest/gtest.h>

#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"

namespace weir::testing {
namespace {

using packet::DropReason;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;
using stream::SegmentFault;

constexpr char kRules[] = "drop host bad.test id r1";
const std::string kBad = "GET / HTTP/1.1\r\nHost: bad.test\r\n\r\n";
const std::string kGood = "GET / HTTP/1.1\r\nHost: all.test\r\n\r\n";

uint64_t Faults(PipelineHarness& bench, SegmentFault fault) {
  return bench.pipeline().counters().stream_faults[static_cast<size_t>(fault)].value();
}

// A segment of the talk's client with anything about it changed.
PacketBuilder Crafted(const TcpTalk& talk, std::string_view payload, int32_t seq_offset = 0,
                      TcpFields fields = {}) {
  fields.src_port = 40000;
  fields.dst_port = 80;
  fields.seq = talk.client_seq() + static_cast<uint32_t>(seq_offset);
  fields.ack += talk.server_seq() - 1;
  PacketBuilder builder;
  builder.Ipv4("10.20.0.11", "198.51.100.10").Tcp(fields).Payload(payload);
  return builder;
}

TEST(PipelineStream, KeepsWhatWasReadUntilTheServerHasIt) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  // The fake never reaches the server (low TTL): the real one must not either.
  EXPECT_TRUE(bench.FromInside(Crafted(talk, kGood)));
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kStream);
  EXPECT_EQ(bench.pipeline().counters().stream_conflicts.value(), 1U);
  EXPECT_TRUE(bench.FromInside(Crafted(talk, kGood))) << "the same bytes again";
  // Once it is acknowledged nothing can replace it.
  EXPECT_TRUE(talk.Say(kGood));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_TRUE(bench.FromInside(Crafted(talk, kBad, -static_cast<int32_t>(kBad.size()))));
  EXPECT_EQ(bench.session().name, "all.test");
}

TEST(PipelineStream, KeepsTheNameWhateverPiecesComeInWhateverOrder) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  const std::string_view bad = kBad;
  EXPECT_TRUE(bench.FromInside(Crafted(talk, bad.substr(20), 20)));
  EXPECT_FALSE(bench.FromInside(Crafted(talk, bad.substr(0, 20)))) << "completes the name";
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(bench.session().rule, "r1");
}

TEST(PipelineStream, DoesNotTakeTheServersWordFromTheClientsSide) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(bench.FromInside(Crafted(talk, kGood)));
  // An acknowledgement in the server's name, from the client's port.
  EXPECT_TRUE(bench.FromInside(PacketBuilder()
                                   .Ipv4("198.51.100.10", "10.20.0.11")
                                   .Tcp({.src_port = 80,
                                         .dst_port = 40000,
                                         .seq = talk.server_seq(),
                                         .ack = talk.client_seq() + 100})));
  EXPECT_EQ(Faults(bench, SegmentFault::kWrongSide), 1U);
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
}

struct Insertion {
  const char* what;
  SegmentFault fault;
  int32_t seq_offset;
  TcpFields fields;  // ack: what is added to the right one, plus one
};

class PipelineInsertion : public ::testing::TestWithParam<Insertion> {};

// What the server would throw away is dropped, is not read, and does not stand in the real one's
// way.
TEST_P(PipelineInsertion, IsDroppedAndNotRead) {
  const Insertion& insertion = GetParam();
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kGood, insertion.seq_offset, insertion.fields)));
  EXPECT_EQ(bench.last_reason(), DropReason::kStream);
  EXPECT_EQ(Faults(bench, insertion.fault), 1U);
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(bench.session().name, "bad.test");
}

INSTANTIATE_TEST_SUITE_P(
    Evasion, PipelineInsertion,
    ::testing::Values(
        Insertion{"no_ack", SegmentFault::kNoAck, 0, {.flags = packet::tcp_flag::kPsh}},
        Insertion{"future_ack", SegmentFault::kBadAck, 0, {.ack = 2000}},
        Insertion{"old_ack", SegmentFault::kBadAck, 0, {.ack = 1U - 66'000U}},
        Insertion{
            "md5",
            SegmentFault::kSigned,
            0,
            {.options = Bytes{19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}},
        Insertion{
            "md5_reset",
            SegmentFault::kSigned,
            0,
            {.flags = kRst,
             .options = Bytes{19, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}},
        Insertion{"window", SegmentFault::kOutOfWindow, 70'000, {}},
        Insertion{"reset", SegmentFault::kInexactReset, 7, {.flags = kRst | kAck}}),
    [](const auto& param) { return std::string(param.param.what); });

TEST(PipelineStream, DropsAWrongChecksum) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  Bytes fake = Crafted(talk, kGood).Build();
  fake.back() = static_cast<uint8_t>(fake.back() + 1);
  EXPECT_FALSE(bench.Send(fake, packet::Side::kInside));
  EXPECT_EQ(bench.last_reason(), DropReason::kStream);
  EXPECT_EQ(Faults(bench, SegmentFault::kChecksum), 1U);
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineStream, DropsAWrongIpHeaderChecksum) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  Bytes fake = Crafted(talk, kGood).Build();
  fake[14 + 10] = static_cast<uint8_t>(fake[14 + 10] + 1);
  EXPECT_FALSE(bench.Send(fake, packet::Side::kInside));
  EXPECT_EQ(Faults(bench, SegmentFault::kChecksum), 1U);
  EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineStream, ReadsOnBehindAnEndThatTheServerNeverSaw) {
  for (const uint8_t flags : {uint8_t{kRst}, uint8_t{kFin | kAck}}) {
    PipelineHarness bench(kRules);
    TcpTalk talk(bench, 40000, 80);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 0, {.flags = flags})));
    EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
    EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  }
}

TEST(PipelineStream, AnEndThatTheServerNeverSawIsNone) {
  for (const uint8_t flags : {uint8_t{kRst}, uint8_t{kFin | kAck}}) {
    PipelineHarness bench(kRules);
    TcpTalk talk(bench, 40000, 80);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 0, {.flags = flags})));
    EXPECT_TRUE(talk.Say(kGood));
    EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n\r\n"));
    EXPECT_TRUE(talk.ServerFin());
    bench.CloseAll();
    EXPECT_EQ(bench.session().event.end_reason, events::EndReason::kShutdown);
    EXPECT_EQ(bench.session().name, "all.test");
  }
}

// An answer to nothing, in the client's name, so that the server be taken for the client; and
// words in the server's name from the client's side, which would make it sure.
TEST(PipelineStream, TakesWhoBeginsForTheClientWhateverCameBefore) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 0, {.flags = kSyn | kAck})));
  EXPECT_TRUE(bench.FromInside(PacketBuilder()
                                   .Ipv4("198.51.100.10", "10.20.0.11")
                                   .Tcp({.src_port = 80, .dst_port = 40000, .seq = 1})
                                   .Payload("hello")));
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  const auto& sessions = bench.events().sessions();
  ASSERT_EQ(sessions.size(), 2U) << "the guess, and the connection";
  EXPECT_EQ(sessions.rbegin()->second.name, "bad.test");
}

TEST(PipelineStream, LetsOnlyOneEndOfASideBegin) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  EXPECT_TRUE(
      bench.FromInside(PacketBuilder()
                           .Ipv4("198.51.100.10", "10.20.0.11")
                           .Tcp({.src_port = 80, .dst_port = 40000, .flags = kSyn, .seq = 1})));
  EXPECT_FALSE(talk.Client(kSyn, {}));
  EXPECT_EQ(bench.last_reason(), DropReason::kStream);
  EXPECT_EQ(Faults(bench, SegmentFault::kWrongSide), 1U);
}

// Half a request, an end that the server never sees, and the other half when Weir may have
// forgotten.
TEST(PipelineStream, RemembersHalfARequestBeyondAFakeReset) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  const std::string_view bad = kBad;
  EXPECT_TRUE(talk.Say(bad.substr(0, 25)));
  EXPECT_TRUE(talk.Server(kAck, {}));
  EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 0, {.flags = kRst})));
  bench.Advance(60);
  bench.Tick(4);
  EXPECT_FALSE(talk.Say(bad.substr(25)));
}

TEST(PipelineStream, CountsAResetOnlyAtTheExactNumber) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_FALSE(bench.FromInside(Crafted(talk, "", 5, {.flags = kRst})));
  EXPECT_TRUE(talk.Say(kGood));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\n\r\n"));
  bench.CloseAll();
  EXPECT_EQ(bench.session().event.end_reason, events::EndReason::kShutdown);
}

TEST(PipelineStream, ReadsTheDataOfASyn) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  EXPECT_FALSE(talk.Client(kSyn, BytesOf(kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineStream, TakesTheSynThatTheServerAnswers) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  // A SYN with another number in the middle: the server does not answer it.
  EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 5000, {.flags = kSyn})));
  EXPECT_FALSE(bench.FromInside(Crafted(talk, "data", 9000, {.flags = kSyn})));
  EXPECT_FALSE(talk.Say(kBad));
}

TEST(PipelineStream, BeginsAgainWhenTheServerTakesANewSyn) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(kGood));
  EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 5000, {.flags = kSyn})));
  const uint32_t isn = talk.client_seq() + 5000;
  EXPECT_TRUE(bench.FromOutside(PacketBuilder()
                                    .Ipv4("198.51.100.10", "10.20.0.11")
                                    .Tcp({.src_port = 80,
                                          .dst_port = 40000,
                                          .flags = kSyn | kAck,
                                          .seq = 77'000,
                                          .ack = isn + 1})));
  EXPECT_FALSE(
      bench.FromInside(PacketBuilder()
                           .Ipv4("10.20.0.11", "198.51.100.10")
                           .Tcp({.src_port = 40000, .dst_port = 80, .seq = isn + 1, .ack = 77'001})
                           .Payload(kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

// An end and a beginning that the server never sees; then it is told the rest of the old
// connection.
TEST(PipelineStream, LetsNoDataFollowASynThatIsNotAnswered) {
  for (const int32_t seq_offset : {-50, 5000}) {
    PipelineHarness bench(kRules);
    TcpTalk talk(bench, 40000, 80);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_TRUE(bench.FromInside(Crafted(talk, "", 0, {.flags = kRst})));
    EXPECT_TRUE(bench.FromInside(Crafted(talk, "", seq_offset, {.flags = kSyn})));
    EXPECT_FALSE(bench.FromInside(Crafted(talk, kBad)));
    EXPECT_EQ(bench.last_reason(), DropReason::kStream);
  }
}

TEST(PipelineStream, ADecidedConnectionThatIsBegunAgainIsAnother) {
  PipelineHarness bench(kRules);
  bench.classifier().final_after_packets = 1;
  TcpTalk talk(bench, 40000, 443);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(std::string(40, '\1')));
  EXPECT_TRUE(talk.Answer("whatever"));
  EXPECT_TRUE(talk.Say("more"));
  bench.Advance(64);
  TcpTalk again(bench, 40000, 443);
  EXPECT_TRUE(again.Handshake());
  EXPECT_FALSE(again.Say(kBad));
  EXPECT_EQ(bench.events().sessions().size(), 2U);
}

TEST(PipelineStream, GivesBackWhatNobodyAcknowledges) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.stream_buffers_max = 1;
  PipelineHarness bench(kRules, options);
  TcpTalk dead(bench, 40000, 80);
  ASSERT_TRUE(dead.Handshake());
  EXPECT_TRUE(dead.Say(kGood));
  bench.Advance(61);
  bench.Tick(8);
  TcpTalk next(bench, 40001, 80);
  ASSERT_TRUE(next.Handshake());
  EXPECT_TRUE(next.Say(std::string_view(kBad).substr(0, 25)));
  EXPECT_FALSE(next.Say(std::string_view(kBad).substr(25)));
  EXPECT_EQ(bench.pipeline().counters().streams_given_up.value(), 0U);
}

// A browser connects before there is anything to ask for. Were the handshake forgotten meanwhile, a
// fake at a number that the server does not take would pass for the beginning.
TEST(PipelineStream, RemembersAHandshakeUntilTheFirstWords) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  bench.Advance(110);
  bench.Tick(8);
  EXPECT_FALSE(talk.SayAt(200'000, BytesOf(kGood)));
  EXPECT_TRUE(talk.SayAt(0U - 200'000, BytesOf(kGood))) << "passes, and is not read";
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
  EXPECT_EQ(bench.session().rule, "r1");
}

TEST(PipelineStream, RemembersAHandshakeBehindAResetThatMayHaveDied) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Client(kRst | kAck, {}));
  bench.Advance(40);
  bench.Tick(8);
  EXPECT_FALSE(talk.SayAt(200'000, BytesOf(kGood)));
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

// In the server's name from the client's side: an answer that acknowledges what will be said, so
// that it is not kept.
TEST(PipelineStream, AnAnswerFromTheClientsSideAcknowledgesNothing) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  PacketBuilder forged;
  forged.Ipv4("198.51.100.10", "10.20.0.11")
      .Tcp({.src_port = 80,
            .dst_port = 40000,
            .flags = kSyn | kAck,
            .seq = talk.server_seq(),
            .ack = talk.client_seq() + 1000});
  bench.FromInside(forged);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.SayAt(0, BytesOf(kGood)));
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.session().name, "all.test");
}

TEST(PipelineStream, ForgetsAHandshakeInItsTime) {
  PipelineHarness bench(kRules);
  TcpTalk half(bench, 40000, 80);
  EXPECT_TRUE(half.Client(kSyn, {}));
  TcpTalk whole(bench, 40001, 80);
  ASSERT_TRUE(whole.Handshake());
  const auto live = [&] { return bench.pipeline().flow_counters().entries.value(); };
  bench.Advance(31);
  bench.Tick(8);
  EXPECT_EQ(live(), 1U);
  bench.Advance(90);
  bench.Tick(8);
  EXPECT_EQ(live(), 0U);
  for (const auto& [key, seen] : bench.events().sessions()) {
    EXPECT_EQ(seen.event.end_reason, events::EndReason::kIdle);
  }
}

// Whoever begins in mid-stream with a fake at a number that the server does not take, so that what
// counts lies before the beginning or far behind it.
TEST(PipelineStream, InMidStreamTheServerTellsWhereItIs) {
  for (const uint32_t ahead : {200'000U, 0U - 200'000U}) {
    for (const bool answers : {true, false}) {
      PipelineHarness bench(kRules);
      TcpTalk talk(bench, 40000, 80);
      EXPECT_TRUE(talk.SayAt(ahead, BytesOf(kGood)));
      if (answers) {
        EXPECT_TRUE(talk.Server(kAck, {}));
      }
      EXPECT_FALSE(talk.Say(kBad)) << ahead;
      EXPECT_EQ(bench.last_reason(), answers ? DropReason::kPolicy : DropReason::kStream);
    }
  }
}

// The first that is seen is a repetition, and the server has had it long since.
TEST(PipelineStream, InMidStreamTheServerMayHaveMoreThanWasSeen) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  EXPECT_TRUE(talk.SayAt(0U - 5000, BytesOf("old")));
  EXPECT_TRUE(talk.Server(kAck, {}));
  EXPECT_TRUE(talk.Say(kGood));
  EXPECT_EQ(bench.session().name, "all.test");
  EXPECT_FALSE(talk.Say(kBad));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineStream, InMidStreamFindsTheBeginningThatComesLate) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  const std::string_view bad = kBad;
  EXPECT_TRUE(bench.FromInside(Crafted(talk, bad.substr(22), 22)));
  EXPECT_FALSE(bench.FromInside(Crafted(talk, bad.substr(0, 22))));
  EXPECT_EQ(bench.session().rule, "r1");
}

TEST(PipelineStream, ReadsEveryRequestWhateverTheBodyBetween) {
  PipelineHarness bench(kRules);
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say("POST / HTTP/1.1\r\nHost: all.test\r\nContent-Length: 60000\r\n\r\n"));
  EXPECT_TRUE(talk.Server(kAck, {}));
  const std::string body(1000, 'b');
  // The first piece is lost on its way here and comes last.
  const uint32_t body_at = talk.client_seq();
  for (uint32_t i = 1; i < 60; ++i) {
    EXPECT_TRUE(talk.SayAt(i * 1000, BytesOf(body))) << i << DropReasonName(bench.last_reason());
  }
  EXPECT_TRUE(talk.Say(body));
  EXPECT_EQ(talk.client_seq(), body_at + 1000);
  EXPECT_FALSE(talk.SayAt(59'000, BytesOf(kBad)));
  EXPECT_EQ(bench.last_reason(), DropReason::kPolicy);
}

TEST(PipelineStream, TakesAStartInTheMiddleAsConfigured) {
  for (const auto midstream :
       {base::MidStream::kRead, base::MidStream::kPass, base::MidStream::kDrop}) {
    pipeline::Options options = PipelineHarness::DefaultOptions();
    options.midstream = midstream;
    PipelineHarness bench(kRules, options);
    TcpTalk talk(bench, 40000, 80);
    EXPECT_EQ(talk.Say(kGood), midstream != base::MidStream::kDrop);
    EXPECT_EQ(bench.session().name, midstream == base::MidStream::kRead ? "all.test" : "");
    EXPECT_EQ(talk.Say(kBad), midstream == base::MidStream::kPass);
    TcpTalk whole(bench, 40001, 80);
    EXPECT_TRUE(whole.Handshake());
    EXPECT_FALSE(whole.Say(kBad)) << "its beginning was seen";
  }
}

// Without the servers' packets nothing says what they have: nothing is kept for them.
TEST(PipelineStream, KeepsNothingWhereTheServersCannotBeHeard) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.two_way = false;
  options.stream_buffers_max = 1;
  PipelineHarness bench(kRules, options);
  for (uint16_t port = 40000; port < 40010; ++port) {
    TcpTalk talk(bench, port, 80);
    EXPECT_TRUE(talk.Client(kSyn, {}));
    EXPECT_TRUE(talk.SayAt(1, BytesOf(kGood)));
    EXPECT_FALSE(talk.SayAt(1 + static_cast<uint32_t>(kGood.size()), BytesOf(kBad)));
  }
  EXPECT_EQ(bench.pipeline().counters().streams_given_up.value(), 0U);
}

TEST(PipelineStream, DropsNothingWhereThePolicyDoesNotBlockByName) {
  for (const char* rules : {"", "drop port tcp/23", "drop host bad.test mode monitor"}) {
    SCOPED_TRACE(rules);
    PipelineHarness bench(rules);
    TcpTalk talk(bench, 40000, 80);
    ASSERT_TRUE(talk.Handshake());
    EXPECT_TRUE(bench.FromInside(Crafted(talk, kGood)));
    EXPECT_TRUE(bench.FromInside(Crafted(talk, kBad)));
    Bytes fake = Crafted(talk, kGood).Build();
    fake.back() = static_cast<uint8_t>(fake.back() + 1);
    EXPECT_TRUE(bench.Send(fake, packet::Side::kInside));
    EXPECT_TRUE(bench.FromInside(Crafted(talk, "x", 100'000)));
    EXPECT_EQ(bench.session().name, "all.test");
  }
}

TEST(PipelineStream, WaitsForRoomOrGivesUpAsConfigured) {
  for (const bool closed : {false, true}) {
    pipeline::Options options = PipelineHarness::DefaultOptions();
    options.stream_buffers_max = 1;
    options.drop_when_streams_full = closed;
    PipelineHarness bench(kRules, options);
    TcpTalk first(bench, 40000, 80);
    TcpTalk second(bench, 40001, 80);
    ASSERT_TRUE(first.Handshake());
    ASSERT_TRUE(second.Handshake());
    EXPECT_TRUE(first.Say(std::string_view(kGood).substr(0, 20)));
    EXPECT_EQ(second.Say(kBad), !closed);
    const pipeline::Counters& counters = bench.pipeline().counters();
    EXPECT_EQ(counters.streams_given_up.value(), closed ? 0U : 1U);
    EXPECT_EQ(counters.stream_waits.value(), closed ? 1U : 0U);
  }
}

// More requests in a packet than are judged at once, and the last of them is to be blocked.
TEST(PipelineStream, EveryRequestOfAPacketIsJudged) {
  std::string requests;
  for (int i = 0; i < 200; ++i) requests += "GET / HTTP/1.1\nHost:a\n\n";
  const std::string last = "GET / HTTP/1.1\nHost:bad.test\n\n";
  for (const uint32_t early : {0U, 100U}) {
    PipelineHarness bench("drop host bad.test id r1");
    TcpTalk talk(bench, 40000, 80);
    ASSERT_TRUE(talk.Handshake());
    const std::string text = requests + last;
    // All at once, or all but the beginning first, and that fills the gap.
    if (early > 0) {
      EXPECT_TRUE(talk.SayAt(early, BytesOf(text.substr(early))));
    }
    EXPECT_FALSE(talk.Say(early > 0 ? text.substr(0, early) : text)) << early;
    EXPECT_EQ(bench.session().rule, "r1");
    EXPECT_EQ(bench.pipeline().counters().names_overflowed.value(), 0U);
  }
  // Without the last all pass, and what comes next is read from its beginning.
  PipelineHarness bench("drop host bad.test");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(requests));
  EXPECT_EQ(bench.pipeline().counters().names_found.value(), 200U);
  EXPECT_FALSE(talk.Say(last));
}

// The page would be taken for the answer to the first.
TEST(PipelineStream, BehindRequestsOfItsPacketARefusedOneGetsNoPage) {
  std::string request = "GET / HTTP/1.1\nHost:a\nX: " + std::string(100, 'x') + "\n\n";
  std::string requests;
  for (int i = 0; i < 8; ++i) requests += request;
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  EXPECT_TRUE(talk.Say(requests + "GET /"));  // as many as are judged at once, and a beginning
  EXPECT_FALSE(talk.Say(" HTTP/1.1\nHost:bad.test\nX: " + std::string(600, 'x') + "\n\n"));
  ASSERT_FALSE(bench.answers().empty());
  const auto frame = bench.answers()[0].frame();
  EXPECT_EQ(std::string(frame.begin(), frame.end()).find("403"), std::string::npos);
}

// A Host line of very many words.
TEST(PipelineStream, WordsOfAHostLineAreBounded) {
  PipelineHarness bench("drop host bad.test");
  TcpTalk talk(bench, 40000, 80);
  ASSERT_TRUE(talk.Handshake());
  std::string words;
  for (int i = 0; i < 100; ++i) words += " a" + std::to_string(i);
  EXPECT_TRUE(talk.Say("GET / HTTP/1.1\nHost:" + words + "\n\n"));
  EXPECT_EQ(bench.pipeline().counters().names_overflowed.value(), 0U);
  EXPECT_FALSE(talk.Say("GET / HTTP/1.1\nHost: a bad.test\n\n"));
}

}  // namespace
}  // namespace weir::testing

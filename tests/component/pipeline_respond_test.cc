// What a rejected exchange gets to read, and what nobody gets.
#include <gtest/gtest.h>

#include "dataplane/base/cursor.h"
#include "dataplane/parse/parse.h"
#include "dataplane/respond/respond.h"
#include "tests/support/encapsulation.h"
#include "tests/support/pipeline_harness.h"
#include "tests/support/tcp_talk.h"
#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

using packet::Side;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kPsh;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;
using respond::Withheld;

constexpr std::string_view kClient = "10.20.0.11";
constexpr std::string_view kServer = "198.51.100.10";
constexpr std::string_view kResolver = "198.51.100.53";

// An answer, looked at as a receiver would.
struct Seen {
  Bytes bytes;
  packet::Packet packet;
  Side to = Side::kUnknown;

  explicit Seen(const respond::OutFrame& frame)
      : bytes(frame.frame().begin(), frame.frame().end()), to(frame.to) {
    packet.data = bytes.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes.size());
    parse::Parse(packet);
    EXPECT_EQ(packet.headers.note, packet::ParseNote::kComplete);
  }
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;
  const packet::Headers& headers() const { return packet.headers; }
  std::string text() const { return {packet.payload().begin(), packet.payload().end()}; }
};

uint64_t WithheldFor(PipelineHarness& bench, Withheld reason) {
  return bench.pipeline().counters().responses_withheld[static_cast<size_t>(reason)].value();
}

Bytes Hello(std::string_view name) { return names::testing::HelloBuilder().Sni(name).Stream(); }

std::string Get(std::string_view host, size_t padding = 0) {
  return "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\nX: " + std::string(padding, 'x') +
         "\r\n\r\n";
}

void AppendName(Bytes& out, std::string_view name) {
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    out.push_back(static_cast<uint8_t>(dot));
    out.insert(out.end(), name.begin(), name.begin() + static_cast<ptrdiff_t>(dot));
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  out.push_back(0);
}

// A question of type A (RFC 1035 §4.1), with a cookie in an OPT record if asked for.
Bytes Query(std::string_view name, bool with_cookie = false) {
  Bytes out = FromHex(with_cookie ? "123401000001000000000001" : "123401000001000000000000");
  AppendName(out, name);
  const Bytes tail = FromHex("00010001");
  out.insert(out.end(), tail.begin(), tail.end());
  if (!with_cookie) return out;
  const Bytes opt = FromHex("00 0029 04d0 00000000 000c 000a0008 0102030405060708");
  out.insert(out.end(), opt.begin(), opt.end());
  return out;
}

PacketBuilder QueryPacket(const Bytes& query, std::string_view src = kClient) {
  PacketBuilder builder;
  builder.Ipv4(src, kResolver).Udp({.src_port = 5353, .dst_port = 53}).Payload(query);
  return builder;
}

uint16_t FlagsOf(const Seen& dns) {
  base::Cursor cursor(dns.packet.payload());
  cursor.Skip(2);
  return cursor.U16();
}

// ---------------------------------------------------------------------------- resets

TEST(PipelineRespond, ResetsWhereThePeersWaitWhateverTheRefusedSegmentSays) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 443);
  ASSERT_TRUE(talk.Handshake());
  const Bytes hello = Hello("bad.test");
  const std::span<const uint8_t> all(hello);
  ASSERT_TRUE(talk.SayAt(0, all.first(20)));
  // The rest comes with a piece that was sent before: the server waits behind that piece.
  ASSERT_FALSE(talk.SayAt(10, all.subspan(10)));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen to_client(bench.answers()[0]);
  const Seen to_server(bench.answers()[1]);
  EXPECT_EQ(to_client.to, Side::kInside);
  EXPECT_EQ(to_client.headers().tcp_flags, kRst | kAck);
  EXPECT_EQ(to_client.headers().tcp_seq, talk.server_seq());
  EXPECT_EQ(to_client.headers().tcp_ack, talk.client_seq() + hello.size());
  EXPECT_EQ(to_server.to, Side::kOutside);
  EXPECT_EQ(to_server.headers().tcp_flags, kRst | kAck);
  EXPECT_EQ(to_server.headers().tcp_seq, talk.client_seq() + 20);
  EXPECT_EQ(to_server.headers().tcp_ack, talk.server_seq());
}

TEST(PipelineRespond, ResetsBehindWhatIsStillUnderWayToTheClient) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 443);
  ASSERT_TRUE(talk.Handshake());
  const uint32_t acknowledged = talk.server_seq();
  ASSERT_TRUE(talk.Answer("a banner that the client has not acknowledged"));
  const Bytes hello = Hello("bad.test");
  ASSERT_FALSE(bench.FromInside(
      PacketBuilder()
          .Ipv4(kClient, kServer)
          .Tcp({.src_port = 40000, .dst_port = 443, .seq = talk.client_seq(), .ack = acknowledged})
          .Payload(hello)));
  ASSERT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_seq, talk.server_seq());
}

// RFC 5961 §3.2: an end that a reset missed says where it stands, and gets another.
TEST(PipelineRespond, AChallengeDrawsTheExactReset) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  const Bytes hello = Hello("bad.test");
  ASSERT_FALSE(talk.Say(hello));
  ASSERT_FALSE(talk.Client(kAck, {}));
  ASSERT_EQ(bench.answers().size(), 1U) << "the server has been told";
  const Seen again(bench.answers()[0]);
  EXPECT_EQ(again.to, Side::kInside);
  EXPECT_EQ(again.headers().tcp_seq, talk.server_seq());
  ASSERT_FALSE(talk.Server(kAck, {}));
  ASSERT_EQ(bench.answers().size(), 1U);
  const Seen server(bench.answers()[0]);
  EXPECT_EQ(server.to, Side::kOutside);
  EXPECT_EQ(server.headers().tcp_seq, talk.client_seq());
}

TEST(PipelineRespond, AWrongGuessDrawsNothingHoweverOften) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 443);
  talk.Client(kSyn, {});
  bench.FromOutside(PacketBuilder()
                        .Ipv4(kServer, kClient)
                        .Tcp({.src_port = 443,
                              .dst_port = 40000,
                              .flags = kSyn | kAck,
                              .seq = 7777,
                              .ack = 1001}));
  const Bytes hello = Hello("bad.test");
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(talk.SayAt(1, hello));
    EXPECT_EQ(bench.last_reason(), packet::DropReason::kStream);
    EXPECT_TRUE(bench.answers().empty());
  }
}

TEST(PipelineRespond, OneDirectionAloneIsNoConversationEvenTheSecondTime) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.two_way = false;  // else data behind an unanswered SYN is not even read
  PipelineHarness bench("reject host bad.test", options);
  TcpTalk talk(bench, 40000, 443);
  talk.Client(kSyn, {});
  const Bytes hello = Hello("bad.test");
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(talk.SayAt(1, hello));
    EXPECT_TRUE(bench.answers().empty());
  }
  EXPECT_EQ(WithheldFor(bench, Withheld::kNoConversation), 3U);
}

// Whoever sends both halves of a conversation from one side of the bridge has it with himself.
TEST(PipelineRespond, AConversationForgedFromOneSideIsNone) {
  PipelineHarness bench("reject host bad.test\nreject port udp/6000");
  const auto outside = [&](PacketBuilder& builder) { return bench.FromOutside(builder); };
  const auto tcp = [&](bool up, uint8_t flags, uint32_t seq, uint32_t ack, const Bytes& bytes) {
    PacketBuilder builder;
    up ? builder.Ipv4(kServer, kClient) : builder.Ipv4(kClient, kServer);
    const uint16_t victim = 40000;
    const uint16_t other = 80;
    builder.Tcp({.src_port = up ? victim : other,
                 .dst_port = up ? other : victim,
                 .flags = flags,
                 .seq = seq,
                 .ack = ack});
    return outside(builder.Payload(bytes));
  };
  tcp(true, kSyn, 100, 0, {});
  tcp(false, kSyn | kAck, 900, 101, {});
  tcp(true, kAck, 101, 901, {});
  EXPECT_FALSE(tcp(true, kAck, 101, 901, BytesOf(Get("bad.test", 500))));
  EXPECT_TRUE(bench.answers().empty());
  PacketBuilder forth;
  PacketBuilder back;
  forth.Ipv4(kServer, kClient).Udp({.src_port = 5000, .dst_port = 6000}).Payload(Bytes(100));
  back.Ipv4(kClient, kServer).Udp({.src_port = 6000, .dst_port = 5000}).Payload(Bytes(100));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(outside(forth));
    EXPECT_FALSE(outside(back));
    EXPECT_TRUE(bench.answers().empty());
  }
}

TEST(PipelineRespond, ALatePolicyResetsByTheRefusedSegmentsNumbers) {
  PipelineHarness bench;
  TcpTalk talk(bench, 40000, 443);
  talk.Handshake();
  ASSERT_TRUE(talk.Say(Hello("site.test")));
  ASSERT_TRUE(talk.Answer("data"));
  bench.Install("reject domain site.test");
  ASSERT_FALSE(talk.Answer("more"));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen to_server(bench.answers()[0]);
  const Seen to_client(bench.answers()[1]);
  EXPECT_EQ(to_server.to, Side::kOutside);
  EXPECT_EQ(to_server.headers().tcp_seq, talk.client_seq());
  EXPECT_EQ(to_client.to, Side::kInside);
  EXPECT_EQ(to_client.headers().tcp_seq, talk.server_seq() - 4);
  // The numbers may have been old ones: the block is remembered as one that nobody was told of.
  bench.Advance(60);
  bench.Tick(10);
  EXPECT_FALSE(talk.Say("x"));
}

TEST(PipelineRespond, KeepsTagsAndGoesBackByThePortItCameIn) {
  PipelineHarness bench("reject host bad.test");
  const auto segment = [&](bool up, uint8_t flags, uint32_t seq, uint32_t ack, const Bytes& bytes) {
    PacketBuilder builder;
    builder.Vlan(100, 0x88a8).Vlan(7);
    up ? builder.Ipv6("2001:db8::1", "2001:db8::2") : builder.Ipv6("2001:db8::2", "2001:db8::1");
    const uint16_t client = 40000;
    const uint16_t server = 443;
    builder.Tcp({.src_port = up ? client : server,
                 .dst_port = up ? server : client,
                 .flags = flags,
                 .seq = seq,
                 .ack = ack});
    return bench.Send(builder.Payload(bytes).Build(), up ? Side::kInside : Side::kOutside);
  };
  segment(true, kSyn, 100, 0, {});
  segment(false, kSyn | kAck, 900, 101, {});
  EXPECT_FALSE(segment(true, kAck, 101, 901, Hello("bad.test")));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen to_client(bench.answers()[0]);
  EXPECT_EQ(to_client.headers().vlans[0], 100);
  EXPECT_EQ(to_client.headers().vlans[1], 7);
  EXPECT_EQ(to_client.headers().dst_ip.ToString(), "2001:db8::1");
  EXPECT_EQ(to_client.bytes.size(), 14U + 8 + 40 + 20);
}

// ---------------------------------------------------------------------------- the page

TEST(PipelineRespond, ARejectedRequestReadsThePage) {
  PipelineHarness bench("reject host bad.test id r1 reason \"a lesson & more\"");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  const std::string request = Get("bad.test", 500);
  ASSERT_FALSE(talk.Say(request));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen page(bench.answers()[0]);
  EXPECT_EQ(page.to, Side::kInside);
  EXPECT_EQ(page.headers().tcp_flags, kPsh | kAck | kFin);
  EXPECT_EQ(page.headers().tcp_seq, talk.server_seq());
  EXPECT_EQ(page.headers().tcp_ack, talk.client_seq());
  EXPECT_TRUE(page.text().starts_with("HTTP/1.1 403 Forbidden\r\n")) << page.text();
  EXPECT_NE(page.text().find("<b>bad.test</b> 已被本网络的管理员屏蔽"), std::string::npos);
  EXPECT_NE(page.text().find("a lesson &amp; more"), std::string::npos);
  const Seen to_server(bench.answers()[1]);
  EXPECT_EQ(to_server.headers().tcp_flags, kRst | kAck);
  EXPECT_EQ(to_server.headers().tcp_seq, talk.client_seq() - request.size());
}

TEST(PipelineRespond, APageIsReadInPeaceAndItsConnectionEndedWithTheClients) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  const std::string request = Get("bad.test", 500);
  talk.Say(request);
  const uint32_t behind_page =
      talk.server_seq() + Seen(bench.answers()[0]).headers().payload_bytes + 1;
  const auto client = [&](uint8_t flags, uint32_t seq, std::string_view bytes = "") {
    return bench.FromInside(
        PacketBuilder()
            .Ipv4(kClient, kServer)
            .Tcp(
                {.src_port = 40000, .dst_port = 80, .flags = flags, .seq = seq, .ack = behind_page})
            .Payload(bytes));
  };
  EXPECT_FALSE(client(kAck, talk.client_seq()));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_FALSE(client(kAck | kFin, talk.client_seq()));
  ASSERT_EQ(bench.answers().size(), 1U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_seq, behind_page);
  bench.Advance(11);
  bench.Tick();
  EXPECT_EQ(bench.session().event.state, events::SessionState::kClosed);
}

TEST(PipelineRespond, ALostPageIsNotSentTwice) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  const std::string request = Get("bad.test", 500);
  EXPECT_FALSE(talk.SayAt(0, BytesOf(request)));
  EXPECT_FALSE(talk.SayAt(0, BytesOf(request)));
  ASSERT_EQ(bench.answers().size(), 1U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_flags, kRst | kAck);
}

// SYN, ACK and request bring 40 bytes of header each; the page costs 40 itself.
size_t AnswerTo(size_t request_bytes, const pipeline::Options& options) {
  PipelineHarness bench("reject host bad.test", options);
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  std::string request = Get("bad.test");
  EXPECT_LE(request.size(), request_bytes);
  request = Get("bad.test", request_bytes - request.size());
  EXPECT_FALSE(talk.Say(request));
  EXPECT_EQ(bench.answers().size(), 2U);
  const Seen answer(bench.answers()[0]);
  EXPECT_LE(answer.headers().ip_bytes, 120 + request.size());
  EXPECT_EQ(WithheldFor(bench, Withheld::kBudget), answer.text().empty() ? 1U : 0U);
  return answer.headers().payload_bytes;
}

TEST(PipelineRespond, ThePageIsNeverLongerThanWhatTheClientHasSent) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.respond.block_page = std::make_shared<const respond::BlockPage>(
      respond::BlockPage::Parse(std::string(600, 'x')).value());
  std::array<uint8_t, respond::kPageBytesMax> out{};
  const size_t page = options.respond.block_page->Render({}, out);
  const size_t short_page = respond::BlockPage::RenderShort(out);
  EXPECT_EQ(AnswerTo(page - 80, options), page);
  EXPECT_EQ(AnswerTo(page - 81, options), short_page);
  EXPECT_EQ(AnswerTo(short_page - 80, options), short_page);
  EXPECT_EQ(AnswerTo(short_page - 81, options), 0U) << "resets";
}

TEST(PipelineRespond, UsesTimestampsWhereTheConnectionDoes) {
  PipelineHarness bench("reject host bad.test");
  const auto send = [&](bool up, uint8_t flags, uint32_t seq, uint32_t ack, std::string_view times,
                        std::string_view text) {
    PacketBuilder builder;
    const uint16_t client = 40000;
    const uint16_t server = 80;
    up ? builder.Ipv4(kClient, kServer) : builder.Ipv4(kServer, kClient);
    builder.Tcp({.src_port = up ? client : server,
                 .dst_port = up ? server : client,
                 .flags = flags,
                 .seq = seq,
                 .ack = ack,
                 .options = FromHex("0101080a" + std::string(times))});
    return bench.Send(builder.Payload(text).Build(), up ? Side::kInside : Side::kOutside);
  };
  send(true, kSyn, 100, 0, "00000011 00000000", "");
  send(false, kSyn | kAck, 900, 101, "00000050 00000011", "");
  send(true, kAck, 101, 901, "00000012 00000050", "");
  const std::string request = Get("bad.test", 500);
  send(true, kAck, 101, 901, "00000013 00000050", request.substr(0, 18));
  send(false, kAck, 901, 119, "00000055 00000013", "");
  // Sent before the server's last word was heard.
  EXPECT_FALSE(send(true, kAck, 119, 901, "00000014 00000050", request.substr(18)));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen page(bench.answers()[0]);
  const auto times = respond::ReadTcpTimestamps(page.packet);
  ASSERT_TRUE(times.has_value());
  EXPECT_EQ(times->value, 0x55U);
  EXPECT_EQ(times->echo, 0x14U);
  EXPECT_EQ(page.headers().tcp_ack, 101 + request.size());
}

TEST(PipelineRespond, TheSecondRequestOfAConnectionReadsThePageToo) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  EXPECT_TRUE(talk.Say(Get("good.test", 300)));
  EXPECT_TRUE(talk.Answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_FALSE(talk.Say(Get("bad.test", 300)));
  ASSERT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_seq, talk.server_seq());
  EXPECT_NE(Seen(bench.answers()[0]).text().find("403"), std::string::npos);
}

TEST(PipelineRespond, APageNeverStandsForTheAnswerToAnEarlierRequest) {
  PipelineHarness bench("reject host bad.test");
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  EXPECT_TRUE(talk.Say(Get("good.test", 300)));
  EXPECT_FALSE(talk.Say(Get("bad.test", 300)));
  ASSERT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_flags, kRst | kAck);
  TcpTalk both(bench, 40001, 80);
  both.Handshake();
  EXPECT_FALSE(both.Say(Get("good.test", 300) + Get("bad.test", 300)));
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_flags, kRst | kAck);
}

TEST(PipelineRespond, NoPageWhereTheConfigurationSaysReset) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.respond.http_page = false;
  PipelineHarness bench("reject host bad.test", options);
  TcpTalk talk(bench, 40000, 80);
  talk.Handshake();
  EXPECT_FALSE(talk.Say(Get("bad.test", 500)));
  ASSERT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_flags, kRst | kAck);
}

TEST(PipelineRespond, DropIsSilentForEveryProtocol) {
  PipelineHarness bench("drop host bad.test");
  for (const uint16_t port : {uint16_t{80}, uint16_t{443}}) {
    TcpTalk talk(bench, 40000, port);
    talk.Handshake();
    EXPECT_FALSE(port == 80 ? talk.Say(Get("bad.test", 500)) : talk.Say(Hello("bad.test")));
    EXPECT_TRUE(bench.answers().empty());
  }
  EXPECT_FALSE(bench.FromInside(QueryPacket(Query("bad.test"))));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_EQ(bench.pipeline().counters().responses_withheld_total(), 0U);
}

// ---------------------------------------------------------------------------- DNS

TEST(PipelineRespond, ARejectedNameDoesNotExist) {
  PipelineHarness bench("reject domain bad.test");
  const Bytes query = Query("wWw.Bad.test");
  EXPECT_FALSE(bench.FromInside(QueryPacket(query)));
  ASSERT_EQ(bench.answers().size(), 1U);
  const Seen answer(bench.answers()[0]);
  EXPECT_EQ(answer.to, Side::kInside);
  EXPECT_EQ(answer.headers().src_ip.ToString(), kResolver);
  EXPECT_EQ(answer.headers().dst_port, 5353);
  EXPECT_EQ(FlagsOf(answer), 0x8183);
  Bytes expected = query;
  expected[2] = 0x81;
  expected[3] = 0x83;
  EXPECT_EQ(answer.text(), std::string(expected.begin(), expected.end()));
  EXPECT_TRUE(respond::MayBeAnswered(answer.packet)) << "its checksums are right";
  // Another name on the same ports passes.
  EXPECT_TRUE(bench.FromInside(QueryPacket(Query("good.test"))));
}

TEST(PipelineRespond, ARejectedNameSaysWhyWhereItFits) {
  PipelineHarness bench("reject domain bad.test");
  const Bytes query = Query("bad.test", true);
  EXPECT_FALSE(bench.FromInside(QueryPacket(query)));
  ASSERT_EQ(bench.answers().size(), 1U);
  const Seen answer(bench.answers()[0]);
  EXPECT_LE(answer.headers().payload_bytes, query.size());
  EXPECT_TRUE(answer.text().ends_with(std::string("\x00\x0f\x00\x02\x00\x0f", 6)));
}

TEST(PipelineRespond, NeverAnswersAQuestionFromOutside) {
  PipelineHarness bench("reject domain bad.test");
  EXPECT_FALSE(bench.FromOutside(QueryPacket(Query("bad.test", true))));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_EQ(WithheldFor(bench, Withheld::kNoConversation), 1U);
}

TEST(PipelineRespond, InACaptureThePrefixSaysWhoIsInside) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  const Bytes frame = QueryPacket(Query("bad.test")).Build();
  PipelineHarness nobody("reject domain bad.test", options);
  EXPECT_FALSE(nobody.Send(frame, Side::kUnknown));
  EXPECT_TRUE(nobody.answers().empty());
  options.inside = {base::IpPrefix::Parse("10.0.0.0/8").value()};
  PipelineHarness somebody("reject domain bad.test", options);
  EXPECT_FALSE(somebody.Send(frame, Side::kUnknown));
  EXPECT_EQ(somebody.answers().size(), 1U);
}

TEST(PipelineRespond, ARejectedResolverRefuses) {
  PipelineHarness bench("reject port udp/53 from inside");
  EXPECT_FALSE(bench.FromInside(QueryPacket(Query("good.test", true))));
  ASSERT_EQ(bench.answers().size(), 1U);
  const Seen answer(bench.answers()[0]);
  EXPECT_EQ(FlagsOf(answer), 0x8185);
  EXPECT_TRUE(answer.text().ends_with(std::string("\x00\x0f\x00\x02\x00\x12", 6)));
}

TEST(PipelineRespond, DnsAnswersFollowTheConfiguration) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.respond.dns = respond::DnsAnswer::kNone;
  PipelineHarness none("reject domain bad.test", options);
  EXPECT_FALSE(none.FromInside(QueryPacket(Query("bad.test"))));
  EXPECT_TRUE(none.answers().empty());
  options.respond.dns = respond::DnsAnswer::kRefused;
  PipelineHarness refused("reject domain bad.test", options);
  EXPECT_FALSE(refused.FromInside(QueryPacket(Query("bad.test"))));
  ASSERT_EQ(refused.answers().size(), 1U);
  EXPECT_EQ(FlagsOf(Seen(refused.answers()[0])), 0x8185);
}

Bytes Prefixed(const Bytes& query) {
  Bytes out = {static_cast<uint8_t>(query.size() >> 8), static_cast<uint8_t>(query.size())};
  out.insert(out.end(), query.begin(), query.end());
  return out;
}

// The source of a datagram may be forged, that of a TCP connection may not: an address that is
// longer than the question is given there.
TEST(PipelineRespond, ASinkholeSendsTheAskerToTcpAndAnswersThere) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.respond.dns = respond::DnsAnswer::kSinkhole;
  options.respond.sinkhole_ipv4 = base::IpAddress::Parse("192.0.2.1").value();
  PipelineHarness bench("reject domain bad.test", options);
  const Bytes query = Query("bad.test");
  EXPECT_FALSE(bench.FromInside(QueryPacket(query)));
  ASSERT_EQ(bench.answers().size(), 1U);
  EXPECT_EQ(FlagsOf(Seen(bench.answers()[0])), 0x8380) << "cut: come again by TCP";

  TcpTalk talk(bench, 40000, 53, std::string(kClient), std::string(kResolver));
  talk.Handshake();
  EXPECT_FALSE(talk.Say(Prefixed(query)));
  ASSERT_EQ(bench.answers().size(), 2U);
  const Seen answer(bench.answers()[0]);
  EXPECT_EQ(answer.headers().tcp_flags, kPsh | kAck | kFin);
  EXPECT_EQ(answer.headers().tcp_seq, talk.server_seq());
  const std::string message = answer.text();
  ASSERT_EQ(message.size(), 2 + query.size() + 16);
  EXPECT_EQ(static_cast<size_t>(message[1]), message.size() - 2);
  EXPECT_TRUE(message.ends_with(std::string("\xc0\x00\x02\x01", 4)));
}

TEST(PipelineRespond, DnsOverTcpInPiecesIsReset) {
  PipelineHarness bench("reject domain bad.test");
  TcpTalk talk(bench, 40000, 53);
  talk.Handshake();
  const Bytes message = Prefixed(Query("bad.test"));
  const std::span<const uint8_t> all(message);
  EXPECT_TRUE(talk.Say(all.first(9)));
  EXPECT_FALSE(talk.Say(all.subspan(9)));
  ASSERT_EQ(bench.answers().size(), 2U);
  EXPECT_EQ(Seen(bench.answers()[0]).headers().tcp_flags, kRst | kAck);
}

// ---------------------------------------------------------------------------- who gets none

TEST(PipelineRespond, ProhibitsADatagramOnlyOfAConversation) {
  PipelineHarness bench;
  const auto up = [&] {
    return bench.FromInside(PacketBuilder()
                                .Ipv4(kClient, kServer)
                                .Udp({.src_port = 5000, .dst_port = 6000})
                                .Payload(Bytes(100, 'x')));
  };
  EXPECT_TRUE(up());
  bench.Install("reject port udp/6000");
  EXPECT_FALSE(up());
  EXPECT_TRUE(bench.answers().empty());
  // A refused packet of the other end is its word as well, and gets the answer.
  EXPECT_FALSE(bench.FromOutside(PacketBuilder()
                                     .Ipv4(kServer, kClient)
                                     .Udp({.src_port = 6000, .dst_port = 5000})
                                     .Payload(Bytes(100, 'y'))));
  EXPECT_EQ(bench.answers().size(), 1U);
  EXPECT_EQ(bench.answers()[0].to, Side::kOutside);
  EXPECT_FALSE(up());
  ASSERT_EQ(bench.answers().size(), 1U);
  const Seen answer(bench.answers()[0]);
  EXPECT_EQ(answer.headers().ip_protocol, packet::ip_protocol::kIcmp);
  EXPECT_LE(answer.headers().ip_bytes, 128U);
}

TEST(PipelineRespond, RemembersAConversationOverTheSessionsParts) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.flow_limits.part_s = 10;
  PipelineHarness bench("", options);
  const auto say = [&](bool up) {
    const uint16_t client = 5000;
    const uint16_t server = 6000;
    PacketBuilder builder;
    up ? builder.Ipv4(kClient, kServer) : builder.Ipv4(kServer, kClient);
    builder.Udp({.src_port = up ? client : server, .dst_port = up ? server : client});
    return bench.Send(builder.Payload(Bytes(100, 'x')).Build(),
                      up ? Side::kInside : Side::kOutside);
  };
  EXPECT_TRUE(say(true));
  bench.Advance(11);
  EXPECT_TRUE(say(true));
  bench.Install("reject port udp/6000");
  EXPECT_FALSE(say(true));
  EXPECT_TRUE(bench.answers().empty()) << "a second part proves nothing";
  bench.Install("");
  EXPECT_TRUE(say(false));
  bench.Advance(11);
  EXPECT_TRUE(say(true));
  bench.Install("reject port udp/6000");
  EXPECT_FALSE(say(true));
  EXPECT_EQ(bench.answers().size(), 1U);
}

// The datagram that was put together asks as if it had come whole.
TEST(PipelineRespond, AQuestionInFragmentsIsAnswered) {
  PipelineHarness bench("reject domain bad.test");
  const Bytes datagram = DatagramOf(QueryPacket(Query("bad.test")));
  const std::span<const uint8_t> udp = std::span(datagram).subspan(20);
  const auto piece = [&](size_t from, size_t bytes, bool more) {
    return bench.FromInside(PacketBuilder()
                                .Ipv4(kClient, kResolver)
                                .Raw(17)
                                .Payload(udp.subspan(from, bytes))
                                .Fragment(9, static_cast<uint16_t>(from), more));
  };
  EXPECT_TRUE(piece(0, 16, true));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_FALSE(piece(16, udp.size() - 16, false));
  ASSERT_EQ(bench.answers().size(), 1U);
  EXPECT_EQ(FlagsOf(Seen(bench.answers()[0])), 0x8183);
}

TEST(PipelineRespond, ABrokenChecksumDrawsNothing) {
  PipelineHarness bench("reject domain bad.test");
  Bytes frame = QueryPacket(Query("bad.test")).Build();
  frame[14 + 20 + 6] ^= 0xff;
  EXPECT_FALSE(bench.Send(frame, Side::kInside));
  EXPECT_TRUE(bench.answers().empty());
  EXPECT_EQ(WithheldFor(bench, Withheld::kUnanswerable), 1U);
}

TEST(PipelineRespond, AnswersOneSourceSoOftenAndNoOftener) {
  pipeline::Options options = PipelineHarness::DefaultOptions();
  options.respond.per_source_per_second = 5;
  PipelineHarness bench("reject domain bad.test", options);
  unsigned answered = 0;
  for (int i = 0; i < 50; ++i) {
    bench.FromInside(QueryPacket(Query("bad.test")));
    answered += bench.answers().empty() ? 0U : 1U;
  }
  EXPECT_EQ(answered, 5U) << "in 50 ms";
  EXPECT_EQ(WithheldFor(bench, Withheld::kRate), 45U);
  bench.FromInside(QueryPacket(Query("bad.test"), "10.20.0.12"));
  EXPECT_EQ(bench.answers().size(), 1U) << "another source";
}

}  // namespace
}  // namespace weir::testing

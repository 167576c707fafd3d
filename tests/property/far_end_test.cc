// The judge judged: the far end's model against what the standards and the stacks say.
#include "tests/property/far_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/property/property.h"
#include "tests/support/frame_edit.h"

namespace weir::property {
namespace {

using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;
using testing::BytesOf;
using testing::PacketBuilder;
using testing::TcpFields;

Bytes Datagram(std::string_view text, bool is_v6 = false) {
  PacketBuilder builder;
  is_v6 ? builder.Ipv6("2001:db8::1", "2001:db8::2") : builder.Ipv4("10.0.0.1", "10.0.0.2");
  return builder.Udp({}).Payload(text).Build();
}

std::string TextOf(const std::optional<Datagram4>& datagram) {
  if (!datagram.has_value()) return "nothing";
  return {datagram->bytes.begin() + 8, datagram->bytes.end()};
}

// A server that has heard the SYN 99 and sent its own 499.
TcpServer Listening(const ServerKind& kind) {
  TcpServer server(kind, 499);
  const Bytes syn =
      PacketBuilder().Ipv4("10.0.0.1", "10.0.0.2").Tcp({.flags = kSyn, .seq = 99}).Build();
  server.Take(std::span(syn).subspan(34));
  return server;
}

void Say(TcpServer& server, const TcpFields& fields, std::string_view text = "") {
  const Bytes frame =
      PacketBuilder().Ipv4("10.0.0.1", "10.0.0.2").Tcp(fields).Payload(text).Build();
  server.Take(std::span(frame).subspan(34));
}

std::string TextOf(const TcpServer& server) {
  return {server.stream().begin(), server.stream().end()};
}

TEST(FarEnd, PutsFragmentsTogetherInAnyOrder) {
  const std::vector<uint32_t> offsets = {0, 8, 24};
  for (const bool is_v6 : {false, true}) {
    auto pieces = testing::Fragments(Datagram("one datagram in three pieces", is_v6), offsets, 7);
    Reassembler end{ServerKind()};
    EXPECT_EQ(TextOf(end.Take(pieces[2])), "nothing");
    EXPECT_EQ(TextOf(end.Take(pieces[0])), "nothing");
    EXPECT_EQ(TextOf(end.Take(pieces[0])), "nothing");
    EXPECT_EQ(TextOf(end.Take(pieces[1])), "one datagram in three pieces");
  }
}

TEST(FarEnd, DropsADatagramWhoseFragmentsOverlapWhereItMust) {
  const Bytes whole = Datagram("sixteen bytes ok");
  const std::vector<uint32_t> offsets = {0, 8, 16};
  const auto pieces = testing::Fragments(whole, offsets, 7);
  const Bytes other = testing::Fragment(whole, {8, true, BytesOf("SIXTEEN ")}, 7);
  for (const bool drops : {true, false}) {
    ServerKind kind;
    kind.drops_overlapping_fragments = drops;
    Reassembler end(kind);
    end.Take(pieces[1]);
    end.Take(other);
    end.Take(pieces[0]);
    EXPECT_EQ(TextOf(end.Take(pieces[2])), drops ? "nothing" : "sixteen bytes ok");
  }
}

TEST(FarEnd, TakesNothingWithAWrongChecksum) {
  Reassembler end{ServerKind()};
  Bytes frame = Datagram("x");
  EXPECT_EQ(TextOf(end.Take(frame)), "x");
  testing::SpoilTransportChecksum(frame);
  EXPECT_EQ(TextOf(end.Take(frame)), "nothing");
  frame = Datagram("x");
  frame[testing::kEthernetBytes + 8] = 1;
  EXPECT_EQ(TextOf(end.Take(frame)), "nothing");
}

TEST(FarEnd, KeepsFirstOrLastBytesAsItsKindDoes) {
  for (const auto& [policy, text] :
       {std::pair(Overlap::kFirst, "abCDEf"), std::pair(Overlap::kLast, "abcdef"),
        std::pair(Overlap::kBsd, "abcdEf"), std::pair(Overlap::kWindows, "abcdef")}) {
    OverlapBuffer buffer(policy);
    buffer.Write(2, BytesOf("CD"));
    buffer.Write(4, BytesOf("E"));
    if (policy == Overlap::kBsd) {
      buffer.Write(0, BytesOf("abcd"));  // begins before, so it wins
      buffer.Write(4, BytesOf("ef"));    // begins at the same place
    } else {
      buffer.Write(0, BytesOf("abcdef"));
    }
    const Bytes& bytes = buffer.bytes();
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), text) << static_cast<int>(policy);
  }
}

TEST(FarEnd, ReadsAStreamInOrderAndKeepsWhatItHasRead) {
  TcpServer server = Listening({});
  Say(server, {.seq = 103, .ack = 500}, "def");
  EXPECT_EQ(TextOf(server), "");
  Say(server, {.seq = 100, .ack = 500}, "abc");
  EXPECT_EQ(TextOf(server), "abcdef");
  Say(server, {.seq = 100, .ack = 500}, "ABCDEFg");
  EXPECT_EQ(TextOf(server), "abcdefg");
  EXPECT_EQ(server.ack_number(), 107U);
  Say(server, {.flags = kFin | kAck, .seq = 107, .ack = 500});
  EXPECT_TRUE(server.finished());
}

TEST(FarEnd, MindsWhatItsKindMinds) {
  const Bytes old_clock = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
  const Bytes clock = {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0};
  Bytes md5 = {19, 18};
  md5.resize(18);
  const ServerKind lax = {.minds_ack = false, .minds_timestamps = false, .minds_md5 = false};
  for (const bool strict : {true, false}) {
    TcpServer server = Listening(strict ? ServerKind() : lax);
    Say(server, {.seq = 100, .ack = 500, .options = clock}, "a");
    Say(server, {.flags = 0, .seq = 101, .ack = 500}, "b");
    Say(server, {.seq = 102, .ack = 90'000}, "c");
    Say(server, {.seq = 103, .ack = 500, .options = old_clock}, "d");
    Say(server, {.seq = 104, .ack = 500, .options = md5}, "e");
    EXPECT_EQ(TextOf(server), strict ? "a" : "abcde");
  }
}

TEST(FarEnd, EndsByAResetAtTheExactNumberOnly) {
  ServerKind kind;
  for (const bool in_window : {false, true}) {
    kind.resets_in_window = in_window;
    TcpServer server = Listening(kind);
    Say(server, {.flags = kRst, .seq = 99});
    EXPECT_FALSE(server.reset());
    Say(server, {.flags = kRst, .seq = 120});
    EXPECT_EQ(server.reset(), in_window);
    Say(server, {.flags = kRst, .seq = 100});
    EXPECT_TRUE(server.reset());
  }
}

}  // namespace
}  // namespace weir::property

// What holds for every capture: the same bytes twice, and without rules the same packets out as in.
#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>

#include "tests/golden/workspace.h"

namespace weir::testing {
namespace {

using nlohmann::json;

// A datagram in three fragments, in any order, one of them perhaps missing.
template <typename Below>
void Fragmented(Wire& wire, uint16_t port, Below&& below) {
  const uint32_t first = below(3);
  const uint32_t step = 1 + below(2);
  const uint32_t count = 2 + below(2);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t piece = (first + i * step) % 3;
    PacketBuilder builder;
    builder.Ipv4("10.20.0.11", "198.51.100." + std::to_string(1 + port % 5));
    if (piece == 0) {
      builder.Udp({.src_port = port, .dst_port = 15001}).Payload(std::string(56, 'f'));
    } else {
      builder.Raw(packet::ip_protocol::kUdp).Payload(std::string(64, 'g'));
    }
    wire.Carry(builder.Fragment(port, static_cast<uint16_t>(64 * piece), piece < 2));
  }
}

// A flow in a tunnel, whose second datagram is too long for it and comes in fragments.
void Tunnelled(Wire& wire, uint16_t port) {
  const auto outer = [&] {
    PacketBuilder builder;
    return builder.Ipv4("192.0.2.1", "203.0.113." + std::to_string(1 + port % 5)).Raw(4);
  };
  const auto inner = [&](size_t bytes) {
    PacketBuilder builder;
    builder.Ipv4("10.20.0.11", "10.30.0." + std::to_string(port % 200));
    Bytes frame =
        builder.Udp({.src_port = port, .dst_port = 15001}).Payload(Bytes(bytes, 't')).Build();
    frame.erase(frame.begin(), frame.begin() + 14);
    return frame;
  };
  wire.Carry(outer().Payload(inner(20)));
  const Bytes large = inner(100);
  wire.Carry(outer().Payload(std::span(large).subspan(64)).Fragment(port, 64, false));
  wire.Carry(outer().Payload(std::span(large).first(64)).Fragment(port, 0, true));
}

// Conversations of many kinds, some packets cut or swapped, all from the printed seed.
Wire Mixed(uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](uint32_t limit) { return static_cast<uint32_t>(random() % limit); };
  Wire wire;
  for (uint16_t i = 0; i < 60; ++i) {
    const auto port = static_cast<uint16_t>(41000 + i);
    const std::string host = "host" + std::to_string(below(9)) + ".example.test";
    switch (below(6)) {
      case 0:
        BrowseHttp(wire, port, host);
        break;
      case 1:
        BrowseTls(wire, port, host);
        break;
      case 2:
        wire.Carry(PacketBuilder()
                       .Ipv6("2001:db8::1", "2001:db8::" + std::to_string(1 + below(5)))
                       .Udp({.src_port = port, .dst_port = 443})
                       .Payload(std::string(below(1200), 'q')));
        break;
      case 3:
        Fragmented(wire, port, below);
        break;
      case 4:
        Tunnelled(wire, port);
        break;
      default:
        wire.Carry(Bytes(14 + below(100), static_cast<uint8_t>(below(256))));
    }
    wire.Wait(below(30) * base::kNsPerSecond + below(1000));
  }
  auto& frames = wire.frames();
  for (int i = 0; i < 40; ++i) {
    TimedFrame& frame = frames[below(static_cast<uint32_t>(frames.size()))];
    frame.bytes.resize(frame.bytes.size() - below(static_cast<uint32_t>(frame.bytes.size())));
    std::swap(frames[below(static_cast<uint32_t>(frames.size()))], frame);
  }
  return wire;
}

std::vector<json> Lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

// A session's record without what differs by worker.
std::multiset<std::string> WithoutNumbers(const std::string& sessions) {
  std::multiset<std::string> records;
  for (json& line : Lines(sessions)) {
    line.erase("session_id");
    records.insert(line.dump());
  }
  return records;
}

TEST(Replay, GivesTheSameBytesTwice) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Workspace work;
  work.WriteCapture("in.pcap", Mixed(seed));
  work.Write("r.rules", "reject domain host3.example.test class x\ndrop host host4.example.test\n");
  for (const char* run : {"1", "2"}) {
    const std::string n = run;
    const Ran ran = work.Replay("--rules r.rules --workers 3 --sessions s" + n + " --events e" + n +
                                " --out o" + n + " in.pcap");
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
  }
  EXPECT_EQ(work.Read("s1"), work.Read("s2"));
  EXPECT_EQ(work.Read("e1"), work.Read("e2"));
  EXPECT_EQ(work.Read("o1"), work.Read("o2"));
}

TEST(Replay, PassesEveryPacketWithoutRules) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const bool nanoseconds : {false, true}) {
    const Workspace work;
    work.WriteCapture("in.pcap", Mixed(seed), DLT_EN10MB, nanoseconds);
    const Ran ran = work.Replay("--out out.pcap in.pcap");
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(work.Read("in.pcap"), work.Read("out.pcap"));
  }
}

TEST(Replay, CountsEveryPacketOnce) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Workspace work;
  const Wire wire = Mixed(seed);
  work.WriteCapture("in.pcap", wire);
  const Ran ran = work.Replay("--sessions s.jsonl --summary sum.json in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  uint64_t in_sessions = 0;
  for (const json& line : Lines(work.Read("s.jsonl"))) {
    in_sessions += line["packets_to_dst"].get<uint64_t>() + line["packets_to_src"].get<uint64_t>();
  }
  const json summary = json::parse(work.Read("sum.json"));
  const json& without = summary["by_reason"]["without_session"];
  EXPECT_EQ(summary["rx_packets"], wire.frames().size());
  EXPECT_EQ(
      in_sessions + without["not_ip"].get<uint64_t>() + without["truncated_ip"].get<uint64_t>() +
          without["neighbor_discovery"].get<uint64_t>() + without["table_full"].get<uint64_t>(),
      wire.frames().size());
}

TEST(Replay, RecordsTheSameSessionsWithAnyNumberOfWorkers) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Workspace work;
  work.WriteCapture("in.pcap", Mixed(seed));
  ASSERT_EQ(work.Replay("--sessions one in.pcap").exit_code, 0);
  ASSERT_EQ(work.Replay("--workers 4 --sessions four in.pcap").exit_code, 0);
  EXPECT_EQ(WithoutNumbers(work.Read("one")), WithoutNumbers(work.Read("four")));
}

TEST(Replay, WritesSessionsInTheOrderOfTheirStart) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Workspace work;
  work.WriteCapture("in.pcap", Mixed(seed));
  ASSERT_EQ(work.Replay("--workers 4 --sessions s in.pcap").exit_code, 0);
  std::string last;
  for (const json& line : Lines(work.Read("s"))) {
    const auto key = line["start"].get<std::string>() + line["session_id"].get<std::string>();
    EXPECT_LT(last, key);
    last = key;
  }
}

TEST(Replay, PutsAnAnswerBehindThePacketThatCausedIt) {
  const Workspace work;
  Wire wire;
  BrowseTls(wire, 40001, "www.bad.example");
  BrowseTls(wire, 40002, "www.good.example");
  work.WriteCapture("in.pcap", wire);
  work.Write("r.rules", "reject domain bad.example\n");
  const Ran ran = work.Replay("--rules r.rules --out o.pcap --summary s.json in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const json summary = json::parse(work.Read("s.json"));
  const auto responses = summary["responses"].get<size_t>();
  EXPECT_GE(responses, 2U);
  const auto out = work.ReadCapture("o.pcap");
  ASSERT_EQ(out.size(), summary["tx_packets"].get<size_t>());
  // Three segments of the handshake pass; the hello is the cause of a reset to either side.
  for (size_t answer = 3; answer < 5; ++answer) {
    EXPECT_EQ(out[answer].time.ns, wire.frames()[3].time.ns);
    EXPECT_EQ(out[answer].bytes[14 + 20 + 13] & packet::tcp_flag::kRst, packet::tcp_flag::kRst);
  }
}

TEST(Replay, StartsAnewWithAnOlderRecording) {
  const Workspace work;
  Wire wire;
  TcpOnWire talk(wire, "10.20.0.11", "198.51.100.10", 40001, 9999);
  talk.Open();
  talk.Say("left open");
  work.WriteCapture("new.pcap", wire);
  for (TimedFrame& frame : wire.frames()) frame.time.ns -= 3600 * base::kNsPerSecond;
  work.WriteCapture("old.pcap", wire);
  ASSERT_EQ(work.Replay("--sessions s new.pcap old.pcap").exit_code, 0);
  const auto lines = Lines(work.Read("s"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["start"], "2026-03-01T07:00:00.000000Z");
  EXPECT_EQ(lines[1]["start"], "2026-03-01T08:00:00.000000Z");
  EXPECT_EQ(lines[0]["packets_to_dst"], lines[1]["packets_to_dst"]);
  EXPECT_EQ(lines[0]["end"], "2026-03-01T07:00:00.004000Z");
}

TEST(Replay, GoesOnOverTheFilesOfOneRecording) {
  const Workspace work;
  Wire wire;
  TcpOnWire talk(wire, "10.20.0.11", "198.51.100.10", 40001, 9999);
  talk.Open();
  work.WriteCapture("1.pcap", wire);
  wire.frames().clear();
  talk.Say("in the second file");
  work.WriteCapture("2.pcap", wire);
  ASSERT_EQ(work.Replay("--sessions s 1.pcap 2.pcap").exit_code, 0);
  EXPECT_EQ(Lines(work.Read("s")).size(), 1U);
}

TEST(Replay, KeepsItsTimeWhenAPacketIsDatedBack) {
  const Workspace work;
  Wire wire;
  BrowseHttp(wire, 40001, "www.example.test");
  wire.frames()[3].time.ns -= 5 * base::kNsPerSecond;
  work.WriteCapture("in.pcap", wire);
  ASSERT_EQ(work.Replay("--sessions s --out o --summary sum in.pcap").exit_code, 0);
  EXPECT_EQ(json::parse(work.Read("sum"))["records_back_in_time"], 1);
  for (const json& line : Lines(work.Read("s"))) {
    EXPECT_GE(line["start"].get<std::string>(), "2026-03-01T08:00:00.000000Z");
  }
  EXPECT_EQ(work.Read("o"), work.Read("in.pcap"));  // the date of the packet itself stays
}

// Found by scripts/compare_conversations: a first packet of 1970 made every later one a session.
TEST(Replay, CountsALeapOfTheDateAsSilence) {
  constexpr int64_t kYearNs = 365LL * 24 * 3600 * base::kNsPerSecond;
  const Workspace work;
  Wire wire;
  BrowseHttp(wire, 40001, "www.example.test");
  const size_t sessions_before = 2;
  wire.Wait(50 * kYearNs);
  TcpOnWire talk(wire, "10.20.0.11", "198.51.100.10", 40001, 9999);
  talk.Open();
  talk.Say("half a century later");
  talk.Say("and still the same session");
  for (size_t i = wire.frames().size(); i-- > 0;) wire.frames()[i].time.ns -= 40 * kYearNs;
  work.WriteCapture("in.pcap", wire);
  ASSERT_EQ(work.Replay("--sessions s in.pcap").exit_code, 0);
  const auto lines = Lines(work.Read("s"));
  ASSERT_EQ(lines.size(), sessions_before + 1);
  EXPECT_EQ(lines.front()["end"].get<std::string>().substr(0, 4), "1986");
  EXPECT_EQ(lines.back()["start"].get<std::string>().substr(0, 4), "2036");
  EXPECT_EQ(lines.back()["packets_to_dst"].get<int>() + lines.back()["packets_to_src"].get<int>(),
            7);
}

TEST(Replay, LetsARuleExpireAtTheTimeOfTheCapture) {
  const Workspace work;
  Wire wire;
  BrowseTls(wire, 40001, "www.bad.example");
  wire.Wait(3600 * base::kNsPerSecond);
  BrowseTls(wire, 40002, "www.bad.example");
  work.WriteCapture("in.pcap", wire);
  work.Write("r.rules", "drop domain bad.example id old until 2026-03-01T08:30:00Z\n");
  const Ran ran = work.Replay("--rules r.rules --sessions s in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto lines = Lines(work.Read("s"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["verdict"], "drop");
  EXPECT_EQ(lines[1]["verdict"], "pass");
}

TEST(Replay, GoesByTheTimetablesOfTheCapture) {
  const Workspace work;
  Wire wire;  // begins at 08:00 UTC on a Sunday
  for (uint16_t hour = 0; hour < 4; ++hour) {
    BrowseTls(wire, static_cast<uint16_t>(40001 + hour), "www.bad.example");
    wire.Wait(3600 * base::kNsPerSecond);
  }
  work.WriteCapture("in.pcap", wire);
  work.Write("r.rules",
             "time mass = Sun 10:30-12:00 zone Europe/Berlin\n"
             "drop domain bad.example id quiet during mass\n");
  const Ran ran = work.Replay("--rules r.rules --sessions s in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::vector<std::string> verdicts;
  for (const auto& line : Lines(work.Read("s"))) verdicts.push_back(line["verdict"]);
  EXPECT_EQ(verdicts, (std::vector<std::string>{"pass", "pass", "drop", "pass"}));
}

}  // namespace
}  // namespace weir::testing

// Captures to records: each scene's sessions and events are checked in under expected/.
//
// WEIR_UPDATE_GOLDEN=1 writes them anew; the test then fails, so that somebody looks at the
// difference.
#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <cstdlib>
#include <fstream>

#include "tests/golden/workspace.h"

namespace weir::testing {
namespace {

constexpr int64_t kMinuteNs = 60 * base::kNsPerSecond;

void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(WEIR_GOLDEN_DIR) + "/expected/" + name;
  if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << actual;
    ADD_FAILURE() << "wrote " << path << ": look at the difference";
    return;
  }
  EXPECT_EQ(actual, ReadFile(path)) << "WEIR_UPDATE_GOLDEN=1 writes " << path;
}

void ExpectSessions(const std::string& scene, const Wire& wire, const std::string& flags = "",
                    int link_type = DLT_EN10MB) {
  const Workspace work;
  work.WriteCapture("in.pcap", wire, link_type);
  const Ran ran = work.Replay("--sessions s.jsonl " + flags + " in.pcap");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.err, "");
  ExpectGolden(scene + ".sessions.jsonl", work.Read("s.jsonl"));
}

TEST(Golden, WebPages) {
  Wire wire;
  BrowseHttp(wire, 40001, "www.example.test");
  BrowseTls(wire, 40002, "secure.example.test");
  ExpectSessions("web_pages", wire, "--inside 10.20.0.0/16");
}

TEST(Golden, EveryKindOfTransport) {
  Wire wire;
  wire.Carry(PacketBuilder().Ipv4("10.20.0.11", "198.51.100.1").Icmp(8, 0).Payload("ping"));
  wire.Carry(PacketBuilder().Ipv4("198.51.100.1", "10.20.0.11").Icmp(0, 0).Payload("ping"));
  wire.Carry(PacketBuilder().Ipv6("2001:db8::1", "2001:db8::2").Icmp(128, 0).Payload("ping"));
  wire.Carry(PacketBuilder().Ipv4("10.20.0.11", "198.51.100.1").Raw(47).Payload("greetings"));
  wire.Carry(PacketBuilder()
                 .Vlan(100, 0x88a8)
                 .Vlan(20)
                 .Ipv4("10.20.0.11", "198.51.100.1")
                 .Udp({.src_port = 5000, .dst_port = 15001})
                 .Payload("in two tags"));
  wire.Carry(FromHex("ffffffffffff 020000000001 0806 0001 0800 0604 0001"));  // no session
  ExpectSessions("every_transport", wire);
}

TEST(Golden, FragmentsBelongToTheirDatagram) {
  Wire wire;
  const std::string block(1480, 'x');
  PacketBuilder first;
  first.Ipv4("10.20.0.11", "198.51.100.1").Fragment(77, 0, true);
  wire.Carry(first.Udp({.src_port = 5000, .dst_port = 15001}).Payload(block.substr(8)));
  PacketBuilder last;
  last.Ipv4("10.20.0.11", "198.51.100.1").Fragment(77, 1480, false);
  wire.Carry(last.Raw(17).Payload("the rest"));
  ExpectSessions("fragments", wire);
}

TEST(Golden, ASessionOfAnHourComesInParts) {
  Wire wire;
  TcpOnWire talk(wire, "10.20.0.11", "198.51.100.10", 40003, 9999);
  talk.Open();
  for (int minute = 0; minute < 65; minute += 5) {
    talk.Say("still here");
    wire.Wait(5 * kMinuteNs);
  }
  talk.Close();
  ExpectSessions("parts", wire);
}

TEST(Golden, EveryWayToEnd) {
  Wire wire;
  TcpOnWire reset(wire, "10.20.0.11", "198.51.100.10", 40004, 9999);
  reset.Open();
  reset.Reset();
  wire.Carry(PacketBuilder()
                 .Ipv4("10.20.0.11", "198.51.100.1")
                 .Udp({.src_port = 5000, .dst_port = 15001})
                 .Payload("silent from now on"));
  TcpOnWire closed(wire, "10.20.0.11", "198.51.100.10", 40005, 9999);
  closed.Open();
  closed.Close();
  wire.Wait(10 * kMinuteNs);
  TcpOnWire open(wire, "10.20.0.11", "198.51.100.10", 40006, 9999);
  open.Open();
  open.Say("cut off by the end of the capture");
  ExpectSessions("endings", wire);
}

TEST(Golden, RawIpHasNoHardwareAddresses) {
  Wire wire;
  BrowseHttp(wire, 40007, "raw.example.test");
  for (TimedFrame& frame : wire.frames()) {
    frame.bytes.erase(frame.bytes.begin(), frame.bytes.begin() + 14);
    frame.wire_bytes -= 14;
  }
  ExpectSessions("raw_ip", wire, "", DLT_RAW);
}

TEST(Golden, AccountsOfTheInsideAddress) {
  const Workspace work;
  Wire wire;
  BrowseHttp(wire, 40008, "www.example.test");
  work.WriteCapture("in.pcap", wire);
  work.Write("accounts.csv", "account,ip,mac,group,room,seat\nalice,10.20.0.11,,students,B2,7\n");
  const Ran ran =
      work.Replay("--sessions s.jsonl --accounts accounts.csv --inside 10.20.0.0/16 in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  ExpectGolden("accounts.sessions.jsonl", work.Read("s.jsonl"));
}

TEST(Golden, RulesGoByTheAccountsOfTheRegistry) {
  const Workspace work;
  Wire wire;
  BrowseHttp(wire, 40008, "www.example.test");
  work.WriteCapture("in.pcap", wire);
  work.Write("accounts.csv", "account,ip,mac,group,room,seat\nalice,10.20.0.11,,students,B2,7\n");
  work.Write("r.rules",
             "group guests = account:/^g/\nreject group guests\n"
             "drop account alice id no-alice\n");
  const Ran ran = work.Replay(
      "--rules r.rules --sessions s.jsonl --accounts accounts.csv --inside 10.20.0.0/16 in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(work.Read("s.jsonl").find("\"rule\":\"no-alice\""), std::string::npos);
}

TEST(Golden, BlockedNamesAndPorts) {
  const Workspace work;
  Wire wire;
  BrowseTls(wire, 40009, "www.bad.example");
  BrowseTls(wire, 40010, "good.example");
  TcpOnWire telnet(wire, "10.20.0.11", "198.51.100.10", 40011, 23);
  telnet.Open();
  BrowseHttp(wire, 40012, "watched.example");
  work.WriteCapture("in.pcap", wire);
  work.Write("campus.rules",
             "drop port tcp/23 id no-telnet\n"
             "drop domain bad.example class harmful severity high reason \"notice 2026-17\"\n"
             "monitor host watched.example class watched\n");
  const Ran ran =
      work.Replay("--rules campus.rules --sessions s.jsonl --events e.jsonl --out o.pcap in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  ExpectGolden("blocked.sessions.jsonl", work.Read("s.jsonl"));
  ExpectGolden("blocked.events.jsonl", work.Read("e.jsonl"));
  for (const TimedFrame& frame : work.ReadCapture("o.pcap")) {
    const std::string text(frame.bytes.begin(), frame.bytes.end());
    EXPECT_EQ(text.find("www.bad.example"), std::string::npos);
  }
}

}  // namespace
}  // namespace weir::testing

// One worker or several: what comes out, what is dropped and what is recorded is the same. The
// ports are capture files, which spread nothing: the first worker receives for all.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "dataplane/spread/spread.h"
#include "tests/component/dataplane_app/dataplane_process.h"
#include "tests/support/encapsulation.h"
#include "tests/support/frame_edit.h"

namespace weir::testing {
namespace {

constexpr const char* kOne = "[0]";
constexpr const char* kTwo = "[0, 0]";
constexpr const char* kFour = "[0, 0, 0, 0]";  // the first then has no flow of its own

constexpr const char* kRules =
    "drop port udp/69 id no-tftp\n"
    "reject port tcp/23 id no-telnet\n"
    "drop host blocked.example id no-name\n";

std::string Client(unsigned number) { return fmt::format("10.20.0.{}", number + 1); }
std::string Client6(unsigned number) { return fmt::format("2001:db8:20::{:x}", number + 1); }

PacketBuilder Say(unsigned client, uint16_t dst_port, unsigned turn) {
  PacketBuilder builder;
  const auto src_port = static_cast<uint16_t>(40000 + client);
  builder.Ipv4(Client(client), "198.51.100.10")
      .Udp({.src_port = src_port, .dst_port = dst_port})
      .Payload(fmt::format("client {} turn {}", client, turn));
  return builder;
}

PacketBuilder Say6(unsigned client, uint16_t dst_port, unsigned turn) {
  PacketBuilder builder;
  builder.Ipv6(Client6(client), "2001:db8:51::10")
      .Udp({.src_port = 50000, .dst_port = dst_port})
      .Payload(fmt::format("client {} turn {}", client, turn));
  return builder;
}

Bytes Syn(unsigned client, uint16_t dst_port) {
  return PacketBuilder()
      .Ipv4(Client(client), "198.51.100.10")
      .Tcp({.dst_port = dst_port, .flags = packet::tcp_flag::kSyn, .seq = 7})
      .Build();
}

// The client's side of a request: all there is to be seen where the answers go another way.
Bytes Request(unsigned client, const std::string& host) {
  return PacketBuilder()
      .Ipv4(Client(client), "198.51.100.10")
      .Tcp({.dst_port = 80, .flags = packet::tcp_flag::kAck, .seq = 8})
      .Payload("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
      .Build();
}

PacketBuilder Carrier(unsigned client) {
  return PacketBuilder().Ipv4("192.0.2.1", fmt::format("203.0.113.{}", client + 1));
}

// Of an odd client a datagram of which one piece overlaps another: that is dropped.
void AddFragments(unsigned client, uint32_t id, std::vector<Bytes>& frames) {
  const Bytes whole = Say(client, 5000, 1234567).Build();
  const std::array<uint32_t, 3> cuts = {0, 16, 24};
  const auto pieces = Fragments(whole, cuts, id);
  frames.push_back(pieces[2]);
  if (client % 2 == 1) frames.push_back(pieces[2]);
  frames.push_back(pieces[0]);
  if (client % 2 == 1) {
    const Bytes other(16, 'x');
    frames.push_back(Fragment(whole, {.offset_bytes = 8, .more = true, .bytes = other}, id));
  }
  frames.push_back(pieces[1]);
  const Bytes whole6 = Say6(client, 4501, 7654321).Build();
  for (const Bytes& piece : Fragments(whole6, cuts, id)) frames.push_back(piece);
}

// A flow for each: one that goes through several tunnels is as many flows where workers are chosen
// by the outermost addresses.
void AddEncapsulated(unsigned client, unsigned turn, std::vector<Bytes>& frames) {
  const auto datagram = [&](uint16_t port) { return DatagramOf(Say(client, port, turn)); };
  const auto datagram6 = [&](uint16_t port) { return DatagramOf(Say6(client, port, turn)); };
  const std::array<VlanTag, 2> tags = {{{0x88a8, 5}, {0x8100, 6}}};
  frames.push_back(WithVlans(Say(client, 7000, turn).Build(), tags));
  frames.push_back(WithVlans(Say6(client, 7001, turn).Build(), tags));
  frames.push_back(Over(Carrier(client), 4, datagram(7002)));
  frames.push_back(Over(Carrier(client), 47, Gre(kIpv6Type, datagram6(7003))));
  frames.push_back(
      OverUdp(Carrier(client), {.dst_port = 4789}, Vxlan(Say(client, 7004, turn).Build())));
  frames.push_back(Ethernet(kMplsType, Mpls({16, 17}, datagram(7005))));
  frames.push_back(Ethernet(kPppoeType, Pppoe(0x0057, datagram6(7006))));
}

std::vector<Bytes> Outbound() {
  std::vector<Bytes> frames;
  for (unsigned client = 0; client < 24; ++client) {
    frames.push_back(Syn(client, 80));
    frames.push_back(Syn(client, 23));
  }
  for (unsigned turn = 0; turn < 20; ++turn) {
    for (unsigned client = 0; client < 24; ++client) {
      frames.push_back(Say(client, client % 5 == 0 ? 69 : 9999, turn).Build());
      if (turn % 4 == 0) frames.push_back(Say6(client, 4500, turn).Build());
      if (turn % 7 == 0) AddEncapsulated(client, turn, frames);
      if (turn == 3) AddFragments(client, 1000 + client, frames);
      if (turn == 5) {
        frames.push_back(Request(client, client % 3 == 0 ? "blocked.example" : "www.example"));
      }
    }
    frames.push_back(Ethernet(0x88b5, Bytes(46 + turn, static_cast<uint8_t>(turn))));
  }
  return frames;
}

std::vector<Bytes> Inbound() {
  std::vector<Bytes> frames;
  for (unsigned turn = 0; turn < 10; ++turn) {
    for (unsigned host = 0; host < 20; ++host) {
      frames.push_back(PacketBuilder()
                           .Ipv4(fmt::format("192.0.2.{}", host + 100), "10.20.0.200")
                           .Udp({.src_port = 1, .dst_port = 2})
                           .Payload(fmt::format("turn {}", turn))
                           .Build());
    }
    frames.push_back(Ethernet(0x0806, Bytes(46, static_cast<uint8_t>(turn))));
  }
  return frames;
}

// All that is not a number of its own: two sessions alike are there twice.
std::multiset<std::string> SessionsOf(const DataplaneProcess& dataplane) {
  std::multiset<std::string> sessions;
  for (const auto& [id, session] : dataplane.sessions()) {
    const events::SessionEvent& event = session.event;
    sessions.insert(
        fmt::format("{} {}:{} > {}:{} vlans {} {}/{} direction {} packets {} {} bytes {} {} flags "
                    "{} {} rule {}",
                    event.ip_protocol, event.src_ip.ToString(), event.src_port,
                    event.dst_ip.ToString(), event.dst_port, event.vlan_count, event.vlans[0],
                    event.vlans[1], static_cast<int>(event.direction), event.packets_to_dst,
                    event.packets_to_src, event.bytes_to_dst, event.bytes_to_src, event.tcp_flags,
                    static_cast<int>(event.verdict), session.rule));
  }
  return sessions;
}

// The frames between two addresses, in their order; what has none is between none.
std::map<std::string, std::vector<Bytes>> ByAddresses(const std::vector<Bytes>& frames) {
  std::map<std::string, std::vector<Bytes>> conversations;
  for (Bytes frame : frames) {
    const auto found = spread::OutermostAddresses(frame, static_cast<uint32_t>(frame.size()));
    std::string key = "none";
    if (found) {
      key = fmt::format("{} {}", std::min(found->src, found->dst).ToString(),
                        std::max(found->src, found->dst).ToString());
    }
    conversations[key].push_back(std::move(frame));
  }
  return conversations;
}

struct Outcome {
  std::multiset<std::string> sessions;
  std::map<std::string, std::vector<Bytes>> outside;
  std::map<std::string, std::vector<Bytes>> inside;
  nlohmann::json summary;
};

void ExpectExactAccount(const nlohmann::json& summary) {
  EXPECT_EQ(summary["accounted"], true);
  uint64_t received = 0;
  for (const auto& worker : summary["workers"]) {
    const auto rx_packets = worker["rx_packets"].get<uint64_t>();
    received += rx_packets;
    uint64_t dropped = 0;
    for (const auto& [reason, count] : worker["dropped"].items()) dropped += count.get<uint64_t>();
    EXPECT_EQ(worker["dropped_packets"], dropped);
    EXPECT_EQ(worker["forwarded_packets"], rx_packets - dropped);
  }
  EXPECT_EQ(summary["rx_packets"], received);
  // What no worker has counted came in by no port.
  EXPECT_EQ(summary["ports"][0]["rx_packets"].get<uint64_t>() +
                summary["ports"][1]["rx_packets"].get<uint64_t>(),
            received);
}

Outcome RunWith(const std::string& cores, bool own_send_queues = false) {
  DataplaneProcess dataplane;
  const auto outbound = Outbound();
  const auto inbound = Inbound();
  dataplane.SetRules(kRules);
  dataplane.SetFrames(outbound, inbound);
  dataplane.ReplaceInConfig("cores = [0]", "cores = " + cores);
  dataplane.ReplaceInConfig("[journal]", "[streams]\ntwo_way = false\n[journal]");
  if (own_send_queues) dataplane.GiveSendQueues(4);
  dataplane.Start();
  EXPECT_TRUE(dataplane.WaitUntilItAnswers());
  dataplane.WaitForPackets(outbound.size() + inbound.size());
  EXPECT_EQ(dataplane.Stop(), 0) << dataplane.log();
  Outcome outcome{SessionsOf(dataplane), ByAddresses(dataplane.sent_outside()),
                  ByAddresses(dataplane.sent_inside()), dataplane.summary()};
  EXPECT_EQ(outcome.summary["rx_packets"], outbound.size() + inbound.size());
  ExpectExactAccount(outcome.summary);
  return outcome;
}

class Workers : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { of_one_ = new Outcome(RunWith(kOne)); }
  static void TearDownTestSuite() { delete of_one_; }

  static void ExpectTheSame(const Outcome& outcome) {
    EXPECT_EQ(outcome.sessions, of_one_->sessions);
    EXPECT_EQ(outcome.outside, of_one_->outside);
    EXPECT_EQ(outcome.inside, of_one_->inside);
    for (const char* key :
         {"forwarded_packets", "tx_packets", "dropped", "flows_created", "sessions_recorded"}) {
      EXPECT_EQ(outcome.summary[key], of_one_->summary[key]) << key;
    }
  }

  static const Outcome* of_one_;
};
const Outcome* Workers::of_one_ = nullptr;

TEST_F(Workers, OneDropsForEveryReasonThatTheOthersAreToDropFor) {
  for (const char* reason : {"policy", "rejected", "fragment"}) {
    EXPECT_GT(of_one_->summary["dropped"][reason], 0) << reason;
  }
  EXPECT_GT(of_one_->sessions.size(), 200U);
  EXPECT_FALSE(of_one_->outside.empty());
  EXPECT_FALSE(of_one_->inside.empty());
}

TEST_F(Workers, TwoDoWhatOneDoes) { ExpectTheSame(RunWith(kTwo)); }

TEST_F(Workers, FourDoWhatOneDoesAndTheFirstOnlyHandsOn) {
  const Outcome outcome = RunWith(kFour);
  ExpectTheSame(outcome);
  const auto& workers = outcome.summary["workers"];
  ASSERT_EQ(workers.size(), 4U);
  for (const auto& worker : workers) EXPECT_GT(worker["rx_packets"], 0);
  EXPECT_EQ(workers[0]["flows_created"], 0);
  EXPECT_EQ(workers[0]["rx_packets"], 30);  // what is not IP
}

TEST_F(Workers, WithSendQueuesOfTheirOwnFourDoWhatOneDoes) { ExpectTheSame(RunWith(kFour, true)); }

TEST(WorkersLimits, AreDividedExactly) {
  DataplaneProcess dataplane;
  dataplane.ReplaceInConfig("cores = [0]", "cores = [0, 0, 0]");
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  const auto stats = dataplane.Ask({{"cmd", "stats"}});
  uint64_t flows_max = 0;
  for (const auto& worker : stats["workers"]) flows_max += worker["flows_max"].get<uint64_t>();
  EXPECT_EQ(flows_max, 10000U);
  EXPECT_EQ(stats["flows"]["capacity"], 10000);
  // The first has fewer flows, and less room for them.
  EXPECT_LT(stats["workers"][0]["flows_max"], stats["workers"][1]["flows_max"]);
  EXPECT_EQ(dataplane.Stop(), 0) << dataplane.log();
}

TEST(WorkersThatPoll, DoNotShareACore) {
  DataplaneProcess dataplane;
  dataplane.ReplaceInConfig("cores = [0]\nidle = \"sleep\"", "cores = [0, 0]\nidle = \"poll\"");
  dataplane.Start();
  EXPECT_EQ(dataplane.Wait(), 1);
  EXPECT_NE(dataplane.log().find("found 0 twice; workers may share a core"), std::string::npos)
      << dataplane.log();
}

// The distributor reads from memory as fast as it can, on the same core as the other: within its
// time slice the other's ring overflows.
TEST(WorkersRings, OverflowIsDroppedCountedAndAccounted) {
  DataplaneProcess dataplane;
  std::vector<Bytes> frames;
  for (unsigned client = 0; client < 200; ++client) frames.push_back(Say(client, 9999, 0).Build());
  dataplane.SetFrames(frames, {});
  dataplane.ReplaceInConfig("cores = [0]", "cores = [0, 0]");
  dataplane.ReplaceInConfig("inside.in.pcap", "inside.in.pcap,infinite_rx=1");
  for (const char* side : {"inside", "outside"}) {
    dataplane.ReplaceInConfig(
        fmt::format(",tx_pcap={}/{}.out.pcap", dataplane.home().string(), side), "");
  }
  dataplane.Start();
  ASSERT_TRUE(dataplane.WaitUntilItAnswers());
  const auto overflowed = [&dataplane] {
    return dataplane.Ask({{"cmd", "stats"}})["dropped"].value("worker_full", uint64_t{0});
  };
  for (int waited = 0; waited < 500 && overflowed() == 0; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GT(overflowed(), 0U);
  EXPECT_EQ(dataplane.Stop(), 0) << dataplane.log();
  const auto summary = dataplane.summary();
  EXPECT_GT(summary["workers"][1]["dropped"]["worker_full"], 0);
  EXPECT_EQ(summary["workers"][0]["dropped"]["worker_full"], 0);
  EXPECT_GT(summary["workers"][1]["forwarded_packets"], 0);
  ExpectExactAccount(summary);
}

}  // namespace
}  // namespace weir::testing

// Weir is no reflector: no unsolicited packet draws an answer, and nobody gets more bytes than he
// has sent. Thousands of seeds through one pipeline; WEIR_SEEDS=N tries N of each kind instead.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "dataplane/base/byte_order.h"
#include "dataplane/names/crypto.h"
#include "dataplane/parse/parse.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"
#include "tests/support/pipeline_harness.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::testing {
namespace {

using packet::Side;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kPsh;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr std::string_view kRules =
    "reject domain bad.test\n"
    "reject port tcp/6001, udp/6001\n"
    "reject ip 203.0.113.66\n";

size_t Seeds(size_t otherwise) {
  const char* wanted = std::getenv("WEIR_SEEDS");
  return wanted == nullptr ? otherwise : std::strtoull(wanted, nullptr, 10);
}

class NullSink final : public events::EventSink {
 public:
  bool Push(events::EventType, events::LossClass, std::span<const uint8_t>) override {
    return true;
  }
};

class NoCatalog final : public rules::AppCatalog {
 public:
  std::optional<uint16_t> FindApp(std::string_view) const override { return std::nullopt; }
  std::optional<uint16_t> FindCategory(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> AppNames() const override { return {}; }
  std::vector<std::string> CategoryNames() const override { return {}; }
};

// A pipeline that would answer as often as it is asked.
class Bench {
 public:
  explicit Bench(respond::DnsAnswer dns) {
    const rules::PolicySource source{"test.rules", std::string(kRules)};
    const auto parsed = rules::ParsePolicy({&source, 1});
    if (!parsed) throw std::invalid_argument(parsed.error().message);
    const NoCatalog catalog;
    rules::CompileOptions compile;
    compile.apps = &catalog;
    policy_ = rules::Compile(*parsed, compile).value();
    pipeline::Options options;
    options.flow_limits.flows_max = 4096;
    options.learning_max = 4096;
    options.stream_buffers_max = 512;
    options.respond.dns = dns;
    options.respond.sinkhole_ipv4 = base::IpAddress::Parse("192.0.2.1").value();
    options.respond.per_source_per_second = options.respond.total_per_second = 1'000'000;
    pipeline_ = pipeline::Pipeline::Create(options, classifier_, sink_).value();
  }

  // The answers are good until the next packet.
  std::span<const respond::OutFrame> Send(Bytes& frame, Side from) {
    pipeline_->outbox().Clear();
    return SendMore(frame, from);
  }
  std::span<const respond::OutFrame> SendMore(Bytes& frame, Side from) {
    packet::Batch& batch = *batch_;
    batch.count = 1;
    packet::Packet& packet = batch.packets[0];
    packet = packet::Packet();
    packet.data = frame.data();
    packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
    packet.rx_side = from;
    now_.ns += base::kNsPerMs;
    packet.time = now_;
    pipeline_->Process(batch, *policy_, 1'790'000'000LL * base::kNsPerSecond);
    headers_ = packet.headers;
    rejected_ = packet.drop_reason == packet::DropReason::kRejected;
    return pipeline_->outbox().frames();
  }

  // Ends every flow: what another spoofer sent, perhaps on the other side, is no conversation of
  // this one's.
  void Forget() { pipeline_->CloseAll(events::EndReason::kShutdown); }

  const packet::Headers& headers() const { return headers_; }  // of the last packet
  bool rejected() const { return rejected_; }
  const pipeline::Counters& counters() const { return pipeline_->counters(); }

 private:
  ScriptedClassifier classifier_;
  NullSink sink_;
  std::shared_ptr<const rules::CompiledPolicy> policy_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<packet::Batch> batch_ = std::make_unique<packet::Batch>();
  packet::Headers headers_;
  base::MonoTime now_{base::kNsPerSecond};
  bool rejected_ = false;
};

uint32_t IpBytes(const respond::OutFrame& frame) {
  Bytes bytes(frame.frame().begin(), frame.frame().end());
  packet::Packet packet;
  packet.data = bytes.data();
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes.size());
  parse::Parse(packet);
  return packet.headers.ip_bytes;
}

// What one seed means. Addresses are its own, so that no two seeds make a conversation together.
class Dice {
 public:
  Dice(uint32_t seed, uint32_t number) : random_(seed + number), number_(number) {}

  uint32_t Next() { return static_cast<uint32_t>(random_()); }
  size_t Below(size_t n) { return Next() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  uint16_t Port() {
    constexpr uint16_t kPorts[] = {53, 80, 443, 853, 5353, 6001, 40000, 51820};
    return OneIn(3) ? static_cast<uint16_t>(Next()) : kPorts[Below(std::size(kPorts))];
  }
  bool v6() const { return number_ % 4 == 0; }
  std::string Address(unsigned end) const {
    const unsigned a = number_ >> 16 & 0xff;
    const unsigned b = number_ >> 8 & 0xff;
    const unsigned c = number_ & 0xff;
    const auto text = [](unsigned n) { return std::to_string(n); };
    if (v6()) return "2001:db8:" + text(end) + "::" + text(a) + ":" + text(b) + ":" + text(c);
    return text(end == 0 ? 10 : 60) + "." + text(a) + "." + text(b) + "." + text(c);
  }
  // At times one that is nobody's.
  std::string OddAddress(unsigned end) {
    constexpr const char* kOdd4[] = {"0.0.0.0",   "127.0.0.1",       "224.0.0.251",
                                     "240.0.0.1", "255.255.255.255", "203.0.113.66"};
    constexpr const char* kOdd6[] = {"::", "::1", "ff02::fb", "::ffff:10.0.0.1"};
    if (!OneIn(8)) return Address(end);
    return v6() ? kOdd6[Below(std::size(kOdd6))] : kOdd4[Below(std::size(kOdd4))];
  }
  PacketBuilder Packet(const std::string& src, const std::string& dst) {
    PacketBuilder builder;
    for (size_t tags = OneIn(4) ? 1 + Below(2) : 0; tags > 0; --tags) {
      builder.Vlan(static_cast<uint16_t>(1 + Below(4000)));
    }
    v6() ? builder.Ipv6(src, dst) : builder.Ipv4(src, dst);
    return builder;
  }
  std::string Name() { return OneIn(2) ? "bad.test" : "www.BAD.test"; }

 private:
  std::mt19937 random_;
  uint32_t number_;
};

Bytes DnsMessage(Dice& dice, uint16_t flags) {
  Bytes out(12);
  base::StoreBe(out.data(), static_cast<uint16_t>(dice.Next()));
  base::StoreBe(out.data() + 2, flags);
  out[5] = 1;
  const bool opt = dice.OneIn(2);
  out[11] = opt ? 1 : 0;
  for (const char* label : {"\x03", "bad", "\x04", "test"}) {
    out.insert(out.end(), label, label + std::string_view(label).size());
  }
  const Bytes tail = FromHex(dice.OneIn(2) ? "00 0001 0001" : "00 001c 0001");
  out.insert(out.end(), tail.begin(), tail.end());
  if (!opt) return out;
  const Bytes record = FromHex("00 0029 04d0 00008000 000c 000a0008 0102030405060708");
  out.insert(out.end(), record.begin(), record.end());
  return out;
}

Bytes Request(Dice& dice) {
  const std::string padding(dice.Below(1000), 'x');
  return BytesOf("GET /" + padding + " HTTP/1.1\r\nHost: " + dice.Name() + "\r\n\r\n");
}

Bytes Hello(Dice& dice) { return names::testing::HelloBuilder().Sni(dice.Name()).Stream(); }

Bytes TcpWords(Dice& dice) {
  switch (dice.Below(5)) {
    case 0:
      return Request(dice);
    case 1:
      return Hello(dice);
    case 2: {
      const Bytes message = DnsMessage(dice, 0x0100);
      Bytes out = {0, static_cast<uint8_t>(message.size())};
      out.insert(out.end(), message.begin(), message.end());
      return out;
    }
    case 3:
      return Bytes(dice.Below(1200), 'x');
    default:
      return {};
  }
}

// One end alone: SYN floods, data and endings of connections that are none, whole conversations
// with both ends forged.
PacketBuilder TcpPacket(Dice& dice, bool forth) {
  constexpr uint8_t kFlags[] = {kSyn, kSyn | kAck, kAck,        kAck | kPsh, kAck | kPsh,
                                kRst, kRst | kAck, kFin | kAck, 0,           0xff};
  PacketBuilder builder =
      dice.Packet(dice.OddAddress(forth ? 0 : 1), dice.OddAddress(forth ? 1 : 0));
  const uint16_t port = dice.OneIn(2) ? 6001 : 80;
  // Numbers of a small range, so that one end's often fit the other's.
  builder.Tcp({.src_port = forth ? uint16_t{40000} : port,
               .dst_port = forth ? port : uint16_t{40000},
               .flags = kFlags[dice.Below(std::size(kFlags))],
               .seq = 1000 + static_cast<uint32_t>(dice.Below(4)),
               .ack = 1000 + static_cast<uint32_t>(dice.Below(4))});
  return builder.Payload(TcpWords(dice));
}

PacketBuilder UdpPacket(Dice& dice, bool forth, names::Crypto& crypto) {
  PacketBuilder builder =
      dice.Packet(dice.OddAddress(forth ? 0 : 1), dice.OddAddress(forth ? 1 : 0));
  const uint16_t port = dice.Port();
  builder.Udp(
      {.src_port = forth ? uint16_t{40000} : port, .dst_port = forth ? port : uint16_t{40000}});
  switch (dice.Below(8)) {
    case 0: {
      const Bytes hello = names::testing::HelloBuilder().Sni(dice.Name()).Message();
      names::testing::InitialSpec spec;
      spec.pad_to = 1200;
      const Bytes frames = names::testing::CryptoFrame(0, hello);
      return builder.Payload(names::testing::SealInitial(spec, frames, crypto));
    }
    case 1:
    case 2:
    case 3:
      return builder.Payload(DnsMessage(dice, 0x0100));
    case 4:
      return builder.Payload(DnsMessage(dice, 0x8180));
    default:
      return builder.Payload(Bytes(dice.Below(1400), static_cast<uint8_t>(dice.Next())));
  }
}

PacketBuilder OtherPacket(Dice& dice, bool forth) {
  PacketBuilder builder =
      dice.Packet(dice.OddAddress(forth ? 0 : 1), dice.OddAddress(forth ? 1 : 0));
  const Bytes payload(dice.Below(600), static_cast<uint8_t>(dice.Next()));
  switch (dice.Below(3)) {
    case 0:
      return builder
          .Icmp(static_cast<uint8_t>(dice.Below(140)), static_cast<uint8_t>(dice.Below(4)))
          .Payload(payload);
    case 1:
      return builder.Raw(static_cast<uint8_t>(dice.Next())).Payload(payload);
    default:
      return builder.Udp({.src_port = 40000, .dst_port = 6001})
          .Payload(Bytes(640, 'x'))
          .Fragment(dice.Next(), static_cast<uint16_t>(8 * dice.Below(3)), dice.OneIn(2));
  }
}

Bytes Unsolicited(Dice& dice, bool forth, names::Crypto& crypto) {
  const size_t kind = dice.Below(8);
  Bytes frame = kind < 4   ? TcpPacket(dice, forth).Build()
                : kind < 7 ? UdpPacket(dice, forth, crypto).Build()
                           : OtherPacket(dice, forth).Build();
  for (size_t flips = dice.OneIn(4) ? 1 + dice.Below(4) : 0; flips > 0; --flips) {
    frame[dice.Below(frame.size())] = static_cast<uint8_t>(dice.Next());
  }
  if (dice.OneIn(16)) frame.resize(1 + dice.Below(frame.size()));
  return frame;
}

// One spoofer on one side of the bridge, who may forge every address.
void TryToReflect(Bench& bench, Dice& dice, names::Crypto& crypto) {
  const Side side = dice.OneIn(2) ? Side::kInside : Side::kOutside;
  const bool both_ends = dice.OneIn(2);
  bench.Forget();
  for (size_t packets = 1 + dice.Below(8); packets > 0; --packets) {
    const bool forth = !both_ends || dice.OneIn(2);
    Bytes frame = Unsolicited(dice, forth, crypto);
    const auto answers = bench.Send(frame, side);
    if (answers.empty()) continue;
    // The exception: a DNS question from inside, with no more than it has brought.
    const packet::Headers& headers = bench.headers();
    ASSERT_EQ(side, Side::kInside);
    ASSERT_EQ(headers.ip_protocol, packet::ip_protocol::kUdp);
    ASSERT_EQ(answers.size(), 1U);
    ASSERT_EQ(answers[0].to, Side::kInside);
    ASSERT_LE(IpBytes(answers[0]), headers.ip_bytes);
    ASSERT_LE(answers[0].bytes, frame.size());
    ASSERT_TRUE(bench.rejected());
  }
}

TEST(Reflection, NoUnsolicitedPacketDrawsAnAnswer) {
  const uint32_t seed = std::random_device{}();
  const auto crypto = names::Crypto::Create().value();
  Bench nxdomain(respond::DnsAnswer::kNxDomain);
  Bench sinkhole(respond::DnsAnswer::kSinkhole);
  const size_t seeds = Seeds(100'000);
  for (size_t i = 0; i < seeds && !::testing::Test::HasFatalFailure(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " number " + std::to_string(i));
    Dice dice(seed, static_cast<uint32_t>(i));
    TryToReflect(i % 8 == 0 ? sinkhole : nxdomain, dice, *crypto);
  }
  // It was tried: packets were refused, and most of the seeds' questions from inside answered.
  const pipeline::Counters& counters = nxdomain.counters();
  EXPECT_GT(counters.responses.value(), seeds / 100);
  for (const respond::Withheld reason :
       {respond::Withheld::kNoConversation, respond::Withheld::kUnanswerable}) {
    EXPECT_GT(counters.responses_withheld[static_cast<size_t>(reason)].value(), seeds / 100);
  }
  EXPECT_EQ(counters.responses_withheld[static_cast<size_t>(respond::Withheld::kRate)].value(), 0U);
}

// ---------------------------------------------------------------------------- conversations

struct End {
  std::string address;
  uint16_t port = 0;
  uint32_t next = 0;  // the next number it sends
  uint64_t sent = 0;
  uint64_t got_from_weir = 0;
};

// A client and a server who begin a conversation in earnest and then do anything.
class Conversing {
 public:
  Conversing(Bench& bench, Dice& dice) : bench_(bench), dice_(dice) {
    ends_[0] = {dice.Address(0), 40000, dice.Next(), 0, 0};
    ends_[1] = {dice.Address(1), dice.OneIn(4) ? uint16_t{53} : uint16_t{80}, dice.Next(), 0, 0};
  }

  void Run() {
    Say(0, kSyn, 0, {});
    ++ends_[0].next;
    Say(1, kSyn | kAck, 0, {});
    ++ends_[1].next;
    Say(0, kAck, 0, {});
    for (size_t packets = 1 + dice_.Below(12); packets > 0; --packets) Anything();
  }
  uint64_t answered_bytes() const { return ends_[0].got_from_weir + ends_[1].got_from_weir; }

 private:
  void Anything() {
    const size_t from = dice_.OneIn(3) ? 1 : 0;
    const Bytes bytes = from == 0 ? TcpWords(dice_) : Bytes(dice_.Below(300), 'r');
    constexpr uint8_t kRare[] = {kFin | kAck, kRst | kAck, kSyn, kSyn | kAck, kAck};
    const uint8_t flags =
        dice_.OneIn(8) ? kRare[dice_.Below(std::size(kRare))] : uint8_t{kAck | kPsh};
    const uint32_t off = dice_.OneIn(6) ? static_cast<uint32_t>(dice_.Below(2000)) - 1000U : 0U;
    Say(from, flags, off, bytes);
    if (off == 0 && dice_.OneIn(2)) ends_[from].next += static_cast<uint32_t>(bytes.size());
  }

  void Say(size_t from, uint8_t flags, uint32_t off, const Bytes& bytes) {
    End& me = ends_[from];
    const End& other = ends_[1 - from];
    PacketBuilder builder;
    dice_.v6() ? builder.Ipv6(me.address, other.address) : builder.Ipv4(me.address, other.address);
    testing::TcpFields fields{.src_port = me.port,
                              .dst_port = other.port,
                              .flags = flags,
                              .seq = me.next + off,
                              .ack = flags == kSyn ? 0 : other.next};
    if (dice_.OneIn(2)) fields.options = FromHex("0101080a 00000005 00000006");
    Bytes frame = builder.Tcp(fields).Payload(bytes).Build();
    const auto answers = bench_.Send(frame, from == 0 ? Side::kInside : Side::kOutside);
    me.sent += bench_.headers().ip_bytes;
    for (const respond::OutFrame& answer : answers) {
      ends_[answer.to == Side::kInside ? 0 : 1].got_from_weir += IpBytes(answer);
    }
    for (const End& end : ends_) ASSERT_LE(end.got_from_weir, end.sent);
  }

  Bench& bench_;
  Dice& dice_;
  std::array<End, 2> ends_;
};

TEST(Reflection, NobodyGetsMoreBytesThanHeHasSent) {
  const uint32_t seed = std::random_device{}();
  Bench nxdomain(respond::DnsAnswer::kNxDomain);
  Bench sinkhole(respond::DnsAnswer::kSinkhole);
  const size_t seeds = Seeds(20'000);
  uint64_t answered_bytes = 0;
  for (size_t i = 0; i < seeds && !::testing::Test::HasFatalFailure(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(seed) + " number " + std::to_string(i));
    Dice dice(seed, static_cast<uint32_t>(i));
    Conversing conversing(i % 4 == 0 ? sinkhole : nxdomain, dice);
    conversing.Run();
    answered_bytes += conversing.answered_bytes();
  }
  EXPECT_GT(answered_bytes, seeds * 40) << "conversations are answered";
}

TEST(Reflection, AFullOutboxIsCounted) {
  Bench bench(respond::DnsAnswer::kNxDomain);
  Dice dice(1, 1);
  Bytes frame = dice.Packet(dice.Address(0), dice.Address(1))
                    .Udp({.src_port = 40000, .dst_port = 53})
                    .Payload(DnsMessage(dice, 0x0100))
                    .Build();
  for (size_t i = 0; i < respond::kOutboxFramesMax + 3; ++i) bench.SendMore(frame, Side::kInside);
  EXPECT_EQ(bench.SendMore(frame, Side::kInside).size(), respond::kOutboxFramesMax);
  const auto reason = static_cast<size_t>(respond::Withheld::kNoRoom);
  EXPECT_EQ(bench.counters().responses_withheld[reason].value(), 4U);
  // The caller empties it after each batch, whose packets ask for two answers at the most.
  EXPECT_GE(respond::kOutboxFramesMax, 2 * packet::kBatchMax);
}

}  // namespace
}  // namespace weir::testing

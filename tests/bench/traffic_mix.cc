#include "tests/bench/traffic_mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "dataplane/base/byte_order.h"
#include "tests/bench/connection.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::bench {
namespace {

using names::testing::AppendBe;
using names::testing::Bytes;
using names::testing::FromText;
using names::testing::HelloBuilder;
using packet::tcp_flag::kAck;
using packet::tcp_flag::kFin;
using packet::tcp_flag::kRst;
using packet::tcp_flag::kSyn;

constexpr size_t kNames = 512;
constexpr size_t kInitials = 64;
constexpr size_t kFullSegmentBytes = 1400;
constexpr size_t kFullDatagramBytes = 1250;
constexpr size_t kFragmentedBytes = 2500;
constexpr uint32_t kClients = 4000;
constexpr unsigned kBrowsed = 6;  // packets of payload at least
constexpr unsigned kSpoken = 60;
constexpr double kParetoShape = 1.2;

// A TLS record of `bytes` in all, as a server answers a hello, or as data goes both ways.
Bytes RecordOf(uint8_t type, size_t bytes) {
  Bytes record = {type, 0x03, 0x03};
  AppendBe(record, bytes - 5, 2);
  for (uint64_t i = 0; record.size() < bytes; ++i) {
    record.push_back(static_cast<uint8_t>(Scramble(i)));
  }
  if (type == 0x16) record[5] = 0x02;  // ServerHello
  return record;
}

// A question for the name's A record, or the answer to it (RFC 1035 §4).
Bytes DnsMessage(std::string_view name, bool answer) {
  Bytes message = {0x12, 0x34, static_cast<uint8_t>(answer ? 0x81 : 0x01),
                   static_cast<uint8_t>(answer ? 0x80 : 0x00)};
  AppendBe(message, 1, 2);
  AppendBe(message, answer ? 1 : 0, 2);
  AppendBe(message, 0, 4);
  for (size_t begin = 0; begin < name.size();) {
    const size_t end = std::min(name.find('.', begin), name.size());
    message.push_back(static_cast<uint8_t>(end - begin));
    names::testing::Append(message, FromText(name.substr(begin, end - begin)));
    begin = end + 1;
  }
  message.push_back(0);
  AppendBe(message, 0x00010001, 4);
  if (answer) {
    AppendBe(message, 0xc00c, 2);
    AppendBe(message, 0x00010001, 4);
    AppendBe(message, 300, 4);
    AppendBe(message, 4, 2);
    AppendBe(message, 0xc6336409, 4);
  }
  return message;
}

constexpr bool SharesAddUp() {
  unsigned sum = 0;
  for (const TrafficMix::Share& share : TrafficMix::kShares) sum += share.per_mille;
  return sum == 1000;
}
static_assert(SharesAddUp());

}  // namespace

struct TrafficMix::Live {
  Kind kind = Kind::kTls;
  bool upload = false;
  uint32_t step = 0;
  uint32_t left = 0;  // packets of payload still to come
  uint32_t client_seq = 0;
  uint32_t server_seq = 0;
  uint32_t rank = 0;  // of its name, and of its server
  uint32_t gap = 0;   // between its packets, on average
  uint64_t number = 0;
  Ends ends;
};

// What the packets hold, made once.
struct TrafficMix::Contents {
  std::vector<double> popularity;  // of the names up to this rank
  std::vector<Bytes> hellos;
  std::vector<Bytes> questions;
  std::vector<Bytes> answers;
  std::vector<Bytes> requests;
  std::vector<Bytes> initials;
  Bytes blocked_hello = HelloFor(kBlockedName);
  Bytes server_hello = RecordOf(0x16, kFullSegmentBytes);
  Bytes client_finished = RecordOf(0x17, 80);
  Bytes application_data = RecordOf(0x17, kFullSegmentBytes);
  Bytes response;
  Bytes noise;  // as what is encrypted looks
  Bytes long_header;
  Bytes short_header;
  Bytes voice;
  Bytes banner = FromText("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");

  Contents();
};

TrafficMix::Contents::Contents() {
  double sum = 0;
  for (size_t rank = 0; rank < kNames; ++rank) {
    sum += 1.0 / static_cast<double>(rank + 1);  // Zipf
    popularity.push_back(sum);
    const std::string name = fmt::format("www.site-{}.example", rank);
    hellos.push_back(HelloFor(name));
    questions.push_back(DnsMessage(name, false));
    answers.push_back(DnsMessage(name, true));
    requests.push_back(FromText(
        fmt::format("GET /index.html HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\n\r\n", name)));
  }
  auto crypto = names::Crypto::Create();
  if (!crypto) throw std::runtime_error(crypto.error().message);
  for (size_t i = 0; i < kInitials; ++i) {
    const Bytes hello = HelloBuilder().Sni(fmt::format("www.site-{}.example", i)).Message();
    names::testing::InitialSpec spec;
    for (size_t at = 0; at < spec.dcid.size(); ++at) {
      spec.dcid[at] = static_cast<uint8_t>(Scramble(i) >> (8 * at));
    }
    spec.pad_to = 1200;
    initials.push_back(SealInitial(spec, names::testing::CryptoFrame(0, hello), **crypto));
  }
  noise = RecordOf(0x17, kFragmentedBytes);
  response = FromText("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n");
  response.resize(kFullSegmentBytes, 'x');
  // A server's Handshake packet, and data: only the first bytes are in the clear.
  long_header = Bytes(noise.begin() + 5, noise.begin() + 5 + 1200);
  std::ranges::copy(Bytes{0xe0, 0, 0, 0, 1, 0, 0}, long_header.begin());
  short_header = Bytes(noise.begin() + 5, noise.begin() + 5 + kFullDatagramBytes);
  short_header[0] = 0x40;
  voice = Bytes(noise.begin() + 5, noise.begin() + 5 + 172);
  std::ranges::copy(Bytes{0x80, 0x08}, voice.begin());  // RTP, A-law
}

TrafficMix::TrafficMix(const Options& options)
    : options_(options),
      random_(options.seed),
      live_(options.live_flows),
      contents_(std::make_unique<Contents>()) {
  for (uint32_t i = 0; i < options.live_flows; ++i) {
    Begin(live_[i]);
    due_.push({Below(10'000), i});
  }
}

TrafficMix::~TrafficMix() = default;

uint64_t TrafficMix::Random() {
  random_ = Scramble(random_);
  return random_;
}

double TrafficMix::Unit() { return static_cast<double>(Random() >> 11) * 0x1p-53; }

// Pareto: most are short, the few long ones have most of the packets.
uint32_t TrafficMix::Length(uint32_t least) {
  const double length = least * std::pow(1 - Unit(), -1 / kParetoShape);
  return static_cast<uint32_t>(std::min<double>(length, options_.flow_packets_max));
}

uint32_t TrafficMix::Rank() {
  const auto& sums = contents_->popularity;
  const auto found = std::ranges::lower_bound(sums, Unit() * sums.back());
  return static_cast<uint32_t>(std::min<ptrdiff_t>(found - sums.begin(), kNames - 1));
}

void TrafficMix::GiveAddresses(Live& flow) {
  Ends& ends = flow.ends;
  const auto client = static_cast<uint32_t>(Below(kClients));
  const auto server = static_cast<uint32_t>(Scramble(flow.rank));
  ends.v6 = flow.kind != Kind::kFragments && Below(4) == 0;
  ends.vlan = client % 10 < 3 ? static_cast<uint16_t>(100 + client % 3) : uint16_t{0};
  // The number runs through the ports, so that a tuple comes again only after tens of thousands of
  // flows of that client.
  ends.client_port = static_cast<uint16_t>(1024 + flow.number % 64000);
  ends.Place(client, server);
}

void TrafficMix::Begin(Live& flow) {
  flow = {};
  flow.number = begun_++;
  uint64_t drawn = Below(1000);
  size_t kind = 0;
  while (drawn >= kShares[kind].per_mille) drawn -= kShares[kind++].per_mille;
  flow.kind = Kind{static_cast<uint8_t>(kind)};
  ++sent_[kind].flows;
  flow.rank = Rank();
  flow.client_seq = static_cast<uint32_t>(Random());
  flow.server_seq = static_cast<uint32_t>(Random());
  flow.upload = Below(10) == 0;
  GiveAddresses(flow);
  flow.left = Length(flow.kind == Kind::kCall || flow.kind == Kind::kSsh ? kSpoken : kBrowsed);
  flow.gap = flow.left > 500 ? 1000 : 10'000;  // who has much to send sends fast
  Ends& ends = flow.ends;
  switch (flow.kind) {
    case Kind::kDns:
      ends.server_port = 53;
      break;
    case Kind::kHttp:
      ends.server_port = 80;
      break;
    case Kind::kCall:
      ends.server_port = static_cast<uint16_t>(16'384 + 2 * Below(8000));
      break;
    case Kind::kSsh:
      ends.server_port = 22;
      break;
    case Kind::kPing:
      flow.left = 2 * 4;
      break;
    case Kind::kFragments:
      ends.server_port = 4500;
      flow.left = 4;
      break;
    case Kind::kScan:
      // From outside, at any port of any inside address.
      ends.client_outside = true;
      ends.server = flow.ends.client;
      ends.client.fill(0);
      std::ranges::copy(std::array<uint8_t, 4>{198, 51, 100, 7}, ends.client.begin());
      ends.v6 = false;
      base::StoreBe(&ends.server[0], uint32_t{10U << 24} | static_cast<uint32_t>(Below(1 << 16)));
      ends.server_port = static_cast<uint16_t>(1 + Below(1 << 10));
      break;
    default:
      break;
  }
}

bool TrafficMix::Next(Frame& out) {
  if (due_.empty()) return false;
  const Due now = due_.top();
  due_.pop();
  Live& flow = live_[now.flow];
  Sent& sent = sent_[static_cast<size_t>(flow.kind)];
  const bool goes_on = Step(flow, out);
  ++sent.packets;
  sent.bytes += out.size;
  uint64_t gap = 1 + Below(2 * uint64_t{flow.gap});
  if (!goes_on) {
    if (stopped_) return true;
    Begin(flow);
    gap = 1 + Below(2 * uint64_t{flow.gap});
  }
  due_.push({now.time + gap, now.flow});
  return true;
}

bool TrafficMix::Step(Live& flow, Frame& out) {
  const uint32_t step = flow.step++;
  switch (flow.kind) {
    case Kind::kTls:
    case Kind::kHttp:
    case Kind::kSsh:
      return StepTcp(flow, out);
    case Kind::kBlocked:
      return StepBlocked(flow, out);
    case Kind::kQuic:
      return StepQuic(flow, out);
    case Kind::kDns:
      return StepDns(flow, out);
    case Kind::kCall:
      WriteUdp(flow.ends, step % 2 == 0, contents_->voice, out);
      return --flow.left > 0;
    case Kind::kPing:
      WritePing(flow.ends, step % 2 == 0, static_cast<uint16_t>(step / 2), out);
      return --flow.left > 0;
    case Kind::kFragments:
      return StepFragments(flow, out);
    case Kind::kScan:
      return StepScan(flow, out);
  }
  return false;
}

void TrafficMix::Tcp(Live& flow, bool from_client, uint8_t flags, std::span<const uint8_t> payload,
                     Frame& out) {
  uint32_t& own = from_client ? flow.client_seq : flow.server_seq;
  const uint32_t other = from_client ? flow.server_seq : flow.client_seq;
  const bool has_ack = (flags & kAck) != 0;
  WriteTcp(flow.ends, from_client,
           {.flags = flags, .seq = own, .ack = has_ack ? other : 0, .payload = payload}, out);
  own += static_cast<uint32_t>(payload.size()) + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
}

// The first three packets; true while it is not over.
bool TrafficMix::Handshake(Live& flow, Frame& out) {
  const uint32_t step = flow.step - 1;
  if (step > 2) return false;
  constexpr std::array<uint8_t, 3> kFlags = {kSyn, kSyn | kAck, kAck};
  Tcp(flow, step != 1, kFlags[step], {}, out);
  return true;
}

bool TrafficMix::StepTcp(Live& flow, Frame& out) {
  if (Handshake(flow, out)) return true;
  const uint32_t step = flow.step - 4;
  const Contents& contents = *contents_;
  if (flow.kind == Kind::kTls && step < 3) {
    const Bytes* said[] = {&contents.hellos[flow.rank], &contents.server_hello,
                           &contents.client_finished};
    Tcp(flow, step != 1, kAck, *said[step], out);
    return true;
  }
  if (flow.kind == Kind::kHttp && step < 2) {
    Tcp(flow, step == 0, kAck, step == 0 ? contents.requests[flow.rank] : contents.response, out);
    return true;
  }
  if (flow.kind == Kind::kSsh && step < 2) {
    Tcp(flow, step == 1, kAck, contents.banner, out);
    return true;
  }
  return flow.left > 0 ? TcpData(flow, out) : TcpEnd(flow, out);
}

// Two full segments one way, then an acknowledgement; for SSH a few bytes each way.
bool TrafficMix::TcpData(Live& flow, Frame& out) {
  --flow.left;
  const bool sends = flow.step % 3 != 0;
  const std::span<const uint8_t> data =
      flow.kind == Kind::kTls ? contents_->application_data : std::span(contents_->noise);
  const size_t bytes = flow.kind == Kind::kSsh ? 96 : sends ? kFullSegmentBytes : 0;
  Tcp(flow, sends == flow.upload, kAck, data.first(bytes), out);
  if (flow.left == 0) flow.step = 100;  // then the end
  return true;
}

// One in ten is reset, one in twenty falls silent, the others take leave.
bool TrafficMix::TcpEnd(Live& flow, Frame& out) {
  const uint64_t drawn = Scramble(flow.number) % 20;
  const uint32_t step = flow.step - 101;
  if (step == 0 && drawn < 2) {
    Tcp(flow, true, kRst | kAck, {}, out);
    return false;
  }
  if (step == 0 && drawn == 2) {
    Tcp(flow, true, kAck, {}, out);
    return false;
  }
  Tcp(flow, step != 1, step < 2 ? kFin | kAck : kAck, {}, out);
  return step < 2;
}

// Nobody answers its hello, so it is sent again.
bool TrafficMix::StepBlocked(Live& flow, Frame& out) {
  if (Handshake(flow, out)) return true;
  const uint32_t seq = flow.client_seq;
  Tcp(flow, true, kAck, contents_->blocked_hello, out);
  flow.client_seq = seq;
  return flow.step < 7;
}

bool TrafficMix::StepQuic(Live& flow, Frame& out) {
  const uint32_t step = flow.step - 1;
  const Contents& contents = *contents_;
  if (step == 0) {
    WriteUdp(flow.ends, true, contents.initials[flow.number % kInitials], out);
    return true;
  }
  if (step < 3) {
    WriteUdp(flow.ends, step == 2, contents.long_header, out);
    return true;
  }
  const bool sends = step % 3 != 0;
  const std::span<const uint8_t> data = contents.short_header;
  WriteUdp(flow.ends, sends == flow.upload, data.first(sends ? data.size() : 40), out);
  return --flow.left > 0;
}

bool TrafficMix::StepDns(Live& flow, Frame& out) {
  const bool asks = flow.step == 1;
  WriteUdp(flow.ends, asks, asks ? contents_->questions[flow.rank] : contents_->answers[flow.rank],
           out);
  return asks;
}

bool TrafficMix::StepFragments(Live& flow, Frame& out) {
  Frame other;
  const auto id = static_cast<uint16_t>(flow.number * 2 + (flow.step - 1) / 2);
  const bool first = flow.step % 2 == 1;
  WriteInTwo(flow.ends, id, contents_->noise, first ? out : other, first ? other : out);
  return --flow.left > 0;
}

// A SYN, and from two in five a reset.
bool TrafficMix::StepScan(Live& flow, Frame& out) {
  const bool asks = flow.step == 1;
  Tcp(flow, asks, asks ? kSyn : kRst | kAck, {}, out);
  return asks && flow.number % 5 < 2;
}

}  // namespace weir::bench

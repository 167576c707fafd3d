// Answers to whatever a client sends: frames whose lengths, addresses and checksums are right and
// which are never longer than they may be; DNS refusals of the very question; pages of any
// template.
//
// The first byte, & 3: 0 and 3 a frame, 1 a DNS message, 2 a page's template. Of a frame, & 4: its
// checksums are made right first, which a fuzzer could not guess.
#include <algorithm>
#include <string_view>
#include <vector>

#include "dataplane/base/byte_order.h"
#include "dataplane/names/dns_message.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/transport_checksum.h"
#include "dataplane/respond/dns_answer.h"
#include "dataplane/respond/respond.h"
#include "fuzz_check.h"

using namespace weir;
using namespace weir::respond;
using packet::ip_protocol::kTcp;
using packet::ip_protocol::kUdp;

namespace {

using Bytes = std::vector<uint8_t>;

packet::Packet ParsedOf(uint8_t* data, size_t bytes) {
  packet::Packet packet;
  packet.data = data;
  packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(bytes);
  packet.rx_side = packet::Side::kInside;
  parse::Parse(packet);
  return packet;
}

void MakeChecksumsRight(const packet::Packet& packet) {
  const packet::Headers& headers = packet.headers;
  if (headers.l4_offset == packet::kNoOffset || headers.note != packet::ParseNote::kComplete)
    return;
  const size_t head_bytes = size_t{headers.l4_offset} - headers.l3_offset;
  uint8_t* ip = packet.data + headers.l3_offset;
  if (headers.l3 == packet::L3::kIpv4) {
    base::StoreBe(ip + 10, uint16_t{0});
    base::StoreBe(ip + 10, Checksum({ip, head_bytes}));
  }
  const size_t bytes = headers.ip_bytes - head_bytes;
  if (headers.l4_offset + bytes > packet.captured_bytes) return;
  uint8_t* transport = packet.data + headers.l4_offset;
  const bool is_udp = headers.ip_protocol == kUdp;
  if (!is_udp && headers.ip_protocol != kTcp) return;
  const size_t summed = is_udp ? 8 + headers.payload_bytes : bytes;
  const size_t at = is_udp ? 6 : 16;
  base::StoreBe(transport + at, uint16_t{0});
  const uint16_t sum =
      PseudoChecksum(packet, Towards::kReceiver, headers.ip_protocol, {transport, summed});
  base::StoreBe(transport + at, sum);
}

// What is sent is a whole packet between the same two, with a checksum that holds.
packet::Packet CheckFrame(const packet::Packet& about, Towards towards, OutFrame& out) {
  FUZZ_CHECK(out.bytes <= out.data.size());
  const bool back = towards == Towards::kSender;
  FUZZ_CHECK(out.to == (back ? packet::Side::kInside : packet::Side::kOutside));
  packet::Packet made = ParsedOf(out.data.data(), out.bytes);
  const packet::Headers& headers = made.headers;
  FUZZ_CHECK(headers.note == packet::ParseNote::kComplete && headers.l3 == about.headers.l3);
  FUZZ_CHECK(headers.src_ip == (back ? about.headers.dst_ip : about.headers.src_ip));
  FUZZ_CHECK(headers.dst_ip == (back ? about.headers.src_ip : about.headers.dst_ip));
  FUZZ_CHECK(headers.l3_offset + headers.ip_bytes == out.bytes);
  FUZZ_CHECK(headers.vlan_count == about.headers.vlan_count);
  FUZZ_CHECK(
      std::equal(out.data.begin() + 12, out.data.begin() + headers.l3_offset, about.data + 12));
  if (headers.ip_protocol == kTcp) {
    FUZZ_CHECK(parse::CheckTcpChecksum(made) == parse::ChecksumState::kRight);
  } else {
    FUZZ_CHECK(MayBeAnswered(made) == (headers.ip_protocol == kUdp));
  }
  return made;
}

void AnswerTcp(const packet::Packet& packet) {
  OutFrame out;
  const TcpPlace place{packet.headers.tcp_ack, packet.headers.tcp_seq};
  for (const Towards towards : {Towards::kSender, Towards::kReceiver}) {
    if (!Reset(packet, towards, place, out)) return;
    const packet::Packet made = CheckFrame(packet, towards, out);
    FUZZ_CHECK(made.headers.tcp_seq == place.seq &&
               made.headers.ip_bytes <= packet.headers.ip_bytes);
  }
  const TcpReply reply{place, ReadTcpTimestamps(packet), packet.payload()};
  if (!Reply(packet, reply, out)) return;
  const packet::Packet made = CheckFrame(packet, Towards::kSender, out);
  FUZZ_CHECK(std::ranges::equal(made.payload(), reply.payload));
  FUZZ_CHECK(ReadTcpTimestamps(made).has_value() == reply.timestamps.has_value());
  FUZZ_CHECK(made.headers.ip_bytes ==
             TcpDatagramBytes(packet, reply.timestamps.has_value(), reply.payload.size()));
}

void AnswerFrame(Bytes frame, bool make_right) {
  packet::Packet packet = ParsedOf(frame.data(), frame.size());
  if (make_right) MakeChecksumsRight(packet);
  const Bytes before = frame;
  if (packet.headers.l3 == packet::L3::kNone || !CanBeTurnedAround(packet)) return;
  if (!MayBeAnswered(packet)) return;
  OutFrame out;
  if (packet.headers.ip_protocol == kTcp) AnswerTcp(packet);
  if (packet.headers.ip_protocol == kUdp && ReplyDatagram(packet, packet.payload(), out)) {
    const packet::Packet made = CheckFrame(packet, Towards::kSender, out);
    FUZZ_CHECK(std::ranges::equal(made.payload(), packet.payload()));
  }
  if (Prohibit(packet, out)) {
    const packet::Packet made = CheckFrame(packet, Towards::kSender, out);
    FUZZ_CHECK(made.headers.ip_bytes <= packet.headers.ip_bytes);
  }
  FUZZ_CHECK(frame == before);
}

void RefuseName(std::span<const uint8_t> query, const DnsRefusal& refusal) {
  static const Settings settings = [] {
    Settings made;
    made.sinkhole_ipv4 = base::IpAddress::Parse("192.0.2.80").value();
    made.sinkhole_ipv6 = base::IpAddress::Parse("2001:db8::80").value();
    return made;
  }();
  Bytes tight(query.size());  // a sanitizer sees the first byte beyond
  Bytes roomy(query.size() + 100);
  const size_t bytes = WriteDnsRefusal(query, refusal, settings, tight);
  FUZZ_CHECK(bytes <= tight.size());
  FUZZ_CHECK((WriteDnsRefusal(query, refusal, settings, roomy) > 0) == (bytes > 0));
  if (bytes == 0) return;
  FUZZ_CHECK(tight[0] == query[0] && tight[1] == query[1] && (tight[2] & 0x80) != 0);
  names::DnsMessage message;
  if (names::ParseDnsMessage(query, message) != names::Outcome::kFound) return;
  const auto name_of = [](std::span<const uint8_t> bytes_of) {
    names::DnsMessage parsed;
    FUZZ_CHECK(names::ParseDnsMessage(bytes_of, parsed) == names::Outcome::kFound);
    names::DnsQuestionReader reader(parsed);
    names::DnsQuestion question;
    FUZZ_CHECK(reader.Next(question) == names::Outcome::kFound);
    return question.name;
  };
  tight[2] &= 0x7f;  // as a question it asks the same
  FUZZ_CHECK(name_of(std::span(tight).first(bytes)).view() == name_of(query).view());
}

void RenderPage(std::string_view text) {
  const auto page = BlockPage::Parse(text);
  if (!page.ok()) {
    FUZZ_CHECK(!page.error().message.empty());
    return;
  }
  const PageFacts facts{text, text, text, {0}};
  for (const size_t room : {size_t{0}, size_t{200}, kPageBytesMax}) {
    Bytes out(room);
    const size_t bytes = page->Render(facts, out);
    FUZZ_CHECK(bytes <= room);
    const std::string_view begin = "HTTP/1.1 403 ";
    FUZZ_CHECK(bytes == 0 || std::equal(begin.begin(), begin.end(), out.begin()));
    FUZZ_CHECK(room < 200 || BlockPage::RenderShort(out) > 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const uint8_t what = data[0];
  const std::span<const uint8_t> rest(data + 1, size - 1);
  if ((what & 3) == 1) {
    constexpr DnsAnswer kAnswers[] = {DnsAnswer::kNxDomain, DnsAnswer::kSinkhole,
                                      DnsAnswer::kRefused, DnsAnswer::kSinkhole};
    RefuseName(rest, {kAnswers[what >> 2 & 3], ExtendedError::kBlocked});
  } else if ((what & 3) == 2) {
    RenderPage({static_cast<const char*>(static_cast<const void*>(rest.data())), rest.size()});
  } else {
    AnswerFrame({rest.begin(), rest.end()}, (what & 4) != 0);
  }
  return 0;
}

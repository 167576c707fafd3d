#include "tests/golden/wire.h"

#include "tests/unit/dataplane_names/hello_builder.h"

namespace weir::testing {
namespace {

constexpr const char* kClient = "10.20.0.11";
constexpr const char* kServer = "198.51.100.10";
constexpr const char* kResolver = "10.20.0.53";

}  // namespace

Bytes DnsQuestion(std::string_view name) {
  Bytes question = FromHex("1234 0100 0001 0000 0000 0000");
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    question.push_back(static_cast<uint8_t>(label.size()));
    question.insert(question.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  const Bytes end = FromHex("00 0001 0001");
  question.insert(question.end(), end.begin(), end.end());
  return question;
}

void BrowseHttp(Wire& wire, uint16_t src_port, std::string_view host) {
  wire.Carry(PacketBuilder()
                 .Ipv4(kClient, kResolver)
                 .Udp({.src_port = src_port, .dst_port = 53})
                 .Payload(DnsQuestion(host)));
  TcpOnWire web(wire, kClient, kServer, src_port, 80);
  web.Open();
  web.Say("GET /page HTTP/1.1\r\nHost: " + std::string(host) + "\r\nUser-Agent: golden\r\n\r\n");
  web.Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  web.Close();
}

void BrowseTls(Wire& wire, uint16_t src_port, std::string_view host) {
  TcpOnWire tls(wire, kClient, kServer, src_port, 443);
  tls.Open();
  tls.Say(names::testing::HelloBuilder().Sni(host).Stream());
  tls.Answer("\x16\x03\x03");
  tls.Close();
}

}  // namespace weir::testing

#include "tests/property/exchange.h"

namespace weir::property {
namespace {

constexpr uint16_t kHttpPorts[] = {80, 80, 8080, kBlockedPort};
constexpr uint16_t kTlsPorts[] = {443, 443, 9443, kBlockedPort};

std::string_view AnyName(Random& random) {
  return random.OneIn(2) ? random.Of(BlockedNames()) : random.Of(OtherNames());
}

// One that this policy blocks.
std::string_view BlockedName(Random& random, const TestPolicy& policy) {
  for (;;) {
    const std::string_view name = random.Of(BlockedNames());
    if (Expect(policy, Canonical(name)).blocked()) return name;
  }
}

// Names for so many messages; of a hostile exchange at least one is blocked.
std::vector<std::string_view> NamesFor(Random& random, const Exchange& exchange, size_t count,
                                       bool hostile) {
  std::vector<std::string_view> names;
  for (size_t i = 0; i < count; ++i) names.push_back(AnyName(random));
  if (hostile) {
    names[random.Below(static_cast<uint32_t>(count))] =
        BlockedName(random, Policies()[exchange.policy]);
  }
  return names;
}

void SayHttp(Random& random, Exchange& exchange, bool hostile) {
  const auto names = NamesFor(random, exchange, random.Between(1, 4), hostile);
  exchange.server_port = random.Of(kHttpPorts);
  for (const std::string_view name : names) {
    std::vector<std::string_view> hosts = {name};
    if (random.OneIn(12)) hosts.push_back(AnyName(random));
    exchange.messages.push_back(HttpRequest(random, hosts));
    exchange.messages.back().at_once = exchange.messages.size() > 1 && random.OneIn(2);
  }
}

void SayTls(Random& random, Exchange& exchange, bool hostile) {
  exchange.server_port = random.Of(kTlsPorts);
  exchange.messages.push_back(TlsHello(random, NamesFor(random, exchange, 1, hostile)[0]));
  for (uint32_t i = random.Below(3); i > 0; --i) exchange.messages.push_back(TlsData(random));
}

void SayQuic(Random& random, Exchange& exchange, bool hostile) {
  exchange.server_port = random.Of(kTlsPorts);
  exchange.messages.push_back(
      QuicHello(random, NamesFor(random, exchange, 1, hostile)[0], hostile));
  for (uint32_t i = random.Below(3); i > 0; --i) exchange.messages.push_back(QuicData(random));
}

void SayDns(Random& random, Exchange& exchange, bool hostile) {
  const bool over_tcp = exchange.is_tcp();
  exchange.server_port = 53;
  for (const auto name : NamesFor(random, exchange, random.Between(1, 4), hostile)) {
    exchange.messages.push_back(DnsQuery(random, name, over_tcp));
    // Datagrams have no order: only what asks for the same name goes out together.
    if (over_tcp && exchange.messages.size() > 1) {
      exchange.messages.back().at_once = random.OneIn(2);
    } else if (!over_tcp && random.OneIn(3)) {
      exchange.messages.push_back(DnsQuery(random, name, over_tcp));
      exchange.messages.back().at_once = true;
    }
  }
}

void ChooseAddresses(Random& random, Exchange& exchange) {
  exchange.is_v6 = random.OneIn(2);
  exchange.client = exchange.is_v6 ? "2001:db8:20::11" : "10.20.0.11";
  exchange.server = exchange.is_v6 ? "2001:db8:99::10" : "198.51.100.10";
  if (random.OneIn(8)) exchange.server = exchange.is_v6 ? kBlockedServer6 : kBlockedServer;
  exchange.client_port = static_cast<uint16_t>(random.Between(1024, 65535));
  exchange.client_isn = static_cast<uint32_t>(random.Next());
  exchange.server_isn = static_cast<uint32_t>(random.Next());
  // Numbers that pass zero are where comparisons go wrong.
  if (random.OneIn(4)) exchange.client_isn = 0U - random.Below(3000);
  if (random.OneIn(4)) exchange.server_isn = 0U - random.Below(3000);
  exchange.timestamps = random.OneIn(2);
  exchange.ending = static_cast<Ending>(random.Below(4));
}

bool BlocksNames(const TestPolicy& policy) {
  for (const NameRule& rule : policy.rules) {
    if (rule.expected.blocked()) return true;
  }
  return false;
}

}  // namespace

std::string_view ProtocolWord(Protocol protocol) {
  constexpr std::string_view kWords[] = {"HTTP", "TLS", "DNS over TCP", "DNS over UDP", "QUIC"};
  return kWords[static_cast<size_t>(protocol)];
}

Bytes RandomBytes(Random& random, size_t count) {
  Bytes out(count);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random.Next());
  return out;
}

Exchange MakeExchange(Random& random, bool hostile) {
  Exchange exchange;
  exchange.protocol = static_cast<Protocol>(random.Below(kProtocols));
  do {
    exchange.policy = random.Below(static_cast<uint32_t>(Policies().size()));
  } while (hostile && !BlocksNames(Policies()[exchange.policy]));
  ChooseAddresses(random, exchange);
  switch (exchange.protocol) {
    case Protocol::kHttp:
      SayHttp(random, exchange, hostile);
      break;
    case Protocol::kTls:
      SayTls(random, exchange, hostile);
      break;
    case Protocol::kQuic:
      SayQuic(random, exchange, hostile);
      break;
    case Protocol::kDnsTcp:
    case Protocol::kDnsUdp:
      SayDns(random, exchange, hostile);
      break;
  }
  return exchange;
}

std::vector<size_t> Flights(const Exchange& exchange) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < exchange.messages.size(); ++i) {
    if (i == 0 || !exchange.messages[i].at_once) starts.push_back(i);
  }
  starts.push_back(exchange.messages.size());
  return starts;
}

Fate FateOf(const Exchange& exchange) {
  const TestPolicy& policy = Policies()[exchange.policy];
  Fate fate;
  const bool at_server = exchange.server == kBlockedServer || exchange.server == kBlockedServer6;
  const bool at_port = exchange.server_port == kBlockedPort;
  if (at_port) fate.expected = policy.blocked_port;
  if (at_server && policy.blocked_server.blocked()) fate.expected = policy.blocked_server;
  fate.by_address = fate.expected.blocked();
  if (fate.by_address) return fate;
  for (size_t i = 0; i < exchange.messages.size(); ++i) {
    for (const Asked& asked : exchange.messages[i].asked) {
      if (fate.name.empty()) fate.name = asked.name;
      const Expected expected = Expect(policy, asked.name);
      if (!expected.blocked() || expected == fate.expected) continue;
      fate.expected = expected;
      fate.name = asked.name;
      if (fate.message < 0) fate.message = static_cast<int>(i);
      // Datagrams of DNS are judged one by one: the record tells of the last rule.
      if (exchange.protocol != Protocol::kDnsUdp) return fate;
    }
  }
  return fate;
}

}  // namespace weir::property

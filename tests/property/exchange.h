// What two applications say to each other, without a word about how it travels.
//
// An exchange is made from a seed, and is plain data: the minimiser takes messages out of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/property/policies.h"
#include "tests/property/random.h"
#include "tests/support/packet_builder.h"

namespace weir::property {

using testing::Bytes;

enum class Protocol : uint8_t { kHttp, kTls, kDnsTcp, kDnsUdp, kQuic };
inline constexpr size_t kProtocols = 5;

struct Range {
  uint32_t begin = 0;
  uint32_t end = 0;
};

// A name that a message asks for. On TCP the server knows it with the first `told_at` bytes of the
// message; it stands at `letters` (nowhere where it is encrypted).
struct Asked {
  std::string name;  // in the form of records
  uint32_t told_at = 0;
  Range letters;
};

// A UDP payload, and what it carries of its message.
struct Datagram {
  Bytes payload;
  std::vector<Range> carries;
};

struct Message {
  Bytes bytes;                      // on TCP
  std::vector<Datagram> datagrams;  // on UDP: together they carry [0, whole)
  std::vector<Datagram> again;      // on UDP: the same, as said when nothing came back
  uint32_t whole = 0;
  std::vector<Asked> asked;
  std::vector<Range> idle;    // bytes that may be anything without a server minding
  std::vector<Bytes> decoys;  // on UDP: datagrams that pretend to be of this message
  Bytes reply;
  bool at_once = false;  // without waiting for the reply to the message before
};

enum class Ending : uint8_t { kClientFin, kServerFin, kClientReset, kSilence };

struct Exchange {
  Protocol protocol = Protocol::kHttp;
  size_t policy = 0;  // in Policies()
  bool is_v6 = false;
  std::string client;
  std::string server;
  uint16_t client_port = 40000;
  uint16_t server_port = 80;
  uint32_t client_isn = 0;
  uint32_t server_isn = 0;
  bool timestamps = false;  // RFC 7323
  Ending ending = Ending::kSilence;
  std::vector<Message> messages;

  bool is_tcp() const { return protocol != Protocol::kDnsUdp && protocol != Protocol::kQuic; }
};

std::string_view ProtocolWord(Protocol protocol);

// `hostile`: the policy blocks, and a blocked name is asked for.
Exchange MakeExchange(Random& random, bool hostile);

// The messages that go out together: indices of the first of each flight, then messages.size().
std::vector<size_t> Flights(const Exchange& exchange);

// What the policy says of the exchange, by a blocked name or its server.
struct Fate {
  Expected expected;
  std::string name;  // the one that the record of a blocked exchange tells, or the first
  int message = -1;  // the first that is blocked; -1: none, or all with `by_address`
  bool by_address = false;
};
Fate FateOf(const Exchange& exchange);

// The makers of one protocol's messages. A name as it is to be written.
Message HttpRequest(Random& random, const std::vector<std::string_view>& hosts);
Message TlsHello(Random& random, std::string_view name);
Message TlsData(Random& random);
Message QuicHello(Random& random, std::string_view name, bool hostile);
Message QuicData(Random& random);
Message DnsQuery(Random& random, std::string_view name, bool over_tcp);

Bytes RandomBytes(Random& random, size_t count);

}  // namespace weir::property

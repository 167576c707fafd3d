// ClientHellos of 200 to 4,000 bytes: in TLS records, or in the CRYPTO frames of QUIC Initials.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "tests/property/exchange.h"
#include "tests/unit/dataplane_names/quic_builder.h"

namespace weir::property {
namespace {

using names::testing::AppendBe;
using names::testing::HelloBuilder;
using names::testing::InitialSpec;

constexpr uint16_t kKeyShare = 51;
constexpr uint16_t kPadding = 21;
constexpr uint16_t kQuicParameters = 57;
constexpr uint32_t kKeyBytes[] = {32, 32, 65, 1184 + 32, 1568 + 97};

Bytes KeyShares(Random& random, Bytes& key) {
  key = RandomBytes(random, random.Of(kKeyBytes));
  Bytes body;
  AppendBe(body, key.size() + 4, 2);
  AppendBe(body, 0x11ec, 2);
  AppendBe(body, key.size(), 2);
  body.insert(body.end(), key.begin(), key.end());
  return body;
}

uint16_t Grease(Random& random) {  // RFC 8701
  const uint32_t nibble = random.Below(16) << 4 | 0x0a;
  return static_cast<uint16_t>(nibble << 8 | nibble);
}

// The extensions in random order. What is idle in the message is told by its bytes.
Bytes Hello(Random& random, std::string_view name, bool quic, Bytes& key) {
  HelloBuilder builder;
  enum Part { kName, kAlpn, kKeys, kGrease, kPad, kTicket, kParameters, kParts };
  std::vector<int> order;
  for (int part = 0; part < kParts; ++part) {
    const bool needed = part == kName || (part == kParameters && quic);
    if (needed || (part != kParameters && !random.OneIn(3))) order.push_back(part);
  }
  random.Shuffle(order);
  for (const int part : order) {
    switch (part) {
      case kName:
        builder.Sni(name);
        break;
      case kAlpn:
        quic ? builder.Alpn({"h3"}) : builder.Alpn({"h2", "http/1.1"});
        break;
      case kKeys:
        builder.Extension(kKeyShare, KeyShares(random, key));
        break;
      case kGrease:
        builder.Extension(Grease(random), RandomBytes(random, random.Below(2)));
        break;
      case kPad:
        builder.Extension(kPadding, Bytes(random.Below(1200)));
        break;
      case kTicket:
        builder.Extension(35, RandomBytes(random, random.Below(300)));
        break;
      default:
        builder.Extension(kQuicParameters, RandomBytes(random, random.Between(10, 90)));
    }
  }
  return builder.Message();
}

// Where `part` stands whole in `bytes`; an empty range where it does not.
Range Find(const Bytes& bytes, const Bytes& part) {
  if (part.empty()) return {};
  const auto at = std::search(bytes.begin(), bytes.end(), part.begin(), part.end());
  if (at == bytes.end()) return {};
  const auto begin = static_cast<uint32_t>(at - bytes.begin());
  return {begin, begin + static_cast<uint32_t>(part.size())};
}

names::Crypto& SharedCrypto() {
  static const auto crypto = [] {
    auto made = names::Crypto::Create();
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(made).value();
  }();
  return *crypto;
}

// Pieces of the hello, shuffled, over so many Initials.
std::vector<Datagram> Initials(Random& random, const Bytes& hello, InitialSpec spec) {
  const auto size = static_cast<uint32_t>(hello.size());
  const uint32_t packets = std::max(random.Between(1, 4), (size + 999) / 1000);
  std::vector<Range> pieces;
  for (uint32_t begin = 0; begin < size;) {
    const uint32_t most = std::max(2U, size / packets / random.Between(1, 3));
    const uint32_t end = std::min(size, begin + random.Between(1, most));
    pieces.push_back({begin, end});
    begin = end;
  }
  if (!random.OneIn(3)) random.Shuffle(pieces);
  std::vector<Datagram> out;
  for (uint32_t i = 0; i < packets; ++i) {
    Datagram datagram;
    Bytes frames;
    const size_t from = pieces.size() * i / packets;
    const size_t to = pieces.size() * (i + 1) / packets;
    for (size_t piece = from; piece < to; ++piece) {
      const Range& range = pieces[piece];
      const Bytes frame = names::testing::CryptoPart(hello, range.begin, range.end - range.begin);
      frames.insert(frames.end(), frame.begin(), frame.end());
      if (random.OneIn(4)) frames.push_back(random.OneIn(2) ? 0 : 1);  // PADDING, PING
      datagram.carries.push_back(range);
    }
    if (frames.empty()) continue;
    spec.pad_to = 1200;
    datagram.payload = names::testing::SealInitial(spec, frames, SharedCrypto());
    spec.number += random.Between(1, 3);
    out.push_back(std::move(datagram));
  }
  return out;
}

// Sealed with the keys of the real ones: another hello, and bytes that fit no hello.
std::vector<Bytes> DecoyInitials(Random& random, const Bytes& hello, std::string_view name,
                                 InitialSpec spec) {
  Bytes other = hello;
  const Range letters = Find(hello, testing::BytesOf(name));
  std::fill(other.begin() + letters.begin, other.begin() + letters.end, 'z');
  std::vector<Bytes> out;
  spec.number = random.Below(60);
  for (const Datagram& datagram : Initials(random, other, spec)) out.push_back(datagram.payload);
  const Bytes junk = RandomBytes(random, random.Between(1, 300));
  const uint32_t offset = random.Below(static_cast<uint32_t>(hello.size()));
  spec.pad_to = 1200;
  spec.number = random.Below(60);
  out.push_back(
      names::testing::SealInitial(spec, names::testing::CryptoFrame(offset, junk), SharedCrypto()));
  return out;
}

}  // namespace

Message TlsHello(Random& random, std::string_view name) {
  Message message;
  Bytes key;
  const Bytes hello = Hello(random, name, false, key);
  const uint32_t record_bytes = random.OneIn(2) ? 16384 : random.Between(20, 900);
  message.bytes = names::testing::Records(hello, record_bytes);
  const auto told_at = static_cast<uint32_t>(message.bytes.size());
  message.asked.push_back({Canonical(name), told_at, Find(message.bytes, testing::BytesOf(name))});
  const Range idle = Find(message.bytes, key);
  if (idle.end > idle.begin) message.idle.push_back(idle);
  message.reply = {0x16, 3, 3, 0, 60};
  message.reply.resize(65, 2);
  return message;
}

Message TlsData(Random& random) {
  Message message;
  const uint32_t bytes = random.Between(1, 600);
  AppendBe(message.bytes, 0x170303, 3);
  AppendBe(message.bytes, bytes, 2);
  const Bytes data = RandomBytes(random, bytes);
  message.bytes.insert(message.bytes.end(), data.begin(), data.end());
  message.reply = {0x17, 3, 3, 0, 20};
  message.reply.resize(25, 7);
  return message;
}

Message QuicHello(Random& random, std::string_view name, bool hostile) {
  Message message;
  Bytes key;
  const Bytes hello = Hello(random, name, true, key);
  InitialSpec spec;
  spec.version = random.OneIn(2) ? names::testing::kQuicV1 : names::testing::kQuicV2;
  spec.dcid = RandomBytes(random, random.Between(8, 20));
  spec.scid = RandomBytes(random, random.Below(21));
  spec.token = RandomBytes(random, random.OneIn(4) ? random.Below(60) : 0);
  spec.number = random.Below(4);
  spec.number_bytes = random.Between(1, 4);
  message.datagrams = Initials(random, hello, spec);
  spec.number += 40;
  message.again = Initials(random, hello, spec);
  if (hostile) message.decoys = DecoyInitials(random, hello, name, spec);
  message.whole = static_cast<uint32_t>(hello.size());
  message.asked.push_back({Canonical(name), message.whole, {}});
  message.reply = RandomBytes(random, 1200);
  message.reply[0] = static_cast<uint8_t>(0xc0 | (message.reply[0] & 0x0f));
  return message;
}

Message QuicData(Random& random) {
  Message message;
  Datagram datagram{RandomBytes(random, random.Between(30, 300)), {{0, 1}}};
  datagram.payload[0] = static_cast<uint8_t>(0x40 | (datagram.payload[0] & 0x3f));
  message.datagrams = message.again = {datagram};
  message.whole = 1;
  message.reply = datagram.payload;
  return message;
}

}  // namespace weir::property

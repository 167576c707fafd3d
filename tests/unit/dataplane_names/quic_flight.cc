#include "quic_flight.h"

#include <algorithm>

namespace weir::names::testing {
namespace {

constexpr uint32_t kVersions[] = {kQuicV1,    kQuicV1,    kQuicV1,    kQuicV2,    0xff00001d,
                                  0xff000017, 0xff000016, 0xff000020, 0xfaceb002, 0x709a50c4};

size_t Below(std::mt19937& random, size_t end) { return random() % end; }
bool Chance(std::mt19937& random, unsigned percent) { return Below(random, 100) < percent; }

Bytes RandomBytes(std::mt19937& random, size_t count) {
  Bytes out(count);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

// The hello in frames of any size, some of them overlapping the one before.
std::vector<Bytes> CutIntoFrames(std::mt19937& random, const Bytes& hello, size_t frame_bytes_max) {
  std::vector<Bytes> frames;
  for (size_t at = 0; at < hello.size();) {
    const size_t bytes = std::min(1 + Below(random, frame_bytes_max), hello.size() - at);
    const size_t early = Chance(random, 10) ? std::min<size_t>(at, 3) : 0;
    frames.push_back(CryptoPart(hello, at - early, bytes + early));
    at += bytes;
  }
  return frames;
}

// Frames that an Initial may hold and that say nothing.
Bytes Filler(std::mt19937& random) {
  switch (Below(random, 4)) {
    case 0:
      return Bytes(1 + Below(random, 20), 0x00);
    case 1:
      return {0x01};
    case 2:
      return FromHex("02 05 40ff 01 02 00 01");
    default:
      return {};
  }
}

// A 0-RTT packet, sealed with keys nobody here has.
Bytes ZeroRtt(std::mt19937& random, const InitialSpec& spec) {
  const bool second = spec.version == kQuicV2 || spec.version == 0x709a50c4;
  Bytes out = {static_cast<uint8_t>(second ? 0xe0 : 0xd0)};
  AppendBe(out, spec.version, 4);
  AppendBe(out, spec.dcid.size(), 1);
  Append(out, spec.dcid);
  AppendBe(out, spec.scid.size(), 1);
  Append(out, spec.scid);
  const Bytes sealed = RandomBytes(random, 30 + Below(random, 200));
  AppendBe(out, 0x4000 | sealed.size(), 2);
  Append(out, sealed);
  return out;
}

// All frames in Initials of one attempt, a few hundred bytes of them in each.
std::vector<Bytes> SealAll(std::mt19937& random, std::vector<Bytes> frames, InitialSpec spec,
                           Crypto& crypto) {
  std::vector<Bytes> datagrams;
  const Bytes first_dcid = spec.dcid;
  const size_t payload_bytes = 300 + Below(random, 700);
  bool coalesce = false;
  while (!frames.empty()) {
    Bytes payload;
    while (!frames.empty() && payload.size() < payload_bytes) {
      Append(payload, Filler(random));
      Append(payload, frames.back());
      frames.pop_back();
    }
    spec.number += 1 + Below(random, 3);
    spec.number_bytes = 2 + Below(random, 3);
    spec.pad_to = coalesce || Chance(random, 20) ? 0 : 1200;
    spec.first_byte_xor = Chance(random, 10) ? 0x40 : 0;
    const Bytes packet = SealInitial(spec, payload, crypto);
    if (!coalesce) datagrams.emplace_back();
    if (Chance(random, 15)) Append(datagrams.back(), ZeroRtt(random, spec));
    Append(datagrams.back(), packet);
    coalesce = Chance(random, 20);
    // The server has answered, and the client goes on with the id it was given.
    if (spec.dcid == first_dcid && Chance(random, 15)) {
      spec.key_dcid = first_dcid;
      spec.dcid = RandomBytes(random, Below(random, 20));
      coalesce = false;
    }
  }
  return datagrams;
}

// A client sends again what was not acknowledged, and the network reorders; but an id that the
// server gave follows its answer to the first.
void Disturb(std::mt19937& random, const Bytes& first_dcid, std::vector<Bytes>& datagrams) {
  const size_t sent = datagrams.size();
  for (size_t i = 0; i < sent; ++i) {
    if (Chance(random, 15)) datagrams.push_back(datagrams[i]);
  }
  std::shuffle(datagrams.begin(), datagrams.end(), random);
  std::stable_partition(datagrams.begin(), datagrams.end(), [&](const Bytes& datagram) {
    return std::search(datagram.begin(), datagram.end(), first_dcid.begin(), first_dcid.end()) !=
           datagram.end();
  });
}

// An attempt that comes to nothing: a version the server refuses, after which the client begins
// again.
Bytes RefusedAttempt(std::mt19937& random, const Bytes& hello, Crypto& crypto) {
  InitialSpec spec;
  spec.version = 0x1a2a3a4a;
  spec.sealed_as = kQuicV1;
  spec.dcid = RandomBytes(random, 8);
  spec.pad_to = 1200;
  return SealInitial(spec, CryptoPart(hello, 0, std::min<size_t>(hello.size(), 1000)), crypto);
}

}  // namespace

QuicFlight MakeQuicFlight(std::mt19937& random, const std::string& name, Crypto& crypto) {
  HelloBuilder builder;
  const bool name_first = Chance(random, 50);
  if (name_first) builder.Sni(name);
  builder.Alpn({"h3"});
  // A key share of X25519MLKEM768 takes 1,216 bytes.
  builder.Extension(51, RandomBytes(random, Chance(random, 60) ? 1250 : 40));
  if (Chance(random, 30)) builder.Extension(41, RandomBytes(random, 100 + Below(random, 1500)));
  if (!name_first) builder.Sni(name);
  const Bytes hello = builder.Message();

  InitialSpec spec;
  spec.version = kVersions[Below(random, std::size(kVersions))];
  spec.dcid = RandomBytes(random, 8 + Below(random, 13));
  spec.scid = RandomBytes(random, Below(random, 21));
  spec.number = Below(random, 3);
  if (Chance(random, 20)) spec.token = RandomBytes(random, 16 + Below(random, 100));

  std::vector<Bytes> frames = CutIntoFrames(random, hello, Chance(random, 50) ? 40 : 1100);
  if (Chance(random, 70)) std::shuffle(frames.begin(), frames.end(), random);
  QuicFlight flight{name, SealAll(random, std::move(frames), spec, crypto)};
  Disturb(random, spec.dcid, flight.datagrams);
  if (Chance(random, 15)) {
    flight.datagrams.insert(flight.datagrams.begin(), RefusedAttempt(random, hello, crypto));
  }
  // What a former connection on the same ports still had under way.
  if (Chance(random, 15)) {
    flight.datagrams.insert(flight.datagrams.begin(), FromHex("45 0102030405060708 1122334455"));
  }
  return flight;
}

}  // namespace weir::names::testing

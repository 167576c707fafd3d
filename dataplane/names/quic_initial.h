// One attempt of a client to open a QUIC connection: its Initial packets, opened, and the
// ClientHello put together from their CRYPTO frames.
//
// The keys of an attempt come from the destination connection id of its first Initial (RFC 9001
// §5.2) and stay when the client moves on to the id the server chose. A client that was sent a
// Retry, or another version, or that tries again, begins an attempt of its own, whose keys come
// from that packet's own id; so nothing of the server's need be seen.
//
// A worker's thread; fixed state (kQuicInitialBytesMax), no allocation.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/names/crypto_stream.h"
#include "dataplane/names/quic_packet.h"

namespace weir::names {

// A datagram's packets are opened into this; larger datagrams do not fit UDP.
using PlainBuffer = std::array<uint8_t, 65536>;

class QuicInitial {
 public:
  // Packets a datagram is searched for; clients send two or three.
  static constexpr unsigned kPacketsMax = 8;

  void Reset();
  void CopyFrom(const QuicInitial& other);

  // Reads a client's datagram. A fresh attempt takes the first Initial that opens with its own
  // connection id; a begun one what opens with its keys.
  //   kFound, kNone  the hello is whole; the spans of `out` point into this object
  //   kNeedMore      something of this attempt was read, the hello is not whole
  //   kNotThis       nothing in the datagram belongs to this attempt
  //   kMalformed     no hello, or bytes that contradict those read before (which stay)
  //   kTooLong       a hello of more than CryptoStream::kBytesMax
  Outcome AddDatagram(ByteSpan datagram, Crypto& crypto, PlainBuffer& plain, ClientHello& out);

 private:
  bool Open(const QuicPacket& packet, Crypto& crypto, PlainBuffer& plain, ByteSpan& frames);
  bool ReadFrames(ByteSpan frames);
  bool ReadGoogleFrames(ByteSpan frames);
  Outcome ReadHello(ClientHello& out) const;

  const QuicVersion* version_ = nullptr;  // null: fresh
  QuicKeys keys_;
  int64_t largest_number_ = -1;
  uint8_t dcid_bytes_ = 0;
  std::array<uint8_t, kQuicCidBytesMax> dcid_;
  CryptoStream stream_;
};

inline constexpr size_t kQuicInitialBytesMax = 18688;
static_assert(sizeof(QuicInitial) <= kQuicInitialBytesMax);

}  // namespace weir::names

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

// What opening takes; a worker's, lent for a call.
struct QuicTools {
  Crypto& crypto;
  PlainBuffer& plain;
};

class QuicInitial {
 public:
  // Initials of one datagram that are opened. No more fit 1,472 bytes; a client sends one to three.
  static constexpr size_t kInitialsMax = 40;
  // Keys made for one datagram. Packets in one datagram go to one connection id (RFC 9000 §12.2).
  static constexpr unsigned kKeysMax = 4;

  void Reset();
  void CopyFrom(const QuicInitial& other);

  // Reads a client's datagram. A fresh attempt takes the first Initial that opens with its own
  // connection id; a begun one what opens with its keys. A packet of a version that is not listed
  // is read as one of `unlisted`, or of the version the attempt was begun with.
  //   kFound, kNone  the hello has become whole; the spans of `out` point into this object
  //   kNeedMore      something of this attempt was read that did not make the hello whole
  //   kNotThis       nothing in the datagram belongs to this attempt
  //   kConflict      bytes contradict those read before; nothing of the datagram was taken
  //   kMalformed     no hello, or a broken one
  //   kTooLong       a hello of more than CryptoStream::kBytesMax; more packets than the limits
  //   below
  Outcome AddDatagram(ByteSpan datagram, const QuicTools& tools, ClientHello& out,
                      const QuicVersion* unlisted = nullptr);

  // Nothing more will be found. What comes is still compared with what there is.
  bool finished() const { return finished_; }
  // The hello is whole and nothing lies behind it, as honest clients have it.
  bool settled() const { return settled_; }

 private:
  // The frames of a datagram's packets that could be opened.
  struct Opened {
    std::array<ByteSpan, kInitialsMax> frames;
    size_t count = 0;
    bool too_many = false;  // and some packets were not tried
  };
  // The keys made last for this datagram.
  struct Trial {
    const QuicVersion* version = nullptr;
    ByteSpan dcid;
    QuicKeys keys;
    unsigned made = 0;
  };

  void OpenAll(ByteSpan datagram, const QuicTools& tools, const QuicVersion* unlisted, Opened& out);
  ByteSpan Open(const QuicPacket& packet, Crypto& crypto, std::span<uint8_t> plain, Trial& trial);
  Outcome ReadHello(ClientHello& out);

  const QuicVersion* version_ = nullptr;  // null: fresh
  QuicKeys keys_;
  int64_t largest_number_ = -1;
  uint8_t dcid_bytes_ = 0;
  bool finished_ = false;
  bool settled_ = false;
  std::array<uint8_t, kQuicCidBytesMax> dcid_;
  CryptoStream stream_;
};

inline constexpr size_t kQuicInitialBytesMax = 18688;
static_assert(sizeof(QuicInitial) <= kQuicInitialBytesMax);

}  // namespace weir::names

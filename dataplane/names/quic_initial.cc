#include "dataplane/names/quic_initial.h"

#include <algorithm>

#include "dataplane/names/google_quic.h"

namespace weir::names {
namespace {

using base::Cursor;

// RFC 9000 §19; those an Initial may hold (§12.4).
constexpr uint64_t kFramePadding = 0x00;
constexpr uint64_t kFramePing = 0x01;
constexpr uint64_t kFrameAck = 0x02;
constexpr uint64_t kFrameAckEcn = 0x03;
constexpr uint64_t kFrameCrypto = 0x06;
constexpr uint64_t kFrameConnectionClose = 0x1c;

void SkipAck(Cursor& frames, bool ecn) {
  ReadVarint(frames);  // largest acknowledged
  ReadVarint(frames);  // delay
  const uint64_t ranges = ReadVarint(frames);
  ReadVarint(frames);  // first range
  for (uint64_t i = 0; i < ranges && frames.ok(); ++i) {
    ReadVarint(frames);
    ReadVarint(frames);
  }
  for (int i = 0; ecn && i < 3; ++i) ReadVarint(frames);
}

void SkipConnectionClose(Cursor& frames) {
  ReadVarint(frames);  // error
  ReadVarint(frames);  // frame type
  frames.Skip(ReadVarint(frames));
}

}  // namespace

void QuicInitial::Reset() {
  version_ = nullptr;
  largest_number_ = -1;
  stream_.Reset();
}

void QuicInitial::CopyFrom(const QuicInitial& other) {
  version_ = other.version_;
  keys_ = other.keys_;
  largest_number_ = other.largest_number_;
  dcid_bytes_ = other.dcid_bytes_;
  dcid_ = other.dcid_;
  stream_.CopyFrom(other.stream_);
}

Outcome QuicInitial::AddDatagram(ByteSpan datagram, Crypto& crypto, PlainBuffer& plain,
                                 ClientHello& out) {
  out = ClientHello();
  bool ours = false;
  bool agrees = true;
  for (unsigned i = 0; i < kPacketsMax && !datagram.empty(); ++i) {
    const QuicPacket packet = ReadQuicPacket(datagram);
    const bool initial = packet.kind == QuicPacket::Kind::kInitial;
    if (!initial && packet.kind != QuicPacket::Kind::kOther) break;
    datagram = datagram.subspan(packet.bytes.size());
    ByteSpan frames;
    if (!initial || !Open(packet, crypto, plain, frames)) continue;
    ours = true;
    const bool google = version_->google_frames;
    agrees = (google ? ReadGoogleFrames(frames) : ReadFrames(frames)) && agrees;
  }
  if (!ours) return Outcome::kNotThis;
  return agrees ? ReadHello(out) : Outcome::kMalformed;
}

bool QuicInitial::Open(const QuicPacket& packet, Crypto& crypto, PlainBuffer& plain,
                       ByteSpan& frames) {
  if (version_ == packet.version) {
    frames = OpenInitial(packet, keys_, crypto, largest_number_, plain);
    return !frames.empty();
  }
  // A begun attempt goes on in another version with the same id (RFC 9368 §2.3); a fresh one takes
  // the packet's.
  const bool fresh = version_ == nullptr;
  const ByteSpan dcid = fresh ? packet.dcid : ByteSpan(dcid_).first(dcid_bytes_);
  const QuicKeys keys = DeriveClientKeys(*packet.version, dcid, crypto);
  frames = OpenInitial(packet, keys, crypto, largest_number_, plain);
  if (frames.empty()) return false;
  if (fresh) {
    version_ = packet.version;
    keys_ = keys;
    dcid_bytes_ = static_cast<uint8_t>(dcid.size());
    std::copy(dcid.begin(), dcid.end(), dcid_.begin());
  }
  return true;
}

// False when a CRYPTO frame contradicts an earlier one. A frame that an Initial may not hold ends
// the reading: a server closes the connection there.
bool QuicInitial::ReadFrames(ByteSpan bytes) {
  Cursor frames(bytes);
  bool agrees = true;
  while (!frames.empty()) {
    const uint64_t type = ReadVarint(frames);
    if (type == kFramePadding || type == kFramePing) continue;
    if (type == kFrameAck || type == kFrameAckEcn) {
      SkipAck(frames, type == kFrameAckEcn);
    } else if (type == kFrameConnectionClose) {
      SkipConnectionClose(frames);
    } else if (type == kFrameCrypto) {
      const uint64_t offset = ReadVarint(frames);
      const ByteSpan piece = frames.Bytes(ReadVarint(frames));
      if (frames.ok()) agrees = stream_.Add(offset, piece) && agrees;
    } else {
      break;
    }
  }
  return agrees;
}

// Google's frame types: CRYPTO is 8, and an acknowledgement of the usual two sizes may stand
// before.
bool QuicInitial::ReadGoogleFrames(ByteSpan bytes) {
  constexpr uint8_t kGooglePing = 0x07;
  constexpr uint8_t kGoogleCrypto = 0x08;
  constexpr uint8_t kGoogleAck = 0x40;
  constexpr uint8_t kGoogleLongAck = 0x60;
  Cursor frames(bytes);
  bool agrees = true;
  while (!frames.empty()) {
    const uint8_t type = frames.U8();
    if (type == kFramePadding || type == kGooglePing) continue;
    if (type == kGoogleAck || type == kGoogleLongAck) {
      frames.Skip(type == kGoogleAck ? 5 : 8);
    } else if (type == kGoogleCrypto) {
      const uint64_t offset = ReadVarint(frames);
      const ByteSpan piece = frames.Bytes(ReadVarint(frames));
      if (frames.ok()) agrees = stream_.Add(offset, piece) && agrees;
    } else {
      break;
    }
  }
  return agrees;
}

Outcome QuicInitial::ReadHello(ClientHello& out) const {
  const ByteSpan prefix = stream_.prefix();
  if (prefix.empty()) return Outcome::kNeedMore;
  const Outcome outcome =
      version_->google_hello ? ParseChlo(prefix, out) : ParseHandshake(prefix, out);
  return outcome == Outcome::kNotThis ? Outcome::kMalformed : outcome;
}

}  // namespace weir::names

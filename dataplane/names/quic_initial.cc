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

// PADDING is a byte of zero, and there are hundreds of them in most Initials (RFC 9000 §19.1,
// §14.1): passed over in words.
void SkipPadding(Cursor& frames) {
  const ByteSpan rest = frames.rest();
  size_t zeros = 0;
  while (rest.size() - zeros >= 8 && base::LoadBe<uint64_t>(rest.data() + zeros) == 0) zeros += 8;
  while (zeros < rest.size() && rest[zeros] == 0) ++zeros;
  frames.Skip(zeros);
}

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

// Calls `piece(offset, bytes)` for every CRYPTO frame until one returns false, which it returns
// too. A frame that an Initial may not hold ends the reading: a server closes the connection there.
template <typename Piece>
bool ForEachPiece(ByteSpan bytes, Piece&& piece) {
  Cursor frames(bytes);
  for (SkipPadding(frames); !frames.empty(); SkipPadding(frames)) {
    const uint64_t type = ReadVarint(frames);
    if (type == kFramePadding || type == kFramePing) continue;
    if (type == kFrameAck || type == kFrameAckEcn) {
      SkipAck(frames, type == kFrameAckEcn);
    } else if (type == kFrameConnectionClose) {
      SkipConnectionClose(frames);
    } else if (type == kFrameCrypto) {
      const uint64_t offset = ReadVarint(frames);
      const ByteSpan data = frames.Bytes(ReadVarint(frames));
      if (frames.ok() && !piece(offset, data)) return false;
    } else {
      break;
    }
  }
  return true;
}

// The same for Google's frame types: CRYPTO is 8, and an acknowledgement of the usual two sizes may
// stand before.
template <typename Piece>
bool ForEachGooglePiece(ByteSpan bytes, Piece&& piece) {
  constexpr uint8_t kGooglePing = 0x07;
  constexpr uint8_t kGoogleCrypto = 0x08;
  constexpr uint8_t kGoogleAck = 0x40;
  constexpr uint8_t kGoogleLongAck = 0x60;
  Cursor frames(bytes);
  for (SkipPadding(frames); !frames.empty(); SkipPadding(frames)) {
    const uint8_t type = frames.U8();
    if (type == kFramePadding || type == kGooglePing) continue;
    if (type == kGoogleAck || type == kGoogleLongAck) {
      frames.Skip(type == kGoogleAck ? 5 : 8);
    } else if (type == kGoogleCrypto) {
      const uint64_t offset = ReadVarint(frames);
      const ByteSpan data = frames.Bytes(ReadVarint(frames));
      if (frames.ok() && !piece(offset, data)) return false;
    } else {
      break;
    }
  }
  return true;
}

}  // namespace

void QuicInitial::Reset() {
  version_ = nullptr;
  largest_number_ = -1;
  finished_ = settled_ = false;
  stream_.Reset();
}

void QuicInitial::CopyFrom(const QuicInitial& other) {
  version_ = other.version_;
  keys_ = other.keys_;
  largest_number_ = other.largest_number_;
  dcid_bytes_ = other.dcid_bytes_;
  finished_ = other.finished_;
  settled_ = other.settled_;
  dcid_ = other.dcid_;
  stream_.CopyFrom(other.stream_);
}

Outcome QuicInitial::AddDatagram(ByteSpan datagram, const QuicTools& tools, ClientHello& out,
                                 const QuicVersion* unlisted) {
  out = ClientHello();
  Opened opened;
  OpenAll(datagram, tools, unlisted, opened);
  if (opened.count == 0) return opened.too_many ? Outcome::kTooLong : Outcome::kNotThis;
  const auto each = [&](auto&& piece) {
    const auto packets = std::span(opened.frames).first(opened.count);
    return std::all_of(packets.begin(), packets.end(), [&](ByteSpan frames) {
      return version_->google_frames ? ForEachGooglePiece(frames, piece)
                                     : ForEachPiece(frames, piece);
    });
  };
  // All or nothing: what contradicts is to be dropped as a whole, its other bytes with it.
  const bool taken =
      each([this](uint64_t offset, ByteSpan piece) { return stream_.Agrees(offset, piece); }) &&
      each([this](uint64_t offset, ByteSpan piece) { return stream_.Add(offset, piece); });
  if (!taken) return Outcome::kConflict;
  const Outcome outcome = finished_ ? Outcome::kNeedMore : ReadHello(out);
  return opened.too_many && outcome == Outcome::kNeedMore ? Outcome::kTooLong : outcome;
}

void QuicInitial::OpenAll(ByteSpan datagram, const QuicTools& tools, const QuicVersion* unlisted,
                          Opened& out) {
  Trial trial;
  size_t initials = 0;
  std::span<uint8_t> plain(tools.plain);
  while (!datagram.empty()) {
    const QuicPacket packet = ReadQuicPacket(datagram, version_ != nullptr ? version_ : unlisted);
    const bool initial = packet.kind == QuicPacket::Kind::kInitial;
    if (!initial && packet.kind != QuicPacket::Kind::kOther) break;
    datagram = datagram.subspan(packet.bytes.size());
    if (!initial) continue;
    const ByteSpan frames = Open(packet, tools.crypto, plain, trial);
    out.too_many = ++initials > kInitialsMax || trial.made > kKeysMax;
    if (out.too_many) break;
    if (frames.empty()) continue;
    out.frames[out.count++] = frames;
    plain = plain.subspan(packet.bytes.size());
  }
}

// The frames; empty when the packet is not of this attempt.
ByteSpan QuicInitial::Open(const QuicPacket& packet, Crypto& crypto, std::span<uint8_t> plain,
                           Trial& trial) {
  if (version_ == packet.version) {
    return OpenInitial(packet, keys_, crypto, largest_number_, plain);
  }
  // A begun attempt goes on in another version with the same id (RFC 9368 §2.3); a fresh one takes
  // the packet's.
  const bool fresh = version_ == nullptr;
  const ByteSpan dcid = fresh ? packet.dcid : ByteSpan(dcid_).first(dcid_bytes_);
  if (trial.version != packet.version || !std::ranges::equal(trial.dcid, dcid)) {
    if (++trial.made > kKeysMax) return {};
    trial.version = packet.version;
    trial.dcid = dcid;
    trial.keys = DeriveClientKeys(*packet.version, dcid, crypto);
  }
  const ByteSpan frames = OpenInitial(packet, trial.keys, crypto, largest_number_, plain);
  if (fresh && !frames.empty()) {
    version_ = packet.version;
    keys_ = trial.keys;
    dcid_bytes_ = static_cast<uint8_t>(dcid.size());
    std::copy(dcid.begin(), dcid.end(), dcid_.begin());
  }
  return frames;
}

Outcome QuicInitial::ReadHello(ClientHello& out) {
  const ByteSpan prefix = stream_.prefix();
  if (prefix.empty()) return Outcome::kNeedMore;
  const bool google = version_->google_hello;
  Outcome outcome = google ? ParseChlo(prefix, out) : ParseHandshake(prefix, out);
  if (outcome == Outcome::kNotThis) outcome = Outcome::kMalformed;
  finished_ = outcome != Outcome::kNeedMore;
  const bool whole = outcome == Outcome::kFound || outcome == Outcome::kNone;
  settled_ = whole && (google || (stream_.gapless() && prefix.size() == HandshakeBytes(prefix)));
  return outcome;
}

}  // namespace weir::names

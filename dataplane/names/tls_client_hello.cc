#include "dataplane/names/tls_client_hello.h"

#include <algorithm>

#include "dataplane/base/cursor.h"

namespace weir::names {
namespace {

using base::Cursor;

constexpr uint8_t kRecordChangeCipherSpec = 20;
constexpr uint8_t kRecordAlert = 21;
constexpr uint8_t kRecordHandshake = 22;
constexpr uint8_t kMajorVersion = 3;
// RFC 8446 §5.1; a plaintext record is not longer. Older servers took a little more.
constexpr size_t kRecordBytesMax = 16384 + 2048;

constexpr uint8_t kHandshakeClientHello = 1;
constexpr size_t kHandshakeHeaderBytes = 4;

constexpr uint16_t kExtServerName = 0;
constexpr uint16_t kExtSignatureAlgorithms = 13;
constexpr uint16_t kExtAlpn = 16;
constexpr uint16_t kExtSupportedVersions = 43;
constexpr uint16_t kExtEch = 0xfe0d;
constexpr uint16_t kExtEsni = 0xffce;

constexpr uint8_t kNameTypeHost = 0;

// RFC 6066 §3. More than one host_name is forbidden; all are reported, for servers differ in which
// one they take.
void ReadServerNames(ByteSpan body, ClientHello& out) {
  out.has_sni = true;
  Cursor list(body);
  const size_t declared = list.U16();
  list = Cursor(list.rest().first(std::min(declared, list.left())));
  while (!list.empty()) {
    const uint8_t type = list.U8();
    const ByteSpan name = list.Bytes(list.U16());
    if (!list.ok()) {
      out.damaged = true;
      return;
    }
    if (type == kNameTypeHost && !name.empty() && out.server_name_count < kServerNamesMax) {
      out.server_names[out.server_name_count++] = name;
    }
  }
}

void ReadAlpn(ByteSpan body, ClientHello& out) {
  Cursor list(body);
  list = Cursor(list.Bytes(list.U16()));
  while (!list.empty() && out.alpn_count < kAlpnMax) {
    const ByteSpan protocol = list.Bytes(list.U8());
    if (!list.ok()) return;
    out.alpn[out.alpn_count++] = protocol;
  }
}

void ReadVersions(ByteSpan body, ClientHello& out) {
  Cursor list(body);
  list = Cursor(list.Bytes(list.U8()));
  uint16_t highest = 0;
  while (list.left() >= 2) {
    const uint16_t version = list.U16();
    if (!IsGrease(version)) highest = std::max(highest, version);
  }
  if (highest != 0) out.version_max = highest;
}

// draft-ietf-tls-esni §5: the mark of the hello that lay inside, which a server in front passes on
// in clear. Its name is the true one.
bool IsInnerEch(ByteSpan body) {
  constexpr uint8_t kInner = 1;
  return body.size() == 1 && body[0] == kInner;
}

void ReadExtension(uint16_t type, ByteSpan body, ClientHello& out) {
  switch (type) {
    case kExtServerName:
      ReadServerNames(body, out);
      break;
    case kExtAlpn:
      if (out.alpn_count == 0) ReadAlpn(body, out);
      break;
    case kExtSupportedVersions:
      ReadVersions(body, out);
      break;
    case kExtSignatureAlgorithms:
      if (body.size() >= 2) out.signature_algorithms = body.subspan(2);
      break;
    case kExtEch:
      out.has_ech = out.has_ech || !IsInnerEch(body);
      break;
    case kExtEsni:
      out.has_esni = true;
      break;
    default:
      break;
  }
}

// RFC 8446 §4.1.2, and the hellos of TLS 1.0 to 1.2, which may end before the extensions.
void ReadHello(ByteSpan body, ClientHello& out) {
  constexpr size_t kRandomBytes = 32;
  Cursor hello(body);
  out.legacy_version = hello.U16();
  out.version_max = out.legacy_version;
  hello.Skip(kRandomBytes);
  hello.Skip(hello.U8());  // session id
  out.cipher_suites = hello.Bytes(hello.U16());
  hello.Skip(hello.U8());  // compression methods
  if (!hello.ok() || (hello.left() > 0 && hello.left() < 2)) {
    out.damaged = true;
    return;
  }
  if (hello.empty()) return;
  // A length that lies is read as far as there are bytes: a name found so is worth more than the
  // guess that every server would refuse.
  const size_t declared = hello.U16();
  out.damaged = declared != hello.left();
  out.extensions = hello.rest().first(std::min(declared, hello.left()));
  Cursor extensions(out.extensions);
  while (!extensions.empty()) {
    const uint16_t type = extensions.U16();
    const ByteSpan extension = extensions.Bytes(extensions.U16());
    if (!extensions.ok()) {
      out.damaged = true;
      return;
    }
    ReadExtension(type, extension, out);
  }
}

// SSLv2-compatible hello (RFC 5246 appendix E.2): two bytes of length with the top bit set, type 1,
// version. It names no server.
Outcome ParseSslV2(ByteSpan stream, ClientHello& out) {
  constexpr size_t kLeastBytes = 9;
  Cursor hello(stream);
  const size_t length = hello.U16() & 0x7fff;
  const uint8_t type = hello.U8();
  if (hello.ok() && (type != kHandshakeClientHello || length < kLeastBytes))
    return Outcome::kNotThis;
  const uint16_t version = hello.U16();
  const size_t cipher_bytes = hello.U16();
  const size_t session_bytes = hello.U16();
  const size_t challenge_bytes = hello.U16();
  if (!hello.ok()) return Outcome::kNeedMore;
  const bool known = version == 0x0002 || (version >> 8) == 3;
  if (!known || cipher_bytes == 0 || cipher_bytes % 3 != 0) return Outcome::kNotThis;
  if (kLeastBytes + cipher_bytes + session_bytes + challenge_bytes != length) {
    return Outcome::kNotThis;
  }
  out.sslv2 = true;
  out.legacy_version = version;
  return Outcome::kNone;
}

// The handshake bytes seen so far: a view into the stream while one record holds them all.
class Fragments {
 public:
  explicit Fragments(HandshakeBuffer& scratch) : scratch_(scratch) {}

  void Add(ByteSpan fragment) {
    if (fragment.empty()) return;
    if (bytes_.empty()) {
      bytes_ = fragment;
      return;
    }
    // Copies what was a view when the second piece comes. The stream is no longer than the scratch.
    if (bytes_.data() != scratch_.data()) std::copy(bytes_.begin(), bytes_.end(), scratch_.begin());
    std::copy(fragment.begin(), fragment.end(), scratch_.begin() + bytes_.size());
    bytes_ = ByteSpan(scratch_).first(bytes_.size() + fragment.size());
  }
  ByteSpan bytes() const { return bytes_; }

 private:
  HandshakeBuffer& scratch_;
  ByteSpan bytes_;
};

size_t Missing(ByteSpan handshake) { return HandshakeBytes(handshake) - handshake.size(); }

}  // namespace

size_t HandshakeBytes(ByteSpan handshake) {
  Cursor header(handshake);
  header.Skip(1);
  const size_t body_bytes = header.U24();
  return kHandshakeHeaderBytes + (header.ok() ? body_bytes : 0);
}

Outcome ParseHandshake(ByteSpan handshake, ClientHello& out) {
  if (handshake.empty()) return Outcome::kNeedMore;
  if (handshake[0] != kHandshakeClientHello) return Outcome::kNotThis;
  const size_t message_bytes = HandshakeBytes(handshake);
  if (message_bytes > kTlsStreamBytesMax) return Outcome::kTooLong;
  if (handshake.size() < std::max(message_bytes, kHandshakeHeaderBytes)) return Outcome::kNeedMore;
  ReadHello(handshake.first(message_bytes).subspan(kHandshakeHeaderBytes), out);
  if (out.server_name_count > 0) return Outcome::kFound;
  return out.damaged ? Outcome::kMalformed : Outcome::kNone;
}

TlsParse ParseTlsClientHello(ByteSpan stream, HandshakeBuffer& scratch, ClientHello& out) {
  const bool cut = stream.size() >= kTlsStreamBytesMax;
  stream = stream.first(std::min(stream.size(), kTlsStreamBytesMax));
  out = ClientHello();
  if (!stream.empty() && (stream[0] & 0x80) != 0)
    return {ParseSslV2(stream, out), stream.size() + 1};

  Fragments handshake(scratch);
  Cursor records(stream);
  size_t record_left = 0;  // of the last record, how much is still to come
  while (!records.empty()) {
    const uint8_t type = records.U8();
    if (type != kRecordHandshake && type != kRecordAlert && type != kRecordChangeCipherSpec) {
      return {handshake.bytes().empty() ? Outcome::kNotThis : Outcome::kMalformed, 0};
    }
    if (records.left() >= 1 && records.rest()[0] != kMajorVersion) return {Outcome::kNotThis, 0};
    records.Skip(2);
    const size_t record_bytes = records.U16();
    if (!records.ok()) break;
    if (record_bytes > kRecordBytesMax) return {Outcome::kNotThis, 0};
    const ByteSpan body = records.Bytes(std::min(record_bytes, records.left()));
    record_left = record_bytes - body.size();
    if (type == kRecordHandshake) {
      handshake.Add(body);
      const Outcome outcome = ParseHandshake(handshake.bytes(), out);
      if (outcome != Outcome::kNeedMore) return {outcome, 0};
    }
    // The rest of the message, were no further record header between, and it would not fit.
    if (records.offset() + Missing(handshake.bytes()) > kTlsStreamBytesMax) {
      return {Outcome::kTooLong, 0};
    }
  }
  if (cut) return {Outcome::kTooLong, 0};
  // The end of the message; but its first byte tells whether it is a hello, and the first byte of
  // the next record whether it is a record.
  const size_t missing = handshake.bytes().empty() ? 1 : Missing(handshake.bytes());
  return {Outcome::kNeedMore, stream.size() + (missing <= record_left ? missing : record_left + 1)};
}

}  // namespace weir::names

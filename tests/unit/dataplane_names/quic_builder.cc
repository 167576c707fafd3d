#include "quic_builder.h"

#include <openssl/evp.h>

#include <cstdlib>

#include "dataplane/names/quic_packet.h"

namespace weir::names::testing {
namespace {

constexpr size_t kTagBytes = 16;

void Check(int result) {
  if (result != 1) std::abort();
}

Bytes SealAead(const AesBlock& key, const AesIv& nonce, const Bytes& header, const Bytes& plain) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int written = 0;
  Bytes out(plain.size() + kTagBytes);
  Check(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), nullptr, key.data(), nonce.data()));
  Check(EVP_EncryptUpdate(context, nullptr, &written, header.data(),
                          static_cast<int>(header.size())));
  Check(EVP_EncryptUpdate(context, out.data(), &written, plain.data(),
                          static_cast<int>(plain.size())));
  Check(EVP_EncryptFinal_ex(context, out.data() + written, &written));
  Check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, out.data() + plain.size()));
  EVP_CIPHER_CTX_free(context);
  return out;
}

const QuicVersion& FormOf(const InitialSpec& spec) {
  return *FindQuicVersion(spec.sealed_as != 0 ? spec.sealed_as : spec.version);
}

Bytes Header(const InitialSpec& spec, size_t payload_bytes) {
  const unsigned type = FormOf(spec).initial_type;
  Bytes out;
  out.push_back(
      static_cast<uint8_t>((0xc0 | type << 4 | (spec.number_bytes - 1)) ^ spec.first_byte_xor));
  AppendBe(out, spec.version, 4);
  AppendBe(out, spec.dcid.size(), 1);
  Append(out, spec.dcid);
  AppendBe(out, spec.scid.size(), 1);
  Append(out, spec.scid);
  Append(out, Varint(spec.token.size()));
  Append(out, spec.token);
  AppendBe(out, 0x4000 | (spec.number_bytes + payload_bytes + kTagBytes), 2);
  AppendBe(out, spec.number, spec.number_bytes);
  return out;
}

}  // namespace

Bytes Varint(uint64_t value) {
  Bytes out;
  if (value < 64) {
    AppendBe(out, value, 1);
  } else {
    AppendBe(out, 0x4000 | value, 2);
  }
  return out;
}

Bytes CryptoFrame(size_t offset, std::span<const uint8_t> data) {
  Bytes out = {0x06};
  Append(out, Varint(offset));
  Append(out, Varint(data.size()));
  Append(out, data);
  return out;
}

Bytes CryptoPart(const Bytes& hello, size_t offset, size_t bytes) {
  return CryptoFrame(offset, std::span(hello).subspan(offset, bytes));
}

Bytes SealInitial(const InitialSpec& spec, std::span<const uint8_t> frames, Crypto& crypto) {
  Bytes plain(frames.begin(), frames.end());
  const size_t bare = Header(spec, plain.size()).size() + plain.size() + kTagBytes;
  if (bare < spec.pad_to) plain.resize(plain.size() + spec.pad_to - bare, 0);
  const QuicKeys keys =
      DeriveClientKeys(FormOf(spec), spec.key_dcid.empty() ? spec.dcid : spec.key_dcid, crypto);
  Bytes packet = Header(spec, plain.size());
  const size_t number_at = packet.size() - spec.number_bytes;
  AesIv nonce = keys.iv;
  for (size_t i = 0; i < 8; ++i) {
    nonce[4 + i] = static_cast<uint8_t>(nonce[4 + i] ^ (spec.number >> (56 - 8 * i)));
  }
  Append(packet, SealAead(keys.key, nonce, packet, plain));
  const AesBlock mask = crypto.EncryptBlock(
      keys.hp, std::span<const uint8_t>(packet).subspan(number_at + 4).first<16>());
  packet[0] = static_cast<uint8_t>(packet[0] ^ (mask[0] & 0x0f));
  for (size_t i = 0; i < spec.number_bytes; ++i) {
    packet[number_at + i] = static_cast<uint8_t>(packet[number_at + i] ^ mask[1 + i]);
  }
  return packet;
}

}  // namespace weir::names::testing

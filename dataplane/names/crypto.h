// The little cryptography that reading names takes: SHA-256, HKDF for QUIC's keys, AES-128.
//
// One a worker, made at start: OpenSSL's contexts are allocated in Create and reused, so that no
// call afterwards allocates. Not to be shared between threads.
#pragma once

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::names {

using Sha256 = std::array<uint8_t, 32>;
using AesBlock = std::array<uint8_t, 16>;
using AesIv = std::array<uint8_t, 12>;

class Crypto {
 public:
  // Fails when libcrypto offers no AES-128 (a broken or restricted OpenSSL configuration).
  static base::Result<std::unique_ptr<Crypto>> Create();

  // A digest in pieces; one at a time.
  void HashStart();
  void HashUpdate(std::span<const uint8_t> bytes);
  Sha256 HashFinish();

  // HMAC-SHA-256 (RFC 2104); the key is at most 64 bytes. `second` is a further piece of the
  // message.
  Sha256 Hmac(std::span<const uint8_t> key, std::span<const uint8_t> first,
              std::span<const uint8_t> second = {});

  // HKDF-Expand-Label(secret, label, "", out.size()) of RFC 8446 §7.1; `label` comes without
  // "tls13 ", is at most 32 bytes, and `out` at most 32.
  void ExpandLabel(const Sha256& secret, std::string_view label, std::span<uint8_t> out);

  // One block of AES-128-ECB.
  AesBlock EncryptBlock(const AesBlock& key, std::span<const uint8_t, 16> block);

  // AES-128-GCM. `sealed` is ciphertext and 16 bytes of tag; the plaintext goes to `out`, which is
  // at least as long as the ciphertext. False when the tag does not fit; `out` is then of no use.
  struct Opening {
    const AesBlock& key;
    const AesIv& iv;
    std::span<const uint8_t> header;
  };
  bool Open(const Opening& with, std::span<const uint8_t> sealed, std::span<uint8_t> out);

 private:
  template <auto Free>
  struct Freer {
    template <typename T>
    void operator()(T* owned) const {
      Free(owned);
    }
  };
  Crypto() = default;

  std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>> ecb_;
  std::unique_ptr<EVP_CIPHER, Freer<EVP_CIPHER_free>> gcm_;
  SHA256_CTX hash_;
  std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>> block_;
  std::unique_ptr<EVP_CIPHER_CTX, Freer<EVP_CIPHER_CTX_free>> aead_;
};

}  // namespace weir::names

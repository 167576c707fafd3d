// SHA-256 by its own functions: EVP's allocate a new state for every digest (OpenSSL 3.0), which a
// worker must not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dataplane/names/crypto.h"

#include <algorithm>

namespace weir::names {
namespace {

constexpr size_t kHashBlockBytes = 64;
constexpr int kTagBytes = 16;

// A failure of OpenSSL on sizes that are right is a broken library, not a bad packet: the digest or
// plaintext is then wrong, no tag fits, and no name is found.
constexpr int kOk = 1;

}  // namespace

base::Result<std::unique_ptr<Crypto>> Crypto::Create() {
  std::unique_ptr<Crypto> made(new Crypto);
  made->ecb_.reset(EVP_CIPHER_fetch(nullptr, "AES-128-ECB", nullptr));
  made->gcm_.reset(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
  made->block_.reset(EVP_CIPHER_CTX_new());
  made->aead_.reset(EVP_CIPHER_CTX_new());
  const bool whole = made->ecb_ && made->gcm_ && made->block_ && made->aead_;
  const AesBlock no_key{};
  if (!whole ||
      EVP_EncryptInit_ex2(made->block_.get(), made->ecb_.get(), no_key.data(), nullptr, nullptr) !=
          kOk ||
      EVP_DecryptInit_ex2(made->aead_.get(), made->gcm_.get(), no_key.data(), no_key.data(),
                          nullptr) != kOk) {
    return base::Error{"libcrypto offers no AES-128-ECB or no AES-128-GCM"};
  }
  EVP_CIPHER_CTX_set_padding(made->block_.get(), 0);
  return made;
}

void Crypto::HashStart() { SHA256_Init(&hash_); }

void Crypto::HashUpdate(std::span<const uint8_t> bytes) {
  SHA256_Update(&hash_, bytes.data(), bytes.size());
}

Sha256 Crypto::HashFinish() {
  Sha256 digest;
  SHA256_Final(digest.data(), &hash_);
  return digest;
}

Sha256 Crypto::Hmac(std::span<const uint8_t> key, std::span<const uint8_t> first,
                    std::span<const uint8_t> second) {
  std::array<uint8_t, kHashBlockBytes> pad{};
  std::copy_n(key.begin(), std::min(key.size(), pad.size()), pad.begin());
  for (uint8_t& byte : pad) byte ^= 0x36;
  HashStart();
  HashUpdate(pad);
  HashUpdate(first);
  if (!second.empty()) HashUpdate(second);
  const Sha256 inner = HashFinish();
  for (uint8_t& byte : pad) byte ^= 0x36 ^ 0x5c;
  HashStart();
  HashUpdate(pad);
  HashUpdate(inner);
  return HashFinish();
}

void Crypto::ExpandLabel(const Sha256& secret, std::string_view label, std::span<uint8_t> out) {
  constexpr std::string_view kPrefix = "tls13 ";
  // struct HkdfLabel, then the counter of HKDF's first and only block.
  std::array<uint8_t, 64> info{};
  size_t used = 0;
  info[used++] = 0;
  info[used++] = static_cast<uint8_t>(out.size());
  info[used++] = static_cast<uint8_t>(kPrefix.size() + label.size());
  for (const char c : kPrefix) info[used++] = static_cast<uint8_t>(c);
  for (const char c : label.substr(0, 32)) info[used++] = static_cast<uint8_t>(c);
  info[used++] = 0;
  info[used++] = 1;
  const Sha256 block = Hmac(secret, std::span<const uint8_t>(info).first(used));
  std::copy_n(block.begin(), std::min(out.size(), block.size()), out.begin());
}

AesBlock Crypto::EncryptBlock(const AesBlock& key, std::span<const uint8_t, 16> block) {
  AesBlock out{};
  int written = 0;
  EVP_EncryptInit_ex2(block_.get(), nullptr, key.data(), nullptr, nullptr);
  EVP_EncryptUpdate(block_.get(), out.data(), &written, block.data(),
                    static_cast<int>(block.size()));
  return out;
}

bool Crypto::Open(const Opening& with, std::span<const uint8_t> sealed, std::span<uint8_t> out) {
  if (sealed.size() < kTagBytes || sealed.size() - kTagBytes > out.size()) return false;
  const auto text = sealed.first(sealed.size() - kTagBytes);
  AesBlock tag{};  // OpenSSL takes it by a pointer that is not const
  std::copy_n(sealed.end() - kTagBytes, kTagBytes, tag.begin());
  EVP_CIPHER_CTX* context = aead_.get();
  int written = 0;
  return EVP_DecryptInit_ex2(context, nullptr, with.key.data(), with.iv.data(), nullptr) == kOk &&
         EVP_DecryptUpdate(context, nullptr, &written, with.header.data(),
                           static_cast<int>(with.header.size())) == kOk &&
         EVP_DecryptUpdate(context, out.data(), &written, text.data(),
                           static_cast<int>(text.size())) == kOk &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == kOk &&
         EVP_DecryptFinal_ex(context, out.data() + written, &written) == kOk;
}

}  // namespace weir::names

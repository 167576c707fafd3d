// The Ed25519 key (RFC 8032) that seals are signed with, and what anybody checks them by.
//
// Values; any thread.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

struct evp_pkey_st;

namespace weir::control::sealing {

// Whether it is 64 digits, as PublicKey::fingerprint() writes them.
bool IsFingerprint(std::string_view text);

class PublicKey {
 public:
  // PEM, SubjectPublicKeyInfo (RFC 8410).
  static base::Result<PublicKey> Parse(std::string_view pem);
  static base::Result<PublicKey> Load(const std::filesystem::path& file);
  // Base64 of its DER form: 60 digits.
  static base::Result<PublicKey> ParseDer(std::string_view base64);

  // `signature`: Base64 of 64 bytes.
  bool Verifies(std::string_view text, std::string_view signature) const;
  // SHA-256 of the key's DER form: 64 hex digits.
  const std::string& fingerprint() const { return fingerprint_; }
  const std::string& pem() const { return pem_; }
  const std::string& der() const { return der_; }  // as ParseDer() takes it

 private:
  friend class SigningKey;
  PublicKey(std::shared_ptr<evp_pkey_st> key, std::string pem, std::string der,
            std::string fingerprint)
      : key_(std::move(key)),
        pem_(std::move(pem)),
        der_(std::move(der)),
        fingerprint_(std::move(fingerprint)) {}

  static base::Result<PublicKey> Of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string pem_;
  std::string der_;
  std::string fingerprint_;
};

class SigningKey {
 public:
  // Reads DIR/seal.key (PEM, PKCS #8), or makes it, for its owner only, with DIR/seal.pub beside
  // it. Refuses a key that others may read.
  static base::Result<SigningKey> LoadOrMake(const std::filesystem::path& dir);

  // The key that is to take over lies in DIR/seal.key.next until it has. Makes one, in place of
  // what an attempt that failed has left.
  static base::Result<SigningKey> MakeNext(const std::filesystem::path& dir);
  // It has taken over: puts it in the place of DIR/seal.key, which is destroyed, and its public
  // half into DIR/seal.pub. May be repeated, wherever a crash has cut it short.
  base::Status Adopt(const std::filesystem::path& dir) const;
  // The key with that fingerprint, of those that lie in `dir`: when it is the next one, the
  // hand-over is ended; when it is not, the next one never took over, and is destroyed. Empty
  // `fingerprint`: nothing is signed yet. When it is neither, the result is LoadOrMake()'s.
  static base::Result<SigningKey> LoadAs(const std::filesystem::path& dir,
                                         const std::string& fingerprint);

  std::string Sign(std::string_view text) const;  // Base64
  const PublicKey& public_key() const { return public_; }

 private:
  static base::Result<SigningKey> Of(base::Result<std::shared_ptr<evp_pkey_st>> key);
  SigningKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key)
      : key_(std::move(key)), public_(std::move(public_key)) {}

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_;
};

}  // namespace weir::control::sealing

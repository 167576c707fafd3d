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

class PublicKey {
 public:
  // PEM, SubjectPublicKeyInfo (RFC 8410).
  static base::Result<PublicKey> Parse(std::string_view pem);
  static base::Result<PublicKey> Load(const std::filesystem::path& file);

  // `signature`: Base64 of 64 bytes.
  bool Verifies(std::string_view text, std::string_view signature) const;
  // SHA-256 of the key's DER form: 64 hex digits.
  const std::string& fingerprint() const { return fingerprint_; }
  const std::string& pem() const { return pem_; }

 private:
  friend class SigningKey;
  PublicKey(std::shared_ptr<evp_pkey_st> key, std::string pem, std::string fingerprint)
      : key_(std::move(key)), pem_(std::move(pem)), fingerprint_(std::move(fingerprint)) {}

  static base::Result<PublicKey> Of(std::shared_ptr<evp_pkey_st> key);

  std::shared_ptr<evp_pkey_st> key_;
  std::string pem_;
  std::string fingerprint_;
};

class SigningKey {
 public:
  // Reads DIR/seal.key (PEM, PKCS #8), or makes it, for its owner only, with DIR/seal.pub beside
  // it. Refuses a key that others may read.
  static base::Result<SigningKey> LoadOrMake(const std::filesystem::path& dir);

  std::string Sign(std::string_view text) const;  // Base64
  const PublicKey& public_key() const { return public_; }

 private:
  SigningKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key)
      : key_(std::move(key)), public_(std::move(public_key)) {}

  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_;
};

}  // namespace weir::control::sealing

#include "control/sealing/signing_key.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

#include "control/sealing/durable_file.h"
#include "dataplane/base/sha256.h"

namespace weir::control::sealing {
namespace {

constexpr size_t kSignatureBytes = 64;
constexpr int kDerBytes = 44;  // RFC 8410 §4
constexpr int kDerDigits = 60;
constexpr const char* kKeyFile = "seal.key";
constexpr const char* kNextFile = "seal.key.next";
constexpr const char* kPublicFile = "seal.pub";

using Key = std::shared_ptr<EVP_PKEY>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Key Own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

std::string TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

base::Result<std::string> Read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return base::Error{file.string() + ": cannot be read"};
  return text.str();
}

base::Result<Key> ParsePrivate(const std::filesystem::path& file) {
  struct stat stat {};
  if (::stat(file.c_str(), &stat) != 0) return base::Error{file.string() + ": cannot be read"};
  if ((stat.st_mode & 077) != 0) {
    return base::Error{file.string() + ": others may read it: chmod 600, and think of a new key"};
  }
  auto pem = Read(file);
  if (!pem.ok()) return pem.error();
  const Bio bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())), BIO_free);
  Key key = Own(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  OPENSSL_cleanse(pem->data(), pem->size());
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return base::Error{file.string() + ": holds no Ed25519 key in PEM"};
  }
  return key;
}

base::Result<Key> Make(const std::filesystem::path& file) {
  Key key = Own(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return base::Error{"libcrypto makes no Ed25519 key"};
  const Bio bio(BIO_new(BIO_s_secmem()), BIO_free);
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    return base::Error{"libcrypto writes no Ed25519 key"};
  }
  if (auto written = WriteNewFile(file, TextOf(bio.get()), 0600); !written.ok()) {
    return written.error();
  }
  return key;
}

std::string Base64(const std::vector<unsigned char>& bytes) {
  std::vector<unsigned char> digits(4 * ((bytes.size() + 2) / 3) + 1);
  const int length = EVP_EncodeBlock(digits.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {digits.begin(), digits.begin() + length};
}

}  // namespace

bool IsFingerprint(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

base::Result<PublicKey> PublicKey::Of(Key key) {
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return base::Error{"no Ed25519 public key in PEM"};
  }
  unsigned char* der = nullptr;
  const int der_bytes = i2d_PUBKEY(key.get(), &der);
  const Bio bio(BIO_new(BIO_s_mem()), BIO_free);
  if (der_bytes <= 0 || PEM_write_bio_PUBKEY(bio.get(), key.get()) != 1) {
    return base::Error{"libcrypto writes no public key"};
  }
  const std::vector<unsigned char> bytes(der, der + der_bytes);
  OPENSSL_free(der);
  std::string fingerprint =
      base::Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return PublicKey(std::move(key), TextOf(bio.get()), Base64(bytes), std::move(fingerprint));
}

base::Result<PublicKey> PublicKey::ParseDer(std::string_view base64) {
  const base::Error fault{"no Ed25519 public key in DER"};
  std::vector<unsigned char> bytes(base64.size());
  if (base64.size() != kDerDigits ||
      EVP_DecodeBlock(bytes.data(), Bytes(base64), kDerDigits) < kDerBytes) {
    return fault;
  }
  const unsigned char* at = bytes.data();
  auto key = Of(Own(d2i_PUBKEY(nullptr, &at, kDerBytes)));
  if (!key.ok() || key->der() != base64) return fault;
  return key;
}

base::Result<PublicKey> PublicKey::Parse(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  return Of(Own(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)));
}

base::Result<PublicKey> PublicKey::Load(const std::filesystem::path& file) {
  const auto pem = Read(file);
  if (!pem.ok()) return pem.error();
  auto key = Parse(*pem);
  if (!key.ok()) return base::Error{file.string() + ": " + key.error().message};
  return key;
}

bool PublicKey::Verifies(std::string_view text, std::string_view signature) const {
  // 64 bytes are 86 digits and two signs of padding.
  if (signature.size() != 88 || !signature.ends_with("==")) return false;
  std::vector<unsigned char> bytes(signature.size());
  const int decoded =
      EVP_DecodeBlock(bytes.data(), Bytes(signature), static_cast<int>(signature.size()));
  if (decoded < static_cast<int>(kSignatureBytes)) return false;
  bytes.resize(kSignatureBytes);
  if (Base64(bytes) != signature) return false;  // its last digit has bits that say nothing
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes.data(), kSignatureBytes, Bytes(text), text.size()) ==
             1;
}

base::Result<SigningKey> SigningKey::LoadOrMake(const std::filesystem::path& dir) {
  const auto file = dir / kKeyFile;
  auto key = Of(std::filesystem::exists(file) ? ParsePrivate(file) : Make(file));
  if (!key.ok()) return key.error();
  if (!std::filesystem::exists(dir / kPublicFile)) {
    auto written = WriteNewFile(dir / kPublicFile, key->public_key().pem(), 0644);
    if (!written.ok()) return written.error();
  }
  return key;
}

base::Result<SigningKey> SigningKey::Of(base::Result<Key> key) {
  if (!key.ok()) return key.error();
  auto public_key = PublicKey::Of(*key);
  if (!public_key.ok()) return public_key.error();
  return SigningKey(std::move(*key), std::move(*public_key));
}

base::Result<SigningKey> SigningKey::MakeNext(const std::filesystem::path& dir) {
  const auto file = dir / kNextFile;
  if (auto gone = DestroyFile(file); !gone.ok()) return gone.error();
  return Of(Make(file));
}

// The public half first: whoever finds the next key still there does all of it again.
base::Status SigningKey::Adopt(const std::filesystem::path& dir) const {
  auto done = ReplaceFile(dir / kPublicFile, public_.pem(), 0644);
  if (done.ok()) done = OverwriteFile(dir / kKeyFile);
  if (done.ok()) done = MoveFile(dir / kNextFile, dir / kKeyFile);
  return done;
}

base::Result<SigningKey> SigningKey::LoadAs(const std::filesystem::path& dir,
                                            const std::string& fingerprint) {
  if (!std::filesystem::exists(dir / kNextFile)) return LoadOrMake(dir);
  auto next = Of(ParsePrivate(dir / kNextFile));
  if (next.ok() && next->public_key().fingerprint() == fingerprint) {
    if (auto adopted = next->Adopt(dir); !adopted.ok()) return adopted.error();
    return next;
  }
  auto present = LoadOrMake(dir);
  const bool ours =
      present.ok() && (fingerprint.empty() || present->public_key().fingerprint() == fingerprint);
  if (ours) {
    if (auto gone = DestroyFile(dir / kNextFile); !gone.ok()) return gone.error();
  }
  return present;
}

std::string SigningKey::Sign(std::string_view text) const {
  const Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  std::vector<unsigned char> bytes(kSignatureBytes);
  size_t size = bytes.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), bytes.data(), &size, Bytes(text), text.size()) != 1) {
    return "";  // no memory left: nobody takes it for a signature
  }
  return Base64(bytes);
}

}  // namespace weir::control::sealing

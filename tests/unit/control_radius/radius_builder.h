// RADIUS accounting requests for tests, made byte by byte.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::control::radius::test_support {

using Bytes = std::vector<uint8_t>;

inline Bytes Number(uint32_t value) {
  return {static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}
inline Bytes Text(std::string_view text) { return {text.begin(), text.end()}; }

class RadiusBuilder {
 public:
  explicit RadiusBuilder(uint8_t id = 7) : packet_{4, id, 0, 0} { packet_.resize(20); }

  RadiusBuilder& Add(uint8_t type, const Bytes& value) {
    packet_.push_back(type);
    packet_.push_back(static_cast<uint8_t>(value.size() + 2));
    packet_.insert(packet_.end(), value.begin(), value.end());
    return *this;
  }
  RadiusBuilder& Status(uint32_t status) { return Add(40, Number(status)); }

  // Signed with the secret; `with_message`: with a Message-Authenticator too.
  Bytes Build(std::string_view secret, bool with_message = false) const {
    Bytes out = packet_;
    const size_t message_at = out.size() + 2;
    if (with_message) {
      out.push_back(80);
      out.push_back(18);
      out.resize(out.size() + 16);
    }
    out[2] = static_cast<uint8_t>(out.size() >> 8);
    out[3] = static_cast<uint8_t>(out.size());
    if (with_message) {
      uint8_t made[16];
      HMAC(EVP_md5(), secret.data(), static_cast<int>(secret.size()), out.data(), out.size(), made,
           nullptr);
      std::copy(made, made + 16, out.begin() + static_cast<ptrdiff_t>(message_at));
    }
    Bytes signed_bytes = out;
    signed_bytes.insert(signed_bytes.end(), secret.begin(), secret.end());
    unsigned bytes = 0;
    uint8_t digest[EVP_MAX_MD_SIZE];
    EVP_Digest(signed_bytes.data(), signed_bytes.size(), digest, &bytes, EVP_md5(), nullptr);
    std::copy(digest, digest + 16, out.begin() + 4);
    return out;
  }

 private:
  Bytes packet_;
};

}  // namespace weir::control::radius::test_support

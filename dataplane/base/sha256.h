// SHA-256 (FIPS 180-4) of bytes that come in pieces. One thread an object.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace weir::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();

  Sha256& Add(std::string_view bytes);
  std::string Hex();  // 64 characters; once, at the end

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

inline std::string Sha256Hex(std::string_view bytes) { return Sha256().Add(bytes).Hex(); }

}  // namespace weir::base

#include "control/policy/policy_files.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <memory>
#include <sstream>
#include <string_view>

#include "rules/compile/compile.h"
#include "rules/model/parse.h"

namespace weir::control::policy {
namespace {

struct ContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

}  // namespace

std::string PolicyDigest(std::span<const rules::PolicySource> sources) {
  const std::unique_ptr<EVP_MD_CTX, ContextFree> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned digest_bytes = 0;
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return {};
  const auto update = [&context](std::string_view bytes) {
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  };
  for (const rules::PolicySource& source : sources) {
    update(source.name);
    update("\n" + std::to_string(source.text.size()) + "\n");
    update(source.text);
  }
  if (EVP_DigestFinal_ex(context.get(), digest.data(), &digest_bytes) != 1) return {};
  std::string hex;
  for (unsigned index = 0; index < digest_bytes; ++index)
    hex += fmt::format("{:02x}", digest[index]);
  return hex;
}

PolicyCheck CheckSources(std::span<const rules::PolicySource> sources, rules::Mode mode,
                         base::WallTime now) {
  PolicyCheck check;
  for (const rules::PolicySource& source : sources) check.files.push_back(source.name);
  const auto text = rules::ParsePolicy(sources);
  if (!text) {
    check.errors = SplitLines(text.error().message);
    return check;
  }
  check.rules = text->rules.size();
  rules::CompileOptions options;
  options.mode = mode;
  options.now = now;
  const auto compiled = rules::Compile(*text, options);
  if (!compiled) {
    check.errors = SplitLines(compiled.error().message);
    return check;
  }
  check.warnings = (*compiled)->warnings();
  return check;
}

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  if (lines.empty()) lines.push_back(text);
  return lines;
}

}  // namespace weir::control::policy

// The names that the classifier knows, for the compiler: numbers are the classifier's own.
// Implemented by dataplane/classify over nDPI. Const and safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::rules {

class AppCatalog {
 public:
  virtual ~AppCatalog() = default;

  // The name in any case: "bittorrent", "BitTorrent".
  virtual std::optional<uint16_t> FindApp(std::string_view name) const = 0;
  virtual std::optional<uint16_t> FindCategory(std::string_view name) const = 0;

  // All names, for suggestions.
  virtual std::vector<std::string> AppNames() const = 0;
  virtual std::vector<std::string> CategoryNames() const = 0;
};

}  // namespace weir::rules

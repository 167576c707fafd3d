// A catalog of a few applications, for tests.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/compile/app_catalog.h"

namespace weir::rules {

class FakeCatalog : public AppCatalog {
 public:
  std::optional<uint16_t> FindApp(std::string_view name) const override {
    return Find(AppNames(), name);
  }
  std::optional<uint16_t> FindCategory(std::string_view name) const override {
    return Find(CategoryNames(), name);
  }
  std::vector<std::string> AppNames() const override {
    return {"Unknown", "TLS", "YouTube", "BitTorrent", "QUIC"};
  }
  std::vector<std::string> CategoryNames() const override { return {"Unspecified", "Web", "VPN"}; }

 private:
  // The number is the place in the list.
  static std::optional<uint16_t> Find(const std::vector<std::string>& names,
                                      std::string_view wanted) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; };
    for (size_t i = 0; i < names.size(); ++i) {
      const bool same = std::equal(names[i].begin(), names[i].end(), wanted.begin(), wanted.end(),
                                   [&](char a, char b) { return lower(a) == lower(b); });
      if (same) return static_cast<uint16_t>(i);
    }
    return std::nullopt;
  }
};

}  // namespace weir::rules

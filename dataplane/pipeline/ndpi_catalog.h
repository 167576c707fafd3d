// nDPI's names as the rules compiler asks for them: classify and rules do not know each other,
// whoever puts them together does. Const and safe from any thread; the names outlive the catalog.
#pragma once

#include "dataplane/classify/ndpi_names.h"
#include "rules/compile/app_catalog.h"

namespace weir::pipeline {

class NdpiCatalog final : public rules::AppCatalog {
 public:
  explicit NdpiCatalog(const classify::NdpiNames& names) : names_(names) {}

  std::optional<uint16_t> FindApp(std::string_view name) const override {
    return names_.FindApp(name);
  }
  std::optional<uint16_t> FindCategory(std::string_view name) const override {
    return names_.FindCategory(name);
  }
  std::vector<std::string> AppNames() const override { return names_.AppNames(); }
  std::vector<std::string> CategoryNames() const override { return names_.CategoryNames(); }

 private:
  const classify::NdpiNames& names_;
};

}  // namespace weir::pipeline

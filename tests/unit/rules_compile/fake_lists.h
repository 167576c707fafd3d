// Lists for the compiler's tests, by name.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "rules/lists/list_catalog.h"

namespace weir::rules {

class FakeLists : public ListCatalog {
 public:
  void Put(const std::string& name, std::shared_ptr<const ListContent> content) {
    lists_[name] = std::move(content);
  }
  void Put(const std::string& name, ListContent content) {
    Put(name, std::make_shared<const ListContent>(std::move(content)));
  }
  void WarnOf(const std::string& name, std::string warning) {
    warnings_[name] = std::move(warning);
  }

  base::Result<LoadedList> Load(const ListDefinition& list,
                                const std::string& rules_file) const override {
    ++loads_;
    const auto known = lists_.find(list.name);
    if (known == lists_.end()) return base::Error{rules_file + " names no list here"};
    const auto warning = warnings_.find(list.name);
    return LoadedList{known->second, "digest of " + list.name,
                      warning == warnings_.end() ? "" : warning->second};
  }
  int loads() const { return loads_; }

 private:
  std::map<std::string, std::shared_ptr<const ListContent>> lists_;
  std::map<std::string, std::string> warnings_;
  mutable int loads_ = 0;
};

}  // namespace weir::rules
